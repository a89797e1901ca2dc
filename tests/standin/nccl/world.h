/** @file
 * Ranks for the tests of the libnccl stand-in: a forked child with an environment of its own, in it
 * threads or processes with a device each. What the child writes on stderr is the test's to read.
 */
#ifndef KVSPAN_STANDIN_NCCL_WORLD_H
#define KVSPAN_STANDIN_NCCL_WORLD_H

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WORLD_RANKS_MAX = 8,
    WORLD_TEXT_BYTES = 16 * 1024
};

typedef struct world_rank {
    int rank;
    int rank_count;
    ncclUniqueId id;      /* the same on every rank, not used yet */
    ncclUniqueId spare;   /* likewise */
    cudaStream_t stream;  /* of the rank's device */
    volatile int *shared; /* WORLD_RANKS_MAX numbers that all ranks see, 0 at first */
    bool has_failed;
} world_rank;

typedef void (*world_body)(world_rank *self);

typedef struct world_result {
    int exit_code; /* 0: no rank failed; 128 + n: signal n */
    char text[WORLD_TEXT_BYTES];
} world_result;

typedef enum world_kind {
    WORLD_THREADS,
    WORLD_PROCESSES
} world_kind;

/* Runs the body on every rank. @p environment: "NAME=value" texts, NULL at the end, or NULL. */
world_result world_run(world_kind kind, int rank_count, world_body body,
                       const char *const *environment);

/* The same, and fails the Check test unless all ranks passed. */
world_result world_pass(world_kind kind, int rank_count, world_body body,
                        const char *const *environment);

/* Fails the Check test unless all ranks passed and a line of stderr has @p text. */
void world_tells(world_kind kind, int rank_count, world_body body, const char *const *environment,
                 const char *text);

/* Meets the other ranks, in processes too. */
void world_meet(world_rank *self);

/* A blocking communicator of all ranks, by self->id. */
ncclComm_t world_comm(world_rank *self);
/* A nonblocking one, ready to be used. */
ncclComm_t world_nonblocking_comm(world_rank *self);

/* Polls until a communicator is not in progress; gives up after ten seconds. */
ncclResult_t world_settle(ncclComm_t comm);

/* Whether the stream's work ends within a time. */
bool world_stream_ends(cudaStream_t stream, int timeout_ms);

/* Device memory with a copy of a host's bytes; and back. When a write returns, the bytes are there
 * for any stream: cudaMemcpy of pageable memory does not promise that. */
void world_write(void *device, const void *host, size_t bytes);
void *world_upload(const void *host, size_t bytes);
void world_download(void *host, const void *device, size_t bytes);

void world_nap(int milliseconds);

void world_note(world_rank *self, const char *file, int line, const char *what);

/* Ends the body of this rank if it is false. */
#define world_check(self, condition)                          \
    do {                                                      \
        if (!(condition)) {                                   \
            world_note(self, __FILE__, __LINE__, #condition); \
            return;                                           \
        }                                                     \
    } while (0)

#endif
