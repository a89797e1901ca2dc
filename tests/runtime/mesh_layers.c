#include "runtime/mesh_rank.h"

#include "support/oracle.h"
#include "support/random.h"

static const kvspan_row *row_of(const kvspan_step_view *view, uint32_t token)
{
    const kvspan_row *row = view->rows;

    while (token >= row->first_token + row->token_count) {
        row++;
    }
    return row;
}

/* On the host, and on its way to the device. */
static int fill(const mesh_rank *rank, mesh_round *round, uint32_t role, uint32_t layer,
                kvspan_range heads, uint32_t dim)
{
    const kvspan_step_view *const view = &round->view;
    const uint32_t item = kvspan_dtype_bytes(rank->mesh->dtype);
    unsigned char *at = round->host[layer][role];

    for (uint32_t token = 0; token < view->token_count; token++) {
        const kvspan_row *const row = row_of(view, token);
        const uint64_t position = row->position + token - row->first_token;

        for (uint32_t head = 0; head < heads.count; head++) {
            for (uint32_t i = 0; i < dim; i++, at += item) {
                oracle_store(rank->mesh->dtype, at,
                             mesh_element(rank->mesh, role, row->tag, position, layer,
                                          heads.first + head, i));
            }
        }
    }
    return mesh_round_upload(round, rank->device, layer, role);
}

static kvspan_range out_heads_of(const mesh_rank *rank, uint32_t layer)
{
    switch (rank->mesh->out_place) {
    case KVSPAN_HEADS_OF_KV: return rank->shards[layer].q_heads_of_kv;
    case KVSPAN_HEADS_EVEN: return rank->shards[layer].q_heads_even;
    case KVSPAN_HEADS_ALL: break;
    }
    return (kvspan_range){ .count = rank->mesh->q_heads };
}

/* The tokens of a step that out has. */
static kvspan_range out_tokens_of(const mesh_rank *rank, uint32_t layer, uint32_t token_count)
{
    const kvspan_shard *const shard = &rank->shards[layer];
    const uint32_t first = token_count * shard->split_member / shard->split_count;
    const uint32_t end = token_count * (shard->split_member + 1) / shard->split_count;

    return rank->mesh->out_tokens == KVSPAN_TOKENS_SPLIT
               ? (kvspan_range){ .first = first, .count = end - first }
               : (kvspan_range){ .count = token_count };
}

/* The tokens that a call's tensors have: those of a captured call are the largest step's. */
static uint32_t call_tokens(const mesh_rank *rank, const mesh_round *round)
{
    return rank->mesh->graphs ? MESH_STEP_TOKENS : round->view.token_count;
}

int mesh_check_rows(mesh_rank *rank, const mesh_round *round, uint32_t layer)
{
    const kvspan_range heads = out_heads_of(rank, layer);
    const kvspan_range tokens = out_tokens_of(rank, layer, call_tokens(rank, round));
    const uint64_t row_bytes =
        (uint64_t)rank->mesh->value_dim * kvspan_dtype_bytes(rank->mesh->dtype);
    const unsigned char *at = round->host[layer][MESH_ROLE_OUT];
    const float *const lse = (const float *)(const void *)round->host[layer][MESH_ROLE_LSE];

    for (uint64_t token = 0; token < tokens.count && tokens.first + token < round->view.token_count;
         token++) {
        const kvspan_row *const row = row_of(&round->view, tokens.first + (uint32_t)token);
        const uint64_t position = row->position + tokens.first + token - row->first_token;

        for (uint32_t head = 0; head < heads.count; head++, at += row_bytes) {
            uint64_t hash = 1;

            if (!mesh_check_row(rank, row, position, layer, heads.first + head, at,
                                lse[token * heads.count + head])) {
                return 0;
            }
            for (uint64_t i = 0; i < row_bytes; i++) {
                hash = random_mix(hash + at[i]);
            }
            rank->rows->hashes[row->tag % 100][position][layer][heads.first + head] = hash;
            rank->rows->count++;
        }
    }
    return 1;
}

static kvspan_tensor tensor_of(const mesh_rank *rank, const mesh_round *round, uint32_t role,
                               uint32_t layer, uint32_t heads, uint32_t dim, uint32_t tokens)
{
    return (kvspan_tensor){ .data = round->device[layer][role],
                            .dtype = role == MESH_ROLE_LSE ? KVSPAN_F32 : rank->mesh->dtype,
                            .heads = heads,
                            .dim = dim,
                            .tokens = tokens,
                            .token_stride = (int64_t)heads * dim,
                            .head_stride = dim };
}

static kvspan_range q_heads_of(const mesh_rank *rank, uint32_t layer)
{
    const kvspan_shard *const shard = &rank->shards[layer];

    return rank->mesh->q_place == KVSPAN_HEADS_OF_KV ? shard->q_heads_of_kv : shard->q_heads_even;
}

