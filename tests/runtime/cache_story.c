#include "runtime/cache_story.h"

#include <stdlib.h>

#include "runtime/cache_fixture.h"

enum {
    STEPS = 3,
    STEP_TOKENS = 5,
    HEADS = 4,
    DIM = 8,
    WAIT_MS = 2000,
    MAX_RANKS = 8
};

static kvspan_tensor make_tensor(float *data, uint32_t heads)
{
    return (kvspan_tensor){ data, KVSPAN_F32, heads, DIM, STEP_TOKENS, (int64_t)heads * DIM, DIM };
}

static kvspan_status run_layer(kvspan_cache *cache, uint32_t layer, kvspan_error *error)
{
    float memory[3][STEP_TOKENS * HEADS * DIM] = { { 0.0f } };
    const kvspan_attention attention = { .size = sizeof(attention), .out_heads = KVSPAN_HEADS_ALL };
    kvspan_shard shard;
    kvspan_status status = kvspan_cache_shard(cache, layer, &shard, error);

    if (status == KVSPAN_OK) {
        const kvspan_tensor plane = make_tensor(memory[0], shard.kv_heads.count);
        const kvspan_tensor planes[2] = { plane, plane };

        status = kvspan_cache_append(cache, layer, planes, NULL, error);
    }
    if (status == KVSPAN_OK) {
        const kvspan_tensor q = make_tensor(memory[1], shard.q_heads_of_kv.count);
        kvspan_tensor out = make_tensor(memory[2], HEADS);

        status = kvspan_cache_attend(cache, layer, &q, &attention, &out, NULL, error);
    }
    return status;
}

static kvspan_status run_step(cache_fixture *fixture, kvspan_sequence *sequence,
                              kvspan_error *error)
{
    kvspan_step *step = NULL;
    kvspan_step_view view;
    kvspan_status status = cache_fixture_plan(fixture, sequence, STEP_TOKENS, &step, error);

    if (status == KVSPAN_OK) {
        status = kvspan_step_begin(fixture->cache, step, NULL, WAIT_MS, &view, error);
    }
    for (uint32_t layer = 0; layer < 2 && status == KVSPAN_OK; layer++) {
        status = run_layer(fixture->cache, layer, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_step_end(fixture->cache, NULL, error);
    }
    return status;
}

void cache_story_run(cache_story *story, kvspan_comm *comm)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_sequence sequence = 0;
    kvspan_error *const error = &story->error;
    unsigned char all[MAX_RANKS];

    fixture.config.mesh = story->mesh;
    fixture.config.deadline_ms = STORY_DEADLINE_MS;
    story->is_closing = false;
    story->status = cache_fixture_open(&fixture, comm, error);
    story->is_opening = !fixture.is_device_open;
    if (story->status != KVSPAN_OK) {
        return;
    }
    for (uint32_t i = 0; i < STEPS && story->status == KVSPAN_OK; i++) {
        story->status = run_step(&fixture, &sequence, error);
    }
    if (comm && story->status == KVSPAN_OK) {
        story->is_closing = true;
        story->status = kvspan_comm_all_gather(comm, "x", 1, all, STORY_DEADLINE_MS, error);
    }
    cache_fixture_close(&fixture);
}
