#include "kernels/reference/reference.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/reference/plane_vector.h"
#include "kernels/reference/rows.h"
#include "kernels/tree_mask.h"

/* Tokens are folded tile by tile; a tile begins where the local index is a multiple of
 * TILE_TOKENS, whatever page, chunk or batch it is in. That and the order within a tile are all
 * that a result's bits depend on. */
enum {
    TILE_TOKENS = 16,
    LANE_COUNT = 8,   /* queries that share the tiles they read */
    VECTOR_FLOATS = 8 /* partial sums of a dot product */
};

/* A lane is one query: one head of one token. */
struct lane {
    uint32_t token;       /* of the step */
    uint32_t head;        /* of q */
    uint64_t index_begin; /* local tokens [begin, end) it sees */
    uint64_t index_end;
    kvspan_tree_sight tree; /* which of them are hidden */
    float maximum;          /* of the logits folded so far */
    float sum;              /* of e^(logit − maximum) */
};

/* Keys and queries are padded with zeros to key_pitch. */
struct workspace {
    struct lane lanes[LANE_COUNT];
    float queries[LANE_COUNT * KVSPAN_MAX_DIM];
    float outputs[LANE_COUNT * KVSPAN_MAX_DIM];
    float keys[TILE_TOKENS * KVSPAN_MAX_DIM];
    float values[TILE_TOKENS * KVSPAN_MAX_DIM];
    float partial[KVSPAN_MAX_DIM];
};

