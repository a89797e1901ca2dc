#include "support/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/cpu_devices.h"
#include "kernels/number_formats.h"
#include "kernels/page_format.h"
#include "support/random.h"

/* Sequences that span several splits, so that threads share them: the same bits whoever takes
 * which part. That they are right in every shape, the suites of all columns show. */

enum {
    KV_HEADS = 3,
    GROUP = 4,
    Q_HEADS = KV_HEADS * GROUP,
    DIM = 64,
    PAGE_TOKENS = 32,
    SEQUENCES = 4,
    COLUMNS = 290, /* pages of the longest sequence */
    PAGES = 1 + SEQUENCES * COLUMNS,
    MAX_TOKENS = 64,
    OUT_FLOATS = MAX_TOKENS * Q_HEADS * DIM,
    MAX_ITEMS = 64
};

/* First new position and new tokens: decode over several splits, a chunk over the border of one, a
 * short one. */
static const struct {
    uint64_t position;
    uint32_t token_count;
} rows[SEQUENCES] = { { 9200, 1 }, { 2040, 20 }, { 3, 17 }, { 2047, 1 } };

typedef struct world {
    kvspan_page_format format;
    unsigned char *arena;
    uint32_t table[SEQUENCES * COLUMNS];
    uint32_t starts[SEQUENCES + 1];
    uint32_t slots[SEQUENCES];
    uint16_t queries[OUT_FLOATS];
} world;

typedef struct answer {
    float out[OUT_FLOATS];
    float lse[MAX_TOKENS * Q_HEADS];
} answer;

/* A scale is about 2^-7; no code is NaN in any type. */
static void fill_head(const kvspan_plane_view *plane, unsigned char *head, random_source *source)
{
    const size_t bytes = (size_t)PAGE_TOKENS * plane->token_stride;

    for (size_t i = 0; i < bytes; i += 2) {
        const float value = (float)random_below(source, 4001) / 1000.0f - 2.0f;
        const uint16_t bf16 = kvspan_bf16_from_f32(value);
        const int8_t codes[2] = { (int8_t)((int)random_below(source, 125) - 126),
                                  (int8_t)((int)random_below(source, 126)) };

        if (plane->scale_offset) {
            memcpy(head + i, codes, 2);
        } else {
            memcpy(head + i, &bf16, 2);
        }
    }
    for (size_t i = 0; plane->scale_offset && i < PAGE_TOKENS; i++) {
        const float scale = (float)(random_below(source, 100) + 50) / 12800.0f;

        memcpy(head + plane->scale_offset + i * sizeof(scale), &scale, sizeof(scale));
    }
}

static world *make_world(kvspan_dtype dtype)
{
    random_source source = random_start("cpu_attend_pages", 11);
    world *it = calloc(1, sizeof(*it));
    const uint32_t heads[] = { KV_HEADS, KV_HEADS };
    kvspan_layer_group group = { .layer_count = 1, .q_heads = Q_HEADS, .plane_count = 2 };

    ck_assert_ptr_nonnull(it);
    for (uint32_t i = 0; i < 2; i++) {
        group.planes[i] = (kvspan_plane){ .role = i == 0 ? KVSPAN_KEY : KVSPAN_VALUE,
                                          .heads = KV_HEADS,
                                          .dim = DIM,
                                          .dtype = dtype,
                                          .scale_tokens = dtype == KVSPAN_BF16 ? 0 : 1 };
    }
    ck_assert_int_eq(kvspan_page_format_make(&group, heads, PAGE_TOKENS, PAGES, KVSPAN_PAGE_FIRST,
                                             &it->format, NULL),
                     KVSPAN_OK);
    kvspan_page_format_reorder(&it->format, KVSPAN_FORMAT_TILES);
    it->arena = aligned_alloc(KVSPAN_PAGE_ALIGNMENT, it->format.arena_bytes);
    ck_assert_ptr_nonnull(it->arena);
    for (uint32_t plane = 0; plane < 2; plane++) {
        const kvspan_plane_view view = kvspan_page_format_view(&it->format, it->arena, 0, plane);

        for (uint32_t i = 0; i < PAGES * KV_HEADS; i++) {
            fill_head(&view,
                      view.data + i / KV_HEADS * view.page_stride + i % KV_HEADS * view.head_stride,
                      &source);
        }
    }
    for (uint32_t i = 0; i < SEQUENCES * COLUMNS; i++) {
        it->table[i] = i + 1;
    }
    random_shuffle(&source, it->table, SEQUENCES * COLUMNS);
    for (uint32_t i = 0; i < SEQUENCES; i++) {
        it->slots[i] = i;
        it->starts[i + 1] = it->starts[i] + rows[i].token_count;
    }
    for (size_t i = 0; i < OUT_FLOATS; i++) {
        it->queries[i] = kvspan_bf16_from_f32((float)random_below(&source, 4001) / 1000.0f - 2.0f);
    }
    return it;
}

