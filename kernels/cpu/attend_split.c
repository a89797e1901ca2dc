#include "kernels/cpu/attend_split.h"

#include <math.h>
#include <string.h>

#include "kernels/cpu/digit_passes.h"
#include "kernels/reference/rows.h"

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

kvspan_attend_row kvspan_attend_row_of(const kvspan_attend_block *block, uint32_t row)
{
    const uint32_t group = block->heads.count / block->kv_head_count; /* q heads of a kv head */
    const uint32_t in_group = row % group;
    const uint32_t token = row / group % block->token_count;
    const uint32_t kv_head = row / group / block->token_count;

    return (kvspan_attend_row){ .token = block->first_token + token,
                                .head = block->heads.first + kv_head * group + in_group };
}

static void pack_query(const kvspan_attend_block *block, uint32_t row, const void *query)
{
    const kvspan_tensor *const q = &block->args->q;
    kvspan_tile_workspace *const work = block->tile.work;
    float elements[KVSPAN_TILE_MAX_DIM];

    if (block->tile.key_digits) {
        kvspan_row_load(q->dtype, query, q->dim, elements);
        block->tile.key_digits->pack_query(work, row, elements, q->dim);
    } else {
        block->kernels->pack_query(work, row, q->dtype, query, q->dim);
    }
}

static void begin_row(const kvspan_attend_block *block, uint32_t row)
{
    const kvspan_attend_pages_args *const args = block->args;
    kvspan_tile_workspace *const work = block->tile.work;
    const kvspan_attend_row place = kvspan_attend_row_of(block, row);
    const uint64_t position = block->item->position + place.token;
    const uint64_t lowest =
        args->window == 0 || position < args->window ? 0 : position - args->window + 1;

    work->row_begins[row] = kvspan_token_count(&args->rows.rule, lowest);
    work->row_ends[row] = kvspan_token_count(&args->rows.rule, position + 1);
    work->row_trees[row] =
        kvspan_tree_sight_of(&args->trees, block->item->first_token + place.token);
    pack_query(block, row,
               kvspan_row_address(&args->q, block->item->first_token + place.token, place.head));
}

void kvspan_attend_block_begin(kvspan_attend_block *block)
{
    const kvspan_attend_pages_args *const args = block->args;
    kvspan_tile_block *const tile = &block->tile;

    tile->row_count = block->token_count * block->heads.count;
    tile->head_count = block->kv_head_count;
    tile->head_rows = tile->row_count / tile->head_count;
    tile->page_tiles = args->rows.rule.page_tokens / KVSPAN_TILE_TOKENS;
    tile->key_head_stride = args->keys.head_stride;
    tile->value_head_stride = args->values.head_stride;
    tile->tree_rule = args->trees.words ? &args->rows.rule : NULL;
    block->index_begin = UINT64_MAX;
    block->index_end = 0;
    for (uint32_t row = 0; row < tile->row_count; row++) {
        begin_row(block, row);
        block->index_begin = earlier(block->index_begin, tile->work->row_begins[row]);
        block->index_end = later(block->index_end, tile->work->row_ends[row]);
    }
}

void kvspan_tile_hide_tokens(const kvspan_tile_block *block, const kvspan_tile_chunk *chunk,
                             uint32_t row)
{
    const kvspan_tree_sight *const tree = &block->work->row_trees[row];
    float *const scores = block->work->scores + (size_t)row * KVSPAN_CHUNK_TOKENS;
    const uint64_t begin =
        later(chunk->index, later(block->work->row_begins[row],
                                  kvspan_token_count(block->tree_rule, tree->first_position)));
    const uint64_t end = earlier(chunk->index + chunk->last, block->work->row_ends[row]);

    for (uint64_t index = begin; index < end && tree->words; index++) {
        if (kvspan_tree_hides(tree, kvspan_token_position(block->tree_rule, index))) {
            scores[index - chunk->index] = -INFINITY;
        }
    }
}