/* Inputs on their way to the device. */
static int send_layer(mesh_rank *rank, mesh_round *round, uint32_t layer)
{
    const mesh_case *const mesh = rank->mesh;
    const kvspan_range kv_heads = rank->shards[layer].kv_heads;
    const int is_good =
        fill(rank, round, MESH_ROLE_Q, layer, q_heads_of(rank, layer), mesh->key_dim) &&
        fill(rank, round, MESH_ROLE_K, layer, kv_heads, mesh->key_dim) &&
        fill(rank, round, MESH_ROLE_V, layer, kv_heads, mesh->value_dim);

    return is_good ? 1 : mesh_fail(rank, "rank %u: the device cannot copy", rank->shard.rank);
}

static int call_layer(mesh_rank *rank, const mesh_round *round, uint32_t layer)
{
    const mesh_case *const mesh = rank->mesh;
    const kvspan_range heads = out_heads_of(rank, layer);
    const uint32_t kv_heads = rank->shards[layer].kv_heads.count;
    const uint32_t tokens = call_tokens(rank, round);
    const uint32_t out_tokens = out_tokens_of(rank, layer, tokens).count;
    const kvspan_tensor q = tensor_of(rank, round, MESH_ROLE_Q, layer,
                                      q_heads_of(rank, layer).count, mesh->key_dim, tokens);
    const kvspan_tensor planes[2] = {
        tensor_of(rank, round, MESH_ROLE_K, layer, kv_heads, mesh->key_dim, tokens),
        tensor_of(rank, round, MESH_ROLE_V, layer, kv_heads, mesh->value_dim, tokens)
    };
    kvspan_tensor lse = tensor_of(rank, round, MESH_ROLE_LSE, layer, heads.count, 1, out_tokens);
    kvspan_tensor out =
        tensor_of(rank, round, MESH_ROLE_OUT, layer, heads.count, mesh->value_dim, out_tokens);
    const kvspan_attention attention = { .size = sizeof(attention),
                                         .soft_cap = mesh->soft_cap,
                                         .sink_logits = mesh->has_sinks
                                                            ? rank->sinks_device + heads.first
                                                            : NULL,
                                         .q_heads = mesh->q_place,
                                         .out_heads = mesh->out_place,
                                         .out_tokens = mesh->out_tokens,
                                         .lse_out = mesh->wants_lse ? &lse : NULL };
    kvspan_error error = { .status = KVSPAN_OK };

    return kvspan_cache_append(rank->cache, layer, planes, round->stream, &error) == KVSPAN_OK &&
                   kvspan_cache_attend(rank->cache, layer, &q, &attention, &out, round->attending,
                                       &error) == KVSPAN_OK
               ? 1
               : mesh_fail(rank, "rank %u: %s", rank->shard.rank, error.message);
}

static int receive_layer(mesh_rank *rank, mesh_round *round, uint32_t layer)
{
    return mesh_round_download(round, rank->device, layer, MESH_ROLE_OUT) &&
                   mesh_round_download(round, rank->device, layer, MESH_ROLE_LSE)
               ? 1
               : mesh_fail(rank, "rank %u: the device cannot copy", rank->shard.rank);
}

static int run_layers(mesh_rank *rank, mesh_round *round)
{
    int is_good = 1;

    for (uint32_t layer = 0; is_good && layer < MESH_CASE_LAYERS; layer++) {
        is_good = send_layer(rank, round, layer) && call_layer(rank, round, layer) &&
                  receive_layer(rank, round, layer);
    }
    return is_good;
}

static int capture_layers(mesh_rank *rank, mesh_round *round)
{
    const mesh_graphs *const graphs = rank->mesh->graphs;
    int is_good = graphs->begin(round->stream);

    for (uint32_t layer = 0; is_good && layer < MESH_CASE_LAYERS; layer++) {
        is_good = call_layer(rank, round, layer);
    }
    return is_good && graphs->end(round->stream, &round->graph);
}

/* The first step of a round is captured; it and all others are replays of that. */
static int replay_layers(mesh_rank *rank, mesh_round *round)
{
    int is_good = 1;

    for (uint32_t layer = 0; is_good && layer < MESH_CASE_LAYERS; layer++) {
        is_good = send_layer(rank, round, layer);
    }
    if (is_good && !round->graph) {
        is_good = capture_layers(rank, round);
    }
    if (is_good && !rank->mesh->graphs->launch(round->graph, round->stream)) {
        is_good = mesh_fail(rank, "rank %u: the graph cannot be launched", rank->shard.rank);
    }
    for (uint32_t layer = 0; is_good && layer < MESH_CASE_LAYERS; layer++) {
        is_good = receive_layer(rank, round, layer);
    }
    return is_good;
}

int mesh_run_layers(mesh_rank *rank, mesh_round *round)
{
    return rank->mesh->graphs ? replay_layers(rank, round) : run_layers(rank, round);
}
