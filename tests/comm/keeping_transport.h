/** @file
 * A local communicator whose transport cannot cancel: it keeps the memory of what was pending, and
 * tells whether any of it was freed.
 */
#ifndef KVSPAN_TESTS_COMM_KEEPING_TRANSPORT_H
#define KVSPAN_TESTS_COMM_KEEPING_TRANSPORT_H

#include <stdbool.h>

#include <kvspan/comm.h>

enum {
    KEEPING_REQUESTS = 512 /* at one time; those kept stay */
};

typedef struct kept_request {
    void *inner;
    unsigned char *data;
    size_t bytes;
    bool is_taken;
    bool is_kept;
} kept_request;

/* Belongs to the communicator it is put into; outlives it. */
typedef struct keeping_transport {
    kvspan_transport inner;
    uint32_t tests_left; /* good ones before one that fails; 0 = none fails */
    uint32_t kept;       /* requests */
    kept_request requests[KEEPING_REQUESTS];
} keeping_transport;

/* Puts it between a communicator and its transport. */
void keeping_put(keeping_transport *keeping, kvspan_comm *comm);

/* Whether a request that is kept, or was never ended, lies in [memory, memory + bytes). */
bool keeping_has(const keeping_transport *keeping, const void *memory, size_t bytes);

/* What a late message does: writes all kept memory. */
void keeping_write(keeping_transport *keeping);

#endif
