/** @file
 * Prints what the cpu column's work on pages reaches beside memcpy of the same bytes, interleaved
 * in the same run. Not a test: nothing is judged.
 *
 * usage: bench_cpu [THREADS [ISA]], numbers as in kvspan_cpu_config
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/cpu/cpu_device.h"

enum {
    ROUNDS = 15,
    HEADS = 8,
    DIM = 128,
    PAGE_TOKENS = 32,
    CHUNK_TOKENS = 2048, /* of an append */
    ARENA_TOKENS = 131072,
    ARENA_PAGES = ARENA_TOKENS / PAGE_TOKENS,
    MAX_ITEM_BYTES = 2,
    HEAD_BYTES = PAGE_TOKENS * (DIM * MAX_ITEM_BYTES + 4),
    PAGE_BYTES = HEADS * HEAD_BYTES,
    POOL_RUNS = 2000
};

struct bench {
    kvspan_device *device;
    unsigned char *arena; /* of pages */
    unsigned char *source;
    unsigned char *target; /* of memcpy, as large as the arena */
    uint32_t table[ARENA_PAGES];
    int32_t positions[CHUNK_TOKENS];
    clockid_t clock;
    uint32_t round; /* takes appends to ever new pages, as a step does */
};

/* One thread is timed by what it got of its core, so that a busy machine can be measured on. */
static double seconds_now(const struct bench *bench)
{
    struct timespec now;

    (void)clock_gettime(bench->clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;

    return (left > right) - (left < right);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), compare);
    return values[ROUNDS / 2];
}

static void fail(const char *what)
{
    (void)fprintf(stderr, "bench_cpu: %s\n", what);
    exit(EXIT_FAILURE);
}

static unsigned char *take_memory(const struct bench *bench, uint64_t bytes)
{
    void *data = NULL;

    if (bench->device->ops->allocate(bench->device, bytes, &data, NULL) != KVSPAN_OK) {
        fail("no memory");
    }
    return data;
}

struct append_shape {
    const char *name;
    kvspan_element_order order;
    kvspan_dtype source;
    kvspan_dtype plane;
    int has_scales;
    uint32_t row_tokens; /* of each sequence: the chunk, or 1 */
};

static kvspan_append_tokens_args make_append(struct bench *bench, const struct append_shape *shape)
{
    const uint32_t first = bench->round++ * CHUNK_TOKENS % (ARENA_TOKENS - CHUNK_TOKENS);
    const uint64_t token_bytes = (uint64_t)DIM * kvspan_dtype_bytes(shape->plane);

    for (uint32_t i = 0; i < CHUNK_TOKENS; i++) {
        bench->positions[i] = (int32_t)(first / PAGE_TOKENS * PAGE_TOKENS + i);
    }
    return (kvspan_append_tokens_args){
        .rows = { .positions = bench->positions,
                  .page_table = bench->table,
                  .page_table_stride = ARENA_PAGES,
                  .rule = { .page_tokens = PAGE_TOKENS, .member_count = 1 } },
        .plane_count = 1,
        .planes = { { .view = { .data = bench->arena,
                                .page_stride = PAGE_BYTES,
                                .head_stride = PAGE_TOKENS * (token_bytes + 4),
                                .token_stride = token_bytes,
                                .dtype = shape->plane,
                                .heads = HEADS,
                                .dim = DIM,
                                .scale_offset = shape->has_scales ? PAGE_TOKENS * token_bytes : 0,
                                .order = shape->order },
                      .source = { .data = bench->source,
                                  .dtype = shape->source,
                                  .heads = HEADS,
                                  .dim = DIM,
                                  .tokens = CHUNK_TOKENS,
                                  .token_stride = (int64_t)HEADS * DIM,
                                  .head_stride = DIM } } }
    };
}

/* Of one append; a step of single tokens has CHUNK_TOKENS sequences, a page apart. */
static double time_append(struct bench *bench, const struct append_shape *shape)
{
    static const uint32_t slots[CHUNK_TOKENS];
    kvspan_append_tokens_args args = make_append(bench, shape);
    uint32_t starts[CHUNK_TOKENS + 1];
    const uint32_t row_count = CHUNK_TOKENS / shape->row_tokens;
    double start;

    for (uint32_t i = 0; i <= row_count; i++) {
        starts[i] = i * shape->row_tokens;
    }
    for (uint32_t i = 0; shape->row_tokens == 1 && i < CHUNK_TOKENS; i++) {
        bench->positions[i] = (int32_t)((i * PAGE_TOKENS + bench->round) % ARENA_TOKENS);
    }
    args.rows.row_count = row_count;
    args.rows.token_count = CHUNK_TOKENS;
    args.rows.row_starts = starts;
    args.rows.row_slots = slots;
    start = seconds_now(bench);
    (void)bench->device->kernels->append_tokens(bench->device, &args, NULL, NULL);
    return seconds_now(bench) - start;
}