/* Where the tiles of a plane's head are: tile i of page p at base + p·page_stride +
 * i·tile_bytes. */
struct tile_plane {
    const kvspan_plane_view *view;
    const unsigned char *head;
    uint64_t tile_bytes;
};

static struct tile_plane find_plane(const kvspan_plane_view *view, uint32_t head)
{
    return (struct tile_plane){ .view = view,
                                .head = view->data + head * view->head_stride,
                                .tile_bytes = view->token_stride * KVSPAN_TILE_TOKENS };
}

/* What a split is made of. */
struct split {
    const kvspan_attend_block *block;
    struct tile_plane keys;
    struct tile_plane values;
    const uint32_t *table;
    uint32_t page_tokens;
    uint64_t begin; /* local tokens that are read */
    uint64_t end;
};

static const float *find_scales(const kvspan_plane_view *view, const unsigned char *page,
                                uint64_t token)
{
    return (const float *)(const void *)(page + view->scale_offset) + token;
}

/* Appends the tile that begins with a local token. */
static void find_tile(const struct split *split, uint64_t token, kvspan_tile_chunk *chunk)
{
    const kvspan_plane_view *const keys = split->keys.view;
    const kvspan_plane_view *const values = split->values.view;
    const uint64_t page = split->table[token / split->page_tokens];
    const uint64_t in_page = token % split->page_tokens;
    const uint64_t tile = in_page / KVSPAN_TILE_TOKENS;
    const unsigned char *const key_page = split->keys.head + page * keys->page_stride;
    const unsigned char *const value_page = split->values.head + page * values->page_stride;
    const uint32_t i = chunk->tile_count++;

    chunk->keys[i] = key_page + tile * split->keys.tile_bytes;
    chunk->values[i] = value_page + tile * split->values.tile_bytes;
    chunk->key_scales[i] = find_scales(keys, key_page, in_page);
    chunk->value_scales[i] = find_scales(values, value_page, in_page);
}

/* Fills the tiles of the chunk that begins at `index`; there is one at least. */
static void find_tiles(const struct split *split, uint64_t index, kvspan_tile_chunk *chunk)
{
    const uint64_t first = later(index, split->begin) / KVSPAN_TILE_TOKENS * KVSPAN_TILE_TOKENS;
    const uint64_t last = earlier(index + KVSPAN_CHUNK_TOKENS, split->end);

    chunk->index = first;
    chunk->first = (uint32_t)(later(index, split->begin) - first);
    chunk->last = (uint32_t)(last - first);
    chunk->tile_count = 0;
    for (uint64_t token = first; token < last; token += KVSPAN_TILE_TOKENS) {
        find_tile(split, token, chunk);
    }
}

/* The chunk behind the one at `index`, of the next split too, to be fetched meanwhile; at the end
 * what follows the block, or that one itself. */
static void find_next(const struct split *split, uint64_t index, const kvspan_tile_chunk *chunk,
                      kvspan_tile_chunk *next_out)
{
    struct split rest = *split;

    rest.end = split->block->index_end;
    if (index + KVSPAN_CHUNK_TOKENS < rest.end) {
        find_tiles(&rest, index + KVSPAN_CHUNK_TOKENS, next_out);
    } else {
        *next_out = split->block->follower ? *split->block->follower : *chunk;
    }
}

/* Folds a chunk while `next` is fetched. */
static void fold_chunk(const struct split *split, kvspan_tile_chunk *chunk,
                       const kvspan_tile_chunk *next)
{
    for (uint32_t i = 0; i < chunk->tile_count; i++) {
        const uint32_t tile = i < next->tile_count ? i : next->tile_count - 1;

        chunk->next_keys[i] = next->keys[tile];
        chunk->next_key_scales[i] = next->key_scales[tile];
    }
    split->block->kernels->fold_chunk(&split->block->tile, chunk);
}

