#include "runtime/mesh_rank.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/oracle.h"
#include "support/random.h"

int mesh_fail(mesh_rank *rank, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is right above */
    (void)vsnprintf(rank->text, rank->text_bytes, format, args);
    va_end(args);
    return 0;
}

uint32_t mesh_kv_heads(const mesh_case *mesh, uint32_t layer)
{
    return layer == 1 && mesh->second_kv_heads ? mesh->second_kv_heads : mesh->kv_heads;
}

uint32_t mesh_window(const mesh_case *mesh, uint32_t layer)
{
    return layer == 1 && mesh->second_kv_heads ? mesh->second_window : mesh->window;
}

/* Whose key or value a position of a sequence has. */
static uint64_t author_of(const mesh_case *mesh, uint32_t role, uint64_t tag, uint64_t position)
{
    const bool is_shared = mesh->forks && role != MESH_ROLE_Q &&
                           tag % 100 == MESH_CASE_SEQUENCES - 1 && position < MESH_FORK_POSITION;

    return is_shared ? MESH_FORK_PARENT : tag % 100;
}

double mesh_element(const mesh_case *mesh, uint32_t role, uint64_t tag, uint64_t position,
                    uint32_t layer, uint32_t head, uint32_t dim)
{
    const uint64_t place =
        random_mix(author_of(mesh, role, tag, position) * 131 + position) ^ ((uint64_t)layer << 40);
    const uint64_t bits = random_mix(place + ((uint64_t)head << 20) + (uint64_t)dim * 4 + role + 1);

    return oracle_round(mesh->dtype, ((double)(bits >> 40) / 8388608.0 - 1.0) * 2.0);
}

/* The token of step-wide index `token`: its row. */
/* Where the history of one sequence, layer and kv head begins. */
static size_t history_of(const mesh_case *mesh, uint32_t sequence, uint32_t layer, uint32_t kv_head)
{
    return (((size_t)sequence * MESH_CASE_LAYERS + layer) * mesh->kv_heads + kv_head) *
           MESH_CASE_TOKENS * MESH_MAX_DIM;
}

/* Makes of a vector what a plane of the type keeps of it, by the oracle's own arithmetic. */
static void quantise(kvspan_dtype plane, double *vector, uint32_t dim)
{
    unsigned char elements[MESH_MAX_DIM];
    float scale;

    if (plane != 0) {
        oracle_quantise(plane, vector, dim, elements, &scale);
    }
}

int mesh_remember_all(mesh_rank *rank)
{
    const mesh_case *const mesh = rank->mesh;
    const size_t count = history_of(mesh, MESH_CASE_SEQUENCES, 0, 0);
    size_t vector = 0;

    rank->keys = calloc(count, sizeof(double));
    rank->values = calloc(count, sizeof(double));
    if (!rank->keys || !rank->values) {
        return mesh_fail(rank, "no memory for the oracle");
    }
    for (; vector < count / MESH_MAX_DIM; vector++) {
        const uint64_t position = vector % MESH_CASE_TOKENS;
        const size_t history = vector / MESH_CASE_TOKENS;
        const uint32_t head = (uint32_t)(history % mesh->kv_heads);
        const uint32_t layer = (uint32_t)(history / mesh->kv_heads % MESH_CASE_LAYERS);
        const uint64_t tag = history / mesh->kv_heads / MESH_CASE_LAYERS;

        for (uint32_t i = 0; i < mesh->key_dim; i++) {
            rank->keys[vector * MESH_MAX_DIM + i] =
                mesh_element(mesh, MESH_ROLE_K, tag, position, layer, head, i);
        }
        for (uint32_t i = 0; i < mesh->value_dim; i++) {
            rank->values[vector * MESH_MAX_DIM + i] =
                mesh_element(mesh, MESH_ROLE_V, tag, position, layer, head, i);
        }
        quantise(mesh->key_plane, rank->keys + vector * MESH_MAX_DIM, mesh->key_dim);
        quantise(mesh->value_plane, rank->values + vector * MESH_MAX_DIM, mesh->value_dim);
    }
    return 1;
}

/* One row of O, by the oracle's own mapping, with a sink if there is one. */
int mesh_check_row(mesh_rank *rank, const kvspan_row *row, uint64_t position, uint32_t layer,
                   uint32_t head, const unsigned char *out, float lse)
{
    const mesh_case *const mesh = rank->mesh;
    const uint32_t kv_head = head / (mesh->q_heads / mesh_kv_heads(mesh, layer));
    const size_t history = history_of(mesh, (uint32_t)(row->tag % 100), layer, kv_head);
    double query[MESH_MAX_DIM];
    double expected[MESH_MAX_DIM];
    double got[MESH_MAX_DIM];
    double weight = 1.0;
    double log_sum;
    double bound;
    oracle_verdict verdict;
    oracle_query oracle = { .query = query,
                            .keys = rank->keys + history,
                            .values = rank->values + history,
                            .key_stride = MESH_MAX_DIM,
                            .value_stride = MESH_MAX_DIM,
                            .key_dim = mesh->key_dim,
                            .value_dim = mesh->value_dim,
                            .position = position,
                            .window = mesh_window(mesh, layer),
                            .page_tokens = mesh->page_tokens,
                            .member_count = 1,
                            .member = ORACLE_ALL_MEMBERS,
                            .scale = (float)(1.0 / sqrt(mesh->key_dim)),
                            .soft_cap = mesh->soft_cap };

    for (uint32_t i = 0; i < mesh->key_dim; i++) {
        query[i] = mesh_element(mesh, MESH_ROLE_Q, row->tag, position, layer, head, i);
    }
    log_sum = mesh->has_sinks || mesh->wants_lse ? oracle_attend(&oracle, expected) : 0.0;
    if (mesh->has_sinks) {
        weight = 1.0 / (1.0 + exp((double)rank->sinks_host[head] - log_sum));
        log_sum -= log(weight);
    }
    for (uint32_t i = 0; i < mesh->value_dim; i++) {
        got[i] = oracle_load(mesh->dtype, out + (size_t)i * kvspan_dtype_bytes(mesh->dtype));
    }
    if (mesh->has_sinks) {
        /* The bound is for the row before the sink: undo the factor, which is below 1. */
        for (uint32_t i = 0; i < mesh->value_dim; i++) {
            got[i] /= weight;
        }
    }
    verdict = oracle_judge(&oracle, mesh->dtype, mesh->dtype, got);
    bound = (2.0 * verdict.naive_error + 2.0 * verdict.ulp) / weight;
    if (!(verdict.error <= bound)) {
        return mesh_fail(rank, "rank %u, tag %llu, position %llu, layer %u, head %u: error %g > %g",
                         rank->shard.rank, (unsigned long long)row->tag,
                         (unsigned long long)position, layer, head, verdict.error, bound);
    }
    if (mesh->wants_lse && !(fabs((double)lse - log_sum) <= 1e-4 * (1.0 + fabs(log_sum)))) {
        return mesh_fail(rank, "rank %u, tag %llu, position %llu, head %u: LSE %g, expected %g",
                         rank->shard.rank, (unsigned long long)row->tag,
                         (unsigned long long)position, head, (double)lse, log_sum);
    }
    return 1;
}
