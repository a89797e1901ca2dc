#include "runtime/ledger/check.h"

#include <inttypes.h>
#include <string.h>

enum {
    PLACE_TEXT_BYTES = 96
};

/* "slot 3 (tag 17) column 2" of the first table entry, in table order, that holds page and is not
 * before *entry, which is moved behind it. */
static const char *describe_entry(const kvspan_ledger *ledger, uint32_t page, size_t *entry,
                                  char text[PLACE_TEXT_BYTES])
{
    const size_t slot_count = ledger->config.slot_count;
    const size_t end = ledger->config.group_count * slot_count * ledger->column_count;

    for (size_t i = *entry; i < end; i++) {
        const size_t row = i / ledger->column_count;
        const uint32_t column = (uint32_t)(i % ledger->column_count);
        const uint32_t slot = (uint32_t)(row % slot_count);

        if (column < ledger->page_counts[row] && ledger->tables[i] == page) {
            (void)snprintf(text, PLACE_TEXT_BYTES, "slot %u (tag %" PRIu64 ") column %u", slot,
                           ledger->slots[slot].tag, column);
            *entry = i + 1;
            return text;
        }
    }
    return "nothing";
}

/* Checks one row of a table on its own and counts its pages. */
static kvspan_status count_row(const kvspan_ledger *ledger, uint32_t group, uint32_t slot,
                               kvspan_error *error)
{
    const uint32_t *columns = kvspan_ledger_columns(ledger, group, slot);
    const uint32_t page_count = ledger->page_counts[kvspan_ledger_row(ledger, group, slot)];
    const uint32_t first = ledger->first_columns[kvspan_ledger_row(ledger, group, slot)];
    const uint64_t tag = ledger->slots[slot].tag;

    if (page_count > ledger->column_count) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "slot %u (tag %" PRIu64 ") has %u pages, a row has %u columns", slot,
                           tag, page_count, ledger->column_count);
    }
    if (first > page_count) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "slot %u (tag %" PRIu64 ") holds pages from column %u on, of %u", slot,
                           tag, first, page_count);
    }
    for (uint32_t column = 0; column < ledger->column_count; column++) {
        const uint32_t page = columns[column];

        if (column < first && page != 0) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "slot %u (tag %" PRIu64 ") has page %u in column %u, behind its "
                               "window, which begins in column %u",
                               slot, tag, page, column, first);
        }
        if (column < first) {
            continue;
        }
        if (column >= page_count && page != 0) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "slot %u (tag %" PRIu64 ") has %u pages but page %u in column %u",
                               slot, tag, page_count, page, column);
        }
        if (column < page_count && (page == 0 || page >= ledger->config.page_count)) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "slot %u (tag %" PRIu64 ") has page %u in column %u, not in [1, %u)",
                               slot, tag, page, column, ledger->config.page_count);
        }
        if (column < page_count) {
            ledger->entry_counts[page]++;
        }
    }
    return KVSPAN_OK;
}

static kvspan_status count_entries(const kvspan_ledger *ledger, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    memset(ledger->entry_counts, 0, ledger->config.page_count * sizeof(ledger->entry_counts[0]));
    for (uint32_t group = 0; group < ledger->config.group_count; group++) {
        for (uint32_t slot = 0; status == KVSPAN_OK && slot < ledger->config.slot_count; slot++) {
            status = count_row(ledger, group, slot, error);
        }
    }
    return status;
}