/* Of as many bytes as the append before it wrote, to the same place in another arena. */
static double time_memcpy(const struct bench *bench, uint64_t bytes)
{
    const uint64_t offset = (uint64_t)bench->round * CHUNK_TOKENS / PAGE_TOKENS % (ARENA_PAGES / 2);
    const double start = seconds_now(bench);

    memcpy(bench->target + offset * PAGE_BYTES, bench->source, bytes);
    return seconds_now(bench) - start;
}

static void print_beside_memcpy(const char *name, double bytes, double *own, double *copied)
{
    const double seconds = median(own);
    const double reference = median(copied);

    (void)printf("%-34s %7.2f GB/s, memcpy %7.2f GB/s, ratio %.2f\n", name, 1e-9 * bytes / seconds,
                 1e-9 * bytes / reference, reference / seconds);
}

static void bench_append(struct bench *bench, const struct append_shape *shape)
{
    const uint64_t bytes = (uint64_t)CHUNK_TOKENS * HEADS *
                           (DIM * kvspan_dtype_bytes(shape->plane) + (shape->has_scales ? 4 : 0));
    double own[ROUNDS];
    double copied[ROUNDS];

    for (uint32_t i = 0; i < ROUNDS; i++) {
        own[i] = time_append(bench, shape);
        copied[i] = time_memcpy(bench, bytes);
    }
    print_beside_memcpy(shape->name, (double)bytes, own, copied);
}

static void bench_copy(struct bench *bench, uint32_t pair_count)
{
    uint32_t pairs[2 * 64];
    const kvspan_copy_pages_args args = { .data = bench->arena,
                                          .page_stride = 2 * (uint64_t)PAGE_BYTES,
                                          .copy_bytes = 2 * (uint64_t)PAGE_BYTES,
                                          .part_count = 1,
                                          .pairs = pairs,
                                          .pair_count = pair_count };
    const double bytes = (double)args.copy_bytes * pair_count;
    double own[ROUNDS];
    double copied[ROUNDS];

    for (size_t i = 0; i < pair_count; i++) {
        pairs[2 * i] = (uint32_t)i;
        pairs[2 * i + 1] = (uint32_t)(ARENA_PAGES / 2 - 1 - i);
    }
    for (uint32_t i = 0; i < ROUNDS; i++) {
        const double start = seconds_now(bench);

        (void)bench->device->kernels->copy_pages(bench->device, &args, NULL, NULL);
        own[i] = seconds_now(bench) - start;
        bench->round++;
        copied[i] = time_memcpy(bench, (uint64_t)bytes);
    }
    print_beside_memcpy("copy_pages", bytes, own, copied);
}

static void bench_checksum(struct bench *bench)
{
    static uint64_t checksums[ARENA_PAGES];
    const kvspan_checksum_pages_args args = { .data = bench->arena,
                                              .page_stride = PAGE_BYTES,
                                              .part_bytes = PAGE_BYTES,
                                              .part_count = 1,
                                              .pages = bench->table,
                                              .page_count = ARENA_PAGES / 4,
                                              .checksums = checksums };
    const double bytes = (double)args.part_bytes * args.page_count;
    double own[ROUNDS];
    double copied[ROUNDS];

    for (uint32_t i = 0; i < ROUNDS; i++) {
        const double start = seconds_now(bench);

        (void)bench->device->kernels->checksum_pages(bench->device, &args, NULL, NULL);
        own[i] = seconds_now(bench) - start;
        copied[i] = time_memcpy(bench, (uint64_t)bytes);
    }
    print_beside_memcpy("checksum_pages", bytes, own, copied);
}

