/** @file
 * Stories of cuda_story.h in a process of their own, whose stand-ins let one call fail.
 *
 * The process lives its story twice, all ranks as threads: once with the failure in it, and once
 * more to see that nothing is left of it.
 */
#ifndef KVSPAN_TESTS_STORY_PROCESS_H
#define KVSPAN_TESTS_STORY_PROCESS_H

#include <stdint.h>

#include "runtime/cuda_story.h"

enum {
    STORY_LIVES = 2,
    STORY_NAME_BYTES = 64,
    STORY_SAID_BYTES = 16384,
    STORY_LONGEST_MS = 60000 /* what has not ended then hangs */
};

/* What is asked of the process. */
typedef struct story_order {
    const char *mesh;
    uint32_t rank_count;
    int is_by_nccl;
    const char *variable; /* of the environment; NULL = nothing fails */
    const char *value;
} story_order;

typedef struct story_result {
    cuda_story_end ends[STORY_LIVES][CUDA_STORY_RANKS];
    char failed[STORY_NAME_BYTES]; /* the call that the stand-ins made fail in the first life; "" */
    int was_giving_back;           /* a rank was at the end of its story already */
    int exit_code;                 /* -1: hung, and was killed */
    uint64_t elapsed_ms;
    char said[STORY_SAID_BYTES]; /* on stderr */
} story_result;

/* To be called first thing in main(): in a process that is to live a story it does not return. */
void story_process_begin(int argc, char **argv);

void story_process_run(const story_order *order, story_result *result_out);

#endif
