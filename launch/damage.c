#include "launch/damage.h"

enum {
    HIGHEST_EXPONENT_BIT = 0x40, /* of the last byte of a little-endian float */
    WAIT_MS = 60000
};

/* Reads or writes a few bytes of the device by way of pinned memory, and waits. */
static kvspan_status move(kvspan_cache *cache, kvspan_device *device, void *target,
                          const void *source, uint64_t bytes, kvspan_error *error)
{
    const kvspan_status status = kvspan_device_copy(device, target, source, bytes, NULL, error);

    return status == KVSPAN_OK ? kvspan_cache_wait(cache, NULL, WAIT_MS, error) : status;
}

/* Which byte of a head's vectors in a page is damaged: the highest of the value or of its scale. */
static uint64_t damaged_byte(const kvspan_layer_view *view, uint64_t token)
{
    const uint32_t element_bytes = kvspan_dtype_bytes(view->dtype);

    return view->scale_offset != 0 ? view->scale_offset + (token + 1) * sizeof(float) - 1
                                   : kvspan_element_offset((kvspan_element_order)view->order,
                                                           element_bytes, view->dim, token, 0) +
                                         element_bytes - 1;
}

static kvspan_status flip(const kvspan_layer_view *view, const kvspan_damage *damage,
                          const kvspan_token_rule *rule, uint32_t slot, kvspan_cache *cache,
                          kvspan_device *device, void *pinned, kvspan_error *error)
{
    const uint64_t index = kvspan_token_count(rule, damage->first);
    uint32_t *const page = pinned;
    unsigned char *const byte = pinned;
    unsigned char *place = (unsigned char *)view->data +
                           (damage->kv_head - view->first_head) * view->head_stride +
                           damaged_byte(view, index % rule->page_tokens);
    kvspan_status status = move(cache, device, page,
                                view->page_table + (uint64_t)slot * view->page_table_stride +
                                    index / rule->page_tokens,
                                sizeof(*page), error);

    if (status == KVSPAN_OK) {
        place += *page * view->page_stride;
        status = move(cache, device, byte, place, 1, error);
    }
    if (status == KVSPAN_OK) {
        *byte ^= HIGHEST_EXPONENT_BIT;
        status = move(cache, device, place, byte, 1, error);
    }
    return status;
}

kvspan_status kvspan_damage_flip(const kvspan_damage *damage, const kvspan_token_rule *rule,
                                 uint32_t slot, kvspan_cache *cache, kvspan_device *device,
                                 bool *has_flipped_out, kvspan_error *error)
{
    const uint64_t index = kvspan_token_count(rule, damage->first);
    kvspan_layer_view view;
    void *pinned = NULL;
    kvspan_status status;

    *has_flipped_out = false;
    if (kvspan_token_position(rule, index) > damage->last) {
        return KVSPAN_OK;
    }
    status = kvspan_cache_layer_view(cache, damage->layer, KVSPAN_VALUE, &view, error);
    if (status == KVSPAN_OK) {
        status = kvspan_device_allocate_pinned(device, sizeof(uint32_t), &pinned, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    status = flip(&view, damage, rule, slot, cache, device, pinned, error);
    kvspan_device_release_pinned(device, pinned, sizeof(uint32_t));
    *has_flipped_out = status == KVSPAN_OK;
    return status;
}
