/** @file
 * The model that a run plays: what `--model` reads from a config.json, or a small one, with the
 * options given for it instead.
 */
#ifndef KVSPAN_LAUNCH_RUN_MODEL_H
#define KVSPAN_LAUNCH_RUN_MODEL_H

#include <kvspan/model_config.h>

#include "launch/run_options.h"

/* Refers to itself: it stays where it was made. */
typedef struct kvspan_run_model {
    kvspan_model_config shape; /* its dtype is that of q, k, v and the results */
    kvspan_dtype kv_dtype;     /* of the planes: the same or an 8-bit type */
    uint32_t group_count;
    kvspan_layer_group groups[KVSPAN_MAX_GROUPS];
    uint32_t layers[KVSPAN_MAX_LAYERS]; /* [shape.layer_count] what the groups list */
} kvspan_run_model;

/* ARGUMENT, UNSUPPORTED (a model that kvspan does not know how to keep; names the file and the
 * key), IO, MEMORY. */
kvspan_status kvspan_run_model_choose(const kvspan_run_options *options,
                                      kvspan_run_model *model_out, kvspan_error *error);

#endif
