/** @file
 * A cache's settings: the caller's config, checked, with defaults filled in and everything owned.
 */
#ifndef KVSPAN_CACHE_CONFIG_H
#define KVSPAN_CACHE_CONFIG_H

#include <stdbool.h>

#include <kvspan/cache.h>

typedef struct kvspan_settings {
    kvspan_cache_config config; /* defaults filled in; groups, mesh, partition_axis are ours */
    kvspan_layer_group *groups; /* [config.group_count], layers lists are always explicit */
    char *mesh;                 /* NULL = default */
    char *partition_axis;       /* NULL = default */
} kvspan_settings;

/* ARGUMENT names field, value and limit; UNSUPPORTED names what is not built yet. */
kvspan_status kvspan_settings_init(kvspan_settings *settings, const kvspan_cache_config *given,
                                   kvspan_error *error);
void kvspan_settings_fini(kvspan_settings *settings);

/* Finds the group of a model layer and the layer's index within it. */
bool kvspan_settings_find_layer(const kvspan_settings *settings, uint32_t layer,
                                uint32_t *group_out, uint32_t *index_out);

/* The plane of a role in a group, or plane_count. */
uint32_t kvspan_settings_find_plane(const kvspan_layer_group *group, kvspan_role role);

#endif
