/** @file
 * Prints what attention of the reference column reaches on one core. Not a test: nothing is judged.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/kernels.h"
#include "kernels/number_formats.h"

enum {
    PAGE_TOKENS = 16,
    KV_HEADS = 2,
    TILE_TOKENS = 16,
    TARGET_MS = 300
};

struct shape {
    const char *name;
    kvspan_dtype dtype;
    uint32_t group_size;
    uint32_t dim;
    uint32_t context_tokens;
    uint32_t new_tokens;
};

static double seconds_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Small numbers without a pattern that softmax could exploit. */
static void fill(kvspan_dtype dtype, unsigned char *data, size_t elements)
{
    uint32_t state = 1;

    for (size_t i = 0; i < elements; i++) {
        float value;

        state = state * 1664525u + 1013904223u;
        value = (float)(state >> 8) * 0x1p-23f - 1.0f;
        if (dtype == KVSPAN_F32) {
            memcpy(data + i * sizeof(value), &value, sizeof(value));
        } else {
            const uint16_t rounded = kvspan_bf16_from_f32(value);

            memcpy(data + i * sizeof(rounded), &rounded, sizeof(rounded));
        }
    }
}

static void *take_memory(size_t bytes)
{
    void *data = calloc(1, bytes);

    if (!data) {
        (void)fprintf(stderr, "bench_reference: no memory for %zu bytes\n", bytes);
        exit(EXIT_FAILURE);
    }
    return data;
}

static kvspan_plane_view make_plane(const struct shape *shape, unsigned char *arena,
                                    uint64_t plane_offset, uint64_t page_bytes)
{
    const uint64_t token_bytes = (uint64_t)shape->dim * kvspan_dtype_bytes(shape->dtype);

    return (kvspan_plane_view){ .data = arena + plane_offset,
                                .page_stride = page_bytes,
                                .head_stride = PAGE_TOKENS * token_bytes,
                                .token_stride = token_bytes,
                                .dtype = shape->dtype,
                                .heads = KV_HEADS,
                                .dim = shape->dim };
}

static kvspan_tensor make_tensor(const struct shape *shape, unsigned char *data)
{
    const uint32_t heads = KV_HEADS * shape->group_size;

    return (kvspan_tensor){ .data = data,
                            .dtype = shape->dtype,
                            .heads = heads,
                            .dim = shape->dim,
                            .tokens = shape->new_tokens,
                            .token_stride = (int64_t)heads * shape->dim,
                            .head_stride = shape->dim };
}

/* Repeats until TARGET_MS are over; gives seconds per call. */
static double measure(const kvspan_attend_pages_args *args)
{
    const double start = seconds_now();
    double elapsed = 0.0;
    uint32_t calls = 0;

    while (elapsed < 1e-3 * TARGET_MS) {
        (void)kvspan_kernels_reference.attend_pages(NULL, args, NULL, NULL);
        calls++;
        elapsed = seconds_now() - start;
    }
    return elapsed / calls;
}

static double visible_pairs(const struct shape *shape)
{
    double pairs = 0.0;

    for (uint32_t i = 0; i < shape->new_tokens; i++) {
        pairs += shape->context_tokens + i + 1.0;
    }
    return pairs * KV_HEADS * shape->group_size;
}

static void bench_shape(const struct shape *shape)
{
    const uint32_t tokens = shape->context_tokens + shape->new_tokens;
    const uint32_t page_count = (tokens + PAGE_TOKENS - 1) / PAGE_TOKENS;
    const size_t item_bytes = kvspan_dtype_bytes(shape->dtype);
    const uint64_t plane_bytes = (uint64_t)KV_HEADS * PAGE_TOKENS * shape->dim * item_bytes;
    const size_t query_elements =
        (size_t)shape->new_tokens * KV_HEADS * shape->group_size * shape->dim;
    unsigned char *arena = take_memory(2 * plane_bytes * page_count);
    unsigned char *queries = take_memory(query_elements * item_bytes);
    unsigned char *outputs = take_memory(query_elements * item_bytes);
    uint32_t *table = take_memory(page_count * sizeof(*table));
    kvspan_work_item *items = take_memory((shape->new_tokens + 1) * sizeof(*items));
    const kvspan_token_rule rule = { .page_tokens = PAGE_TOKENS, .member_count = 1 };
    const kvspan_work_row row = { .position = shape->context_tokens,
                                  .token_count = shape->new_tokens };
    const kvspan_attend_pages_args args = {
        .keys = make_plane(shape, arena, 0, 2 * plane_bytes),
        .values = make_plane(shape, arena, plane_bytes, 2 * plane_bytes),
        .rows = { .page_table = table, .page_table_stride = page_count, .rule = rule },
        .plan = kvspan_work_plan_make(&row, 1, &rule, 0, TILE_TOKENS, items),
        .q = make_tensor(shape, queries),
        .out = make_tensor(shape, outputs),
        .group_size = shape->group_size,
        .scale = 0.1f,
    };
    double seconds;

    fill(shape->dtype, arena, 2 * plane_bytes * page_count / item_bytes);
    fill(shape->dtype, queries, query_elements);
    for (uint32_t i = 0; i < page_count; i++) {
        table[i] = page_count - 1 - i;
    }
    seconds = measure(&args);
    (void)printf("%-22s %8.3f ms %7.2f GFLOP/s\n", shape->name, 1e3 * seconds,
                 4e-9 * shape->dim * visible_pairs(shape) / seconds);
    free(items);
    free(table);
    free(outputs);
    free(queries);
    free(arena);
}

int main(void)
{
    const struct shape shapes[] = {
        { "decode bf16 g=1 d=128", KVSPAN_BF16, 1, 128, 4095, 1 },
        { "decode bf16 g=4 d=64", KVSPAN_BF16, 4, 64, 4095, 1 },
        { "decode bf16 g=8 d=128", KVSPAN_BF16, 8, 128, 4095, 1 },
        { "decode f32 g=4 d=128", KVSPAN_F32, 4, 128, 4095, 1 },
        { "prefill bf16 g=4 d=64", KVSPAN_BF16, 4, 64, 1024, 256 },
        { "prefill bf16 g=4 d=128", KVSPAN_BF16, 4, 128, 1024, 256 },
        { "prefill f32 g=1 d=80", KVSPAN_F32, 1, 80, 1024, 256 },
    };

    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        bench_shape(&shapes[i]);
    }
    return EXIT_SUCCESS;
}