/* A page with an unexpected number of references. */
static kvspan_status fail_references(const kvspan_ledger *ledger, uint32_t page,
                                     kvspan_error *error)
{
    const kvspan_page_record *record = &ledger->pool.records[page];
    char first[PLACE_TEXT_BYTES];
    char second[PLACE_TEXT_BYTES];
    size_t entry = 0;
    const char *holder = NULL;

    if (ledger->entry_counts[page] == 0) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "page %u leaked: it has %u references but is in no table; slot %u "
                           "(tag %" PRIu64 ") took it",
                           page, record->references, record->slot, record->tag);
    }
    holder = describe_entry(ledger, page, &entry, first);
    if (ledger->entry_counts[page] == 1) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "page %u has %u references but is in 1 table: %s", page,
                           record->references, holder);
    }
    return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                       "page %u has %u references but is in tables %u times: %s, then %s", page,
                       record->references, ledger->entry_counts[page], holder,
                       describe_entry(ledger, page, &entry, second));
}

/* Free pages are counted as UINT32_MAX entries, which no table has. */
static kvspan_status check_queued(const kvspan_ledger *ledger, uint32_t page, kvspan_error *error)
{
    const kvspan_page_record *record = &ledger->pool.records[page];
    char text[PLACE_TEXT_BYTES];
    size_t entry = 0;

    if (ledger->entry_counts[page] == UINT32_MAX) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "page %u is in the free queue twice; slot %u (tag %" PRIu64
                           ") had it last",
                           page, record->slot, record->tag);
    }
    if (ledger->entry_counts[page] > 0) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT, "page %u is free but used by %s", page,
                           describe_entry(ledger, page, &entry, text));
    }
    if (record->references > 0) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "page %u is free but has %u references; slot %u (tag %" PRIu64
                           ") took it",
                           page, record->references, record->slot, record->tag);
    }
    ledger->entry_counts[page] = UINT32_MAX;
    return KVSPAN_OK;
}

static kvspan_status check_queue(const kvspan_ledger *ledger, kvspan_error *error)
{
    const kvspan_page_pool *pool = &ledger->pool;
    kvspan_status status = KVSPAN_OK;

    if (pool->head >= pool->page_count - 1 || pool->free_count > pool->page_count - 1) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "the free queue has %u pages from place %u on, but only %u places",
                           pool->free_count, pool->head, pool->page_count - 1);
    }
    for (uint32_t place = 0; status == KVSPAN_OK && place < pool->free_count; place++) {
        const uint32_t page = kvspan_page_pool_queued(pool, place);

        if (page == 0 || page >= pool->page_count) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "page %u is in the free queue, not in [1, %u)", page,
                               pool->page_count);
        }
        status = check_queued(ledger, page, error);
    }
    return status;
}

static kvspan_status check_used(const kvspan_ledger *ledger, kvspan_error *error)
{
    const kvspan_page_pool *pool = &ledger->pool;

    if (pool->records[0].references != 0) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "page 0 has %u references; slot %u (tag %" PRIu64 ") took it",
                           pool->records[0].references, pool->records[0].slot,
                           pool->records[0].tag);
    }
    for (uint32_t page = 1; page < pool->page_count; page++) {
        const kvspan_page_record *record = &pool->records[page];

        if (ledger->entry_counts[page] == UINT32_MAX) {
            continue;
        }
        if (ledger->entry_counts[page] == 0 && record->references == 0) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "page %u leaked: it is neither free nor in a table; slot %u (tag "
                               "%" PRIu64 ") had it last",
                               page, record->slot, record->tag);
        }
        if (ledger->entry_counts[page] + record->holds != record->references) {
            return fail_references(ledger, page, error);
        }
    }
    if (pool->high_water < pool->page_count - 1 - pool->free_count ||
        pool->high_water > pool->page_count - 1) {
        return kvspan_fail(
            error, KVSPAN_ERR_CORRUPT, "%u of %u pages are in use, pages_high_water is %u",
            pool->page_count - 1 - pool->free_count, pool->page_count - 1, pool->high_water);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_ledger_check_pages(const kvspan_ledger *ledger, kvspan_error *error)
{
    kvspan_status status = count_entries(ledger, error);

    if (status == KVSPAN_OK) {
        status = check_queue(ledger, error);
    }
    if (status == KVSPAN_OK) {
        status = check_used(ledger, error);
    }
    return status;
}
