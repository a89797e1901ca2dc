#include "sharding/mesh.h"

#include <assert.h>
#include <stdbool.h>

uint32_t kvspan_axis_set_size(const kvspan_mesh *mesh, const kvspan_axis_set *set)
{
    uint32_t size = 1;

    for (uint32_t i = 0; i < set->count; i++) {
        assert(set->axes[i] < mesh->axis_count);
        size *= mesh->sizes[set->axes[i]];
    }
    return size;
}

uint32_t kvspan_axis_set_index(const kvspan_mesh *mesh, const kvspan_axis_set *set, uint32_t rank)
{
    uint32_t coordinate[KVSPAN_MESH_MAX_AXES];
    uint32_t index = 0;

    kvspan_mesh_coordinate(mesh, rank, coordinate);
    for (uint32_t i = 0; i < set->count; i++) {
        index = index * mesh->sizes[set->axes[i]] + coordinate[set->axes[i]];
    }
    return index;
}

static bool has_axis(const kvspan_axis_set *set, uint32_t axis)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->axes[i] == axis) {
            return true;
        }
    }
    return false;
}

kvspan_axis_set kvspan_axis_set_rest(const kvspan_mesh *mesh, const kvspan_axis_set *sets,
                                     uint32_t set_count)
{
    kvspan_axis_set rest = { 0 };

    for (uint32_t axis = 0; axis < mesh->axis_count; axis++) {
        bool is_used = false;

        for (uint32_t set = 0; set < set_count; set++) {
            is_used = is_used || has_axis(&sets[set], axis);
        }
        if (!is_used) {
            rest.axes[rest.count++] = axis;
        }
    }
    return rest;
}

void kvspan_mesh_group(const kvspan_mesh *mesh, const kvspan_axis_set *set, uint32_t rank,
                       uint32_t *ranks_out)
{
    const uint32_t size = kvspan_axis_set_size(mesh, set);
    uint32_t coordinate[KVSPAN_MESH_MAX_AXES];

    kvspan_mesh_coordinate(mesh, rank, coordinate);
    for (uint32_t index = 0; index < size; index++) {
        uint32_t rest = index;

        for (uint32_t i = set->count; i-- > 0;) {
            coordinate[set->axes[i]] = rest % mesh->sizes[set->axes[i]];
            rest /= mesh->sizes[set->axes[i]];
        }
        ranks_out[index] = kvspan_mesh_rank(mesh, coordinate);
    }
}
