/** @file
 * An NCCL that does nothing but notes what it is asked, for communicators that nobody else looks
 * at. For programs whose calls of NCCL the linker leads here (--wrap).
 */
#ifndef KVSPAN_TESTS_COMM_PLAYED_NCCL_H
#define KVSPAN_TESTS_COMM_PLAYED_NCCL_H

#include <stdatomic.h>
#include <stdint.h>

#include <nccl.h>

typedef struct played_nccl {
    void (*begins)(void);            /* before a communicator is made; NULL: nothing to do */
    atomic_bool hangs;               /* an abort goes on until this is false */
    _Atomic(ncclResult_t) finalized; /* what finalising answers */
    _Atomic(ncclResult_t) state;     /* of the communicator, as ncclCommGetAsyncError() says */
    atomic_uint asks_in_progress;    /* that say it is in progress before those that say state */
    uint32_t ask_ms;                 /* that asking takes */
    atomic_uint asked;
    atomic_uint finalizes;
    atomic_uint aborts;
    atomic_uint destroys;
    atomic_uint early_ends; /* aborted or destroyed before it was finalised or while in progress */
    atomic_uint overlaps;   /* calls while another thread was in one */
    atomic_uint inside;     /* threads that are in one */
} played_nccl;

extern played_nccl played;

enum {
    PLAYED_ABORT_MS = 50 /* that aborting takes */
};

/* The only communicator there is. */
ncclComm_t played_communicator(void);
extern const ncclUniqueId played_id;

/* As if nothing had happened. */
void played_start(void);

void played_sleep(uint32_t ms);

#endif
