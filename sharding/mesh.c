#include "sharding/mesh.h"

#include <assert.h>
#include <string.h>

static kvspan_status check_name(const kvspan_mesh *mesh, const char *name, kvspan_error *error)
{
    const size_t length = strlen(name);

    if (length == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "mesh axis %u has an empty name",
                           mesh->axis_count);
    }
    if (length >= KVSPAN_AXIS_NAME_BYTES) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "mesh axis name \"%.40s\" has %zu bytes; at most %d are possible", name,
                           length, KVSPAN_AXIS_NAME_BYTES - 1);
    }
    if (strpbrk(name, ":, \t\r\n")) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "mesh axis name \"%s\" has a space, ':' or ','", name);
    }
    if (kvspan_mesh_axis(mesh, name, length) < mesh->axis_count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "mesh axis \"%s\" is named twice", name);
    }
    return KVSPAN_OK;
}

/* Multiplies product by all sizes but the -1; UINT64_MAX where that overflows. */
static kvspan_status multiply_sizes(const char *const *names, const int64_t *sizes,
                                    uint32_t axis_count, uint64_t *product, uint32_t *free_axis,
                                    kvspan_error *error)
{
    for (uint32_t axis = 0; axis < axis_count; axis++) {
        const int64_t size = sizes[axis];

        if (size == -1 && *free_axis < axis_count) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "mesh axes \"%s\" and \"%s\" are both -1; one at most can be",
                               names[*free_axis], names[axis]);
        }
        if (size == -1) {
            *free_axis = axis;
            continue;
        }
        if (size < 1) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "mesh axis \"%s\" has size %lld; at least 1 is needed, or -1",
                               names[axis], (long long)size);
        }
        *product = *product > UINT64_MAX / (uint64_t)size ? UINT64_MAX : *product * (uint64_t)size;
    }
    return KVSPAN_OK;
}

/* Gives the size of the free axis; without one, 1 if the product is right. */
static kvspan_status size_of_free_axis(uint64_t product, int has_free_axis, uint32_t rank_count,
                                       uint32_t *size, kvspan_error *error)
{
    const char *const at_least = product == UINT64_MAX ? "at least " : "";

    if (has_free_axis && rank_count % product != 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "mesh sizes without the -1 multiply to %s%llu, which does not divide "
                           "%u ranks",
                           at_least, (unsigned long long)product, rank_count);
    }
    if (!has_free_axis && product != rank_count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "mesh sizes multiply to %s%llu, but there are %u ranks", at_least,
                           (unsigned long long)product, rank_count);
    }
    *size = (uint32_t)(rank_count / product);
    return KVSPAN_OK;
}

kvspan_status kvspan_mesh_create(const char *const *names, const int64_t *sizes,
                                 uint32_t axis_count, uint32_t rank_count, kvspan_mesh *mesh_out,
                                 kvspan_error *error)
{
    kvspan_mesh mesh = { .rank_count = rank_count };
    uint64_t product = 1;
    uint32_t free_axis = axis_count;
    uint32_t free_size = 1;
    kvspan_status status;

    if (axis_count == 0 || axis_count > KVSPAN_MESH_MAX_AXES) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%u mesh axes are not in [1, %d]",
                           axis_count, KVSPAN_MESH_MAX_AXES);
    }
    if (rank_count == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "a mesh of %u ranks; at least 1 is needed",
                           rank_count);
    }
    for (; mesh.axis_count < axis_count; mesh.axis_count++) {
        const char *const name = names[mesh.axis_count];

        status = check_name(&mesh, name, error);
        if (status != KVSPAN_OK) {
            return status;
        }
        memcpy(mesh.names[mesh.axis_count], name, strlen(name));
    }
    status = multiply_sizes(names, sizes, axis_count, &product, &free_axis, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    status = size_of_free_axis(product, free_axis < axis_count, rank_count, &free_size, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    for (uint32_t axis = 0; axis < axis_count; axis++) {
        mesh.sizes[axis] = axis == free_axis ? free_size : (uint32_t)sizes[axis];
    }
    *mesh_out = mesh;
    return KVSPAN_OK;
}

void kvspan_mesh_coordinate(const kvspan_mesh *mesh, uint32_t rank, uint32_t *coordinate_out)
{
    assert(rank < mesh->rank_count);
    for (uint32_t axis = mesh->axis_count; axis-- > 0;) {
        coordinate_out[axis] = rank % mesh->sizes[axis];
        rank /= mesh->sizes[axis];
    }
}

uint32_t kvspan_mesh_rank(const kvspan_mesh *mesh, const uint32_t *coordinate)
{
    uint32_t rank = 0;

    for (uint32_t axis = 0; axis < mesh->axis_count; axis++) {
        assert(coordinate[axis] < mesh->sizes[axis]);
        rank = rank * mesh->sizes[axis] + coordinate[axis];
    }
    return rank;
}

uint32_t kvspan_mesh_axis(const kvspan_mesh *mesh, const char *name, size_t length)
{
    uint32_t axis = 0;

    while (axis < mesh->axis_count &&
           (strlen(mesh->names[axis]) != length || memcmp(mesh->names[axis], name, length) != 0)) {
        axis++;
    }
    return axis;
}