static void free_world(world *it)
{
    free(it->arena);
    free(it);
}

/* Which part is attended: q heads [first, first + count) of rows [first_row, row_end). */
typedef struct part {
    uint32_t first_head;
    uint32_t head_count;
    uint32_t first_row;
    uint32_t row_end;
    uint32_t window;
    uint32_t chunk_tokens; /* that are attended together; 0 = all of a row */
} part;

static kvspan_work_row row_from(const world *it, uint32_t row, uint32_t token, uint32_t token_count)
{
    return (kvspan_work_row){ .position = rows[row].position + token,
                              .slot = it->slots[row],
                              .first_token = it->starts[row] + token,
                              .token_count = token_count };
}

static void attend(const world *it, kvspan_device *device, const part *wanted, answer *to)
{
    const int64_t token_stride = (int64_t)Q_HEADS * DIM;
    const kvspan_token_rule rule = { .page_tokens = PAGE_TOKENS, .member_count = 1 };
    const size_t first = (size_t)wanted->first_head * DIM;
    kvspan_work_row work_rows[MAX_TOKENS];
    uint32_t row_count = 0;
    kvspan_work_item items[MAX_ITEMS];
    kvspan_attend_pages_args args = { .keys = kvspan_page_format_view(&it->format, it->arena, 0, 0),
                                      .values =
                                          kvspan_page_format_view(&it->format, it->arena, 0, 1),
                                      .rows = { .row_count = SEQUENCES,
                                                .token_count = it->starts[SEQUENCES],
                                                .row_starts = it->starts,
                                                .row_slots = it->slots,
                                                .page_table = it->table,
                                                .page_table_stride = COLUMNS,
                                                .rule = rule },
                                      .q = { .data = (void *)(it->queries + first),
                                             .dtype = KVSPAN_BF16,
                                             .heads = wanted->head_count,
                                             .dim = DIM,
                                             .tokens = it->starts[SEQUENCES],
                                             .token_stride = token_stride,
                                             .head_stride = DIM },
                                      .out = { .data = to->out + first,
                                               .dtype = KVSPAN_F32,
                                               .heads = wanted->head_count,
                                               .dim = DIM,
                                               .tokens = it->starts[SEQUENCES],
                                               .token_stride = token_stride,
                                               .head_stride = DIM },
                                      .lse = to->lse + wanted->first_head,
                                      .lse_stride = Q_HEADS,
                                      .q_first = wanted->first_head,
                                      .group_size = GROUP,
                                      .window = wanted->window,
                                      .scale = 0.125f };

    for (uint32_t i = wanted->first_row; i < wanted->row_end; i++) {
        const uint32_t chunk = wanted->chunk_tokens ? wanted->chunk_tokens : rows[i].token_count;

        for (uint32_t token = 0; token < rows[i].token_count; token += chunk) {
            const uint32_t left = rows[i].token_count - token;

            work_rows[row_count++] = row_from(it, i, token, left < chunk ? left : chunk);
        }
    }
    args.plan = kvspan_work_plan_make(work_rows, row_count, &rule, wanted->window,
                                      device->tile_tokens, items);
    ck_assert_uint_le(args.plan.item_count, MAX_ITEMS);
    ck_assert_int_eq(device->kernels->attend_pages(device, &args, NULL, NULL), KVSPAN_OK);
}

