#include "support/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/cpu_devices.h"
#include "kernels/number_formats.h"
#include "support/random.h"

/* The cpu column has to leave the very bytes that the reference column leaves, which writes
 * element by element where kvspan_element_offset() says. */

enum {
    MAX_ROWS = 4,
    CANARY = 0xa5,
    SLACK_BYTES = 64 /* of what is no token's, between one head and the next */
};

struct shape {
    const char *name;
    kvspan_element_order order;
    kvspan_dtype source;
    kvspan_dtype plane;
    bool has_scales;
    uint32_t dim;
    uint32_t page_tokens;
    uint32_t member_count;
    uint32_t heads;
    uint32_t row_count;
    struct {
        uint32_t position;
        uint32_t token_count;
    } rows[MAX_ROWS];
};

/* clang-format off */
static const struct shape shapes[] = {
    { "whole pages of key tiles", KVSPAN_ORDER_KEY_TILES, KVSPAN_BF16, KVSPAN_BF16, false,
      128, 32, 1, 2, 2, { { 0, 64 }, { 32, 160 } } },
    { "whole pages of value tiles", KVSPAN_ORDER_VALUE_TILES, KVSPAN_BF16, KVSPAN_BF16, false,
      128, 32, 1, 2, 2, { { 0, 64 }, { 32, 160 } } },
    { "chunks that begin and end within tiles", KVSPAN_ORDER_KEY_TILES, KVSPAN_BF16, KVSPAN_BF16,
      false, 64, 48, 1, 3, 4, { { 5, 100 }, { 47, 2 }, { 15, 18 }, { 90, 333 } } },
    { "value chunks that begin and end within tiles", KVSPAN_ORDER_VALUE_TILES, KVSPAN_BF16,
      KVSPAN_BF16, false, 64, 48, 1, 3, 4, { { 5, 100 }, { 47, 2 }, { 15, 18 }, { 90, 333 } } },
    { "decode", KVSPAN_ORDER_KEY_TILES, KVSPAN_BF16, KVSPAN_BF16, false,
      192, 16, 1, 8, 4, { { 0, 1 }, { 17, 1 }, { 46, 1 }, { 255, 1 } } },
    { "value decode", KVSPAN_ORDER_VALUE_TILES, KVSPAN_BF16, KVSPAN_BF16, false,
      16, 16, 1, 8, 4, { { 0, 1 }, { 17, 1 }, { 46, 1 }, { 255, 1 } } },
    { "members that share the tokens", KVSPAN_ORDER_KEY_TILES, KVSPAN_BF16, KVSPAN_BF16, false,
      128, 16, 3, 2, 2, { { 9, 200 }, { 100, 77 } } },
    { "members that share the values", KVSPAN_ORDER_VALUE_TILES, KVSPAN_F16, KVSPAN_F16, false,
      256, 32, 2, 2, 2, { { 9, 200 }, { 100, 77 } } },
    { "int8 keys with scales", KVSPAN_ORDER_KEY_TILES, KVSPAN_BF16, KVSPAN_I8, true,
      128, 256, 1, 2, 2, { { 3, 600 }, { 256, 31 } } },
    { "int8 values with scales", KVSPAN_ORDER_VALUE_TILES, KVSPAN_F32, KVSPAN_I8, true,
      80, 32, 1, 2, 2, { { 3, 300 }, { 256, 31 } } },
    { "e4m3 keys with scales", KVSPAN_ORDER_KEY_TILES, KVSPAN_F16, KVSPAN_F8E4M3, true,
      112, 16, 1, 2, 2, { { 3, 300 }, { 256, 31 } } },
    { "e4m3 values as they are", KVSPAN_ORDER_VALUE_TILES, KVSPAN_BF16, KVSPAN_F8E4M3, false,
      64, 32, 2, 2, 2, { { 3, 300 }, { 256, 31 } } },
    { "e5m2 keys as they are", KVSPAN_ORDER_KEY_TILES, KVSPAN_F32, KVSPAN_F8E5M2, false,
      16, 32, 1, 5, 2, { { 3, 300 }, { 256, 31 } } },
    { "e5m2 values with scales", KVSPAN_ORDER_VALUE_TILES, KVSPAN_BF16, KVSPAN_F8E5M2, true,
      128, 48, 1, 2, 2, { { 3, 300 }, { 256, 31 } } },
    { "codes that are codes already", KVSPAN_ORDER_KEY_TILES, KVSPAN_F8E4M3, KVSPAN_F8E4M3, false,
      96, 32, 1, 2, 2, { { 3, 300 }, { 256, 31 } } },
    { "rows of bf16", KVSPAN_ORDER_ROWS, KVSPAN_BF16, KVSPAN_BF16, false,
      80, 5, 1, 3, 2, { { 3, 300 }, { 256, 31 } } },
    { "rows of f32", KVSPAN_ORDER_ROWS, KVSPAN_F32, KVSPAN_F32, false,
      128, 24, 2, 2, 2, { { 3, 300 }, { 256, 31 } } },
    { "rows of int8", KVSPAN_ORDER_ROWS, KVSPAN_BF16, KVSPAN_I8, true,
      128, 12, 1, 2, 2, { { 3, 300 }, { 256, 31 } } },
    { "rows of e4m3 of an odd dim", KVSPAN_ORDER_ROWS, KVSPAN_F32, KVSPAN_F8E4M3, true,
      33, 16, 1, 2, 2, { { 3, 300 }, { 256, 31 } } },
    { "keys beyond the caches", KVSPAN_ORDER_KEY_TILES, KVSPAN_BF16, KVSPAN_BF16, false,
      128, 32, 1, 8, 1, { { 7, 600 } } },
    { "values beyond the caches", KVSPAN_ORDER_VALUE_TILES, KVSPAN_BF16, KVSPAN_BF16, false,
      128, 32, 1, 8, 1, { { 7, 600 } } },
    { "int8 keys beyond the caches", KVSPAN_ORDER_KEY_TILES, KVSPAN_BF16, KVSPAN_I8, true,
      128, 32, 1, 8, 1, { { 7, 1100 } } },
    { "int8 values beyond the caches", KVSPAN_ORDER_VALUE_TILES, KVSPAN_BF16, KVSPAN_I8, true,
      128, 32, 1, 8, 1, { { 7, 1100 } } },
    { "no rows", KVSPAN_ORDER_KEY_TILES, KVSPAN_BF16, KVSPAN_BF16, false,
      128, 16, 1, 2, 0, { { 0, 0 } } },
};
/* clang-format on */
enum {
    SHAPE_COUNT = sizeof(shapes) / sizeof(shapes[0])
};

