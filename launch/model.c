#include "launch/model.h"

#include <stdlib.h>

#include "launch/damage.h"
#include "launch/stored_values.h"

struct kvspan_model {
    kvspan_model_settings settings;
    const kvspan_model_config *shape;
    kvspan_stored_values stored; /* what pages hold, and before that was generated */
    kvspan_cache *cache;
    kvspan_shard shard;
    kvspan_heads q_place;   /* EVEN where there are even shares */
    kvspan_heads out_place; /* ALL, or where q is */
    kvspan_range q_heads;   /* global, of q */
    kvspan_range out_heads; /* global, of out */
    kvspan_range answered;  /* heads of out that this rank answers for; may be none */
    kvspan_oracle oracle;
    kvspan_output_digest *digest;
    kvspan_comparison *comparison; /* NULL = none, or this rank answers for no rows */
    kvspan_device *device;
    kvspan_step_tensors memory; /* of the four tensors, which are the host's */
    kvspan_tensor q;
    kvspan_tensor k;
    kvspan_tensor v;
    kvspan_tensor out;
    bool has_flipped;
    kvspan_model_result result;
};

/* ---- create -----------------------------------------------------------------------------------
 */

static kvspan_tensor make_tensor(const kvspan_model *model, uint32_t heads, uint32_t dim,
                                 unsigned char **next)
{
    const kvspan_tensor tensor = { .data = *next,
                                   .dtype = model->shape->dtype,
                                   .heads = heads,
                                   .dim = dim,
                                   .token_stride = (int64_t)heads * dim,
                                   .head_stride = dim };

    *next += (uint64_t)model->settings.max_step_tokens * heads * dim *
             kvspan_dtype_bytes(model->shape->dtype);
    return tensor;
}