static const kvspan_dtype dtypes[] = { KVSPAN_BF16, KVSPAN_I8, KVSPAN_F8E4M3 };

static void expect_same(const answer *whole, const answer *parts)
{
    for (size_t i = 0; i < OUT_FLOATS; i++) {
        if (kvspan_bits_from_f32(whole->out[i]) != kvspan_bits_from_f32(parts->out[i])) {
            ck_abort_msg("token %zu, head %zu, element %zu is %.9g whole, %.9g in parts",
                         i / ((size_t)Q_HEADS * DIM), i / DIM % Q_HEADS, i % DIM,
                         (double)whole->out[i], (double)parts->out[i]);
        }
    }
    ck_assert_mem_eq(whole->lse, parts->lse, sizeof(whole->lse));
}

/* Every device once alone against the reference column, then part by part against itself. */
static void check_device(const world *it, int number, uint32_t window, const answer *reference)
{
    const part all = { 0, Q_HEADS, 0, SEQUENCES, window, 0 };
    const part chunks = { 0, Q_HEADS, 0, SEQUENCES, window, 5 };
    kvspan_device *const device = cpu_device_open(number);
    kvspan_device *const lone = device ? cpu_device_open(number / 3 * 3) : NULL;
    answer *const whole = calloc(1, sizeof(*whole));
    answer *const parts = calloc(1, sizeof(*parts));

    ck_assert(whole && parts);
    if (device) {
        attend(it, device, &all, whole);
        for (size_t i = 0; i < (size_t)it->starts[SEQUENCES] * Q_HEADS * DIM; i++) {
            if (!(fabsf(whole->out[i] - reference->out[i]) <= 5e-3f)) {
                ck_abort_msg("element %zu is %g, the reference column's %g", i,
                             (double)whole->out[i], (double)reference->out[i]);
            }
        }
        attend(it, lone, &all, parts);
        expect_same(whole, parts);
        memset(parts, 0, sizeof(*parts));
        attend(it, device, &chunks, parts);
        expect_same(whole, parts);
        memset(parts, 0, sizeof(*parts));
        /* Shares that are no multiple of a group, too: ranks that share a kv head have such. */
        for (uint32_t head = 0; head < Q_HEADS; head += 3) {
            for (uint32_t row = 0; row < SEQUENCES; row++) {
                const part share = { head, 3, row, row + 1, window, 0 };

                attend(it, device, &share, parts);
            }
        }
        expect_same(whole, parts);
    }
    kvspan_device_close(device);
    kvspan_device_close(lone);
    free(whole);
    free(parts);
}

START_TEST(bits_depend_on_no_thread_head_neighbour_or_chunk)
{
    const uint32_t window = _i % 2 == 0 ? 0 : 700;
    world *const it = make_world(dtypes[_i / 2]);
    const part all = { 0, Q_HEADS, 0, SEQUENCES, window, 0 };
    answer *const reference = calloc(1, sizeof(*reference));
    kvspan_device *device = NULL;

    ck_assert_ptr_nonnull(reference);
    ck_assert_int_eq(kvspan_device_open("reference", 0, &device, NULL), KVSPAN_OK);
    attend(it, device, &all, reference);
    kvspan_device_close(device);
    for (int number = 0; number < CPU_DEVICE_COUNT; number++) {
        check_device(it, number, window, reference);
    }
    free(reference);
    free_world(it);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/cpu/attend_pages");
    TCase *bits = tcase_create("bits");

    tcase_add_loop_test(bits, bits_depend_on_no_thread_head_neighbour_or_chunk, 0, 6);
    suite_add_tcase(suite, bits);
    return suite_run(suite);
}
