/** @file
 * A rank whose messages of one channel to one rank are not what it meant to send.
 */
#ifndef KVSPAN_TESTS_PLANTED_TRANSPORT_H
#define KVSPAN_TESTS_PLANTED_TRANSPORT_H

#include "comm/comm.h"

enum {
    PLANTED_BYTES = 8192
};

/* Changes a copy of a message; *bytes may shrink. */
typedef void (*planted_change)(unsigned char *message, size_t *bytes);

/* Belongs to the communicator it is put into. */
typedef struct planted_transport {
    kvspan_transport inner;
    kvspan_channel channel;
    uint32_t victim;     /* who receives what was changed */
    uint32_t calls_left; /* good messages before it */
    planted_change change;
    unsigned char message[PLANTED_BYTES]; /* lives as long as the send */
} planted_transport;

/* Puts it between a communicator and its transport. */
void planted_put(planted_transport *planted, kvspan_comm *comm);

#endif
