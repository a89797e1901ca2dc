#include <kvspan/dense_view.h>

#include <assert.h>

#include <kvspan/sized_struct.h>

#include "runtime/cache/cache_parts.h"

static bool is_chunk(const kvspan_row *row)
{
    return row->token_count > 1;
}

static kvspan_status check_room(const char *name, uint64_t needed, uint64_t room,
                                kvspan_error *error)
{
    if (needed > room) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is %llu, the step needs %llu", name,
                           (unsigned long long)room, (unsigned long long)needed);
    }
    return KVSPAN_OK;
}

/* The largest table still has a size: columns and slots are below 2³². */
static kvspan_status check_rooms(const kvspan_cache *cache, const kvspan_step_view *view,
                                 const kvspan_dense_view *dense, kvspan_error *error)
{
    uint32_t chunks = 0;
    uint32_t longest = 0;
    kvspan_status status;

    for (uint32_t i = 0; i < view->row_count; i++) {
        const kvspan_row *const row = &view->rows[i];

        chunks += is_chunk(row);
        longest = is_chunk(row) && row->token_count > longest ? row->token_count : longest;
    }
    status = check_room("chunk_capacity", chunks, dense->chunk_capacity, error);
    if (status == KVSPAN_OK) {
        status = check_room("chunk_tokens", longest, dense->chunk_tokens, error);
    }
    if (status == KVSPAN_OK) {
        status = check_room("slot_count", cache->limits.slot_count, dense->slot_count, error);
    }
    if (status == KVSPAN_OK) {
        status = check_room("column_count", cache->limits.column_count, dense->column_count, error);
    }
    if (status == KVSPAN_OK && (!dense->generate_pos || !dense->generate_page_table)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "generate_pos or its page table is NULL");
    }
    if (status == KVSPAN_OK && dense->chunk_capacity > 0 &&
        (!dense->prefill_length || !dense->prefill_pos || !dense->prefill_page_table)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "a prefill array is NULL with room for %u chunks",
                           dense->chunk_capacity);
    }
    return status;
}

static void fill(int32_t *items, uint64_t count, int32_t value)
{
    for (uint64_t i = 0; i < count; i++) {
        items[i] = value;
    }
}

static void clear(const kvspan_dense_view *dense)
{
    const uint64_t chunks = dense->chunk_capacity;
    const uint64_t slots = dense->slot_count;

    fill(dense->prefill_length, chunks, 0);
    fill(dense->prefill_pos, chunks * dense->chunk_tokens, KVSPAN_DENSE_IDLE);
    fill(dense->prefill_page_table, chunks * dense->column_count, 0);
    fill(dense->generate_pos, slots, KVSPAN_DENSE_IDLE);
    fill(dense->generate_page_table, slots * dense->column_count, 0);
}

static void copy_table(const kvspan_cache *cache, uint32_t group, uint32_t slot, int32_t *table)
{
    const kvspan_step_limits *const limits = &cache->limits;
    const uint64_t row = (uint64_t)group * limits->slot_count + slot;

    for (uint32_t i = 0; i < limits->column_count; i++) {
        table[i] = (int32_t)cache->replica.tables[row * limits->column_count + i];
    }
}

static void put_chunk(const kvspan_cache *cache, uint32_t group, const kvspan_row *row,
                      const kvspan_dense_view *dense, uint64_t chunk)
{
    dense->prefill_length[chunk] = (int32_t)(row->position + row->token_count);
    for (uint32_t i = 0; i < row->token_count; i++) {
        dense->prefill_pos[chunk * dense->chunk_tokens + i] = (int32_t)(row->position + i);
    }
    copy_table(cache, group, row->slot, dense->prefill_page_table + chunk * dense->column_count);
}

static void put_token(const kvspan_cache *cache, uint32_t group, const kvspan_row *row,
                      const kvspan_dense_view *dense)
{
    assert(dense->generate_pos);
    dense->generate_pos[row->slot] = (int32_t)row->position;
    copy_table(cache, group, row->slot,
               dense->generate_page_table + (uint64_t)row->slot * dense->column_count);
}

kvspan_status kvspan_step_dense_view(const kvspan_cache *cache, uint32_t layer,
                                     const kvspan_step_view *view, kvspan_dense_view *dense,
                                     kvspan_error *error)
{
    kvspan_dense_view known = { .size = 0 };
    uint32_t group = 0;
    uint32_t index = 0;
    uint32_t chunks = 0;
    kvspan_status status = kvspan_read_sized(&known, sizeof(known), dense,
                                             offsetof(kvspan_dense_view, reserved), "dense", error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (!cache || !view) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL", cache ? "view" : "cache");
    }
    if (!kvspan_settings_find_layer(&cache->settings, layer, &group, &index)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "no layer group has layer %u", layer);
    }
    if (view->epoch != cache->replica.epoch || view->rows != cache->result.rows) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "the view is of step %llu, the last step of this cache is %llu",
                           (unsigned long long)view->epoch,
                           (unsigned long long)cache->replica.epoch);
    }
    status = check_rooms(cache, view, &known, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    clear(&known);
    for (uint32_t i = 0; i < view->row_count; i++) {
        if (is_chunk(&view->rows[i])) {
            put_chunk(cache, group, &view->rows[i], &known, chunks++);
        } else {
            put_token(cache, group, &view->rows[i], &known);
        }
    }
    dense->chunk_count = chunks;
    return KVSPAN_OK;
}
