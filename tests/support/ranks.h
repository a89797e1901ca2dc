/** @file
 * Ranks for tests: one body, run by every rank, as threads over a local hub or under MPI. A check
 * that fails is noted on its rank and the body ends there; the others run into their deadlines.
 * The test fails once all ranks are back.
 */
#ifndef KVSPAN_TESTS_RANKS_H
#define KVSPAN_TESTS_RANKS_H

#include <kvspan/comm.h>

enum {
    RANKS_FAILURE_BYTES = 512
};

typedef struct ranks_self {
    kvspan_comm *comm;
    uint32_t rank;
    uint32_t rank_count;
    void *context; /* shared by all ranks that are threads; under MPI each has its own */
    char failure[RANKS_FAILURE_BYTES]; /* the first check that failed */
} ranks_self;

typedef void (*ranks_body)(ranks_self *self);

/* Threads. Destroys the communicators after all bodies have returned. */
void ranks_run(uint32_t rank_count, ranks_body body, void *context);

/* Several at the same time, each with its own hub and context: for bodies that mostly wait. */
void ranks_run_together(uint32_t case_count, uint32_t rank_count, ranks_body body,
                        void *const *contexts);

/* Collective over MPI_COMM_WORLD, in programs of kvspan_mpi_test() only. */
void ranks_run_mpi(ranks_body body, void *context);

/* Use the macros. */
__attribute__((format(printf, 4, 5))) void ranks_note(ranks_self *self, const char *file, int line,
                                                      const char *format, ...);

/* Both return from a void function if they fail. */
#define ranks_check(self, condition)                                \
    do {                                                            \
        if (!(condition)) {                                         \
            ranks_note(self, __FILE__, __LINE__, "%s", #condition); \
            return;                                                 \
        }                                                           \
    } while (0)

#define ranks_check_status(self, call, expected, error)                     \
    do {                                                                    \
        const kvspan_status ranks_status = (call);                          \
        if (ranks_status != (expected)) {                                   \
            ranks_note(self, __FILE__, __LINE__, "%s is %s: %s", #call,     \
                       kvspan_status_name(ranks_status), (error)->message); \
            return;                                                         \
        }                                                                   \
    } while (0)

#endif
