#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "column.h"
#include "support/random.h"

/* Keys and values of one call, of unlike types, sizes and alignments, against a call of the
 * reference column for each. */

enum {
    PAGE_TOKENS = 16,
    PAGES = 12,
    COLUMNS = 4,
    ROWS = 3,
    TOKENS = 54, /* of which a step has 47 */
    CANARY = 0xa5
};

typedef struct plane_shape {
    kvspan_dtype source;
    kvspan_dtype plane;
    bool has_scales;
    uint32_t heads;
    uint32_t dim;
} plane_shape;

typedef struct pair_shape {
    const char *name;
    plane_shape planes[2];
} pair_shape;

/* clang-format off */
static const pair_shape pairs[] = {
    { "bf16", { { KVSPAN_BF16, KVSPAN_BF16, false, 2, 64 },
                { KVSPAN_BF16, KVSPAN_BF16, false, 2, 64 } } },
    { "keys are longer", { { KVSPAN_F16, KVSPAN_F16, false, 2, 192 },
                           { KVSPAN_F16, KVSPAN_F16, false, 2, 128 } } },
    { "keys have more heads", { { KVSPAN_F32, KVSPAN_F32, false, 3, 32 },
                                { KVSPAN_F32, KVSPAN_F32, false, 1, 32 } } },
    { "keys are not aligned", { { KVSPAN_BF16, KVSPAN_BF16, false, 1, 62 },
                                { KVSPAN_BF16, KVSPAN_BF16, false, 2, 64 } } },
    { "values are not aligned", { { KVSPAN_BF16, KVSPAN_BF16, false, 2, 64 },
                                  { KVSPAN_BF16, KVSPAN_BF16, false, 1, 5 } } },
    { "int8", { { KVSPAN_BF16, KVSPAN_I8, true, 2, 128 },
                { KVSPAN_BF16, KVSPAN_I8, true, 2, 128 } } },
    { "two types of 8 bits", { { KVSPAN_F16, KVSPAN_F8E4M3, false, 2, 192 },
                               { KVSPAN_F16, KVSPAN_I8, true, 3, 128 } } },
    { "8 bits without scales", { { KVSPAN_BF16, KVSPAN_F8E5M2, false, 2, 64 },
                                 { KVSPAN_BF16, KVSPAN_F8E4M3, false, 2, 64 } } },
    { "keys keep their type", { { KVSPAN_BF16, KVSPAN_BF16, false, 2, 192 },
                                { KVSPAN_BF16, KVSPAN_F8E4M3, true, 2, 128 } } },
    { "values keep their type", { { KVSPAN_F32, KVSPAN_F8E5M2, true, 2, 64 },
                                  { KVSPAN_F32, KVSPAN_F32, false, 2, 544 } } },
    { "odd keys keep their type", { { KVSPAN_F16, KVSPAN_F16, false, 2, 13 },
                                    { KVSPAN_F16, KVSPAN_F8E4M3, true, 2, 48 } } },
    { "odd values", { { KVSPAN_BF16, KVSPAN_I8, true, 2, 64 },
                      { KVSPAN_BF16, KVSPAN_F8E5M2, false, 2, 19 } } },
    { "long values", { { KVSPAN_BF16, KVSPAN_I8, true, 1, 512 },
                       { KVSPAN_BF16, KVSPAN_I8, true, 1, 528 } } },
    { "two types of source", { { KVSPAN_F32, KVSPAN_I8, true, 2, 64 },
                               { KVSPAN_BF16, KVSPAN_BF16, false, 2, 64 } } },
    { "two types of source and 8 bits", { { KVSPAN_BF16, KVSPAN_F8E4M3, true, 2, 64 },
                                          { KVSPAN_F32, KVSPAN_F8E4M3, true, 2, 64 } } },
};
/* clang-format on */

enum {
    PAIR_COUNT = sizeof(pairs) / sizeof(pairs[0])
};

/* Two rows that decode, and a chunk over four pages. A captured step counts tokens it does not
 * have. */
static const uint32_t row_starts[ROWS + 1] = { 0, 1, 46, 47 };
static const uint32_t row_slots[ROWS] = { 2, 0, 1 };
static const uint32_t first_positions[ROWS] = { 17, 9, 63 };

/* The memory of a plane. */
typedef struct plane_memory {
    unsigned char *source;
    unsigned char *pages;
    unsigned char *expected;
    uint64_t page_bytes; /* of all pages */
} plane_memory;

static void *take(uint64_t bytes)
{
    void *const data = malloc(bytes);

    ck_assert_ptr_nonnull(data);
    return data;
}

/* A number of everyday size, in the type's own bits; some are NaN or infinite. */
static void store_number(kvspan_dtype dtype, random_source *source, unsigned char *target)
{
    const uint32_t bits = (uint32_t)random_next(source);
    const bool is_special = random_below(source, 300) == 0;
    uint32_t number = (bits & 0x807fffffu) | (120u + bits % 13u) << 23; /* an f32 */

    if (dtype == KVSPAN_F16) {
        number = (bits & 0x83ffu) | (8u + bits % 13u) << 10;
        number = is_special ? number | 0x7c00u : number;
    } else {
        number = is_special ? number | 0x7f800000u : number;
        number = dtype == KVSPAN_BF16 ? number >> 16 : number;
    }
    memcpy(target, &number, kvspan_dtype_bytes(dtype)); /* little endian */
}

