/** @file
 * A short life of a cache on device "cuda", for tests that let one call in it fail: open, create,
 * three steps on two streams with a fork and its copied page, destroy, close.
 *
 * The call that fails belongs to kvspan: the story itself calls nothing of CUDA or NCCL. What fails
 * outside the cache (the device, its memory, copies) is tried once more, since nothing happened.
 */
#ifndef KVSPAN_TESTS_CUDA_STORY_H
#define KVSPAN_TESTS_CUDA_STORY_H

#include <kvspan/comm.h>

enum {
    CUDA_STORY_RANKS = 2,
    CUDA_STORY_DEADLINE_MS = 4000,
    CUDA_STORY_TEXT_BYTES = 240
};

/* What a rank's story is about. */
typedef struct cuda_story {
    const char *mesh;
    int is_by_nccl;
} cuda_story;

/* What became of it. Plain data: it is passed between processes. */
typedef struct cuda_story_end {
    kvspan_status status; /* of the cache's first call that failed */
    kvspan_error error;
    kvspan_error retried; /* of a call outside the cache that was done again */
    int is_created;       /* the cache was */
    int is_in_last_step;  /* it had begun: others may be done before a failure in it */
    uint64_t digest;      /* of all that attention returned; 0 = not all of it */
    int is_error_left;    /* cudaGetLastError() had one */
    char broken[CUDA_STORY_TEXT_BYTES]; /* the first promise that was not kept */
} cuda_story_end;

/* One rank of it. Everything is given back whatever happens. */
void cuda_story_run(const cuda_story *story, kvspan_comm *comm, cuda_story_end *end_out);

#endif
