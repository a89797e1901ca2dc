/** @file
 * One rank of a mesh case, and what the oracle says of it. Shared by the files mesh_*.c alone.
 */
#ifndef KVSPAN_TESTS_MESH_RANK_H
#define KVSPAN_TESTS_MESH_RANK_H

#include "runtime/mesh_round.h"

enum {
    MESH_MAX_DIM = 24,
    MESH_STEP_TOKENS = 48, /* of the largest step */
    MESH_FORK_PARENT = 2,
    MESH_FORK_POSITION = 30 /* in the middle of a page, and behind it the parent goes on */
};

enum {
    MESH_ROUNDS = 3 /* steps whose results may still be on their way */
};

/* What one rank works with. */
typedef struct mesh_rank {
    const mesh_case *mesh;
    kvspan_device *device;
    kvspan_cache *cache;
    kvspan_shard shard; /* of layer 0 */
    kvspan_shard shards[MESH_CASE_LAYERS];
    kvspan_sequence sequences[MESH_CASE_SEQUENCES]; /* on the coordinator */
    mesh_round rounds[MESH_ROUNDS];                 /* of step i: i mod MESH_ROUNDS */
    float *sinks_host;                              /* pinned */
    float *sinks_device;
    double *keys; /* [sequence][layer][kv head][position][MESH_MAX_DIM], all that is ever stored */
    double *values;
    mesh_rows *rows;
    char *text;
    size_t text_bytes;
} mesh_rank;

/* Writes why a rank fails; 0, so that it can be returned at once. */
__attribute__((format(printf, 2, 3))) int mesh_fail(mesh_rank *rank, const char *format, ...);

/* Of a layer: its kv heads, and its window. */
uint32_t mesh_kv_heads(const mesh_case *mesh, uint32_t layer);
uint32_t mesh_window(const mesh_case *mesh, uint32_t layer);

/* A number of q, k or v: a forked sequence has its parent's up to where it was forked. */
double mesh_element(const mesh_case *mesh, uint32_t role, uint64_t tag, uint64_t position,
                    uint32_t layer, uint32_t head, uint32_t dim);

/* Fills keys and values with all that planes ever keep. 0 if there is no memory. */
int mesh_remember_all(mesh_rank *rank);

/* Appends and attends all layers of a step, and brings the results on their way to the host. */
int mesh_run_layers(mesh_rank *rank, mesh_round *round);

/* Looks at the results of one layer, once they are there. */
int mesh_check_rows(mesh_rank *rank, const mesh_round *round, uint32_t layer);

/* One row of O, by the oracle's own mapping, with a sink if there is one. */
int mesh_check_row(mesh_rank *rank, const kvspan_row *row, uint64_t position, uint32_t layer,
                   uint32_t head, const unsigned char *out, float lse);

#endif
