#include "support/suite.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cuda_runtime_api.h>
#include <kvspan/cuda.h>

#include "runtime/cache_fixture.h"
#include "support/stream_record.h"

/* How many kernels a layer of a step launches, as the stand-in of libcudart has recorded it. */

enum {
    SEQUENCES = 2,
    CONTEXT_TOKENS = 520, /* two splits */
    STEP_TOKENS = CONTEXT_TOKENS,
    LARGEST_DIM = 192,
    ITEM_BYTES = 2,
    LAYER_LAUNCHES = 2, /* append and attention */
    TIMEOUT_MS = 20000
};

/* New tokens of the sequences: a chunk, decode rows, and both. */
static const uint32_t steps[][SEQUENCES] = { { 0, 32 }, { 1, 1 }, { 1, 32 } };

static const kvspan_plane groups[][2] = {
    { { KVSPAN_KEY, 2, 64, KVSPAN_BF16, 0 }, { KVSPAN_VALUE, 2, 64, KVSPAN_BF16, 0 } },
    { { KVSPAN_KEY, 2, 192, KVSPAN_BF16, 0 }, { KVSPAN_VALUE, 2, 128, KVSPAN_BF16, 0 } },
    { { KVSPAN_KEY, 2, 64, KVSPAN_I8, 1 }, { KVSPAN_VALUE, 2, 64, KVSPAN_I8, 1 } },
    { { KVSPAN_KEY, 2, 64, KVSPAN_BF16, 0 }, { KVSPAN_VALUE, 2, 48, KVSPAN_F8E4M3, 1 } },
    { { KVSPAN_KEY, 2, 20, KVSPAN_F8E4M3, 0 }, { KVSPAN_VALUE, 2, 33, KVSPAN_BF16, 0 } },
};

enum {
    STEP_COUNT = sizeof(steps) / sizeof(steps[0]),
    GROUP_COUNT = sizeof(groups) / sizeof(groups[0])
};

static const kvspan_layer_group *group; /* the fixture's */
static cache_fixture fixture;
static kvspan_sequence sequences[SEQUENCES];
static cudaStream_t stream;
static void *zeros; /* what all tensors read */
static void *out;

static void expect(kvspan_status status, const kvspan_error *error)
{
    ck_assert_msg(status == KVSPAN_OK, "%s: %s", kvspan_status_name(status), error->message);
}

static uint64_t tensor_bytes(void)
{
    return (uint64_t)STEP_TOKENS * group->q_heads * LARGEST_DIM * ITEM_BYTES;
}

