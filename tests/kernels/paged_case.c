#include "paged_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"

enum {
    LAYER_COUNT = 2,
    LAYER = 1,     /* the other one is NaN */
    PAGE_PAD = 48, /* bytes between pages, page-first */
    SPARE_SLOTS = 2,
    SPARE_PAGES = 3,
    POISON = 0xff, /* bytes of NaN in every type */
    NO_PAGE = 0x7fffffff
};

enum what {
    QUERY = 1,
    KEY = 2,
    VALUE = 3
};

void *paged_take_memory(size_t count, size_t bytes)
{
    void *data = calloc(count > 0 ? count : 1, bytes);

    ck_assert_ptr_nonnull(data);
    return data;
}

/* About normal: the sum of four uniform numbers, variance 1. */
static double content(enum what what, uint64_t sequence, uint64_t position, uint64_t head,
                      uint64_t element)
{
    const uint64_t place = (position * 4 + (uint64_t)what) << 32 | head << 16 | element;
    uint64_t bits = random_mix(random_mix(place) + sequence);
    double sum = 0.0;

    for (int i = 0; i < 4; i++) {
        sum += (double)(bits % 65536) / 65536.0 - 0.5;
        bits /= 65536;
    }
    return sum * sqrt(3.0);
}

static uint32_t length_of(const paged_row *row)
{
    return row->position + row->token_count;
}

uint32_t paged_case_q_heads(const paged_case *paged)
{
    const paged_shape *shape = &paged->shape;

    return shape->q_heads > 0 ? shape->q_heads : shape->kv_heads * shape->group_size;
}

uint32_t paged_first_q_head(const paged_shape *shape)
{
    return shape->q_heads > 0 ? shape->q_first : shape->kv_first * shape->group_size;
}

paged_shape paged_shape_default(void)
{
    return (paged_shape){ .tensor_dtype = KVSPAN_BF16,
                          .plane_dtype = KVSPAN_BF16,
                          .kv_heads = 2,
                          .group_size = 2,
                          .key_dim = 64,
                          .value_dim = 48,
                          .page_tokens = 16,
                          .member_count = 1,
                          .scale = 0.125f,
                          .row_count = 5,
                          .rows = { { .sequence = 1, .position = 37, .token_count = 1 },
                                    { .sequence = 2, .position = 13, .token_count = 9 },
                                    { .sequence = 3, .position = 0, .token_count = 20 },
                                    { .sequence = 4, .position = 0, .token_count = 1 },
                                    { .sequence = 5, .position = 79, .token_count = 1 } } };
}

void paged_shape_set_types(paged_shape *shape, uint32_t type)
{
    static const kvspan_dtype tensors[] = { KVSPAN_BF16, KVSPAN_F16, KVSPAN_F32 };
    static const struct {
        kvspan_dtype dtype;
        bool has_scales;
    } planes[] = { { KVSPAN_BF16, false },   { KVSPAN_F16, false },   { KVSPAN_F32, false },
                   { KVSPAN_I8, true },      { KVSPAN_F8E4M3, true }, { KVSPAN_F8E5M2, true },
                   { KVSPAN_F8E4M3, false }, { KVSPAN_F8E5M2, false } };

    ck_assert_uint_lt(type, PAGED_TYPE_COUNT);
    shape->tensor_dtype = tensors[type % 3];
    shape->plane_dtype = planes[type / 3].dtype;
    shape->value_dtype = 0;
    shape->has_scales = planes[type / 3].has_scales;
}

static kvspan_dtype plane_dtype(const paged_shape *shape, bool is_key)
{
    return is_key || shape->value_dtype == 0 ? shape->plane_dtype : shape->value_dtype;
}

static bool has_scales(const paged_shape *shape, bool is_key)
{
    return shape->has_scales && kvspan_dtype_bytes(plane_dtype(shape, is_key)) == 1;
}

/* Of one head in one page. */
static uint64_t head_bytes(const paged_shape *shape, bool is_key)
{
    const uint64_t dim = is_key ? shape->key_dim : shape->value_dim;
    const uint64_t token_bytes = dim * kvspan_dtype_bytes(plane_dtype(shape, is_key));

    return shape->page_tokens * (token_bytes + (has_scales(shape, is_key) ? sizeof(float) : 0));
}

