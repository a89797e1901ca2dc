#include "runtime/cuda_story.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cuda_runtime_api.h>
#include <kvspan/cache.h>
#include <kvspan/cuda.h>
#include <kvspan/nccl.h>

#include "kernels/device.h"
#include "support/random.h"

enum {
    STEPS = 3,
    LAYERS = 2,
    STREAMS = 2,
    STEP_TOKENS = 6,
    KV_HEADS = 2,
    Q_HEADS = 4,
    DIM = 64,
    PAGE_TOKENS = 4,
    FORK_POSITION = 5,
    IN_BYTES = STEP_TOKENS * Q_HEADS * DIM * 2,
    OUT_BYTES = STEP_TOKENS * Q_HEADS * DIM * 2,
    SINK_BYTES = 4096,
    ENDING_MS = 3000 /* of what a failure has cut off */
};

typedef struct rank_story {
    const cuda_story *story;
    cuda_story_end *end;
    kvspan_comm *comm;
    kvspan_device *device;
    kvspan_cache *cache;
    kvspan_shard shard;
    kvspan_stream streams[STREAMS];
    uint32_t stream_count;
    unsigned char *host;   /* pinned: what goes in, then what came out */
    unsigned char *memory; /* on the device, alike; behind it the sinks, zeros */
    kvspan_sequence sequences[2];
} rank_story;

static void break_promise(rank_story *it, const char *text)
{
    if (it->end->broken[0] == '\0') {
        (void)snprintf(it->end->broken, sizeof(it->end->broken), "%s", text);
    }
}

static void expect(rank_story *it, int is_kept, const char *text)
{
    if (!is_kept) {
        break_promise(it, text);
    }
}

typedef kvspan_status (*outside_call)(rank_story *it, kvspan_error *error);

/* Nothing happened, so that once more is allowed. */
static int try_twice(rank_story *it, outside_call call)
{
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_status status = call(it, &error);

    if (status != KVSPAN_OK) {
        it->end->retried = error;
        expect(it, error.status == status, "the error has another status than the call");
        status = call(it, &error);
    }
    expect(it, status == KVSPAN_OK, error.message);
    return status == KVSPAN_OK;
}

static kvspan_status open_device(rank_story *it, kvspan_error *error)
{
    const kvspan_status status =
        kvspan_device_open_cuda(kvspan_comm_rank(it->comm), &it->device, error);

    expect(it, status == KVSPAN_OK || !it->device, "a device that did not open was written");
    return status;
}

static kvspan_status use_nccl(rank_story *it, kvspan_error *error)
{
    return kvspan_comm_use_nccl(it->comm, NULL, NULL, error);
}

static kvspan_status take_host(rank_story *it, kvspan_error *error)
{
    void *data = NULL;
    const kvspan_status status =
        kvspan_device_allocate_pinned(it->device, IN_BYTES + OUT_BYTES, &data, error);

    expect(it, status == KVSPAN_OK || !data, "memory that was not given was written");
    it->host = data;
    return status;
}

static kvspan_status take_memory(rank_story *it, kvspan_error *error)
{
    void *data = NULL;
    const kvspan_status status =
        kvspan_device_allocate(it->device, IN_BYTES + OUT_BYTES + SINK_BYTES, &data, error);

    expect(it, status == KVSPAN_OK || !data, "memory that was not given was written");
    it->memory = data;
    return status;
}

static kvspan_status take_stream(rank_story *it, kvspan_error *error)
{
    return it->device->ops->create_stream(it->device, &it->streams[it->stream_count], error);
}

static kvspan_status upload(rank_story *it, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; status == KVSPAN_OK && i < STREAMS; i++) {
        status =
            kvspan_device_copy(it->device, it->memory, it->host, IN_BYTES, it->streams[i], error);
    }
    return status;
}

/* Small numbers of bf16, none like its neighbours. */
static void fill(rank_story *it)
{
    for (size_t i = 0; i < IN_BYTES / 2; i++) {
        it->host[2 * i] = (unsigned char)random_mix(i);
        it->host[2 * i + 1] = (unsigned char)(0x3e | (random_mix(i) >> 56 & 0x80));
    }
}

static int open_all(rank_story *it)
{
    if (!try_twice(it, open_device) || (it->story->is_by_nccl && !try_twice(it, use_nccl)) ||
        !try_twice(it, take_host) || !try_twice(it, take_memory)) {
        return 0;
    }
    for (uint32_t i = 0; i < STREAMS; i++) {
        if (!try_twice(it, take_stream)) {
            return 0;
        }
        it->stream_count++;
    }
    fill(it);
    return try_twice(it, upload);
}