static void open_cache(const kvspan_plane planes[2])
{
    kvspan_error error = { .status = KVSPAN_OK };

    fixture = cache_fixture_make();
    group = &fixture.group;
    memcpy(fixture.group.planes, planes, 2 * sizeof(*planes));
    fixture.config.groups = group;
    fixture.config.max_sequence_tokens = (uint64_t)2 * CONTEXT_TOKENS;
    fixture.config.max_step_tokens = STEP_TOKENS;
    fixture.config.page_count = 120;
    fixture.config.memory_limit_bytes = 64u << 20;
    memset(sequences, 0, sizeof(sequences));
    expect(kvspan_device_open_cuda(0, &fixture.device, &error), &error);
    expect(kvspan_cache_create(&fixture.config, fixture.device, NULL, &fixture.cache, &error),
           &error);
    ck_assert_int_eq(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
    expect(kvspan_device_allocate(fixture.device, tensor_bytes(), &zeros, &error), &error);
    expect(kvspan_device_allocate(fixture.device, tensor_bytes(), &out, &error), &error);
}

static void close_cache(void)
{
    kvspan_device_release(fixture.device, zeros, tensor_bytes());
    kvspan_device_release(fixture.device, out, tensor_bytes());
    ck_assert_int_eq(cudaStreamDestroy(stream), cudaSuccess);
    cache_fixture_close(&fixture);
}

static kvspan_tensor tensor_of(void *data, uint32_t heads, uint32_t dim, uint32_t tokens)
{
    return (kvspan_tensor){ .data = data,
                            .dtype = KVSPAN_BF16,
                            .heads = heads,
                            .dim = dim,
                            .tokens = tokens,
                            .token_stride = (int64_t)heads * dim,
                            .head_stride = dim };
}

static uint32_t begin(const uint32_t tokens[SEQUENCES])
{
    kvspan_ledger *const ledger = kvspan_cache_ledger(fixture.cache);
    const kvspan_sequence_config config = { .size = sizeof(config), .tag = 7 };
    kvspan_step *step = NULL;
    kvspan_step_view view;
    kvspan_error error = { .status = KVSPAN_OK };

    expect(kvspan_step_open(ledger, &step, &error), &error);
    for (uint32_t i = 0; i < SEQUENCES; i++) {
        if (tokens[i] > 0 && sequences[i] == 0) {
            expect(kvspan_sequence_create(ledger, &config, &sequences[i], NULL, &error), &error);
        }
        if (tokens[i] > 0) {
            expect(kvspan_step_add(step, sequences[i], tokens[i], NULL, &error), &error);
        }
    }
    expect(kvspan_step_begin(fixture.cache, step, stream, TIMEOUT_MS, &view, &error), &error);
    return view.token_count;
}

static void append(uint32_t layer, uint32_t tokens)
{
    const kvspan_plane *const planes = group->planes;
    const kvspan_tensor tensors[2] = { tensor_of(zeros, planes[0].heads, planes[0].dim, tokens),
                                       tensor_of(zeros, planes[1].heads, planes[1].dim, tokens) };
    kvspan_error error = { .status = KVSPAN_OK };

    expect(kvspan_cache_append(fixture.cache, layer, tensors, stream, &error), &error);
}

static void attend(uint32_t layer, uint32_t tokens)
{
    const kvspan_attention attention = { .size = sizeof(attention) };
    const kvspan_tensor q = tensor_of(zeros, group->q_heads, group->planes[0].dim, tokens);
    kvspan_tensor result = tensor_of(out, group->q_heads, group->planes[1].dim, tokens);
    kvspan_error error = { .status = KVSPAN_OK };

    expect(kvspan_cache_attend(fixture.cache, layer, &q, &attention, &result, stream, &error),
           &error);
}

static void end(void)
{
    kvspan_error error = { .status = KVSPAN_OK };

    expect(kvspan_step_end(fixture.cache, stream, &error), &error);
    expect(kvspan_cache_wait(fixture.cache, stream, TIMEOUT_MS, &error), &error);
}

/* A long context for the first sequence. */
static void fill(void)
{
    static const uint32_t tokens[SEQUENCES] = { CONTEXT_TOKENS, 0 };
    const uint32_t token_count = begin(tokens);

    for (uint32_t layer = 0; layer < group->layer_count; layer++) {
        append(layer, token_count);
    }
    end();
}

static void run_step(const uint32_t *tokens)
{
    static const stream_label labels[] = { { "_ZN6kvspan", "kernel" }, { NULL, NULL } };
    static stream_record record; /* too large for the stack */
    const uint32_t token_count = begin(tokens);
    uint32_t launches = 0;
    uint64_t from;

    ck_assert_int_eq(cudaStreamSynchronize(stream), cudaSuccess);
    from = stream_record_end();
    for (uint32_t layer = 0; layer < group->layer_count; layer++) {
        append(layer, token_count);
        attend(layer, token_count);
    }
    ck_assert_int_eq(cudaStreamSynchronize(stream), cudaSuccess);
    ck_assert(stream_record_read(&record, from, labels));
    for (uint32_t i = 0; i < record.count; i++) {
        launches += record.operations[i].label != NULL;
    }
    ck_assert_uint_eq(launches, (uint64_t)group->layer_count * LAYER_LAUNCHES);
    ck_assert_uint_eq(record.count, launches); /* nothing is copied or waited for */
    end();
}

START_TEST(a_layer_appends_by_one_launch_and_attends_by_one)
{
    open_cache(groups[_i]);
    fill();
    for (int i = 0; i < STEP_COUNT; i++) {
        run_step(steps[i]);
    }
    close_cache();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_launches_cuda");
    TCase *launches = tcase_create("launches");
    const char *const record = getenv("KVSPAN_STANDIN_RECORD");
    int result;

    if (!record) {
        return TEST_SKIPPED; /* a GPU keeps no record */
    }
    tcase_add_loop_test(launches, a_layer_appends_by_one_launch_and_attends_by_one, 0, GROUP_COUNT);
    suite_add_tcase(suite, launches);
    result = suite_run(suite);
    (void)unlink(record);
    return result;
}
