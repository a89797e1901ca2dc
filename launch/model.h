/** @file
 * The model that a run plays on one rank: it makes q, k and v of the rank's own heads from their
 * coordinates, appends, attends, and judges what came back. Each row of O is answered for by one
 * rank: it digests the row and checks it, if the sample has it.
 */
#ifndef KVSPAN_LAUNCH_MODEL_H
#define KVSPAN_LAUNCH_MODEL_H

#include <stdbool.h>

#include <kvspan/cache.h>
#include <kvspan/scheduler.h>

#include "launch/comparison.h"
#include "launch/oracle.h"
#include "launch/output_digest.h"
#include "launch/run_model.h"
#include "launch/sample.h"
#include "launch/step_tensors.h"

typedef struct kvspan_model_settings {
    const kvspan_run_model *model; /* outlives what is made of it */
    uint64_t seed;                 /* of q, k and v */
    uint32_t max_step_tokens;
    uint32_t request_count;              /* of all step groups: tags are below it */
    const kvspan_request *requests;      /* [request_count] by tag */
    bool gathers_heads;                  /* every rank gets all heads; else each keeps its own */
    const kvspan_sample *sample;         /* rows to check, NULL = none */
    const kvspan_device_choice *compare; /* device of a second opinion, NULL = none; and what it has
                                            to hold: */
    uint32_t slot_count;
    uint64_t max_sequence_tokens;
    bool flips_bit; /* test: flips one stored bit that a sampled row depends on */
} kvspan_model_settings;

/* What this rank found out about the rows it answers for. */
typedef struct kvspan_model_result {
    kvspan_digest digest;
    uint64_t rows; /* in the digest */
    uint64_t verified_rows;
    uint64_t failed_rows;      /* of these, beyond their bound */
    uint64_t changed_tokens;   /* computed again after a preemption, with other bytes */
    double worst_ratio;        /* largest error / bound */
    kvspan_oracle_place worst; /* where */
    kvspan_oracle_verdict worst_verdict;
    kvspan_comparison_result comparison; /* all zero without one */
} kvspan_model_result;

typedef struct kvspan_model kvspan_model;

/* The cache, and its device, outlive the model. */
kvspan_status kvspan_model_create(const kvspan_model_settings *settings, kvspan_cache *cache,
                                  kvspan_device *device, kvspan_model **model_out,
                                  kvspan_error *error);
void kvspan_model_destroy(kvspan_model *model); /* may be NULL */

/* All layers of a begun step. Collective over the step group. */
kvspan_status kvspan_model_step(kvspan_model *model, const kvspan_step_view *view,
                                kvspan_error *error);

kvspan_model_result kvspan_model_results(const kvspan_model *model);

#endif