static kvspan_status take_tensors(kvspan_model *model, kvspan_error *error)
{
    const kvspan_model_config *const shape = model->shape;
    const uint64_t kv_heads = model->shard.kv_heads.count;
    const uint64_t elements = (model->q_heads.count + kv_heads) * shape->key_dim +
                              (model->out_heads.count + kv_heads) * shape->value_dim;
    const uint64_t bytes =
        elements * model->settings.max_step_tokens * kvspan_dtype_bytes(shape->dtype);
    unsigned char *next;
    kvspan_status status;

    status = kvspan_step_tensors_init(&model->memory, model->device, bytes, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    next = model->memory.host;
    model->q = make_tensor(model, model->q_heads.count, shape->key_dim, &next);
    model->k = make_tensor(model, model->shard.kv_heads.count, shape->key_dim, &next);
    model->v = make_tensor(model, model->shard.kv_heads.count, shape->value_dim, &next);
    model->out = make_tensor(model, model->out_heads.count, shape->value_dim, &next);
    return KVSPAN_OK;
}

/* Each row is answered for once: twins and later copies leave it to the first. */
static void choose_places(kvspan_model *model)
{
    const kvspan_shard *const shard = &model->shard;
    const bool has_even = shard->q_heads_even.count > 0;

    model->q_place = has_even ? KVSPAN_HEADS_EVEN : KVSPAN_HEADS_OF_KV;
    model->q_heads = has_even ? shard->q_heads_even : shard->q_heads_of_kv;
    model->out_place = model->settings.gathers_heads ? KVSPAN_HEADS_ALL : model->q_place;
    model->out_heads = model->settings.gathers_heads
                           ? (kvspan_range){ .count = model->shape->q_heads }
                           : model->q_heads;
    model->answered = model->q_heads;
    if (shard->twin != 0 || (!has_even && shard->copy != 0)) {
        model->answered.count = 0;
    }
}

/* But for the window, which is a layer's. */
static kvspan_oracle make_oracle(const kvspan_model *model)
{
    const kvspan_model_config *const shape = model->shape;

    return (kvspan_oracle){ .read = kvspan_stored_values_read,
                            .context = &model->stored,
                            .q_heads = shape->q_heads,
                            .kv_heads = shape->kv_heads,
                            .key_dim = shape->key_dim,
                            .value_dim = shape->value_dim,
                            .scale = shape->scale,
                            .soft_cap = shape->soft_cap,
                            .dtype = shape->dtype };
}

static kvspan_status create_comparison(kvspan_model *model, kvspan_error *error)
{
    const kvspan_model_settings *const settings = &model->settings;
    const kvspan_comparison_settings comparison = { .device = settings->compare,
                                                    .model = settings->model,
                                                    .kv_heads = model->shard.kv_heads.count,
                                                    .q_heads = model->q_heads.count,
                                                    .page_tokens = model->shard.tokens.page_tokens,
                                                    .slot_count = settings->slot_count,
                                                    .max_step_tokens = settings->max_step_tokens,
                                                    .max_sequence_tokens =
                                                        settings->max_sequence_tokens };

    return settings->compare && model->answered.count > 0
               ? kvspan_comparison_create(&comparison, &model->comparison, error)
               : KVSPAN_OK;
}

kvspan_status kvspan_model_create(const kvspan_model_settings *settings, kvspan_cache *cache,
                                  kvspan_device *device, kvspan_model **model_out,
                                  kvspan_error *error)
{
    kvspan_model *const model = calloc(1, sizeof(*model));
    kvspan_status status;

    if (!model) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for the model");
    }
    model->settings = *settings;
    model->shape = &settings->model->shape;
    model->cache = cache;
    model->device = device;
    model->stored = (kvspan_stored_values){ .generate = { settings->seed, model->shape->dtype },
                                            .kv_dtype = settings->model->kv_dtype };
    model->oracle = make_oracle(model);
    status = kvspan_cache_shard(cache, 0, &model->shard, error);
    if (status == KVSPAN_OK) {
        choose_places(model);
        status = take_tensors(model, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_output_digest_create(settings->request_count, model->shape->layer_count,
                                             &model->digest, error);
    }
    if (status == KVSPAN_OK) {
        status = create_comparison(model, error);
    }
    if (status != KVSPAN_OK) {
        kvspan_model_destroy(model);
        return status;
    }
    *model_out = model;
    return KVSPAN_OK;
}

void kvspan_model_destroy(kvspan_model *model)
{
    if (model) {
        kvspan_comparison_destroy(model->comparison);
        kvspan_output_digest_destroy(model->digest);
        kvspan_step_tensors_fini(&model->memory);
        free(model);
    }
}

/* ---- a step -----------------------------------------------------------------------------------
 */

static void fill(kvspan_model *model, const kvspan_step_view *view, uint32_t layer)
{
    const kvspan_generate *const generate = &model->stored.generate;
    const uint32_t kv_first = model->shard.kv_heads.first;

    model->q.tokens = view->token_count;
    model->k.tokens = view->token_count;
    model->v.tokens = view->token_count;
    model->out.tokens = view->token_count;
    for (uint32_t i = 0; i < view->row_count; i++) {
        const kvspan_row *const row = &view->rows[i];

        kvspan_generate_fill(generate, row, KVSPAN_GENERATE_Q, layer, model->q_heads.first,
                             &model->q);
        kvspan_generate_fill(generate, row, KVSPAN_GENERATE_K, layer, kv_first, &model->k);
        kvspan_generate_fill(generate, row, KVSPAN_GENERATE_V, layer, kv_first, &model->v);
    }
}

static bool is_in(kvspan_range range, uint32_t index)
{
    return index >= range.first && index - range.first < range.count;
}

/* The first position that a query sees. */
static uint64_t first_seen(const kvspan_model *model, uint64_t position, uint32_t layer)
{
    const uint32_t window = model->shape->window_tokens[layer];

    return window == 0 || position < window ? 0 : position - window + 1;
}

/* Flips a bit that a sampled row of this token and layer depends on, if this rank has one. */
static kvspan_status flip_for_token(kvspan_model *model, const kvspan_row *row, uint64_t position,
                                    uint32_t layer, kvspan_error *error)
{
    const uint32_t group_size = model->shape->q_heads / model->shape->kv_heads;
    uint64_t first = 0;
    uint64_t count = 0;
    kvspan_status status = KVSPAN_OK;

    kvspan_sample_find(model->settings.sample, row->tag, position, &first, &count);
    for (uint64_t i = first; i < first + count && status == KVSPAN_OK; i++) {
        const kvspan_oracle_place *const place = &kvspan_sample_rows(model->settings.sample)[i];

        if (place->layer == layer && is_in(model->q_heads, place->q_head) && !model->has_flipped) {
            const kvspan_damage damage = { .layer = layer,
                                           .kv_head = place->q_head / group_size,
                                           .first = first_seen(model, position, layer),
                                           .last = position };

            status = kvspan_damage_flip(&damage, &model->shard.tokens, row->slot, model->cache,
                                        model->device, &model->has_flipped, error);
        }
    }
    return status;
}

/* Test hook: flips a bit that a sampled row of this step and layer depends on, if there is one. */
static kvspan_status flip_if_sampled(kvspan_model *model, const kvspan_step_view *view,
                                     uint32_t layer, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; i < view->row_count; i++) {
        const kvspan_row *const row = &view->rows[i];

        for (uint32_t j = 0; j < row->token_count && status == KVSPAN_OK; j++) {
            if (!model->has_flipped) {
                status = flip_for_token(model, row, row->position + j, layer, error);
            }
        }
    }
    return status;
}