struct step {
    kvspan_append_tokens_args args;
    uint64_t arena_bytes;
    uint32_t row_starts[MAX_ROWS + 1];
    uint32_t row_slots[MAX_ROWS];
    int32_t *positions;
    uint32_t *table;
    unsigned char *source;
};

static void *take(size_t bytes)
{
    void *data = calloc(1, bytes + 1);

    ck_assert_ptr_nonnull(data);
    return data;
}

/* Numbers of all magnitudes, and what has no magnitude. */
static float draw_number(random_source *source)
{
    static const float special[] = { NAN,    -NAN,  INFINITY, -INFINITY, 0.0f,     -0.0f,
                                     1e-42f, 3e38f, -3e38f,   127.5f,    -448.25f, 6e-8f };
    const uint32_t kind = random_below(source, 400);

    if (kind < sizeof(special) / sizeof(special[0])) {
        return special[kind];
    }
    return ldexpf((float)random_between(source, 0, 1u << 24) * 0x1p-23f - 1.0f,
                  (int)random_between(source, 0, 8) - 4);
}

/* Most vectors are plain; some are all zeros, some tiny, some hold a special number. */
static void fill_source(const struct shape *shape, uint64_t vectors, random_source *source,
                        unsigned char *data)
{
    const uint32_t item = kvspan_dtype_bytes(shape->source);

    for (uint64_t vector = 0; vector < vectors; vector++) {
        const uint32_t kind = random_below(source, 8);

        for (uint32_t i = 0; i < shape->dim; i++) {
            float value = kind == 0 ? 0.0f : draw_number(source);
            uint16_t half = 0;

            value = kind == 1 ? value * 1e-40f : value;
            value = kind > 3 && !(fabsf(value) < 100.0f) ? 1.0f : value;
            if (shape->source == KVSPAN_F32) {
                memcpy(data, &value, sizeof(value));
            } else if (item == 1) {
                *data = (unsigned char)random_below(source, 256);
            } else {
                half = shape->source == KVSPAN_BF16 ? kvspan_bf16_from_f32(value)
                                                    : kvspan_f16_from_f32(value);
                memcpy(data, &half, sizeof(half));
            }
            data += item;
        }
    }
}

static kvspan_plane_view make_plane(const struct shape *shape)
{
    const uint64_t token_bytes = (uint64_t)shape->dim * kvspan_dtype_bytes(shape->plane);
    const uint64_t data_bytes = shape->page_tokens * token_bytes;
    const uint64_t head_bytes = data_bytes + shape->page_tokens * sizeof(float) + SLACK_BYTES;

    return (kvspan_plane_view){ .page_stride = head_bytes * shape->heads + SLACK_BYTES,
                                .head_stride = head_bytes,
                                .token_stride = token_bytes,
                                .dtype = shape->plane,
                                .heads = shape->heads,
                                .dim = shape->dim,
                                .scale_offset = shape->has_scales ? data_bytes : 0,
                                .order = shape->order };
}

