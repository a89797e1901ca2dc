/** @file
 * One scripted run of a cache over a mesh, every row of every rank held against float64: sequences
 * start, grow by ragged steps, end, and their pages are used again. The same body for ranks as
 * threads and as processes.
 */
#ifndef KVSPAN_TESTS_MESH_CASE_H
#define KVSPAN_TESTS_MESH_CASE_H

#include <kvspan/cache.h>
#include <kvspan/comm.h>
#include <kvspan/device.h>

enum {
    MESH_CASE_SEQUENCES = 5,
    MESH_CASE_TOKENS = 96, /* the longest sequence */
    MESH_CASE_LAYERS = 2,
    MESH_CASE_HEADS = 16
};

/* Opens the device of a rank, and may prepare its communicator. */
typedef kvspan_status (*mesh_open)(kvspan_comm *comm, kvspan_device **device_out,
                                   kvspan_error *error);

/* Graphs of captured streams, by the device's own library. All are 1, or 0 on failure. */
typedef struct mesh_graphs {
    int (*begin)(kvspan_stream stream);
    int (*end)(kvspan_stream stream, void **graph_out);
    int (*launch)(void *graph, kvspan_stream stream);
    int (*destroy)(void *graph);
} mesh_graphs;

typedef struct mesh_case {
    const char *mesh;
    const char *partition_axis;
    uint32_t rank_count;
    uint32_t kv_heads;
    uint32_t q_heads;
    uint32_t key_dim;
    uint32_t value_dim;
    uint32_t page_tokens;
    uint32_t window;
    kvspan_dtype dtype;       /* of q and out; of k and v as they are appended */
    kvspan_dtype key_plane;   /* 0 = dtype */
    kvspan_dtype value_plane; /* 0 = dtype */
    uint32_t layout;
    kvspan_heads q_place;
    kvspan_heads out_place;
    kvspan_tokens out_tokens;
    int has_sinks;
    int wants_lse;
    float soft_cap;
    uint32_t heads_policy;
    uint32_t control;
    uint32_t
        second_kv_heads; /* layer 1 is a layer group of its own, of so many kv heads; 0 = not */
    uint32_t second_window;
    int forks;                 /* the last sequence starts as a fork of the third */
    int has_streams;           /* attention is on another stream than all else of a step */
    uint32_t place_capacity;   /* of what calls of a step keep for the device; 0 = as it is */
    const mesh_graphs *graphs; /* calls are captured once per round and replayed; NULL = not */
    mesh_open open;            /* NULL = the best device here, or … */
    uint64_t deferred_seed;    /* … if not 0 a deferred one, of all three modes */
} mesh_case;

/* The bits of every row of O, hashed; 0 = not computed. Sequence by its number within a step group.
 */
typedef struct mesh_rows {
    uint64_t hashes[MESH_CASE_SEQUENCES][MESH_CASE_TOKENS][MESH_CASE_LAYERS][MESH_CASE_HEADS];
    uint64_t count;    /* rows checked */
    uint64_t order;    /* hash of the order of exchanges, of one rank */
    uint64_t overlaps; /* of exchanges with attention, on a deferred device */
} mesh_rows;

/* Runs one rank. On failure writes what went wrong and returns 0. rows_out: this rank's alone. */
int mesh_case_run(const mesh_case *mesh, kvspan_comm *comm, mesh_rows *rows_out, char *text,
                  size_t text_bytes);

/* Adds one rank's rows to all: 0 if a row that both have differs in a bit. */
int mesh_rows_join(mesh_rows *all, const mesh_rows *rows);

#endif