static const unsigned char *row_of_out(const kvspan_model *model, uint64_t token, uint32_t head)
{
    return (const unsigned char *)model->out.data +
           ((int64_t)token * model->out.token_stride +
            (int64_t)(head - model->out_heads.first) * model->out.head_stride) *
               (int64_t)kvspan_dtype_bytes(model->out.dtype);
}

static void verify_token(kvspan_model *model, uint64_t request, uint64_t position, uint32_t layer,
                         uint64_t token)
{
    kvspan_model_result *const result = &model->result;
    kvspan_oracle oracle = model->oracle;
    uint64_t first = 0;
    uint64_t count = 0;

    oracle.window_tokens = model->shape->window_tokens[layer];
    kvspan_sample_find(model->settings.sample, request, position, &first, &count);
    for (uint64_t i = first; i < first + count; i++) {
        const kvspan_oracle_place *const place = &kvspan_sample_rows(model->settings.sample)[i];
        kvspan_oracle_verdict verdict;

        if (place->layer != layer || !is_in(model->answered, place->q_head)) {
            continue;
        }
        verdict = kvspan_oracle_check(&oracle, place, row_of_out(model, token, place->q_head));
        result->verified_rows++;
        result->failed_rows += !(verdict.max_error <= verdict.bound);
        if (result->verified_rows == 1 ||
            !(verdict.max_error / verdict.bound <= result->worst_ratio)) {
            result->worst_ratio = verdict.max_error / verdict.bound;
            result->worst = *place;
            result->worst_verdict = verdict;
        }
    }
}

static void compare_token(kvspan_model *model, uint64_t request, uint64_t position, uint32_t layer,
                          uint64_t token)
{
    for (uint32_t i = 0; i < model->answered.count; i++) {
        const kvspan_oracle_place place = { .request = request,
                                            .position = position,
                                            .layer = layer,
                                            .q_head = model->answered.first + i };

        kvspan_comparison_judge(model->comparison, &place, token, i,
                                row_of_out(model, token, place.q_head));
    }
}

/* One token of one layer: its rows enter the digest, the sampled ones are checked, all compared. */
static kvspan_status judge_token(kvspan_model *model, const kvspan_row *row, uint32_t token,
                                 uint32_t layer, kvspan_error *error)
{
    const uint64_t position = row->position + token - row->first_token;
    kvspan_tensor answered = model->out;
    kvspan_status status;

    answered.heads = model->answered.count;
    answered.data = (void *)row_of_out(model, 0, model->answered.first);
    status = kvspan_output_digest_add(model->digest, row->tag, position, layer,
                                      model->answered.first, &answered, token, error);
    if (status == KVSPAN_ERR_CORRUPT) {
        model->result.changed_tokens++;
        status = KVSPAN_OK;
    }
    if (status == KVSPAN_OK && model->settings.sample) {
        verify_token(model, row->tag, position, layer, token);
    }
    if (status == KVSPAN_OK && model->comparison) {
        compare_token(model, row->tag, position, layer, token);
    }
    return status;
}

/* All ranks of a sequence group get all tokens; each answers for a part of them, by position, so
 * that a token computed again in another step comes to the same rank. */
static kvspan_status judge(kvspan_model *model, const kvspan_step_view *view, uint32_t layer,
                           kvspan_error *error)
{
    const kvspan_token_rule rule = { .page_tokens = model->shard.tokens.page_tokens,
                                     .member_count = model->shard.split_count };
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; i < view->row_count && model->answered.count > 0; i++) {
        const kvspan_row *const row = &view->rows[i];

        for (uint32_t j = 0; j < row->token_count && status == KVSPAN_OK; j++) {
            if (kvspan_token_owner(&rule, row->position + j) == model->shard.split_member) {
                status = judge_token(model, row, row->first_token + j, layer, error);
            }
        }
    }
    return status;
}

