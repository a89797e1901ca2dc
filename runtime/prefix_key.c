#include <kvspan/prefix_key.h>

/* A state on the stack. */
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

static kvspan_digest page_key(kvspan_digest before, const uint32_t *tokens, size_t bytes)
{
    XXH3_state_t state;
    XXH128_hash_t hash;

    XXH3_INITSTATE(&state);
    /* They fail for NULL alone. */
    (void)XXH3_128bits_reset(&state);
    (void)XXH3_128bits_update(&state, &before, sizeof(before));
    (void)XXH3_128bits_update(&state, tokens, bytes);
    hash = XXH3_128bits_digest(&state);
    return (kvspan_digest){ .low = hash.low64, .high = hash.high64 };
}

kvspan_status kvspan_prefix_keys(const kvspan_digest *parent, const uint32_t *tokens,
                                 uint64_t token_count, uint32_t page_tokens,
                                 kvspan_digest *keys_out, kvspan_error *error)
{
    kvspan_digest key = { .low = 0 };
    uint64_t page_count;

    if (page_tokens == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "page_tokens is 0");
    }
    page_count = token_count / page_tokens;
    if (page_count > 0 && !tokens) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "tokens is NULL for %llu tokens",
                           (unsigned long long)token_count);
    }
    if (page_count > 0 && !keys_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "keys_out is NULL for %llu pages",
                           (unsigned long long)page_count);
    }
    if (parent) {
        key = *parent;
    }
    for (uint64_t page = 0; page < page_count; page++) {
        key = page_key(key, tokens + page * page_tokens, (size_t)page_tokens * sizeof(*tokens));
        keys_out[page] = key;
    }
    return KVSPAN_OK;
}
