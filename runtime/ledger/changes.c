#include "runtime/ledger/changes.h"

#include <assert.h>

#include "runtime/ledger/ledger_state.h"

static void list_released(kvspan_step *step)
{
    const kvspan_ledger *ledger = step->ledger;
    uint32_t slot = 0;

    for (uint32_t i = 0; i < ledger->released.count; i++, slot++) {
        slot = kvspan_slot_set_next(&ledger->released, slot);
        step->released[i] = slot;
    }
}

static void list_admitted(kvspan_step *step)
{
    const kvspan_ledger *ledger = step->ledger;
    uint32_t slot = 0;

    for (uint32_t i = 0; i < ledger->admitted.count; i++, slot++) {
        slot = kvspan_slot_set_next(&ledger->admitted, slot);
        step->admitted[i] = (kvspan_admit){ .slot = slot,
                                            .tag = ledger->slots[slot].tag,
                                            .tokens = kvspan_ledger_base_tokens(ledger, slot) };
    }
}

static void list_trims(kvspan_step *step)
{
    const kvspan_ledger *ledger = step->ledger;
    uint32_t slot = 0;

    for (uint32_t i = 0; i < ledger->trimmed.count; i++, slot++) {
        slot = kvspan_slot_set_next(&ledger->trimmed, slot);
        step->trims[i] =
            (kvspan_trim){ .slot = slot, .tokens = kvspan_ledger_base_tokens(ledger, slot) };
    }
}

/* Columns that a row uses without those that the open step adds. */
static uint32_t base_columns(const kvspan_ledger *ledger, uint32_t slot)
{
    return (uint32_t)kvspan_token_pages(&ledger->rule, kvspan_ledger_base_tokens(ledger, slot));
}

static uint32_t list_windows(kvspan_step *step, uint32_t group, uint32_t count)
{
    const kvspan_ledger *ledger = step->ledger;
    uint32_t slot = 0;

    for (uint32_t i = 0; i < ledger->slid.count; i++, slot++) {
        slot = kvspan_slot_set_next(&ledger->slid, slot);
        const size_t row = kvspan_ledger_row(ledger, group, slot);
        const uint32_t used = base_columns(ledger, slot);
        /* A trim comes first, and may have left less than had slid away. */
        const uint32_t told = ledger->told_columns[row] < used ? ledger->told_columns[row] : used;

        if (ledger->first_columns[row] > told) {
            step->windows[count++] =
                (kvspan_window_change){ .group = group,
                                        .slot = slot,
                                        .first_column = told,
                                        .column_count = ledger->first_columns[row] - told };
        }
    }
    return count;
}

/* The page that the last column had before the open step: the source, if it has been copied. */
static uint32_t page_before_step(const kvspan_step *step, uint32_t group, uint32_t slot,
                                 uint32_t column)
{
    const kvspan_ledger *ledger = step->ledger;
    uint32_t copy = ledger->slots[slot].has_row ? ledger->slots[slot].first_copy : UINT32_MAX;

    for (; copy < step->copy_count && step->copies[copy].slot == slot; copy++) {
        if (step->copies[copy].group == group) {
            return step->copies[copy].source;
        }
    }
    return kvspan_ledger_columns(ledger, group, slot)[column];
}

static uint32_t list_shared_runs(kvspan_step *step, uint32_t group, uint32_t count)
{
    const kvspan_ledger *ledger = step->ledger;
    uint32_t slot = 0;

    for (uint32_t i = 0; i < ledger->admitted.count; i++, slot++) {
        slot = kvspan_slot_set_next(&ledger->admitted, slot);
        const uint32_t first = ledger->first_columns[kvspan_ledger_row(ledger, group, slot)];
        const uint32_t used = base_columns(ledger, slot);

        if (first < used) {
            step->shared_runs[count++] = (kvspan_shared_run){
                .group = group,
                .slot = slot,
                .first_column = first,
                .page_count = used - first,
                .pages = kvspan_ledger_columns(ledger, group, slot) + first,
                .last_page = page_before_step(step, group, slot, used - 1),
            };
        }
    }
    return count;
}

kvspan_changes kvspan_step_changes(kvspan_step *step)
{
    const kvspan_ledger *ledger = step->ledger;
    uint32_t window_count = 0;
    uint32_t shared_run_count = 0;

    assert(step->is_open);
    list_released(step);
    list_admitted(step);
    list_trims(step);
    for (uint32_t group = 0; group < ledger->config.group_count; group++) {
        window_count = list_windows(step, group, window_count);
        shared_run_count = list_shared_runs(step, group, shared_run_count);
    }
    return (kvspan_changes){ .epoch = ledger->epoch + 1,
                             .table_digest = ledger->digest,
                             .released = step->released,
                             .released_count = ledger->released.count,
                             .admitted = step->admitted,
                             .admitted_count = ledger->admitted.count,
                             .trims = step->trims,
                             .trim_count = ledger->trimmed.count,
                             .windows = step->windows,
                             .window_count = window_count,
                             .shared_runs = step->shared_runs,
                             .shared_run_count = shared_run_count,
                             .page_runs = step->page_runs,
                             .page_run_count = step->page_run_count,
                             .copies = step->copies,
                             .copy_count = step->copy_count,
                             .rows = step->rows,
                             .row_count = step->row_count,
                             .token_count = step->token_count,
                             .payload = step->payload,
                             .payload_bytes = step->payload_bytes };
}