static void bench_transcode(struct bench *bench, int to_rows)
{
    const struct append_shape shape = { .order = KVSPAN_ORDER_KEY_TILES,
                                        .source = KVSPAN_BF16,
                                        .plane = KVSPAN_BF16,
                                        .row_tokens = 1 };
    const kvspan_transcode_pages_args args = { .plane = make_append(bench, &shape).planes[0].view,
                                               .page_tokens = PAGE_TOKENS,
                                               .pages = bench->table,
                                               .page_count = 256,
                                               .rows = bench->target };
    const double bytes = 256.0 * PAGE_TOKENS * HEADS * DIM * 2;
    double own[ROUNDS];
    double copied[ROUNDS];

    for (uint32_t i = 0; i < ROUNDS; i++) {
        const double start = seconds_now(bench);

        (void)(to_rows ? bench->device->kernels->gather_pages
                       : bench->device->kernels->scatter_pages)(bench->device, &args, NULL, NULL);
        own[i] = seconds_now(bench) - start;
        copied[i] = time_memcpy(bench, (uint64_t)bytes);
    }
    print_beside_memcpy(to_rows ? "gather_pages bf16 keys" : "scatter_pages bf16 keys", bytes, own,
                        copied);
}

static void do_nothing(void *context, uint32_t thread)
{
    (void)context;
    (void)thread;
}

static void bench_pool(const struct bench *bench)
{
    kvspan_pool *const pool = kvspan_cpu_device_of(bench->device)->pool;
    double seconds[ROUNDS];

    for (uint32_t i = 0; i < ROUNDS; i++) {
        const double start = seconds_now(bench);

        for (uint32_t run = 0; run < POOL_RUNS; run++) {
            kvspan_pool_run(pool, do_nothing, NULL);
        }
        seconds[i] = (seconds_now(bench) - start) / POOL_RUNS;
    }
    (void)printf("%-34s %7.2f us a run, %u threads\n", "pool", 1e6 * median(seconds),
                 kvspan_pool_thread_count(pool));
}

int main(int argc, char **argv)
{
    static const struct append_shape shapes[] = {
        { "append bf16 keys", KVSPAN_ORDER_KEY_TILES, KVSPAN_BF16, KVSPAN_BF16, 0, CHUNK_TOKENS },
        { "append bf16 values", KVSPAN_ORDER_VALUE_TILES, KVSPAN_BF16, KVSPAN_BF16, 0,
          CHUNK_TOKENS },
        { "append bf16 rows", KVSPAN_ORDER_ROWS, KVSPAN_BF16, KVSPAN_BF16, 0, CHUNK_TOKENS },
        { "append int8 keys", KVSPAN_ORDER_KEY_TILES, KVSPAN_BF16, KVSPAN_I8, 1, CHUNK_TOKENS },
        { "append int8 values", KVSPAN_ORDER_VALUE_TILES, KVSPAN_BF16, KVSPAN_I8, 1, CHUNK_TOKENS },
        { "append e4m3 keys", KVSPAN_ORDER_KEY_TILES, KVSPAN_BF16, KVSPAN_F8E4M3, 1, CHUNK_TOKENS },
        { "append bf16 keys, one token each", KVSPAN_ORDER_KEY_TILES, KVSPAN_BF16, KVSPAN_BF16, 0,
          1 },
        { "append bf16 values, one token each", KVSPAN_ORDER_VALUE_TILES, KVSPAN_BF16, KVSPAN_BF16,
          0, 1 },
    };
    const kvspan_cpu_config config = { .size = sizeof(config),
                                       .thread_count = argc > 1 ? (uint32_t)atoi(argv[1]) : 1,
                                       .isa = argc > 2 ? (uint32_t)atoi(argv[2]) : 0 };
    static struct bench bench;
    kvspan_error error;

    if (kvspan_device_open_cpu(&config, &bench.device, &error) != KVSPAN_OK) {
        fail(error.message);
    }
    bench.clock = config.thread_count == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    bench.arena = take_memory(&bench, (uint64_t)ARENA_PAGES * PAGE_BYTES);
    bench.target = take_memory(&bench, (uint64_t)ARENA_PAGES * PAGE_BYTES);
    bench.source = take_memory(&bench, (uint64_t)ARENA_PAGES * PAGE_BYTES / 4);
    for (uint32_t i = 0; i < ARENA_PAGES; i++) {
        bench.table[i] = i;
    }
    for (size_t i = 0; i < (size_t)CHUNK_TOKENS * HEADS * DIM; i++) {
        const uint16_t value = (uint16_t)(0x3f80u + i * 2654435761u % 256);

        memcpy(bench.source + 2 * i, &value, sizeof(value));
    }
    (void)printf("%s, %u threads\n", kvspan_device_describe(bench.device).isa,
                 kvspan_device_describe(bench.device).thread_count);
    bench_pool(&bench);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        bench_append(&bench, &shapes[i]);
    }
    bench_copy(&bench, 64);
    bench_checksum(&bench);
    bench_transcode(&bench, 1);
    bench_transcode(&bench, 0);
    return EXIT_SUCCESS;
}
