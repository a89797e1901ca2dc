/** @file
 * What the environment asks of the libnccl stand-in; read once.
 *
 * | variable | meaning | default |
 * |---|---|---|
 * | KVSPAN_NCCL_VERSION | the version to be, 21800 to 22809 | 22809 |
 * | KVSPAN_NCCL_SEED | for how often a nonblocking call is in progress | 1 |
 * | KVSPAN_NCCL_IN_PROGRESS | nonblocking operations are: `random`, `always`, `never` | random |
 * | KVSPAN_NCCL_DEADLINE_MS | how long to wait for a peer that lives; 0: for ever | 20000 |
 * | KVSPAN_NCCL_DEAD | operations with the dead: `hang`, or `error` (ncclRemoteError) | hang |
 * | KVSPAN_NCCL_ASYNC_ERROR | `rank:operation[:remote\|system]`: never completes | none |
 * | KVSPAN_NCCL_FAIL | `n` or `function:n`: call n fails, or gives back and says so | none |
 * | KVSPAN_NCCL_MISUSE | what misuse does beside its message: `error`, or `abort` | error |
 * | KVSPAN_NCCL_SAME_DEVICE | two processes on one device: `refuse`, or `allow` | refuse |
 * | KVSPAN_NCCL_REPORT | 1: at exit, calls made and communicators not destroyed | none |
 * | KVSPAN_NCCL_STRIKE | `kill:function:n` or `stop:function:n`: signal in call n | none |
 */
#ifndef KVSPAN_STANDIN_NCCL_SETTINGS_H
#define KVSPAN_STANDIN_NCCL_SETTINGS_H

#include <nccl.h>

#include <stdbool.h>
#include <stdint.h>

typedef enum in_progress_choice {
    IN_PROGRESS_RANDOM,
    IN_PROGRESS_ALWAYS,
    IN_PROGRESS_NEVER
} in_progress_choice;

typedef struct settings {
    int version;
    uint64_t seed;
    in_progress_choice in_progress;
    uint64_t deadline_ms; /* UINT64_MAX: none */
    bool dead_peer_is_error;
    int async_rank; /* -1: none */
    uint64_t async_operation;
    ncclResult_t async_result;
    char failing_name[48]; /* "": any function that is not for polling */
    uint64_t failing_call; /* 0: none */
    int striking_signal;   /* 0: none */
    char struck_name[48];
    uint64_t struck_call;
    bool aborts_on_misuse;
    bool allows_same_device;
    bool reports_at_exit;
} settings;

const settings *settings_get(void);

#endif
