/** @file
 * The mesh: named axes with sizes, row-major over ranks, last axis fastest. Pure arithmetic.
 */
#ifndef KVSPAN_SHARDING_MESH_H
#define KVSPAN_SHARDING_MESH_H

#include <kvspan/types.h>

enum {
    KVSPAN_MESH_MAX_AXES = 8,
    KVSPAN_AXIS_NAME_BYTES = 32, /* with the NUL */
    KVSPAN_MESH_TEXT_BYTES = 352 /* longest canonical text with the NUL: 8 of name:size, */
};

typedef struct kvspan_mesh {
    uint32_t axis_count;
    uint32_t rank_count; /* product of the sizes */
    uint32_t sizes[KVSPAN_MESH_MAX_AXES];
    char names[KVSPAN_MESH_MAX_AXES][KVSPAN_AXIS_NAME_BYTES];
} kvspan_mesh;

/* Mesh axes that one logical axis lies on, major to minor as listed. Empty: replicated, size 1. */
typedef struct kvspan_axis_set {
    uint32_t count;
    uint32_t axes[KVSPAN_MESH_MAX_AXES]; /* indices into the mesh */
} kvspan_axis_set;

/* Makes a mesh; one size may be -1 and takes what rank_count leaves. A name is any text without
 * space, ':' and ','. ARGUMENT: no axis or too many, a size below 1, two -1, an empty, long,
 * repeated or unwritable name, a product that is not rank_count (names both numbers). */
kvspan_status kvspan_mesh_create(const char *const *names, const int64_t *sizes,
                                 uint32_t axis_count, uint32_t rank_count, kvspan_mesh *mesh_out,
                                 kvspan_error *error);

/* Reads "tp:4,sp:2" or positional "1,1,1,4,2" (as many numbers as the default axes
 * dp,fsdp,ep,tp,sp). Named axes keep the order of the text; if all of them are default names, the
 * default axes not named follow with size 1. NULL or "": the default, 1,1,1,-1,1. No spaces.
 * ARGUMENT: as kvspan_mesh_create(), or text that is neither form (quotes the part). */
kvspan_status kvspan_mesh_parse(const char *text, uint32_t rank_count, kvspan_mesh *mesh_out,
                                kvspan_error *error);

/* Writes the canonical text, "tp:4,sp:2" without axes of size 1 ("tp:1" if none is left), cut to
 * text_bytes; KVSPAN_MESH_TEXT_BYTES are always enough. */
void kvspan_mesh_format(const kvspan_mesh *mesh, char *text_out, size_t text_bytes);

/* coordinate_out: [axis_count]. */
void kvspan_mesh_coordinate(const kvspan_mesh *mesh, uint32_t rank, uint32_t *coordinate_out);
uint32_t kvspan_mesh_rank(const kvspan_mesh *mesh, const uint32_t *coordinate);

/* Index of the axis called name[0 .. length), or axis_count. */
uint32_t kvspan_mesh_axis(const kvspan_mesh *mesh, const char *name, size_t length);

uint32_t kvspan_axis_set_size(const kvspan_mesh *mesh, const kvspan_axis_set *set);

/* Linear index of a rank within the set, first listed axis most major; in [0, set size). */
uint32_t kvspan_axis_set_index(const kvspan_mesh *mesh, const kvspan_axis_set *set, uint32_t rank);

/* The axes of the mesh that are in neither of the sets, in mesh order. */
kvspan_axis_set kvspan_axis_set_rest(const kvspan_mesh *mesh, const kvspan_axis_set *sets,
                                     uint32_t set_count);

/* Ranks that differ from `rank` in axes of the set alone, ordered by set index (so that
 * ranks_out[kvspan_axis_set_index(rank)] == rank). ranks_out: [kvspan_axis_set_size]. */
void kvspan_mesh_group(const kvspan_mesh *mesh, const kvspan_axis_set *set, uint32_t rank,
                       uint32_t *ranks_out);

#endif