/* What the cache works with: q, k and v on the device, filled. */
static kvspan_status upload(kvspan_model *model, const kvspan_step_view *view, uint32_t layer,
                            kvspan_error *error)
{
    kvspan_status status;

    fill(model, view, layer);
    status = kvspan_step_tensors_upload(&model->memory, &model->q, error);
    if (status == KVSPAN_OK) {
        status = kvspan_step_tensors_upload(&model->memory, &model->k, error);
    }
    return status == KVSPAN_OK ? kvspan_step_tensors_upload(&model->memory, &model->v, error)
                               : status;
}

static kvspan_status append(kvspan_model *model, uint32_t layer, kvspan_error *error)
{
    const kvspan_tensor planes[2] = { kvspan_step_tensors_on_device(&model->memory, &model->k),
                                      kvspan_step_tensors_on_device(&model->memory, &model->v) };

    return kvspan_cache_append(model->cache, layer, planes, NULL, error);
}

/* out is the host's afterwards. */
static kvspan_status attend(kvspan_model *model, uint32_t layer, kvspan_error *error)
{
    const kvspan_attention attention = { .size = sizeof(attention),
                                         .scale = model->shape->scale,
                                         .soft_cap = model->shape->soft_cap,
                                         .q_heads = model->q_place,
                                         .out_heads = model->out_place };
    const kvspan_tensor q = kvspan_step_tensors_on_device(&model->memory, &model->q);
    kvspan_tensor out = kvspan_step_tensors_on_device(&model->memory, &model->out);
    kvspan_status status =
        kvspan_cache_attend(model->cache, layer, &q, &attention, &out, NULL, error);

    if (status == KVSPAN_OK) {
        status = kvspan_step_tensors_download(&model->memory, &model->out, error);
    }
    return status == KVSPAN_OK ? kvspan_step_tensors_wait(&model->memory, model->cache, error)
                               : status;
}

static kvspan_status run_layer(kvspan_model *model, const kvspan_step_view *view, uint32_t layer,
                               kvspan_error *error)
{
    kvspan_status status = upload(model, view, layer, error);

    if (status == KVSPAN_OK) {
        status = append(model, layer, error);
    }
    if (status == KVSPAN_OK && model->settings.flips_bit && !model->has_flipped) {
        status = flip_if_sampled(model, view, layer, error);
    }
    if (status == KVSPAN_OK) {
        status = attend(model, layer, error);
    }
    if (status == KVSPAN_OK && model->comparison) {
        const kvspan_tensor planes[2] = { model->k, model->v };

        status = kvspan_comparison_attend(model->comparison, layer, planes, &model->q, error);
    }
    if (status == KVSPAN_OK) {
        status = judge(model, view, layer, error);
    }
    return status;
}

/* A request whose last token this step appends will not come again. */
static kvspan_status finish_requests(kvspan_model *model, const kvspan_step_view *view,
                                     kvspan_error *error)
{
    for (uint32_t i = 0; i < view->row_count; i++) {
        const kvspan_row *const row = &view->rows[i];
        const kvspan_request *const request = &model->settings.requests[row->tag];

        if (row->position + row->token_count ==
            request->prompt_tokens + request->output_tokens - 1) {
            const kvspan_status status =
                kvspan_output_digest_finish_request(model->digest, row->tag, error);

            if (status != KVSPAN_OK) {
                return status;
            }
        }
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_model_step(kvspan_model *model, const kvspan_step_view *view,
                                kvspan_error *error)
{
    kvspan_status status =
        model->comparison ? kvspan_comparison_begin(model->comparison, view, error) : KVSPAN_OK;

    for (uint32_t layer = 0; status == KVSPAN_OK && layer < model->shape->layer_count; layer++) {
        status = run_layer(model, view, layer, error);
    }
    if (status == KVSPAN_OK && model->comparison) {
        status = kvspan_comparison_end(model->comparison, error);
    }
    return status == KVSPAN_OK ? finish_requests(model, view, error) : status;
}

kvspan_model_result kvspan_model_results(const kvspan_model *model)
{
    kvspan_model_result result = model->result;

    result.digest = kvspan_output_digest_total(model->digest);
    result.rows = kvspan_output_digest_rows(model->digest);
    if (model->comparison) {
        result.comparison = kvspan_comparison_results(model->comparison);
    }
    return result;
}
