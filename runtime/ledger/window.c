#include "runtime/ledger/window.h"

#include <assert.h>
#include <inttypes.h>

/* The first position that a query sees. */
static uint64_t first_position(const kvspan_ledger *ledger, uint32_t group, uint64_t position)
{
    const uint32_t window = ledger->config.group_windows[group];

    return window == 0 || position < window ? 0 : position - window + 1;
}

uint32_t kvspan_window_first_column(const kvspan_ledger *ledger, uint32_t group, uint64_t position)
{
    return (uint32_t)(first_position(ledger, group, position) / ledger->stretch_tokens);
}

uint64_t kvspan_window_row_pages(const kvspan_ledger *ledger, uint64_t base, uint64_t tokens)
{
    uint64_t pages = 0;

    for (uint32_t group = 0; group < ledger->config.group_count; group++) {
        pages += kvspan_token_pages(&ledger->rule, tokens) -
                 kvspan_window_first_column(ledger, group, base);
    }
    return pages;
}

/* Pages grow where a column begins and shrink where one leaves a window, and a position holds at
 * least what the one a stretch before it does: so the most are held at the last position, or just
 * before the last time that some group lets a column go. */
uint64_t kvspan_window_least_pages(const kvspan_ledger *ledger, uint64_t tokens)
{
    const uint64_t stretch = ledger->stretch_tokens;
    uint64_t most = 0;

    if (tokens == 0) {
        return 0;
    }
    most = kvspan_window_row_pages(ledger, tokens - 1, tokens);
    for (uint32_t group = 0; group < ledger->config.group_count; group++) {
        const uint64_t window = ledger->config.group_windows[group];
        const uint64_t back = window == 0 || tokens <= window ? 0 : (tokens - window) % stretch + 1;
        const uint64_t end = tokens - back;
        const uint64_t pages =
            back == 0 || end == 0 ? 0 : kvspan_window_row_pages(ledger, end - 1, end);

        most = pages > most ? pages : most;
    }
    return most;
}

void kvspan_window_slide(kvspan_ledger *ledger, uint32_t slot)
{
    const uint64_t committed = ledger->slots[slot].committed_count;
    const uint64_t base = kvspan_ledger_base_tokens(ledger, slot);
    const uint64_t query = committed < base ? committed : base;

    for (uint32_t group = 0; group < ledger->config.group_count; group++) {
        uint32_t *first = &ledger->first_columns[kvspan_ledger_row(ledger, group, slot)];
        const uint32_t kept = kvspan_window_first_column(ledger, group, query);

        if (kept <= *first) {
            continue;
        }
        assert(kept <= ledger->page_counts[kvspan_ledger_row(ledger, group, slot)]);
        kvspan_ledger_drop_columns(ledger, group, slot, *first, kept);
        *first = kept;
        if (!kvspan_slot_set_has(&ledger->admitted, slot) &&
            !kvspan_slot_set_has(&ledger->slid, slot)) {
            kvspan_slot_set_add(&ledger->slid, slot);
        }
    }
}

kvspan_status kvspan_window_check(const kvspan_ledger *ledger, uint32_t slot, uint64_t position,
                                  kvspan_error *error)
{
    for (uint32_t group = 0; group < ledger->config.group_count; group++) {
        const uint32_t held = ledger->first_columns[kvspan_ledger_row(ledger, group, slot)];
        const uint64_t seen = first_position(ledger, group, position);
        /* With nothing to see and a page of its own to begin, it needs no page. */
        const bool needs_none = seen == position && position % ledger->stretch_tokens == 0;

        if (held > seen / ledger->stretch_tokens && !needs_none) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "slot %u (tag %" PRIu64 "): group %u holds tokens from %" PRIu64
                               " on, one at %" PRIu64 " needs them from %" PRIu64 " on (window %u)",
                               slot, ledger->slots[slot].tag, group,
                               (uint64_t)held * ledger->stretch_tokens, position, seen,
                               ledger->config.group_windows[group]);
        }
    }
    return KVSPAN_OK;
}