static double *make_plane(const paged_shape *shape, const paged_row *row, enum what what,
                          uint32_t dim)
{
    const uint32_t length = length_of(row);
    double *plane = paged_take_memory((size_t)length * shape->kv_heads * dim, sizeof(*plane));
    double *next = plane;
    kvspan_dtype dtype = plane_dtype(shape, what == KEY);

    /* The others are rounded when they are stored. */
    dtype = kvspan_dtype_bytes(dtype) == 1 ? KVSPAN_F32 : dtype;
    for (uint32_t position = 0; position < length; position++) {
        for (uint32_t head = 0; head < shape->kv_heads; head++) {
            for (uint32_t i = 0; i < dim; i++) {
                *next++ = oracle_round(
                    dtype, content(what, row->sequence, position, shape->kv_first + head, i));
            }
        }
    }
    return plane;
}

static void make_contents(paged_case *paged)
{
    const paged_shape *shape = &paged->shape;
    const uint32_t q_heads = paged_case_q_heads(paged);
    double *next;

    for (uint32_t row = 0; row < shape->row_count; row++) {
        paged->row_starts[row + 1] = paged->row_starts[row] + shape->rows[row].token_count;
        paged->keys[row] = make_plane(shape, &shape->rows[row], KEY, shape->key_dim);
        paged->values[row] = make_plane(shape, &shape->rows[row], VALUE, shape->value_dim);
    }
    paged->token_count = paged->row_starts[shape->row_count];
    paged->positions = paged_take_memory(paged->token_count, sizeof(*paged->positions));
    paged->queries = paged_take_memory((size_t)paged->token_count * q_heads * shape->key_dim,
                                       sizeof(*paged->queries));
    next = paged->queries;
    for (uint32_t row = 0; row < shape->row_count; row++) {
        for (uint32_t i = 0; i < shape->rows[row].token_count; i++) {
            const uint32_t position = shape->rows[row].position + i;

            paged->positions[paged->row_starts[row] + i] = (int32_t)position;
            for (uint32_t element = 0; element < q_heads * shape->key_dim; element++) {
                const uint32_t head = paged_first_q_head(shape) + element / shape->key_dim;

                *next++ = oracle_round(shape->tensor_dtype,
                                       content(QUERY, shape->rows[row].sequence, position, head,
                                               element % shape->key_dim));
            }
        }
    }
}

/* The lowest position that a new token of the row sees. */
static uint32_t first_seen(const paged_shape *shape, const paged_row *row)
{
    const uint32_t first = row->position + 1;

    return shape->window == 0 || first < shape->window ? 0 : first - shape->window;
}

/* Gives random slots and random pages; only the columns with tokens that are seen name a page. */
static void make_page_table(paged_case *paged, random_source *source)
{
    const paged_shape *shape = &paged->shape;
    const uint32_t stretch = shape->page_tokens * shape->member_count;
    const uint32_t slot_count = shape->row_count + SPARE_SLOTS;
    uint32_t slots[PAGED_MAX_ROWS + SPARE_SLOTS];
    uint32_t used = 0;
    uint32_t *pages;

    paged->page_count = 1 + SPARE_PAGES;
    for (uint32_t row = 0; row < shape->row_count; row++) {
        const uint32_t columns = (length_of(&shape->rows[row]) + stretch - 1) / stretch;

        paged->page_count += columns;
        paged->columns = columns > paged->columns ? columns : paged->columns;
    }
    paged->columns++;
    paged->page_table =
        paged_take_memory((size_t)slot_count * paged->columns, sizeof(*paged->page_table));
    pages = paged_take_memory(paged->page_count, sizeof(*pages));
    for (uint32_t i = 0; i < slot_count * paged->columns; i++) {
        paged->page_table[i] = NO_PAGE;
    }
    for (uint32_t i = 0; i < paged->page_count - 1; i++) {
        pages[i] = i + 1;
    }
    for (uint32_t i = 0; i < slot_count; i++) {
        slots[i] = i;
    }
    random_shuffle(source, pages, paged->page_count - 1);
    random_shuffle(source, slots, slot_count);
    for (uint32_t row = 0; row < shape->row_count; row++) {
        paged->row_slots[row] = slots[row];
        for (uint32_t begin = first_seen(shape, &shape->rows[row]) / stretch * stretch;
             begin < length_of(&shape->rows[row]); begin += stretch) {
            paged->page_table[slots[row] * paged->columns + begin / stretch] = pages[used++];
        }
    }
    free(pages);
}

