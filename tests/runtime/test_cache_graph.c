#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include <cuda_runtime_api.h>
#include <kvspan/cache.h>
#include <kvspan/cuda.h>

#include "support/oracle.h"
#include "support/random.h"

/* A step captured as a CUDA graph and replayed for others, against the same steps call by call and
 * against the oracle: contexts of several splits, rows that decode and rows of many tokens. */

enum {
    LAYERS = 2,
    KV_HEADS = 2,
    Q_HEADS = 8,
    DIM = 64,
    PAGE_TOKENS = 16,
    SEQUENCES = 4,
    STEP_TOKENS = 600,
    SEQUENCE_TOKENS = 1408, /* three splits */
    TIMEOUT_MS = 60000,
    ITEM_BYTES = 2
};

enum {
    ROLE_Q,
    ROLE_K,
    ROLE_V,
    ROLE_OUT,
    ROLES
};

static const uint64_t tensor_bytes = (uint64_t)STEP_TOKENS * Q_HEADS * DIM * ITEM_BYTES;

/* New tokens of every sequence; a sequence that gets none in later steps is freed. */
static const uint32_t long_contexts[2][SEQUENCES] = { { 0, 590, 0, 0 }, { 0, 590, 10, 0 } };
static const uint32_t later_steps[][SEQUENCES] = {
    { 0, 1, 0, 0 },  { 0, 2, 1, 40 }, { 0, 4, 4, 1 },
    { 21, 1, 1, 0 }, { 0, 0, 0, 0 },  { 1, 1, 1, 0 },
};

enum {
    LATER_STEPS = sizeof(later_steps) / sizeof(*later_steps)
};

typedef struct subject {
    kvspan_cache *cache;
    kvspan_sequence sequences[SEQUENCES];
    kvspan_step_view view;
    cudaStream_t stream;
    unsigned char *host[LAYERS][ROLES]; /* pinned */
    unsigned char *data[LAYERS][ROLES];
} subject;

static kvspan_device *device;
static subject eager;
static subject replayed;
static cudaStream_t capturing;
static double *stored[2]; /* keys, values: [sequence][layer][kv head][position][DIM] */

/* ---- numbers --------------------------------------------------------------------------------- */

static double number_of(uint32_t role, uint64_t tag, uint64_t position, uint32_t layer,
                        uint32_t head, uint32_t element)
{
    const uint64_t place =
        ((((tag * 8 + role) * 4096 + position) * LAYERS + layer) * Q_HEADS + head) * DIM + element;

    return (double)(random_mix(place) % 256) / 128.0 - 1.0;
}

static double *stored_of(uint32_t role, uint64_t tag, uint32_t layer, uint32_t head)
{
    return stored[role - ROLE_K] +
           ((tag * LAYERS + layer) * KV_HEADS + head) * SEQUENCE_TOKENS * DIM;
}

static void remember_all(void)
{
    for (uint32_t i = 0; i < 2 * SEQUENCES * LAYERS * KV_HEADS; i++) {
        const uint32_t head = i % KV_HEADS;
        const uint32_t layer = i / KV_HEADS % LAYERS;
        const uint64_t tag = i / (KV_HEADS * LAYERS) % SEQUENCES;
        const uint32_t role = ROLE_K + i / (KV_HEADS * LAYERS * SEQUENCES);
        double *const target = stored_of(role, tag, layer, head);

        for (uint64_t j = 0; j < (uint64_t)SEQUENCE_TOKENS * DIM; j++) {
            target[j] = number_of(role, tag, j / DIM, layer, head, (uint32_t)(j % DIM));
        }
    }
}

static const kvspan_row *row_of(const kvspan_step_view *view, uint32_t token)
{
    const kvspan_row *row = view->rows;

    while (token >= row->first_token + row->token_count) {
        row++;
    }
    return row;
}

/* ---- a cache and its tensors ----------------------------------------------------------------- */

static uint32_t heads_of(uint32_t role)
{
    return role == ROLE_K || role == ROLE_V ? KV_HEADS : Q_HEADS;
}

