/** @file
 * A step of attention on device "cuda" whose keys and values are known bytes in one arena, as a
 * cache lays pages out: for counting what it reads.
 */
#ifndef KVSPAN_GATES_ATTEND_CASE_H
#define KVSPAN_GATES_ATTEND_CASE_H

#include "gates/gate_error.h"
#include "gates/launch_counter.h"

#include <kvspan/types.h>

typedef struct attend_case {
    kvspan_dtype plane_dtype; /* of 8 bits: with scales; queries are bf16, or f16 of f16 planes */
    uint32_t key_dim;
    uint32_t value_dim;
    uint32_t group_size;
    uint32_t new_tokens; /* of each of the step's sequences; 1 = decode */
} attend_case;

/* Runs it; the counter's first launches are its own. kv_bytes_out: of the keys, values and scales
 * of all tokens that its rows see. */
bool attend_case_run(const attend_case *shape, launch_counter *counter, uint64_t *kv_bytes_out,
                     gate_error *error);

#endif
