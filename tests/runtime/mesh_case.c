#include "runtime/mesh_rank.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kvspan/device.h>

#include "comm/clock.h"
#include "runtime/cache/cache_parts.h"
#include "support/deferred_device.h"
#include "support/oracle.h"
#include "support/random.h"

enum {
    SLOTS = 4,
    PAGES = 64,
    STEPS = 9,
    TIMEOUT_MS = 20000
};

/* New tokens per step and sequence; a sequence starts with its first and ends after its last. */
static const uint32_t script[STEPS][MESH_CASE_SEQUENCES] = {
    { 13, 1, 0, 0, 0 }, { 1, 1, 31, 0, 0 }, { 1, 0, 17, 0, 0 },
    { 1, 1, 1, 5, 0 },  { 7, 0, 40, 0, 0 }, { 0, 0, 1, 1, 22 },
    { 0, 0, 1, 0, 1 },  { 0, 0, 5, 9, 3 },  { 0, 0, 0, 1, 1 },
};

/* Waits for what a round computes, and looks at it. */
static int end_round(mesh_rank *rank, mesh_round *round)
{
    kvspan_error error = { .status = KVSPAN_OK };
    int is_good = 1;

    if (!round->is_used) {
        return 1;
    }
    round->is_used = 0;
    if (kvspan_cache_wait(rank->cache, round->stream, TIMEOUT_MS, &error) != KVSPAN_OK) {
        return mesh_fail(rank, "rank %u waits: %s", rank->shard.rank, error.message);
    }
    for (uint32_t layer = 0; is_good && layer < MESH_CASE_LAYERS; layer++) {
        is_good = mesh_check_rows(rank, round, layer);
    }
    return is_good;
}

/* A new sequence, or the fork of one. */
static kvspan_status start_sequence(mesh_rank *rank, uint32_t number, kvspan_error *error)
{
    kvspan_ledger *const ledger = kvspan_cache_ledger(rank->cache);
    const kvspan_sequence_config config = { .size = sizeof(config),
                                            .tag =
                                                (uint64_t)rank->shard.step_group * 100 + number };

    return rank->mesh->forks && number == MESH_CASE_SEQUENCES - 1
               ? kvspan_sequence_fork(ledger, rank->sequences[MESH_FORK_PARENT], MESH_FORK_POSITION,
                                      config.tag, &rank->sequences[number], error)
               : kvspan_sequence_create(ledger, &config, &rank->sequences[number], NULL, error);
}

/* The coordinator's part of a step: sequences start where the script has their first tokens. */
static int plan_step(mesh_rank *rank, uint32_t number, kvspan_step **step_out)
{
    kvspan_ledger *const ledger = kvspan_cache_ledger(rank->cache);
    const char rider[3] = { 'r', (char)number, 'z' };
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_status status = kvspan_step_open(ledger, step_out, &error);

    for (uint32_t i = 0; status == KVSPAN_OK && i < MESH_CASE_SEQUENCES; i++) {
        if (script[number][i] > 0 && !rank->sequences[i]) {
            status = start_sequence(rank, i, &error);
        }
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < MESH_CASE_SEQUENCES; i++) {
        if (script[number][i] > 0) {
            status =
                kvspan_step_add(*step_out, rank->sequences[i], script[number][i], NULL, &error);
        }
        if (status == KVSPAN_OK && script[number][i] > 0) {
            status = kvspan_sequence_commit(ledger, rank->sequences[i], NULL, script[number][i],
                                            NULL, &error);
        }
    }
    if (status == KVSPAN_OK) {
        status = kvspan_step_attach(*step_out, rider, sizeof(rider), &error);
    }
    return status == KVSPAN_OK ? 1 : mesh_fail(rank, "planning step %u: %s", number, error.message);
}

/* Ends the sequences without tokens in later steps. */
static int end_sequences(mesh_rank *rank, uint32_t number)
{
    kvspan_ledger *const ledger = kvspan_cache_ledger(rank->cache);

    for (uint32_t i = 0; ledger && i < MESH_CASE_SEQUENCES; i++) {
        int goes_on = 0;

        for (uint32_t later = number + 1; later < STEPS; later++) {
            goes_on |= script[later][i] != 0;
        }
        if (rank->sequences[i] && !goes_on) {
            kvspan_error error = { .status = KVSPAN_OK };

            if (kvspan_sequence_free(ledger, rank->sequences[i], &error) != KVSPAN_OK) {
                return mesh_fail(rank, "freeing: %s", error.message);
            }
            rank->sequences[i] = 0;
        }
    }
    return 1;
}

/* Of replays nobody hears when they are issued: what a step may have replayed began with it, or a
 * peer would be late that is not. */
