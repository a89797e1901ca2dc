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
    FAULTY_SLOW_REQUESTS = 64 /* sends, or receives, at one time */
};

/* A receive that is only begun when it has been asked after for a while. */
typedef struct slow_receive {
    uint32_t tests; /* until then; 0 = begun, or free if it has no data */
    uint32_t from;
    uint32_t tag;
    unsigned char *data;
    size_t bytes;
    void *inner;
} slow_receive;

/* Belongs to the communicator it is put into. */
typedef struct faulty_transport {
    kvspan_transport inner;
    faulty_verb verb;
    uint32_t calls_left; /* good calls of that verb before the one that fails */
    uint32_t failed;     /* calls that did */
    bool has_slow_sends; /* those that are done at once seem not to be, for a while */
    uint32_t slow_sends[FAULTY_SLOW_REQUESTS]; /* tests until each is done; 0 = free */
    bool has_slow_receives;                    /* what comes seems to come later than it does */
    slow_receive slow_receives[FAULTY_SLOW_REQUESTS];
    int open_requests; /* whose end has not been seen: none once the communicator is gone */
} faulty_transport;

/* Puts it between a communicator that was just made and its transport. */
void faulty_put(faulty_transport *faulty, kvspan_comm *comm);

#endif