/* What the token hangs on; −1: on nothing new. */
static int32_t find_parent(const paged_shape *shape, const paged_row *row, uint32_t token)
{
    const uint64_t draw = random_mix((uint64_t)row->sequence << 32 | (row->position + token));

    return shape->trees == PAGED_CHAINS ? (int32_t)token - 1
                                        : (int32_t)token - 1 - (int32_t)(draw % 5 % (token + 1));
}

static bool *make_tree(const paged_shape *shape, const paged_row *row)
{
    const uint32_t count = row->token_count;
    bool *const tree = paged_take_memory((size_t)count * count, sizeof(*tree));

    for (uint32_t token = 0; token < count; token++) {
        const int32_t parent = find_parent(shape, row, token);

        if (parent >= 0) {
            memcpy(tree + (size_t)token * count, tree + (size_t)(uint32_t)parent * count,
                   count * sizeof(*tree));
        }
        tree[(size_t)token * count + token] = true;
    }
    return tree;
}

/* Appends a token's bits; those behind its own are set: they must not matter. */
static uint32_t add_words(uint32_t *words, const bool *seen, uint32_t token)
{
    for (uint32_t bit = 0; bit < (token / 32 + 1) * 32; bit++) {
        words[bit / 32] |= (bit > token || seen[bit] ? 1U : 0U) << bit % 32;
    }
    return token / 32 + 1;
}

static void make_trees(paged_case *paged)
{
    const paged_shape *shape = &paged->shape;
    uint32_t used = 3; /* in front of the first */

    if (shape->trees == PAGED_NO_TREES) {
        return;
    }
    paged->tree_tokens = paged_take_memory(paged->token_count, sizeof(*paged->tree_tokens));
    paged->tree_words = paged_take_memory(
        used + (size_t)paged->token_count * (paged->token_count / 32 + 1), sizeof(uint32_t));
    for (uint32_t row = 0; row < shape->row_count; row++) {
        const uint32_t count = shape->rows[row].token_count;

        if (shape->trees != PAGED_SOME_TREES || row % 2 == 1) {
            paged->trees[row] = make_tree(shape, &shape->rows[row]);
        }
        for (uint32_t token = 0; token < count; token++) {
            paged->tree_tokens[paged->row_starts[row] + token] =
                (kvspan_tree_token){ .first_word = paged->trees[row] ? used : KVSPAN_NO_TREE,
                                     .first_position = shape->rows[row].position };
            if (paged->trees[row]) {
                used += add_words(paged->tree_words + used,
                                  paged->trees[row] + (size_t)token * count, token);
            }
        }
    }
}

paged_case *paged_case_create(const paged_shape *shape, random_source *source)
{
    paged_case *paged = paged_take_memory(1, sizeof(*paged));

    paged->shape = *shape;
    make_contents(paged);
    make_page_table(paged, source);
    make_trees(paged);
    return paged;
}

void paged_case_destroy(paged_case *paged)
{
    for (uint32_t row = 0; row < PAGED_MAX_ROWS; row++) {
        free(paged->keys[row]);
        free(paged->values[row]);
        free(paged->trees[row]);
    }
    for (uint32_t member = 0; member < PAGED_MAX_MEMBERS; member++) {
        free(paged->arenas[member]);
    }
    free(paged->tree_tokens);
    free(paged->tree_words);
    free(paged->queries);
    free(paged->positions);
    free(paged->page_table);
    free(paged);
}

kvspan_plane_view paged_case_view(const paged_case *paged, uint32_t member, bool is_key)
{
    const paged_shape *shape = &paged->shape;
    const kvspan_dtype dtype = plane_dtype(shape, is_key);
    const uint64_t key_bytes = shape->kv_heads * head_bytes(shape, true);
    const uint64_t run_bytes = key_bytes + shape->kv_heads * head_bytes(shape, false);
    const uint64_t dim = is_key ? shape->key_dim : shape->value_dim;
    const uint64_t layer_stride = shape->is_layer_first ? run_bytes * paged->page_count : run_bytes;

    return (kvspan_plane_view){
        .data = paged->arenas[member] + LAYER * layer_stride + (is_key ? 0 : key_bytes),
        .page_stride = shape->is_layer_first ? run_bytes : LAYER_COUNT * run_bytes + PAGE_PAD,
        .head_stride = head_bytes(shape, is_key),
        .token_stride = dim * kvspan_dtype_bytes(dtype),
        .scale_offset =
            has_scales(shape, is_key) ? shape->page_tokens * dim * kvspan_dtype_bytes(dtype) : 0,
        .dtype = dtype,
        .heads = shape->kv_heads,
        .dim = (uint32_t)dim
    };
}