static size_t key_pitch(const kvspan_attend_pages_args *args)
{
    return ((size_t)args->keys.dim + VECTOR_FLOATS - 1) / VECTOR_FLOATS * VECTOR_FLOATS;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* `pitch` is a multiple of VECTOR_FLOATS. */
static float dot(const float *restrict a, const float *restrict b, size_t pitch)
{
    float sums[VECTOR_FLOATS] = { 0 };

    for (size_t i = 0; i < pitch; i += VECTOR_FLOATS) {
        for (size_t lane = 0; lane < VECTOR_FLOATS; lane++) {
            sums[lane] += a[i + lane] * b[i + lane];
        }
    }
    for (size_t half = VECTOR_FLOATS / 2; half > 0; half /= 2) {
        for (size_t lane = 0; lane < half; lane++) {
            sums[lane] += sums[lane + half];
        }
    }
    return sums[0];
}

static void init_lane(const kvspan_attend_pages_args *args, const kvspan_work_item *item,
                      uint32_t item_token, uint32_t head, uint32_t number, struct workspace *work)
{
    const uint64_t position = item->position + item_token;
    const uint64_t lowest =
        args->window == 0 || position < args->window ? 0 : position - args->window + 1;
    const size_t pitch = key_pitch(args);
    const uint32_t dim = args->keys.dim;
    float *query = work->queries + number * pitch;
    struct lane *lane = &work->lanes[number];

    *lane =
        (struct lane){ .token = item->first_token + item_token,
                       .head = head,
                       .index_begin = kvspan_token_count(&args->rows.rule, lowest),
                       .index_end = kvspan_token_count(&args->rows.rule, position + 1),
                       .tree = kvspan_tree_sight_of(&args->trees, item->first_token + item_token),
                       .maximum = -INFINITY,
                       .sum = 0.0f };
    assert(lane->index_begin >= item->index_begin);
    assert(lane->index_end <= item->index_end);
    kvspan_row_load(args->q.dtype, kvspan_row_address(&args->q, lane->token, head), dim, query);
    memset(query + dim, 0, (pitch - dim) * sizeof(float));
    memset(work->outputs + (size_t)number * args->values.dim, 0, args->values.dim * sizeof(float));
}

/* Reads local tokens [begin, end) of one kv head as f32. */
static void load_tile(const kvspan_attend_pages_args *args, const uint32_t *table, uint32_t kv_head,
                      uint64_t begin, uint64_t end, struct workspace *work)
{
    const uint32_t page_tokens = args->rows.rule.page_tokens;
    const size_t pitch = key_pitch(args);

    for (uint64_t index = begin; index < end; index++) {
        const size_t place = index % TILE_TOKENS;
        float *key = work->keys + place * pitch;
        const kvspan_plane_token token = {
            .table = table, .page_tokens = page_tokens, .head = kv_head, .index = index
        };

        kvspan_plane_read(&args->keys, &token, key);
        memset(key + args->keys.dim, 0, (pitch - args->keys.dim) * sizeof(float));
        kvspan_plane_read(&args->values, &token, work->values + place * args->values.dim);
    }
}

static float logit(const kvspan_attend_pages_args *args, const float *query, const float *key)
{
    const float scaled = args->scale * dot(query, key, key_pitch(args));

    return args->soft_cap == 0.0f ? scaled : args->soft_cap * tanhf(scaled / args->soft_cap);
}

/* What a lane sees of a tile, in ascending order. */
struct tile_sight {
    size_t places[TILE_TOKENS];
    size_t count;
};

/* Of local tokens [begin, end), which are in one tile. */
static struct tile_sight find_places(const kvspan_token_rule *rule, const struct lane *lane,
                                     uint64_t begin, uint64_t end)
{
    struct tile_sight sight = { .count = 0 };

    for (uint64_t index = begin; index < end; index++) {
        if (!kvspan_tree_hides(&lane->tree, kvspan_token_position(rule, index))) {
            sight.places[sight.count++] = (size_t)(index % TILE_TOKENS);
        }
    }
    return sight;
}

/* partial = Σ weights · values over places of the tile. */
static void weigh_values(const float *weights, const float *values, const struct tile_sight *sight,
                         uint32_t dim, float *restrict partial)
{
    memset(partial, 0, dim * sizeof(float));
    for (size_t seen = 0; seen < sight->count; seen++) {
        const float weight = weights[seen];
        const float *value = values + sight->places[seen] * dim;

        for (size_t i = 0; i < dim; i++) {
            partial[i] += weight * value[i];
        }
    }
}

/* Folds places of the tile into a lane: what a query does not see is not touched. */
static void fold_tile(const kvspan_attend_pages_args *args, const struct tile_sight *sight,
                      uint32_t number, struct workspace *work)
{
    const size_t pitch = key_pitch(args);
    const uint32_t dim = args->values.dim;
    struct lane *lane = &work->lanes[number];
    float *restrict output = work->outputs + (size_t)number * dim;
    float weights[TILE_TOKENS];
    float maximum = lane->maximum;
    float sum = 0.0f;
    float shift;
    float factor;

    for (size_t seen = 0; seen < sight->count; seen++) {
        weights[seen] =
            logit(args, work->queries + number * pitch, work->keys + sight->places[seen] * pitch);
        maximum = fmaxf(maximum, weights[seen]);
    }
    /* Nothing but −inf so far must stay weight 0, not become e^(−inf + inf). */
    shift = maximum == -INFINITY ? 0.0f : maximum;
    for (size_t seen = 0; seen < sight->count; seen++) {
        weights[seen] = expf(weights[seen] - shift);
        sum += weights[seen];
    }
    factor = expf(lane->maximum - shift);
    weigh_values(weights, work->values, sight, dim, work->partial);
    for (size_t i = 0; i < dim; i++) {
        output[i] = output[i] * factor + work->partial[i];
    }
    lane->sum = lane->sum * factor + sum;
    lane->maximum = maximum;
}

/* Folds all tiles of [begin, end) into the first `lane_count` lanes. */
static void fold_tokens(const kvspan_attend_pages_args *args, const uint32_t *table,
                        uint32_t kv_head, uint64_t begin, uint64_t end, uint32_t lane_count,
                        struct workspace *work)
{
    for (uint64_t tile = begin / TILE_TOKENS * TILE_TOKENS; tile < end; tile += TILE_TOKENS) {
        const uint64_t tile_end = tile + TILE_TOKENS;

        load_tile(args, table, kv_head, later(tile, begin), earlier(tile_end, end), work);
        for (uint32_t number = 0; number < lane_count; number++) {
            const struct lane *const lane = &work->lanes[number];
            const struct tile_sight sight =
                find_places(&args->rows.rule, lane, later(tile, lane->index_begin),
                            earlier(tile_end, lane->index_end));

            if (sight.count > 0) {
                fold_tile(args, &sight, number, work);
            }
        }
    }
}

static void store_lane(const kvspan_attend_pages_args *args, uint32_t number,
                       struct workspace *work)
{
    const struct lane *lane = &work->lanes[number];
    float *output = work->outputs + (size_t)number * args->values.dim;
    const bool is_empty = lane->sum == 0.0f;

    for (size_t i = 0; i < args->values.dim; i++) {
        output[i] = is_empty ? 0.0f : output[i] / lane->sum;
    }
    kvspan_row_store(args->out.dtype, output, args->values.dim,
                     kvspan_row_address(&args->out, lane->token, lane->head));
    if (args->lse) {
        args->lse[lane->token * args->lse_stride + lane->head] =
            is_empty ? -INFINITY : lane->maximum + logf(lane->sum);
    }
}

/* Attends the tokens of an item with some q heads, all of one kv head. */
static void attend_heads(const kvspan_attend_pages_args *args, const kvspan_work_item *item,
                         uint32_t kv_head, kvspan_range heads, struct workspace *work)
{
    const uint32_t *table =
        args->rows.page_table + (uint64_t)item->slot * args->rows.page_table_stride;
    const uint64_t query_count = (uint64_t)item->token_count * heads.count;

    for (uint64_t first = 0; first < query_count; first += LANE_COUNT) {
        const uint32_t lane_count = (uint32_t)earlier(LANE_COUNT, query_count - first);
        uint64_t begin = item->index_end;
        uint64_t end = item->index_begin;

        for (uint32_t number = 0; number < lane_count; number++) {
            const uint64_t query = first + number;

            init_lane(args, item, (uint32_t)(query / heads.count),
                      heads.first + (uint32_t)(query % heads.count), number, work);
            begin = earlier(begin, work->lanes[number].index_begin);
            end = later(end, work->lanes[number].index_end);
        }
        fold_tokens(args, table, kv_head, begin, end, lane_count, work);
        for (uint32_t number = 0; number < lane_count; number++) {
            store_lane(args, number, work);
        }
    }
}

kvspan_status kvspan_reference_attend_pages(kvspan_device *device,
                                            const kvspan_attend_pages_args *args,
                                            kvspan_stream stream, kvspan_error *error)
{
    struct workspace work;

    (void)device;
    (void)stream;
    (void)error;
    assert(args->keys.dim <= KVSPAN_MAX_DIM);
    assert(args->values.dim <= KVSPAN_MAX_DIM);
    for (uint32_t i = 0; i < args->plan.item_count; i++) {
        uint32_t head = 0;

        while (head < args->q.heads) {
            const uint32_t kv_head = (args->q_first + head) / args->group_size;
            const uint32_t next = (kv_head + 1) * args->group_size - args->q_first;
            const uint32_t end = next < args->q.heads ? next : args->q.heads;

            attend_heads(args, &args->plan.items[i], kv_head - args->kv_first,
                         (kvspan_range){ .first = head, .count = end - head }, &work);
            head = end;
        }
    }
    return KVSPAN_OK;
}
