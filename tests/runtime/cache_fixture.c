#include "runtime/cache_fixture.h"

#include <stddef.h>

cache_fixture cache_fixture_make(void)
{
    return (cache_fixture){
        .group = { .layer_count = 2,
                   .q_heads = 4,
                   .plane_count = 2,
                   .planes = { { KVSPAN_KEY, 2, 8, KVSPAN_F32, 0 },
                               { KVSPAN_VALUE, 2, 8, KVSPAN_F32, 0 } } },
        .config = { .size = sizeof(kvspan_cache_config),
                    .group_count = 1,
                    .page_tokens = 16,
                    .slot_count = 4,
                    .max_sequence_tokens = 64,
                    .max_step_tokens = 32,
                    .page_count = 16,
                    .memory_limit_bytes = 1 << 20,
                    .deadline_ms = 20000 },
    };
}

kvspan_status cache_fixture_open(cache_fixture *fixture, kvspan_comm *comm, kvspan_error *error)
{
    kvspan_status status = kvspan_device_open(NULL, 0, &fixture->device, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    fixture->is_device_open = true;
    fixture->config.groups = &fixture->group;
    status = kvspan_cache_create(&fixture->config, fixture->device, comm, &fixture->cache, error);
    if (status != KVSPAN_OK) {
        kvspan_device_close(fixture->device);
        fixture->device = NULL;
    }
    return status;
}

void cache_fixture_close(cache_fixture *fixture)
{
    kvspan_cache_destroy(fixture->cache);
    kvspan_device_close(fixture->device);
    fixture->cache = NULL;
    fixture->device = NULL;
}

kvspan_status cache_fixture_plan(cache_fixture *fixture, kvspan_sequence *sequence, uint32_t tokens,
                                 kvspan_step **step_out, kvspan_error *error)
{
    kvspan_ledger *const ledger = kvspan_cache_ledger(fixture->cache);
    const kvspan_sequence_config config = { .size = sizeof(config), .tag = 7 };
    kvspan_status status;

    *step_out = NULL;
    if (!ledger) {
        return KVSPAN_OK;
    }
    status = kvspan_step_open(ledger, step_out, error);
    if (status == KVSPAN_OK && tokens > 0 && *sequence == 0) {
        status = kvspan_sequence_create(ledger, &config, sequence, NULL, error);
    }
    if (status == KVSPAN_OK && tokens > 0) {
        status = kvspan_step_add(*step_out, *sequence, tokens, NULL, error);
    }
    return status;
}
