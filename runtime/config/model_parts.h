/** @file
 * Parts of reading a config.json. Shared by model_*.c alone.
 */
#ifndef KVSPAN_CONFIG_MODEL_PARTS_H
#define KVSPAN_CONFIG_MODEL_PARTS_H

#include <kvspan/model_config.h>

#include "runtime/config/model_type.h"
#include "runtime/json.h"

/* The member, NULL if it is absent or null, which is the same in a config.json. */
const kvspan_json *kvspan_model_member(const kvspan_json *json, const char *key);

/* A count in [1, high]. Absent or null: `fallback`; if that is 0, ARGUMENT naming the key. */
kvspan_status kvspan_model_count(const kvspan_json *json, const char *key, uint32_t high,
                                 uint32_t fallback, uint32_t *count_out, kvspan_error *error);

/* Fills in window_tokens of model->layer_count layers. */
kvspan_status kvspan_model_windows(const kvspan_json *json, const kvspan_model_type *type,
                                   kvspan_model_config *model, kvspan_error *error);

#endif