static kvspan_append_plane plane_begin(const plane_shape *shape, plane_memory *memory,
                                       random_source *source)
{
    const uint64_t token_bytes = (uint64_t)shape->dim * kvspan_dtype_bytes(shape->plane);
    const uint64_t head_bytes = PAGE_TOKENS * (token_bytes + (shape->has_scales ? 4 : 0));
    const uint64_t item_bytes = kvspan_dtype_bytes(shape->source);
    const uint64_t elements = (uint64_t)TOKENS * shape->heads * shape->dim;

    memory->page_bytes = head_bytes * shape->heads * PAGES;
    memory->source = take(elements * item_bytes);
    memory->pages = take(memory->page_bytes);
    memory->expected = take(memory->page_bytes);
    memset(memory->pages, CANARY, memory->page_bytes);
    memset(memory->expected, CANARY, memory->page_bytes);
    for (uint64_t i = 0; i < elements; i++) {
        store_number(shape->source, source, memory->source + i * item_bytes);
    }
    return (kvspan_append_plane){ .view = { .data = memory->pages,
                                            .page_stride = shape->heads * head_bytes,
                                            .head_stride = head_bytes,
                                            .token_stride = token_bytes,
                                            .dtype = shape->plane,
                                            .heads = shape->heads,
                                            .dim = shape->dim,
                                            .scale_offset =
                                                shape->has_scales ? PAGE_TOKENS * token_bytes : 0 },
                                  .source = { .data = memory->source,
                                              .dtype = shape->source,
                                              .heads = shape->heads,
                                              .dim = shape->dim,
                                              .tokens = TOKENS,
                                              .token_stride = (int64_t)shape->heads * shape->dim,
                                              .head_stride = shape->dim } };
}

static void plane_end(plane_memory *memory)
{
    free(memory->source);
    free(memory->pages);
    free(memory->expected);
}

static void expect(const kvspan_append_tokens_args *args, const plane_memory memory[2])
{
    for (uint32_t i = 0; i < 2; i++) {
        kvspan_append_tokens_args one = *args;

        one.plane_count = 1;
        one.planes[0] = args->planes[i];
        one.planes[0].view.data = memory[i].expected;
        (void)kvspan_kernels_reference.append_tokens(NULL, &one, NULL, NULL);
    }
}

static void check(const pair_shape *pair, const plane_memory memory[2])
{
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t byte = 0;

        while (byte < memory[i].page_bytes && memory[i].pages[byte] == memory[i].expected[byte]) {
            byte++;
        }
        ck_assert_msg(byte == memory[i].page_bytes, "%s, plane %u: byte %llu is %02x, not %02x",
                      pair->name, i, (unsigned long long)byte, memory[i].pages[byte],
                      memory[i].expected[byte]);
    }
}

static void run_pair(const pair_shape *pair, uint32_t member_count, uint32_t member,
                     bool is_captured, random_source *source)
{
    uint32_t page_table[ROWS * COLUMNS];
    int32_t positions[TOKENS];
    plane_memory memory[2];
    kvspan_append_tokens_args args = { .rows = { .row_count = ROWS,
                                                 .token_count =
                                                     is_captured ? TOKENS : row_starts[ROWS],
                                                 .row_starts = row_starts,
                                                 .row_slots = row_slots,
                                                 .positions = positions,
                                                 .page_table = page_table,
                                                 .page_table_stride = COLUMNS,
                                                 .rule = { .page_tokens = PAGE_TOKENS,
                                                           .member_count = member_count,
                                                           .member = member },
                                                 .is_captured = is_captured },
                                       .plane_count = 2 };

    for (uint32_t i = 0; i < ROWS * COLUMNS; i++) {
        page_table[i] = i;
    }
    random_shuffle(source, page_table, ROWS * COLUMNS);
    /* Where tokens would go that the step does not have: to a place of the second member. */
    for (uint32_t token = 0; token < TOKENS; token++) {
        positions[token] = PAGE_TOKENS;
    }
    for (uint32_t row = 0; row < ROWS; row++) {
        for (uint32_t token = row_starts[row]; token < row_starts[row + 1]; token++) {
            positions[token] = (int32_t)(first_positions[row] + token - row_starts[row]);
        }
    }
    for (uint32_t i = 0; i < 2; i++) {
        args.planes[i] = plane_begin(&pair->planes[i], &memory[i], source);
    }
    column_append_tokens(&args, KVSPAN_KEY, PAGES);
    expect(&args, memory);
    check(pair, memory);
    plane_end(&memory[0]);
    plane_end(&memory[1]);
}

START_TEST(keys_and_values_of_one_call_are_those_of_a_call_for_each)
{
    random_source source = random_start("planes", (uint64_t)_i);

    run_pair(&pairs[_i], 1, 0, false, &source);
    run_pair(&pairs[_i], 2, 1, true, &source);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/append_planes");
    TCase *planes = tcase_create("planes");

    tcase_add_loop_test(planes, keys_and_values_of_one_call_are_those_of_a_call_for_each, 0,
                        PAIR_COUNT);
    suite_add_tcase(suite, planes);
    return suite_run(suite);
}