static void open_subject(subject *it)
{
    const kvspan_layer_group group = { .layer_count = LAYERS,
                                       .q_heads = Q_HEADS,
                                       .plane_count = 2,
                                       .planes = {
                                           { KVSPAN_KEY, KV_HEADS, DIM, KVSPAN_BF16, 0 },
                                           { KVSPAN_VALUE, KV_HEADS, DIM, KVSPAN_BF16, 0 } } };
    const kvspan_cache_config config = { .size = sizeof(config),
                                         .group_count = 1,
                                         .groups = &group,
                                         .page_tokens = PAGE_TOKENS,
                                         .slot_count = SEQUENCES,
                                         .max_sequence_tokens = SEQUENCE_TOKENS,
                                         .max_step_tokens = STEP_TOKENS,
                                         .page_count = 160,
                                         .memory_limit_bytes = 64u << 20 };
    kvspan_error error;

    memset(it, 0, sizeof(*it));
    ck_assert_msg(kvspan_cache_create(&config, device, NULL, &it->cache, &error) == KVSPAN_OK, "%s",
                  error.message);
    ck_assert_int_eq(cudaStreamCreateWithFlags(&it->stream, cudaStreamNonBlocking), cudaSuccess);
    for (uint32_t i = 0; i < LAYERS * ROLES; i++) {
        void *host = NULL;
        void *data = NULL;

        ck_assert_int_eq(kvspan_device_allocate_pinned(device, tensor_bytes, &host, NULL),
                         KVSPAN_OK);
        ck_assert_int_eq(kvspan_device_allocate(device, tensor_bytes, &data, NULL), KVSPAN_OK);
        it->host[i / ROLES][i % ROLES] = host;
        it->data[i / ROLES][i % ROLES] = data;
    }
}

static void close_subject(subject *it)
{
    for (uint32_t i = 0; i < LAYERS * ROLES; i++) {
        kvspan_device_release_pinned(device, it->host[i / ROLES][i % ROLES], tensor_bytes);
        kvspan_device_release(device, it->data[i / ROLES][i % ROLES], tensor_bytes);
    }
    kvspan_cache_destroy(it->cache);
    ck_assert_int_eq(cudaStreamDestroy(it->stream), cudaSuccess);
}

static kvspan_tensor tensor_of(const subject *it, uint32_t layer, uint32_t role, uint32_t tokens)
{
    return (kvspan_tensor){ .data = it->data[layer][role],
                            .dtype = KVSPAN_BF16,
                            .heads = heads_of(role),
                            .dim = DIM,
                            .tokens = tokens,
                            .token_stride = (int64_t)heads_of(role) * DIM,
                            .head_stride = DIM };
}