/* Where a token lies: its place in a page of a plane. */
typedef struct stored_token {
    kvspan_plane_view plane;
    unsigned char *page; /* NULL: behind the window */
    uint32_t offset;     /* in tokens */
} stored_token;

static stored_token find_token(const paged_case *paged, uint32_t row, uint32_t position,
                               bool is_key)
{
    const oracle_place place =
        oracle_find(paged->shape.page_tokens, paged->shape.member_count, position);
    const uint64_t page = paged->page_table[paged->row_slots[row] * paged->columns + place.column];
    const kvspan_plane_view plane = paged_case_view(paged, place.member, is_key);

    return (stored_token){ .plane = plane,
                           .page = page == NO_PAGE ? NULL : plane.data + page * plane.page_stride,
                           .offset = place.offset };
}

/* A head's vector. */
static unsigned char *find_vector(const stored_token *token, uint32_t head)
{
    return token->page + head * token->plane.head_stride +
           token->offset * token->plane.token_stride;
}

/* Its scale; NULL if there is none. */
static unsigned char *find_scale(const stored_token *token, uint32_t head)
{
    return token->plane.scale_offset ? token->page + head * token->plane.head_stride +
                                           token->plane.scale_offset + (size_t)token->offset * 4
                                     : NULL;
}

static void store_token(const paged_case *paged, uint32_t row, uint32_t position, bool is_key)
{
    const stored_token token = find_token(paged, row, position, is_key);
    const kvspan_dtype dtype = token.plane.dtype;
    const uint32_t dim = token.plane.dim;
    const uint64_t item_bytes = token.plane.token_stride / dim;
    double *source = (is_key ? paged->keys[row] : paged->values[row]) +
                     (size_t)position * token.plane.heads * dim;

    if (!token.page) {
        return;
    }
    for (uint32_t head = 0; head < token.plane.heads; head++, source += dim) {
        unsigned char *const vector = find_vector(&token, head);

        if (item_bytes == 1) {
            oracle_quantise(dtype, source, dim, vector, find_scale(&token, head));
            continue;
        }
        for (uint32_t i = 0; i < dim; i++) {
            oracle_store(dtype, vector + i * item_bytes, source[i]);
        }
    }
}

void paged_case_store(paged_case *paged)
{
    const paged_shape *shape = &paged->shape;
    const uint64_t run_bytes =
        shape->kv_heads * (head_bytes(shape, true) + head_bytes(shape, false));

    paged->arena_bytes = paged->page_count * (LAYER_COUNT * run_bytes + PAGE_PAD);
    for (uint32_t member = 0; member < shape->member_count; member++) {
        free(paged->arenas[member]);
        paged->arenas[member] = paged_take_memory(1, paged->arena_bytes);
        memset(paged->arenas[member], POISON, paged->arena_bytes);
    }
    for (uint32_t row = 0; row < shape->row_count; row++) {
        for (uint32_t position = 0; position < length_of(&shape->rows[row]); position++) {
            store_token(paged, row, position, true);
            store_token(paged, row, position, false);
        }
    }
}

void paged_case_poison(const paged_case *paged, uint32_t row, uint32_t position, bool is_key)
{
    const stored_token token = find_token(paged, row, position, is_key);

    for (uint32_t head = 0; head < token.plane.heads; head++) {
        memset(find_vector(&token, head), POISON, token.plane.token_stride);
        if (token.plane.scale_offset) {
            memset(find_scale(&token, head), POISON, 4);
        }
    }
}

void paged_case_store_infinity(const paged_case *paged, uint32_t row, uint32_t position)
{
    const stored_token token = find_token(paged, row, position, false);
    const uint16_t infinity = token.plane.dtype == KVSPAN_BF16 ? 0x7f80 : 0x7c00;

    for (uint32_t head = 0; head < token.plane.heads; head++) {
        for (uint32_t i = 0; i < token.plane.dim; i++) {
            memcpy(find_vector(&token, head) + i * sizeof(infinity), &infinity, sizeof(infinity));
        }
    }
}

void paged_case_poison_token(paged_case *paged, uint32_t row, uint32_t position)
{
    paged_case_poison(paged, row, position, true);
    paged_case_poison(paged, row, position, false);
}