static int check_replays(mesh_rank *rank, uint64_t begun_ns)
{
    const kvspan_device_comm *const device_comm = rank->cache->device_comm;

    return !rank->mesh->graphs || device_comm->count == 0 || device_comm->last_ns >= begun_ns
               ? 1
               : mesh_fail(rank, "rank %u: replays count as old", rank->shard.rank);
}

/* Results are looked at when their round is needed again. */
static int run_step(mesh_rank *rank, uint32_t number)
{
    mesh_round *const round = &rank->rounds[number % MESH_ROUNDS];
    const uint64_t begun_ns = kvspan_clock_ns();
    kvspan_step *step = NULL;
    kvspan_step_view view;
    kvspan_error error = { .status = KVSPAN_OK };

    if (!end_round(rank, round) ||
        (kvspan_cache_ledger(rank->cache) && !plan_step(rank, number, &step))) {
        return 0;
    }
    if (kvspan_step_begin(rank->cache, step, round->stream, TIMEOUT_MS, &view, &error) !=
        KVSPAN_OK) {
        return mesh_fail(rank, "rank %u begins step %u: %s", rank->shard.rank, number,
                         error.message);
    }
    if (view.epoch != number + 1 || view.payload_bytes != 3 ||
        ((const char *)view.payload)[1] != (char)number) {
        return mesh_fail(rank, "rank %u: step %u came as epoch %llu with %zu bytes",
                         rank->shard.rank, number, (unsigned long long)view.epoch,
                         view.payload_bytes);
    }
    mesh_round_begin(round, &view);
    if (!mesh_run_layers(rank, round)) {
        return 0;
    }
    if (kvspan_step_end(rank->cache, round->stream, &error) != KVSPAN_OK ||
        kvspan_cache_check(rank->cache, &error) != KVSPAN_OK) {
        return mesh_fail(rank, "rank %u ends step %u: %s", rank->shard.rank, number, error.message);
    }
    return check_replays(rank, begun_ns) && end_sequences(rank, number);
}

static kvspan_cache_config config_of(const mesh_case *mesh, kvspan_layer_group group[2])
{
    const uint32_t group_count = mesh->second_kv_heads ? 2 : 1;

    *group = (kvspan_layer_group){
        .layer_count = MESH_CASE_LAYERS / group_count,
        .q_heads = mesh->q_heads,
        .window_tokens = mesh->window,
        .plane_count = 2,
        .planes = { { KVSPAN_KEY, mesh->kv_heads, mesh->key_dim, mesh->dtype, 0 },
                    { KVSPAN_VALUE, mesh->kv_heads, mesh->value_dim, mesh->dtype, 0 } }
    };
    if (mesh->key_plane != 0) {
        group->planes[0].dtype = mesh->key_plane;
        group->planes[0].scale_tokens = 1;
    }
    if (mesh->value_plane != 0) {
        group->planes[1].dtype = mesh->value_plane;
        group->planes[1].scale_tokens = 1;
    }
    group[1] = group[0];
    group[1].first_layer = 1;
    group[1].window_tokens = mesh->second_window;
    group[1].planes[0].heads = mesh_kv_heads(mesh, 1);
    group[1].planes[1].heads = mesh_kv_heads(mesh, 1);
    return (kvspan_cache_config){ .size = sizeof(kvspan_cache_config),
                                  .group_count = group_count,
                                  .groups = group,
                                  .page_tokens = mesh->page_tokens,
                                  .slot_count = SLOTS,
                                  .max_sequence_tokens = MESH_CASE_TOKENS,
                                  .max_step_tokens = MESH_STEP_TOKENS,
                                  .page_count = PAGES,
                                  .memory_limit_bytes = 64u << 20,
                                  .layout = mesh->layout,
                                  .heads_policy = mesh->heads_policy,
                                  .control = mesh->control,
                                  .mesh = mesh->mesh,
                                  .partition_axis = mesh->partition_axis,
                                  .deadline_ms = TIMEOUT_MS };
}

static int open_sinks(mesh_rank *rank)
{
    kvspan_device *const device = rank->device;
    const uint64_t bytes = MESH_CASE_HEADS * sizeof(float);
    void *host = NULL;
    void *data = NULL;

    if (device->ops->allocate_pinned(device, bytes, &host, NULL) != KVSPAN_OK) {
        return 0;
    }
    rank->sinks_host = host;
    for (uint32_t i = 0; i < MESH_CASE_HEADS; i++) {
        rank->sinks_host[i] = 0.25f * (float)i - 1.0f;
    }
    if (device->ops->allocate(device, bytes, &data, NULL) != KVSPAN_OK) {
        return 0;
    }
    rank->sinks_device = data;
    /* Each stream that uses them comes behind some copy of its own. */
    for (uint32_t i = 0; i < MESH_ROUNDS; i++) {
        if (device->ops->copy(device, data, host, bytes, rank->rounds[i].stream, NULL) !=
            KVSPAN_OK) {
            return 0;
        }
    }
    return 1;
}

