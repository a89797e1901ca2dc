/** @file
 * The partition axis as text: a JSON object of fields, {"kv_head_axis": "tp", "batch_axis":
 * ["fsdp", "dp"], "sequence_axis": null}.
 */
#ifndef KVSPAN_CONFIG_PARTITION_JSON_H
#define KVSPAN_CONFIG_PARTITION_JSON_H

#include "runtime/json.h"
#include "sharding/partition_axis.h"

/* NULL or "": the defaults. ARGUMENT names the field and what is wrong with its value. */
kvspan_status kvspan_partition_axis_read(const char *text, kvspan_partition_axis *axis_out,
                                         kvspan_error *error);

/* All fields in order: null, a name, or a list of names. Reading it back gives the same values.
 * Freed with kvspan_json_free(); NULL for lack of memory. */
kvspan_json *kvspan_partition_axis_write(const kvspan_partition_axis *axis);

#endif
