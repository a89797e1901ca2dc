#include "kernels/cuda/attend_plan.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/cuda/cuda_operations.h"

/* A plan being written. Items longer than shared_above tokens are shared by blocks. */
struct packing {
    const kvspan_plan_limits *limits;
    kvspan_attend_plan *plan;
    kvspan_attend_unit *units;
    uint64_t shared_above;
};

uint32_t kvspan_attend_split_tokens(uint64_t index_end)
{
    uint32_t tokens = KVSPAN_SPLIT_TOKENS;

    while ((index_end + tokens - 1) / tokens > KVSPAN_MAX_SPLITS) {
        tokens *= 2;
    }
    return tokens;
}

static uint32_t smaller(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

static uint32_t divide_up(uint64_t a, uint32_t b)
{
    return (uint32_t)((a + b - 1) / b);
}

static bool is_decode(const kvspan_plan_limits *limits, const kvspan_work_item *item)
{
    return item->token_count == 1 ||
           (uint64_t)item->token_count * limits->group_size <= KVSPAN_DECODE_ROWS;
}

static uint64_t token_count_of(const kvspan_work_item *item)
{
    return item->index_end > item->index_begin ? item->index_end - item->index_begin : 0;
}

static uint32_t row_count_of(const kvspan_plan_limits *limits, const kvspan_work_item *item)
{
    return item->token_count * limits->group_size;
}

/* Splits with tokens in them. */
static uint32_t split_count_of(const kvspan_work_item *item)
{
    const uint32_t tokens = kvspan_attend_split_tokens(item->index_end);

    if (token_count_of(item) == 0) {
        return 0;
    }
    return divide_up(item->index_end, tokens) - (uint32_t)(item->index_begin / tokens);
}

static bool is_shared(const kvspan_work_item *item, uint64_t shared_above)
{
    return token_count_of(item) > shared_above && split_count_of(item) > 1;
}

uint32_t kvspan_attend_partial_rows(const kvspan_plan_limits *limits)
{
    const uint32_t splits =
        divide_up(limits->max_local_tokens, kvspan_attend_split_tokens(limits->max_local_tokens));
    const uint64_t rows_of_item =
        limits->group_size > KVSPAN_DECODE_ROWS ? limits->group_size : KVSPAN_DECODE_ROWS;

    assert(limits->kv_heads > 0);
    /* A window's tokens can begin within one split and end within another. */
    return smaller(rows_of_item * (splits + 1) * limits->max_items,
                   KVSPAN_MAX_PARTIAL_ROWS / limits->kv_heads);
}

static uint32_t counter_capacity(const kvspan_plan_limits *limits)
{
    return KVSPAN_SPLIT_COUNTERS / limits->kv_heads;
}

/* Blocks of 16 rows that one token can have. */
static uint32_t token_blocks(const kvspan_plan_limits *limits)
{
    return divide_up(limits->group_size, KVSPAN_DECODE_ROWS);
}

/* Rows of the smallest unit of decode: a token's, or what is left of them behind whole units. */
static uint32_t least_rows(const kvspan_plan_limits *limits)
{
    const uint32_t rest = limits->group_size % KVSPAN_DECODE_ROWS;

    return rest > 0 ? rest : KVSPAN_DECODE_ROWS;
}

static uint32_t decode_capacity(const kvspan_plan_limits *limits)
{
    /* A unit of a split has a partial row for each of its rows. */
    const uint32_t splits =
        smaller(kvspan_attend_partial_rows(limits) / least_rows(limits),
                (uint64_t)limits->max_items * token_blocks(limits) * (KVSPAN_MAX_SPLITS + 1));

    return limits->max_items * token_blocks(limits) + splits;
}

static uint32_t prefill_capacity(const kvspan_plan_limits *limits)
{
    return limits->max_items +
           (uint32_t)((uint64_t)limits->max_tokens * limits->group_size / KVSPAN_PREFILL_ROWS);
}

uint64_t kvspan_cuda_packed_plan_bytes(const kvspan_plan_limits *limits)
{
    return sizeof(kvspan_attend_plan) +
           ((uint64_t)decode_capacity(limits) + prefill_capacity(limits)) *
               sizeof(kvspan_attend_unit);
}

static kvspan_attend_unit make_unit(const kvspan_work_item *item, uint32_t first_row,
                                    uint32_t row_count)
{
    return (kvspan_attend_unit){ .slot = item->slot,
                                 .first_token = item->first_token,
                                 .position = (uint32_t)item->position,
                                 .first_row = first_row,
                                 .row_count = row_count,
                                 .index_begin = (uint32_t)item->index_begin,
                                 .index_end = (uint32_t)item->index_end,
                                 .split_tokens = kvspan_attend_split_tokens(item->index_end),
                                 .partial_row = KVSPAN_NO_PARTIAL,
                                 .split_count = 1 };
}

static void pack_decode(struct packing *packing, const kvspan_work_item *item)
{
    kvspan_attend_plan *const plan = packing->plan;
    const uint32_t rows = row_count_of(packing->limits, item);
    const bool shared = is_shared(item, packing->shared_above);

    for (uint32_t row = 0; row < rows; row += KVSPAN_DECODE_ROWS) {
        kvspan_attend_unit unit = make_unit(item, row, smaller(rows - row, KVSPAN_DECODE_ROWS));

        if (!shared) {
            packing->units[plan->decode_count++] = unit;
            continue;
        }
        unit.split_count = split_count_of(item);
        unit.partial_row = plan->partial_row_count;
        unit.counter = plan->counter_count++;
        plan->partial_row_count += unit.split_count * unit.row_count;
        for (unit.split = 0; unit.split < unit.split_count; unit.split++) {
            packing->units[plan->decode_count++] = unit;
        }
    }
}

static void pack_prefill(struct packing *packing, const kvspan_work_item *item)
{
    kvspan_attend_plan *const plan = packing->plan;
    const uint32_t rows = row_count_of(packing->limits, item);

    for (uint32_t row = 0; row < rows; row += KVSPAN_PREFILL_ROWS) {
        packing->units[plan->decode_count + plan->prefill_count++] =
            make_unit(item, row, smaller(rows - row, KVSPAN_PREFILL_ROWS));
    }
}

/* The fewest tokens above which items can be shared: all that are long beside the whole plan, if
 * there is room for their partial results, else only the longest. */
static uint64_t choose_shared_above(const kvspan_plan_limits *limits, const kvspan_work_plan *plan)
{
    const uint64_t row_room = kvspan_attend_partial_rows(limits);
    uint64_t above;
    uint64_t total = 0;

    for (uint32_t i = 0; i < plan->item_count; i++) {
        total += token_count_of(&plan->items[i]) *
                 (is_decode(limits, &plan->items[i]) ? 1 : plan->items[i].token_count);
    }
    above = total * limits->kv_heads / KVSPAN_SHARED_BLOCKS;
    above = above > KVSPAN_SPLIT_TOKENS ? above : KVSPAN_SPLIT_TOKENS;
    for (;; above *= 2) {
        uint64_t rows = 0;
        uint64_t counters = 0;

        for (uint32_t i = 0; i < plan->item_count; i++) {
            const kvspan_work_item *const item = &plan->items[i];

            if (is_decode(limits, item) && is_shared(item, above)) {
                rows += (uint64_t)row_count_of(limits, item) * split_count_of(item);
                counters += divide_up(row_count_of(limits, item), KVSPAN_DECODE_ROWS);
            }
        }
        if (rows <= row_room && counters <= counter_capacity(limits)) {
            return above;
        }
    }
}

uint64_t kvspan_cuda_pack_plan(const kvspan_plan_limits *limits, const kvspan_work_plan *plan,
                               void *packed)
{
    kvspan_attend_plan *const header = packed;
    struct packing packing = { .limits = limits,
                               .plan = header,
                               .units = (kvspan_attend_unit *)(void *)(header + 1),
                               .shared_above = choose_shared_above(limits, plan) };

    *header = (kvspan_attend_plan){ .decode_capacity = decode_capacity(limits),
                                    .prefill_capacity = prefill_capacity(limits),
                                    .partial_row_capacity = kvspan_attend_partial_rows(limits) };
    for (uint32_t i = 0; i < plan->item_count; i++) {
        if (is_decode(limits, &plan->items[i])) {
            pack_decode(&packing, &plan->items[i]);
        }
    }
    for (uint32_t i = 0; i < plan->item_count; i++) {
        if (!is_decode(limits, &plan->items[i])) {
            pack_prefill(&packing, &plan->items[i]);
        }
    }
    assert(header->decode_count <= header->decode_capacity);
    assert(header->prefill_count <= header->prefill_capacity);
    return sizeof(*header) +
           ((uint64_t)header->decode_count + header->prefill_count) * sizeof(kvspan_attend_unit);
}

uint64_t kvspan_cuda_attend_scratch_bytes(const kvspan_plan_limits *limits)
{
    const uint64_t rows = (uint64_t)kvspan_attend_partial_rows(limits) * limits->kv_heads;

    return KVSPAN_SPLIT_COUNTERS * sizeof(uint32_t) +
           rows * ((uint64_t)limits->value_dim + 2) * sizeof(float);
}
