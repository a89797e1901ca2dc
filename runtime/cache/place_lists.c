#include "runtime/cache/place_lists.h"

#include <stdbool.h>
#include <string.h>

void kvspan_place_lists_begin(kvspan_place_lists *lists, kvspan_head_block *places,
                              uint32_t capacity)
{
    *lists = (kvspan_place_lists){ .places = places, .capacity = capacity };
}

static bool is_same(const kvspan_head_block *a, const kvspan_head_block *b)
{
    return a->first_token == b->first_token && a->token_count == b->token_count &&
           a->first_head == b->first_head && a->head_count == b->head_count &&
           a->source_heads == b->source_heads && a->source_first == b->source_first;
}

static bool is_list(const kvspan_place_lists *lists, uint32_t list, const kvspan_head_block *places,
                    uint32_t count)
{
    bool is_equal = lists->counts[list] == count;

    for (uint32_t i = 0; is_equal && i < count; i++) {
        is_equal = is_same(&lists->places[lists->starts[list] + i], &places[i]);
    }
    return is_equal;
}

const kvspan_head_block *kvspan_place_lists_put(kvspan_place_lists *lists,
                                                const kvspan_head_block *places, uint32_t count)
{
    for (uint32_t i = 0; i < lists->list_count; i++) {
        if (is_list(lists, i, places, count)) {
            return lists->places + lists->starts[i];
        }
    }
    if (lists->list_count == KVSPAN_PLACE_LISTS || count > lists->capacity - lists->used) {
        return NULL;
    }
    memcpy(lists->places + lists->used, places, count * sizeof(*places));
    lists->starts[lists->list_count] = lists->used;
    lists->counts[lists->list_count] = count;
    lists->list_count++;
    lists->used += count;
    return lists->places + lists->used - count;
}
