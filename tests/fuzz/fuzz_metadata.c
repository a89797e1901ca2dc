/* The description of a cache as JSON: u8 place, u8 flags, the text, and behind a NUL the text of
 * changes. */
#include <string.h>

#include <kvspan/config.h>

#include "fuzz_target.h"

enum {
    RANKS = 4
};

static const uint64_t even_bytes[RANKS] = { 1 << 30, 1 << 30, 1 << 30, 1 << 30 };
static const uint64_t few_bytes[RANKS] = { 100000, 70000, UINT64_MAX, 3 };
static const uint64_t used_bytes[RANKS] = { 1000, 0, 1, 0 };

/* NULL, or one of these. */
static const kvspan_metadata_place places[] = {
    { .size = sizeof(kvspan_metadata_place), .rank_count = 1, .limit_bytes = even_bytes },
    { .size = sizeof(kvspan_metadata_place), .rank_count = 2 },
    { .size = sizeof(kvspan_metadata_place),
      .mesh = "tp:2,sp:2",
      .rank_count = RANKS,
      .limit_bytes = even_bytes,
      .used_bytes = used_bytes },
    { .size = sizeof(kvspan_metadata_place),
      .rank_count = RANKS,
      .limit_bytes = few_bytes,
      .used_bytes = used_bytes },
};

static void check_status(kvspan_status status, const kvspan_error *error)
{
    fuzz_check(status == error->status);
    fuzz_check(status == KVSPAN_OK || status == KVSPAN_ERR_ARGUMENT ||
               status == KVSPAN_ERR_UNSUPPORTED || status == KVSPAN_ERR_NEVER_FITS);
}

static void check_fields(const kvspan_metadata *metadata)
{
    const kvspan_metadata_config fields = kvspan_metadata_fields(metadata);

    fuzz_check(fields.slot_count >= 1);
    fuzz_check(fields.slot_count <= KVSPAN_MAX_SLOTS);
    fuzz_check(fields.layer_count >= 1);
    fuzz_check(fields.layer_count <= KVSPAN_MAX_LAYERS);
    fuzz_check(fields.page_count >= 2);
    fuzz_check(fields.page_count <= KVSPAN_MAX_PAGES);
    fuzz_check(fields.max_sequence_tokens >= 1);
    fuzz_check(fields.max_sequence_tokens <= KVSPAN_MAX_SEQUENCE_TOKENS);
    fuzz_check(fields.page_tokens >= 1);
    fuzz_check(fields.page_tokens <= KVSPAN_MAX_PAGE_TOKENS);
    fuzz_check(fields.pages_per_sequence >= 1);
    fuzz_check(fields.pages_per_sequence <= fields.max_sequence_tokens);
    fuzz_check(fields.kv_heads >= 1);
    fuzz_check(fields.kv_heads <= KVSPAN_MAX_HEADS);
    fuzz_check(fields.dim >= 1);
    fuzz_check(fields.dim <= KVSPAN_MAX_DIM);
    fuzz_check(fields.memory_utilization > 0);
    fuzz_check(fields.memory_utilization < 1);
    fuzz_check(fields.usable_bytes >= 1);
    fuzz_check(kvspan_dtype_bytes(fields.dtype) >= 1);
}

/* Written and read again, with and without its place, a description is the same. */
static void check_round_trip(const kvspan_metadata *metadata, const kvspan_metadata_place *place)
{
    const char *const text = kvspan_metadata_json(metadata);
    const kvspan_metadata_place *const both[] = { NULL, place };

    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
        kvspan_metadata *again = NULL;

        fuzz_check(!kvspan_metadata_read(text, strlen(text), 0, both[i], &again, NULL));
        fuzz_check(strcmp(kvspan_metadata_json(again), text) == 0);
        kvspan_metadata_destroy(again);
    }
}

static void check_description(const kvspan_metadata *metadata, const kvspan_metadata_place *place)
{
    kvspan_layer_group group;
    kvspan_cache_config config;

    check_fields(metadata);
    check_round_trip(metadata, place);
    fuzz_check(!kvspan_metadata_cache_config(metadata, 0, &group, &config, NULL));
}

static void replace(const kvspan_metadata *metadata, const kvspan_metadata_place *place,
                    const char *changes, size_t length)
{
    kvspan_metadata *replaced = NULL;
    kvspan_error error = { .status = KVSPAN_OK };
    const kvspan_status status =
        kvspan_metadata_replace(metadata, changes, length, place, &replaced, &error);

    check_status(status, &error);
    fuzz_check((status == KVSPAN_OK) == (replaced != NULL));
    if (replaced) {
        check_description(replaced, place);
    }
    kvspan_metadata_destroy(replaced);
    check_description(metadata, place); /* as it was */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fuzz_input input = { data, bytes };
    const uint32_t place_count = sizeof(places) / sizeof(places[0]);
    const uint32_t chosen = fuzz_take_between(&input, 0, place_count);
    const kvspan_metadata_place *const place = chosen < place_count ? &places[chosen] : NULL;
    const uint32_t flags = fuzz_take_between(&input, 0, KVSPAN_METADATA_IGNORE_UNKNOWN);
    const char *const text = (const char *)input.data;
    const char *const end = input.left ? memchr(text, '\0', input.left) : NULL;
    const size_t length = end ? (size_t)(end - text) : input.left;
    kvspan_metadata *metadata = NULL;
    kvspan_error error = { .status = KVSPAN_OK };
    const kvspan_status status =
        kvspan_metadata_read(text, length, flags, place, &metadata, &error);

    check_status(status, &error);
    fuzz_check((status == KVSPAN_OK) == (metadata != NULL));
    if (metadata) {
        check_description(metadata, place);
    }
    if (metadata && end) {
        replace(metadata, place, end + 1, input.left - length - 1);
    }
    kvspan_metadata_destroy(metadata);
    return 0;
}
