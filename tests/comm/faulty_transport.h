/** @file
 * A local communicator whose transport can be made to fail at its n-th call.
 */
#ifndef KVSPAN_TESTS_COMM_FAULTY_TRANSPORT_H
#define KVSPAN_TESTS_COMM_FAULTY_TRANSPORT_H

#include <stdbool.h>

#include <kvspan/comm.h>

typedef enum faulty_verb {
    FAULTY_NONE,
    FAULTY_SEND,
    FAULTY_RECEIVE,
    FAULTY_TEST,
    FAULTY_VERB_END
} faulty_verb;

enum {
    FAULTY_SLOW_SENDS = 64 /* at one time */
};

/* Belongs to the communicator it is put into. */
typedef struct faulty_transport {
    kvspan_transport inner;
    faulty_verb verb;
    uint32_t calls_left; /* good calls of that verb before the one that fails */
    uint32_t failed;     /* calls that did */
    bool has_slow_sends; /* those that are done at once seem not to be, for a while */
    uint32_t slow_sends[FAULTY_SLOW_SENDS]; /* tests until each is done; 0 = free */
    int open_requests; /* whose end has not been seen: none once the communicator is gone */
} faulty_transport;

/* Puts it between a communicator that was just made and its transport. */
void faulty_put(faulty_transport *faulty, kvspan_comm *comm);

#endif
