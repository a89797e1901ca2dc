/** @file
 * A small cache for tests: 2 layers, 4 query and 2 kv heads of 8 f32, pages of 16 tokens.
 */
#ifndef KVSPAN_TESTS_CACHE_FIXTURE_H
#define KVSPAN_TESTS_CACHE_FIXTURE_H

#include <kvspan/cache.h>
#include <kvspan/comm.h>
#include <kvspan/device.h>
#include <stdbool.h>

typedef struct cache_fixture {
    kvspan_layer_group group;
    kvspan_cache_config config; /* change what a test is about before opening */
    kvspan_device *device;
    bool is_device_open; /* it has been */
    kvspan_cache *cache;
} cache_fixture;

cache_fixture cache_fixture_make(void);

/* Opens device and cache; closes what it opened if that fails. */
kvspan_status cache_fixture_open(cache_fixture *fixture, kvspan_comm *comm, kvspan_error *error);
void cache_fixture_close(cache_fixture *fixture);

/* The coordinator opens a step with one row of `tokens` new tokens of a sequence (0: no row), which
 * it creates first if *sequence is 0. NULL on other ranks. */
kvspan_status cache_fixture_plan(cache_fixture *fixture, kvspan_sequence *sequence, uint32_t tokens,
                                 kvspan_step **step_out, kvspan_error *error);

#endif
