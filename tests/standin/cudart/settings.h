/** @file
 * What the environment asks of the libcudart stand-in. Read once; a value that cannot be read ends
 * the process with its name.
 *
 * | variable | meaning | default |
 * |---|---|---|
 * | KVSPAN_STANDIN_DEVICES | devices of this process, at most 16; 0: cudaErrorNoDevice | 8 |
 * | KVSPAN_STANDIN_DRIVER | 0: every call says cudaErrorInsufficientDriver | 1 |
 * | KVSPAN_STANDIN_ARCH | 80 or 90: compute capability, and which PTX is taken | 80 |
 * | KVSPAN_STANDIN_MEMORY | bytes of memory of a device | 8 GiB |
 * | KVSPAN_STANDIN_KEYS | 0: do without protection keys (protection.h) | 1 |
 * | KVSPAN_STANDIN_STREAMS | eager, lazy, latest or random:SEED: when queued work runs | eager |
 * | KVSPAN_STANDIN_NOT_READY | queries that are cudaErrorNotReady first | random: 2, else 0 |
 * | KVSPAN_STANDIN_IDLE_MS | after this time work of device_work.h goes on by itself | 20 |
 * | KVSPAN_STANDIN_DEADLINE_MS | a wait that lasts longer ends the process, with a text | 300000 |
 * | KVSPAN_STANDIN_REGISTERS | registers of a thread of every kernel, for the occupancy | 128 |
 * | KVSPAN_STANDIN_FAIL | N or NAME:N: the N-th call (of that name) fails | none |
 * | KVSPAN_STANDIN_COUNT_CALLS | 1: calls per name on stderr at exit | 0 |
 * | KVSPAN_STANDIN_LEAKS | 1: what was not freed on stderr at exit, then with code 86 | 0 |
 * | KVSPAN_STANDIN_RECORD | file that gets a line for every operation that ran | none |
 * | KVSPAN_STANDIN_COUNTS | file that gets a line for every kernel at exit | none |
 * | KVSPAN_STANDIN_MUTANTS | file that gets names as in ptx/removal.h, of all kernels | none |
 * | KVSPAN_STANDIN_REMOVE | such a name: these instructions are taken out | none |
 */
#ifndef KVSPAN_STANDIN_CUDART_SETTINGS_H
#define KVSPAN_STANDIN_CUDART_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SETTINGS_DEVICE_LIMIT = 16,
    SETTINGS_NAME_BYTES = 64,
    SETTINGS_LEAK_EXIT_CODE = 86
};

typedef enum stream_order {
    STREAM_ORDER_EAGER,
    STREAM_ORDER_LAZY,
    STREAM_ORDER_LATEST,
    STREAM_ORDER_RANDOM
} stream_order;

typedef struct settings {
    uint32_t device_count;
    bool has_driver;
    uint32_t architecture;
    uint64_t memory_bytes;
    bool has_keys;
    stream_order order;
    uint64_t seed;
    uint32_t not_ready_count;
    uint32_t idle_ms;
    uint64_t deadline_ms;
    uint32_t register_count;
    char failing_name[SETTINGS_NAME_BYTES]; /* empty: any */
    uint64_t failing_call;                  /* 0: none */
    bool counts_calls;
    bool reports_leaks;
    const char *record_file;
    const char *counts_file;
    const char *mutants_file;
    const char *removed;
} settings;

const settings *settings_get(void);

#endif