static void close_all(mesh_rank *rank)
{
    const uint64_t sink_bytes = MESH_CASE_HEADS * sizeof(float);

    for (uint32_t i = 0; i < MESH_ROUNDS; i++) {
        if (rank->rounds[i].graph) {
            (void)rank->mesh->graphs->destroy(rank->rounds[i].graph);
        }
        mesh_round_close(&rank->rounds[i], rank->device);
    }
    if (rank->sinks_device) {
        rank->device->ops->release(rank->device, rank->sinks_device, sink_bytes);
    }
    if (rank->sinks_host) {
        rank->device->ops->release_pinned(rank->device, rank->sinks_host, sink_bytes);
    }
    free(rank->keys);
    free(rank->values);
}

static int run_steps(mesh_rank *rank)
{
    kvspan_error error = { .status = KVSPAN_OK };
    const uint64_t tensor_bytes = (uint64_t)MESH_STEP_TOKENS * MESH_CASE_HEADS * MESH_MAX_DIM * 4;
    int is_good = 1;

    for (uint32_t i = 0; i < MESH_CASE_LAYERS; i++) {
        if (kvspan_cache_shard(rank->cache, i, &rank->shards[i], &error) != KVSPAN_OK) {
            return mesh_fail(rank, "shard: %s", error.message);
        }
    }
    rank->shard = rank->shards[0];
    if (rank->mesh->place_capacity > 0) {
        rank->cache->table.layout.place_capacity = rank->mesh->place_capacity;
    }
    for (uint32_t i = 0; is_good && i < MESH_ROUNDS; i++) {
        is_good =
            mesh_round_open(&rank->rounds[i], rank->device, tensor_bytes, rank->mesh->has_streams);
    }
    is_good = is_good && open_sinks(rank) && mesh_remember_all(rank);
    for (uint32_t i = 0; is_good && i < STEPS; i++) {
        is_good = run_step(rank, i);
    }
    for (uint32_t i = 0; is_good && i < MESH_ROUNDS; i++) {
        is_good = end_round(rank, &rank->rounds[(STEPS + i) % MESH_ROUNDS]);
    }
    return is_good;
}

static kvspan_status open_device(const mesh_case *mesh, kvspan_comm *comm,
                                 kvspan_device **device_out, kvspan_error *error)
{
    const uint32_t number = kvspan_comm_rank(comm);

    if (mesh->open) {
        return mesh->open(comm, device_out, error);
    }
    if (mesh->deferred_seed == 0) {
        return kvspan_device_open(NULL, 0, device_out, error);
    }
    *device_out = deferred_device_open((deferred_mode)((mesh->deferred_seed + number) % 3),
                                       mesh->deferred_seed * 1000 + number);
    return KVSPAN_OK;
}

int mesh_case_run(const mesh_case *mesh, kvspan_comm *comm, mesh_rows *rows_out, char *text,
                  size_t text_bytes)
{
    mesh_rank rank = { .mesh = mesh, .rows = rows_out, .text = text, .text_bytes = text_bytes };
    kvspan_layer_group groups[2];
    const kvspan_cache_config config = config_of(mesh, groups);
    kvspan_error error = { .status = KVSPAN_OK };
    int is_good = 0;

    memset(rows_out, 0, sizeof(*rows_out));
    if (open_device(mesh, comm, &rank.device, &error) != KVSPAN_OK) {
        return mesh_fail(&rank, "device: %s", error.message);
    }
    if (kvspan_cache_create(&config, rank.device, comm, &rank.cache, &error) != KVSPAN_OK) {
        is_good = mesh_fail(&rank, "create: %s", error.message);
    } else {
        is_good = run_steps(&rank);
        rows_out->order = rank.cache->device_comm->order;
    }
    kvspan_cache_destroy(rank.cache);
    close_all(&rank);
    if (mesh->deferred_seed > 0) {
        rows_out->overlaps = deferred_device_overlaps(rank.device);
    }
    kvspan_device_close(rank.device);
    return is_good;
}

int mesh_rows_join(mesh_rows *all, const mesh_rows *rows)
{
    uint64_t *const into = &all->hashes[0][0][0][0];
    const uint64_t *const from = &rows->hashes[0][0][0][0];

    for (size_t i = 0; i < sizeof(all->hashes) / sizeof(uint64_t); i++) {
        if (into[i] && from[i] && into[i] != from[i]) {
            return 0;
        }
        into[i] = into[i] ? into[i] : from[i];
    }
    all->count += rows->count;
    all->overlaps += rows->overlaps;
    return 1;
}