static void step_fini(struct step *step)
{
    free(step->source);
    free(step->table);
    free(step->positions);
}

static void step_init(struct step *step, const struct shape *shape, uint32_t member,
                      random_source *source)
{
    const kvspan_token_rule rule = { .page_tokens = shape->page_tokens,
                                     .member_count = shape->member_count,
                                     .member = member };
    uint32_t columns = 1;
    uint32_t tokens = 0;

    memset(step, 0, sizeof(*step));
    for (uint32_t row = 0; row < shape->row_count; row++) {
        const uint32_t end = shape->rows[row].position + shape->rows[row].token_count;
        const uint32_t pages = (uint32_t)kvspan_token_pages(&rule, end);

        step->row_starts[row] = tokens;
        step->row_slots[row] = shape->row_count - 1 - row;
        tokens += shape->rows[row].token_count;
        columns = pages > columns ? pages : columns;
    }
    step->row_starts[shape->row_count] = tokens;
    step->positions = take(tokens * sizeof(*step->positions));
    for (uint32_t row = 0; row < shape->row_count; row++) {
        for (uint32_t i = 0; i < shape->rows[row].token_count; i++) {
            step->positions[step->row_starts[row] + i] = (int32_t)(shape->rows[row].position + i);
        }
    }
    step->table = take((size_t)columns * MAX_ROWS * sizeof(*step->table));
    for (uint32_t i = 0; i < columns * MAX_ROWS; i++) {
        step->table[i] = i;
    }
    random_shuffle(source, step->table, columns * MAX_ROWS);
    step->source = take((size_t)tokens * (shape->heads + 1) * shape->dim * sizeof(float));
    fill_source(shape, (uint64_t)tokens * (shape->heads + 1), source, step->source);
    step->args = (kvspan_append_tokens_args){
        .rows = { .row_count = shape->row_count,
                  .token_count = tokens,
                  .row_starts = step->row_starts,
                  .row_slots = step->row_slots,
                  .positions = step->positions,
                  .page_table = step->table,
                  .page_table_stride = columns,
                  .rule = rule },
        .plane_count = 1,
        .planes = { { .view = make_plane(shape),
                      .source = { .data = step->source,
                                  .dtype = shape->source,
                                  .heads = shape->heads,
                                  .dim = shape->dim,
                                  .tokens = tokens,
                                  .token_stride =
                                      (int64_t)(shape->heads + 1) * shape->dim, /* with a gap */
                                  .head_stride = shape->dim } } }
    };
    step->arena_bytes = step->args.planes[0].view.page_stride * columns * MAX_ROWS;
}

/* What one column leaves of an arena full of canaries. */
static unsigned char *append(struct step *step, kvspan_device *device,
                             const kvspan_kernels *kernels)
{
    unsigned char *const arena = aligned_alloc(64, (step->arena_bytes + 63) / 64 * 64);

    ck_assert_ptr_nonnull(arena);
    memset(arena, CANARY, step->arena_bytes);
    step->args.planes[0].view.data = arena;
    ck_assert_int_eq(kernels->append_tokens(device, &step->args, NULL, NULL), KVSPAN_OK);
    return arena;
}

START_TEST(pages_are_those_of_the_reference_column)
{
    random_source source = random_start("append_tokens", 20);
    kvspan_device *const device = cpu_device_open(_i);

    for (int i = 0; device && i < SHAPE_COUNT; i++) {
        for (uint32_t member = 0; member < shapes[i].member_count; member++) {
            struct step step;
            unsigned char *expected;
            unsigned char *arena;
            uint64_t byte = 0;

            step_init(&step, &shapes[i], member, &source);
            expected = append(&step, NULL, &kvspan_kernels_reference);
            arena = append(&step, device, device->kernels);
            while (byte < step.arena_bytes && arena[byte] == expected[byte]) {
                byte++;
            }
            ck_assert_msg(byte == step.arena_bytes, "%s, member %u: byte %llu is %02x, not %02x",
                          shapes[i].name, member, (unsigned long long)byte, arena[byte],
                          expected[byte]);
            free(arena);
            free(expected);
            step_fini(&step);
        }
    }
    kvspan_device_close(device);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/cpu/append_tokens");
    TCase *append_case = tcase_create("append");

    tcase_add_loop_test(append_case, pages_are_those_of_the_reference_column, 0, CPU_DEVICE_COUNT);
    suite_add_tcase(suite, append_case);
    return suite_run(suite);
}
