#include "launch/damage.h"

enum {
    HIGHEST_EXPONENT_BIT = 0x40 /* of the last byte of a little-endian float */
};

kvspan_status kvspan_damage_flip(const kvspan_damage *damage, const kvspan_token_rule *rule,
                                 uint32_t slot, kvspan_cache *cache, bool *has_flipped_out,
                                 kvspan_error *error)
{
    const uint64_t index = kvspan_token_count(rule, damage->first);
    const uint64_t token = index % rule->page_tokens;
    kvspan_layer_view view;
    uint32_t element_bytes;
    unsigned char *head;
    kvspan_status status;

    *has_flipped_out = false;
    if (kvspan_token_position(rule, index) > damage->last) {
        return KVSPAN_OK;
    }
    status = kvspan_cache_layer_view(cache, damage->layer, KVSPAN_VALUE, &view, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    element_bytes = kvspan_dtype_bytes(view.dtype);
    head = (unsigned char *)view.data +
           view.page_table[(uint64_t)slot * view.page_table_stride + index / rule->page_tokens] *
               view.page_stride +
           (damage->kv_head - view.first_head) * view.head_stride;
    if (view.scale_offset != 0) {
        head[view.scale_offset + (token + 1) * sizeof(float) - 1] ^= HIGHEST_EXPONENT_BIT;
    } else {
        head[kvspan_element_offset((kvspan_element_order)view.order, element_bytes, view.dim, token,
                                   0) +
             element_bytes - 1] ^= HIGHEST_EXPONENT_BIT;
    }
    *has_flipped_out = true;
    return KVSPAN_OK;
}