static void send(subject *it, uint32_t layer, uint32_t role)
{
    unsigned char *at = it->host[layer][role];

    for (uint32_t token = 0; token < it->view.token_count; token++) {
        const kvspan_row *const row = row_of(&it->view, token);

        for (uint32_t i = 0; i < heads_of(role) * DIM; i++, at += ITEM_BYTES) {
            oracle_store(KVSPAN_BF16, at,
                         number_of(role, row->tag, row->position + token - row->first_token, layer,
                                   i / DIM, i % DIM));
        }
    }
    ck_assert_int_eq(kvspan_device_copy(device, it->data[layer][role], it->host[layer][role],
                                        tensor_bytes, it->stream, NULL),
                     KVSPAN_OK);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static kvspan_status add_row(subject *it, kvspan_step *step, uint32_t number, uint32_t tokens)
{
    kvspan_ledger *const ledger = kvspan_cache_ledger(it->cache);
    const kvspan_sequence_config config = { .size = sizeof(config), .tag = number };
    kvspan_status status = KVSPAN_OK;

    if (it->sequences[number] == 0) {
        status = kvspan_sequence_create(ledger, &config, &it->sequences[number], NULL, NULL);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_step_add(step, it->sequences[number], tokens, NULL, NULL);
    }
    return status == KVSPAN_OK
               ? kvspan_sequence_commit(ledger, it->sequences[number], NULL, tokens, NULL, NULL)
               : status;
}

static void begin(subject *it, const uint32_t tokens[SEQUENCES])
{
    kvspan_step *step = NULL;
    kvspan_error error;

    ck_assert_int_eq(kvspan_step_open(kvspan_cache_ledger(it->cache), &step, NULL), KVSPAN_OK);
    for (uint32_t i = 0; i < SEQUENCES; i++) {
        if (tokens[i] > 0) {
            ck_assert_int_eq(add_row(it, step, i, tokens[i]), KVSPAN_OK);
        }
    }
    ck_assert_msg(kvspan_step_begin(it->cache, step, it->stream, TIMEOUT_MS, &it->view, &error) ==
                      KVSPAN_OK,
                  "%s", error.message);
    for (uint32_t i = 0; i < LAYERS * ROLE_OUT; i++) {
        send(it, i / ROLE_OUT, i % ROLE_OUT);
    }
}

static void append(const subject *it, uint32_t layer, uint32_t tokens, cudaStream_t stream)
{
    const kvspan_tensor planes[2] = { tensor_of(it, layer, ROLE_K, tokens),
                                      tensor_of(it, layer, ROLE_V, tokens) };
    kvspan_error error;

    ck_assert_msg(kvspan_cache_append(it->cache, layer, planes, stream, &error) == KVSPAN_OK, "%s",
                  error.message);
}

static void attend(const subject *it, uint32_t layer, uint32_t tokens, cudaStream_t stream)
{
    const kvspan_attention attention = { .size = sizeof(attention) };
    const kvspan_tensor q = tensor_of(it, layer, ROLE_Q, tokens);
    kvspan_tensor out = tensor_of(it, layer, ROLE_OUT, tokens);
    kvspan_error error;

    ck_assert_msg(kvspan_cache_attend(it->cache, layer, &q, &attention, &out, stream, &error) ==
                      KVSPAN_OK,
                  "%s", error.message);
}

static void call_layers(const subject *it, uint32_t tokens, cudaStream_t stream)
{
    for (uint32_t layer = 0; layer < LAYERS; layer++) {
        append(it, layer, tokens, stream);
        attend(it, layer, tokens, stream);
    }
}

static void end(subject *it)
{
    kvspan_error error;

    for (uint32_t layer = 0; layer < LAYERS; layer++) {
        ck_assert_int_eq(kvspan_device_copy(device, it->host[layer][ROLE_OUT],
                                            it->data[layer][ROLE_OUT], tensor_bytes, it->stream,
                                            NULL),
                         KVSPAN_OK);
    }
    ck_assert_int_eq(kvspan_step_end(it->cache, it->stream, NULL), KVSPAN_OK);
    ck_assert_msg(kvspan_cache_wait(it->cache, it->stream, TIMEOUT_MS, &error) == KVSPAN_OK, "%s",
                  error.message);
}

/* Contexts are filled without attending. */
static void fill(subject *it)
{
    for (uint32_t i = 0; i < 2; i++) {
        begin(it, long_contexts[i]);
        for (uint32_t layer = 0; layer < LAYERS; layer++) {
            append(it, layer, it->view.token_count, it->stream);
        }
        end(it);
    }
}

static void check_row(const subject *it, uint32_t layer, uint32_t token, uint32_t head)
{
    const kvspan_row *const row = row_of(&it->view, token);
    const uint64_t position = row->position + token - row->first_token;
    const unsigned char *const at =
        it->host[layer][ROLE_OUT] + ((uint64_t)token * Q_HEADS + head) * DIM * ITEM_BYTES;
    double q[DIM];
    double got[DIM];
    const uint32_t kv_head = head / (Q_HEADS / KV_HEADS);
    const oracle_query query = { .query = q,
                                 .keys = stored_of(ROLE_K, row->tag, layer, kv_head),
                                 .values = stored_of(ROLE_V, row->tag, layer, kv_head),
                                 .key_stride = DIM,
                                 .value_stride = DIM,
                                 .key_dim = DIM,
                                 .value_dim = DIM,
                                 .position = position,
                                 .page_tokens = PAGE_TOKENS,
                                 .member_count = 1,
                                 .member = ORACLE_ALL_MEMBERS,
                                 .scale = 0.125f };
    oracle_verdict verdict;

    for (uint32_t i = 0; i < DIM; i++) {
        q[i] = number_of(ROLE_Q, row->tag, position, layer, head, i);
        got[i] = oracle_load(KVSPAN_BF16, at + (size_t)i * ITEM_BYTES);
    }
    verdict = oracle_judge(&query, KVSPAN_BF16, KVSPAN_BF16, got);
    ck_assert_msg(verdict.error <= 2 * verdict.naive_error + 2 * verdict.ulp,
                  "sequence %u position %u layer %u head %u is off by %g", (unsigned)row->tag,
                  (unsigned)position, layer, head, verdict.error);
}

/* Every row has the bits of the other cache's and is right. */
static void compare(void)
{
    ck_assert_uint_eq(replayed.view.token_count, eager.view.token_count);
    for (uint32_t layer = 0; layer < LAYERS; layer++) {
        ck_assert_mem_eq(replayed.host[layer][ROLE_OUT], eager.host[layer][ROLE_OUT],
                         (size_t)eager.view.token_count * Q_HEADS * DIM * ITEM_BYTES);
        for (uint32_t token = 0; token < eager.view.token_count; token++) {
            for (uint32_t head = 0; head < Q_HEADS; head++) {
                check_row(&replayed, layer, token, head);
            }
        }
    }
}

/* On a stream of its own, within a step that it need not be for. */
static cudaGraphExec_t capture(size_t *node_count_out)
{
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;

    ck_assert_int_eq(cudaStreamBeginCapture(capturing, cudaStreamCaptureModeThreadLocal),
                     cudaSuccess);
    call_layers(&replayed, STEP_TOKENS, capturing);
    ck_assert_int_eq(cudaStreamEndCapture(capturing, &graph), cudaSuccess);
    ck_assert_int_eq(cudaGraphGetNodes(graph, NULL, node_count_out), cudaSuccess);
    ck_assert_int_eq(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
    ck_assert_int_eq(cudaGraphDestroy(graph), cudaSuccess);
    return exec;
}

static void run_both(const uint32_t tokens[SEQUENCES], cudaGraphExec_t graph)
{
    begin(&eager, tokens);
    call_layers(&eager, eager.view.token_count, eager.stream);
    end(&eager);
    begin(&replayed, tokens);
    ck_assert_int_eq(cudaGraphLaunch(graph, replayed.stream), cudaSuccess);
    end(&replayed);
    compare();
}

static void setup(void)
{
    ck_assert_int_eq(kvspan_device_open_cuda(0, &device, NULL), KVSPAN_OK);
    ck_assert_int_eq(cudaStreamCreateWithFlags(&capturing, cudaStreamNonBlocking), cudaSuccess);
    open_subject(&eager);
    open_subject(&replayed);
    for (uint32_t i = 0; i < 2; i++) {
        stored[i] =
            calloc((size_t)SEQUENCES * LAYERS * KV_HEADS * SEQUENCE_TOKENS * DIM, sizeof(**stored));
        ck_assert_ptr_nonnull(stored[i]);
    }
}

static void teardown(void)
{
    free(stored[0]);
    free(stored[1]);
    close_subject(&eager);
    close_subject(&replayed);
    ck_assert_int_eq(cudaStreamDestroy(capturing), cudaSuccess);
    kvspan_device_close(device);
}

/* Captured in a step without rows, so that nothing in the graph can be of the step. */
START_TEST(a_graph_of_an_empty_step_is_right_for_every_later_step)
{
    static const uint32_t nothing[SEQUENCES] = { 0 };
    size_t node_count = 0;
    cudaGraphExec_t graph;

    remember_all();
    fill(&eager);
    fill(&replayed);
    begin(&replayed, nothing);
    graph = capture(&node_count);
    ck_assert_uint_eq(node_count, (size_t)LAYERS * 2); /* append, attention */
    ck_assert_int_eq(cudaGraphLaunch(graph, replayed.stream), cudaSuccess);
    end(&replayed);
    begin(&eager, nothing);
    end(&eager);
    for (uint32_t i = 0; i < LATER_STEPS; i++) {
        run_both(later_steps[i], graph);
    }
    ck_assert_int_eq(cudaGraphExecDestroy(graph), cudaSuccess);
}
END_TEST

START_TEST(captured_calls_take_tensors_of_the_largest_step)
{
    static const uint32_t one[SEQUENCES] = { 1 };
    const kvspan_attention attention = { .size = sizeof(attention) };
    const kvspan_tensor planes[2] = { tensor_of(&replayed, 0, ROLE_K, 1),
                                      tensor_of(&replayed, 0, ROLE_V, 1) };
    const kvspan_tensor q = tensor_of(&replayed, 0, ROLE_Q, 1);
    kvspan_tensor out = tensor_of(&replayed, 0, ROLE_OUT, 1);
    cudaGraph_t graph = NULL;
    kvspan_error error;

    begin(&replayed, one);
    ck_assert_int_eq(cudaStreamBeginCapture(capturing, cudaStreamCaptureModeRelaxed), cudaSuccess);
    ck_assert_int_eq(kvspan_cache_append(replayed.cache, 0, planes, capturing, &error),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "planes[0] has 1 tokens, a captured call 600");
    ck_assert_int_eq(
        kvspan_cache_attend(replayed.cache, 0, &q, &attention, &out, capturing, &error),
        KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "q is [1 tokens][8 heads][64 dim], [600][8][64] is needed");
    ck_assert_int_eq(cudaStreamEndCapture(capturing, &graph), cudaSuccess);
    ck_assert_int_eq(cudaGraphDestroy(graph), cudaSuccess);
    call_layers(&replayed, 1, replayed.stream); /* not captured: of the step, as ever */
    end(&replayed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_graph");
    TCase *tests = tcase_create("graph");
    uint32_t count = 0;

    if (kvspan_cuda_count(&count, NULL) != KVSPAN_OK) {
        return TEST_SKIPPED;
    }
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, a_graph_of_an_empty_step_is_right_for_every_later_step);
    tcase_add_test(tests, captured_calls_take_tensors_of_the_largest_step);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
