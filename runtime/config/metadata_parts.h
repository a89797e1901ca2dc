/** @file
 * What a description is made of, and its way to JSON and back. Shared by metadata*.c alone.
 */
#ifndef KVSPAN_CONFIG_METADATA_PARTS_H
#define KVSPAN_CONFIG_METADATA_PARTS_H

#include <kvspan/config.h>

#include "runtime/config/partition_json.h"

struct kvspan_metadata {
    kvspan_metadata_config config;
    char *partition_axis; /* canonical text, config.partition_axis */
    char *json;
};

/* Takes the members of a JSON object over into config, whose partition_axis becomes the text in
 * *partition_axis_out (freed with free(), NULL if there is none). Keys that are absent leave their
 * field alone, or are an error if the field has to be there. */
kvspan_status kvspan_metadata_parse(const char *text, size_t length, bool is_complete,
                                    bool ignores_unknown, kvspan_metadata_config *config,
                                    char **partition_axis_out, kvspan_error *error);

/* The text of all fields; freed with free(), NULL for lack of memory. */
char *kvspan_metadata_text(const kvspan_metadata_config *config, const kvspan_partition_axis *axis);

#endif
