#include "kernels/work_plan.h"

#include <assert.h>

uint32_t kvspan_work_plan_capacity(uint32_t max_rows, uint32_t max_tokens, uint32_t tile_tokens)
{
    /* A row's first two tokens can lie in two tiles; each further item takes a whole tile. */
    const uint64_t cheap_tokens = 2 * (uint64_t)max_rows;

    assert(tile_tokens > 0);
    if (max_tokens <= cheap_tokens) {
        return max_tokens;
    }
    return (uint32_t)(cheap_tokens + (max_tokens - cheap_tokens) / tile_tokens);
}

static kvspan_work_item make_item(const kvspan_work_row *row, uint32_t row_index, uint32_t done,
                                  uint32_t token_count, const kvspan_token_rule *rule,
                                  uint32_t window)
{
    const uint64_t position = row->position + done;
    const uint64_t lowest = window == 0 || position < window ? 0 : position - window + 1;

    return (kvspan_work_item){ .row = row_index,
                               .first_token = row->first_token + done,
                               .token_count = token_count,
                               .slot = row->slot,
                               .position = position,
                               .index_begin = kvspan_token_count(rule, lowest),
                               .index_end = kvspan_token_count(rule, position + token_count) };
}

kvspan_work_plan kvspan_work_plan_make(const kvspan_work_row *rows, uint32_t row_count,
                                       const kvspan_token_rule *rule, uint32_t window,
                                       uint32_t tile_tokens, kvspan_work_item *items_out)
{
    uint32_t item_count = 0;

    assert(tile_tokens > 0);
    for (uint32_t i = 0; i < row_count; i++) {
        uint32_t done = 0;

        while (done < rows[i].token_count) {
            const uint32_t offset = (uint32_t)((rows[i].position + done) % tile_tokens);
            const uint32_t to_border = tile_tokens - offset;
            const uint32_t left = rows[i].token_count - done;
            const uint32_t token_count = left < to_border ? left : to_border;

            items_out[item_count++] = make_item(&rows[i], i, done, token_count, rule, window);
            done += token_count;
        }
    }
    return (kvspan_work_plan){ .items = items_out, .item_count = item_count };
}
