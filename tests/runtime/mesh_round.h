/** @file
 * What one step of a mesh case works with: its rows, and the memory of its tensors on the host and
 * on the device. Where device memory is the host's they are the same. Several steps can be under
 * way, each in a round of its own.
 */
#ifndef KVSPAN_TESTS_MESH_ROUND_H
#define KVSPAN_TESTS_MESH_ROUND_H

#include "kernels/device.h"
#include "runtime/mesh_case.h"

enum {
    MESH_MAX_ROWS = 8,
    MESH_TENSORS = 5 /* q, k, v, out, LSE */
};

enum {
    MESH_ROLE_Q,
    MESH_ROLE_K,
    MESH_ROLE_V,
    MESH_ROLE_OUT,
    MESH_ROLE_LSE
};

typedef struct mesh_round {
    int is_used;
    kvspan_row rows[MESH_MAX_ROWS];
    kvspan_step_view view; /* its rows are the ones above */
    kvspan_stream stream;
    kvspan_stream attending; /* of attention and its results: the same, or another */
    uint32_t stream_count;
    uint64_t tensor_bytes;
    void *graph; /* of the calls for all layers, once captured */
    unsigned char *host[MESH_CASE_LAYERS][MESH_TENSORS]; /* pinned */
    unsigned char *device[MESH_CASE_LAYERS][MESH_TENSORS];
} mesh_round;

/* has_streams: attention gets a stream of its own. 0 if there is no memory. */
int mesh_round_open(mesh_round *round, kvspan_device *device, uint64_t tensor_bytes,
                    int has_streams);
void mesh_round_close(mesh_round *round, kvspan_device *device);

/* Begins with a step's view. */
void mesh_round_begin(mesh_round *round, const kvspan_step_view *view);

/* Copies in stream order, results in that of attention, if there is anything to copy. 0 if that
 * fails. */
int mesh_round_upload(mesh_round *round, kvspan_device *device, uint32_t layer, uint32_t role);
int mesh_round_download(mesh_round *round, kvspan_device *device, uint32_t layer, uint32_t role);

#endif