static void close_all(rank_story *it)
{
    for (uint32_t i = 0; i < it->stream_count; i++) {
        it->device->ops->destroy_stream(it->device, it->streams[i]);
    }
    if (it->device) {
        kvspan_device_release(it->device, it->memory, IN_BYTES + OUT_BYTES + SINK_BYTES);
        kvspan_device_release_pinned(it->device, it->host, IN_BYTES + OUT_BYTES);
    }
    kvspan_device_close(it->device);
}

static kvspan_status create(rank_story *it)
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
                                         .slot_count = 4,
                                         .max_sequence_tokens = 64,
                                         .max_step_tokens = STEP_TOKENS,
                                         .page_count = 32,
                                         .memory_utilization = 0.5,
                                         .mesh = it->story->mesh,
                                         .deadline_ms = CUDA_STORY_DEADLINE_MS };
    kvspan_status status =
        kvspan_cache_create(&config, it->device, it->comm, &it->cache, &it->end->error);

    if (status != KVSPAN_OK) {
        expect(it, !it->cache, "a cache that was not created was written");
        return status;
    }
    it->end->is_created = 1;
    return kvspan_cache_shard(it->cache, 0, &it->shard, &it->end->error);
}

/* The coordinator's: a long row; a fork of it, which begins inside a page; a token of each. */
static kvspan_status plan(rank_story *it, uint32_t number, kvspan_step **step_out)
{
    static const uint32_t tokens[STEPS][2] = { { STEP_TOKENS, 0 }, { 1, 3 }, { 1, 1 } };
    const kvspan_sequence_config config = { .size = sizeof(config) };
    kvspan_ledger *const ledger = kvspan_cache_ledger(it->cache);
    kvspan_error *const error = &it->end->error;
    kvspan_status status = KVSPAN_OK;

    if (!ledger) {
        return status;
    }
    status = kvspan_step_open(ledger, step_out, error);
    if (status == KVSPAN_OK && number == 0) {
        status = kvspan_sequence_create(ledger, &config, &it->sequences[0], NULL, error);
    }
    if (status == KVSPAN_OK && number == 1) {
        status = kvspan_sequence_fork(ledger, it->sequences[0], FORK_POSITION, 0, &it->sequences[1],
                                      error);
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < 2; i++) {
        if (tokens[number][i] > 0) {
            status = kvspan_step_add(*step_out, it->sequences[i], tokens[number][i], NULL, error);
        }
    }
    return status;
}

static kvspan_tensor tensor(void *data, uint32_t heads, uint32_t tokens)
{
    return (kvspan_tensor){ .data = data,
                            .dtype = KVSPAN_BF16,
                            .heads = heads,
                            .dim = DIM,
                            .tokens = tokens,
                            .token_stride = (int64_t)heads * DIM,
                            .head_stride = DIM };
}

static kvspan_status run_layer(rank_story *it, uint32_t layer, uint32_t tokens,
                               kvspan_stream stream)
{
    const float *const sinks = (const float *)(const void *)(it->memory + IN_BYTES + OUT_BYTES);
    const kvspan_tensor plane = tensor(it->memory, it->shard.kv_heads.count, tokens);
    const kvspan_tensor planes[2] = { plane, plane };
    const kvspan_tensor q = tensor(it->memory, it->shard.q_heads_of_kv.count, tokens);
    kvspan_tensor out = tensor(it->memory + IN_BYTES, Q_HEADS, tokens);
    const kvspan_attention attention = { .size = sizeof(attention),
                                         .sink_logits = layer == 1 ? sinks : NULL,
                                         .out_heads = KVSPAN_HEADS_ALL };
    const kvspan_status status =
        kvspan_cache_append(it->cache, layer, planes, stream, &it->end->error);

    return status == KVSPAN_OK ? kvspan_cache_attend(it->cache, layer, &q, &attention, &out, stream,
                                                     &it->end->error)
                               : status;
}

/* Waits, copies, waits, and takes what came into the digest. */
static kvspan_status take_out(rank_story *it, uint32_t tokens, kvspan_stream stream,
                              uint64_t *digest)
{
    const uint64_t bytes = (uint64_t)tokens * Q_HEADS * DIM * 2;
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_status status = KVSPAN_ERR_CUDA;

    for (uint32_t i = 0; status != KVSPAN_OK && i < 2; i++) {
        status = kvspan_device_copy(it->device, it->host + IN_BYTES, it->memory + IN_BYTES, bytes,
                                    stream, &error);
        it->end->retried = status == KVSPAN_OK ? it->end->retried : error;
    }
    expect(it, status == KVSPAN_OK, error.message);
    status = kvspan_cache_wait(it->cache, stream, 4 * CUDA_STORY_DEADLINE_MS, &it->end->error);
    for (uint64_t i = 0; status == KVSPAN_OK && i < bytes; i++) {
        *digest = random_mix(*digest + it->host[IN_BYTES + i]);
    }
    return status;
}