static void clear_results(const kvspan_tile_block *tile)
{
    memset(tile->work->outputs, 0,
           (size_t)tile->row_count * tile->value_dim * sizeof(*tile->work->outputs));
    for (uint32_t row = 0; row < tile->row_count; row++) {
        tile->work->maxima[row] = -INFINITY;
        tile->work->sums[row] = 0.0f;
        tile->work->weight_sums[row] = 0.0f;
    }
}

/* Some tokens of the block's item. */
static struct split make_split(const kvspan_attend_block *block, uint64_t begin, uint64_t end)
{
    const kvspan_attend_pages_args *const args = block->args;

    return (struct split){ .block = block,
                           .keys = find_plane(&args->keys, block->kv_head),
                           .values = find_plane(&args->values, block->kv_head),
                           .table = args->rows.page_table +
                                    (uint64_t)block->item->slot * args->rows.page_table_stride,
                           .page_tokens = args->rows.rule.page_tokens,
                           .begin = begin,
                           .end = end };
}

int kvspan_attend_find_first(const kvspan_attend_block *block, kvspan_tile_chunk *chunk_out)
{
    const kvspan_work_item *const item = block->item;
    const struct split split = make_split(block, item->index_begin, item->index_end);

    if (item->index_begin >= item->index_end) {
        return 0;
    }
    find_tiles(&split, item->index_begin / KVSPAN_CHUNK_TOKENS * KVSPAN_CHUNK_TOKENS, chunk_out);
    return 1;
}

void kvspan_attend_split(const kvspan_attend_block *block, uint64_t number)
{
    const uint64_t first = number * KVSPAN_SPLIT_TOKENS;
    const struct split split = make_split(block, later(first, block->index_begin),
                                          earlier(first + KVSPAN_SPLIT_TOKENS, block->index_end));
    uint64_t index = split.begin / KVSPAN_CHUNK_TOKENS * KVSPAN_CHUNK_TOKENS;
    kvspan_tile_chunk chunk;

    clear_results(&block->tile);
    if (index >= split.end) {
        return;
    }
    find_tiles(&split, index, &chunk);
    for (; index < split.end; index += KVSPAN_CHUNK_TOKENS) {
        kvspan_tile_chunk next;

        find_next(&split, index, &chunk, &next);
        fold_chunk(&split, &chunk, &next);
        chunk = next;
    }
    block->kernels->finish_split(&block->tile);
}

void kvspan_partial_fold(const kvspan_partial *part, uint32_t value_dim,
                         const kvspan_partial *total)
{
    const float maximum = fmaxf(*part->maximum, *total->maximum);
    float part_factor;
    float total_factor;

    if (*part->sum == 0.0f) {
        return;
    }
    part_factor = expf(*part->maximum - maximum);
    total_factor = *total->sum == 0.0f ? 0.0f : expf(*total->maximum - maximum);
    for (uint32_t i = 0; i < value_dim; i++) {
        total->output[i] = total->output[i] * total_factor + part->output[i] * part_factor;
    }
    *total->sum = *total->sum * total_factor + *part->sum * part_factor;
    *total->maximum = maximum;
}

void kvspan_attend_store(const kvspan_attend_block *block, uint32_t row,
                         const kvspan_partial *total)
{
    const kvspan_attend_pages_args *const args = block->args;
    const kvspan_attend_row place = kvspan_attend_row_of(block, row);
    const uint64_t token = (uint64_t)block->item->first_token + place.token;
    const uint32_t head = place.head;
    const int is_empty = *total->sum == 0.0f;

    for (uint32_t i = 0; i < args->values.dim; i++) {
        total->output[i] = is_empty ? 0.0f : total->output[i] / *total->sum;
    }
    kvspan_row_store(args->out.dtype, total->output, args->values.dim,
                     kvspan_row_address(&args->out, token, head));
    if (args->lse) {
        args->lse[token * args->lse_stride + head] =
            is_empty ? -INFINITY : *total->maximum + logf(*total->sum);
    }
}