static kvspan_status run_step(rank_story *it, uint32_t number, uint64_t *digest)
{
    const kvspan_stream stream = it->streams[number % STREAMS];
    kvspan_step_view view = { .epoch = UINT64_MAX };
    kvspan_step *step = NULL;
    kvspan_status status = plan(it, number, &step);

    it->end->is_in_last_step = number + 1 == STEPS;
    if (status != KVSPAN_OK) {
        return status;
    }
    status = kvspan_step_begin(it->cache, step, stream, 4 * CUDA_STORY_DEADLINE_MS, &view,
                               &it->end->error);
    if (status != KVSPAN_OK) {
        expect(it, view.epoch == UINT64_MAX, "a step that did not begin has a view");
        return status;
    }
    for (uint32_t layer = 0; status == KVSPAN_OK && layer < LAYERS; layer++) {
        status = run_layer(it, layer, view.token_count, stream);
        if (status == KVSPAN_OK && layer + 1 < LAYERS) {
            status = take_out(it, view.token_count, stream, digest);
        }
    }
    if (status == KVSPAN_OK) {
        status = kvspan_step_end(it->cache, stream, &it->end->error);
    }
    return status == KVSPAN_OK ? take_out(it, view.token_count, stream, digest) : status;
}

/* Every call answers as the one that failed first. */
static void look_at_spent(rank_story *it)
{
    const kvspan_tensor none = { .data = NULL };
    kvspan_tensor out = none;
    kvspan_step_view view;
    kvspan_error errors[5];
    kvspan_status statuses[5];

    statuses[0] = kvspan_step_begin(it->cache, NULL, it->streams[0], 1, &view, &errors[0]);
    statuses[1] = kvspan_cache_append(it->cache, 0, &none, it->streams[0], &errors[1]);
    statuses[2] = kvspan_cache_attend(it->cache, 0, &none, NULL, &out, it->streams[0], &errors[2]);
    statuses[3] = kvspan_step_end(it->cache, it->streams[0], &errors[3]);
    statuses[4] = kvspan_cache_wait(it->cache, it->streams[0], 1, &errors[4]);
    for (uint32_t i = 0; i < 5; i++) {
        expect(it, statuses[i] == it->end->status, "a spent cache answers with another status");
        expect(it, strcmp(errors[i].message, it->end->error.message) == 0,
               "a spent cache answers with another sentence");
    }
}

/* Done, or broken with the device. */
static int has_ended(const rank_story *it, kvspan_stream stream)
{
    int is_done = 0;

    return it->device->ops->query(it->device, stream, &is_done, NULL) != KVSPAN_OK || is_done;
}

/* Whoever waits for his own stream then comes back. */
static void look_at_streams(rank_story *it)
{
    for (uint32_t i = 0; i < STREAMS; i++) {
        uint32_t waited_ms = 0;

        while (!has_ended(it, it->streams[i]) && waited_ms < ENDING_MS) {
            (void)nanosleep(&(const struct timespec){ .tv_nsec = 1000000 }, NULL);
            waited_ms++;
        }
        expect(it, waited_ms < ENDING_MS, "a failure leaves work that does not end");
    }
}

void cuda_story_run(const cuda_story *story, kvspan_comm *comm, cuda_story_end *end_out)
{
    rank_story it = { .story = story, .end = end_out, .comm = comm };
    uint64_t digest = 1;
    int is_open;

    memset(end_out, 0, sizeof(*end_out));
    is_open = open_all(&it);
    if (is_open) {
        end_out->status = create(&it);
    }
    for (uint32_t i = 0; is_open && end_out->status == KVSPAN_OK && i < STEPS; i++) {
        end_out->status = run_step(&it, i, &digest);
    }
    if (it.cache && end_out->status != KVSPAN_OK) {
        look_at_spent(&it);
        look_at_streams(&it);
    }
    end_out->digest = is_open && end_out->status == KVSPAN_OK ? digest : 0;
    expect(&it, end_out->status == KVSPAN_OK || end_out->error.status == end_out->status,
           "the error has another status than the call");
    (void)fprintf(stderr, "story of rank %u gives back\n", kvspan_comm_rank(comm));
    kvspan_cache_destroy(it.cache);
    close_all(&it);
    end_out->is_error_left = cudaGetLastError() != cudaSuccess;
}
