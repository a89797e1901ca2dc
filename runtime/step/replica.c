#include "runtime/step/replica.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/ledger/table_digest.h"
#include "runtime/step/replica_parts.h"

static uint64_t sequence_term(const kvspan_replica *replica, uint32_t slot)
{
    return kvspan_digest_sequence(slot, replica->tags[slot], replica->tokens[slot]);
}

size_t kvspan_replica_max_patches(const kvspan_step_limits *limits)
{
    return (size_t)kvspan_step_max_shared_pages(limits);
}

kvspan_status kvspan_replica_init(kvspan_replica *replica, const kvspan_step_limits *limits,
                                  kvspan_error *error)
{
    const size_t slots = limits->slot_count;
    const size_t rows = limits->group_count * slots;
    kvspan_replica made = { .limits = *limits };
    kvspan_status status = kvspan_step_limits_check(limits, error);

    if (status) {
        return status;
    }
    made.tables = calloc(rows * limits->column_count, sizeof(*made.tables));
    made.column_counts = calloc(rows, sizeof(*made.column_counts));
    made.first_columns = calloc(rows, sizeof(*made.first_columns));
    made.tags = calloc(slots, sizeof(*made.tags));
    made.tokens = calloc(slots, sizeof(*made.tokens));
    made.is_live = calloc(slots, sizeof(*made.is_live));
    made.references = calloc(limits->page_count, sizeof(*made.references));
    made.dirty = calloc(rows, sizeof(*made.dirty));
    if (!made.tables || !made.column_counts || !made.first_columns || !made.tags || !made.tokens ||
        !made.is_live || !made.references || !made.dirty) {
        kvspan_replica_fini(&made);
        return kvspan_fail(error, KVSPAN_ERR_MEMORY,
                           "no memory for page tables of %zu rows and %" PRIu32 " columns", rows,
                           limits->column_count);
    }
    *replica = made;
    return KVSPAN_OK;
}

void kvspan_replica_fini(kvspan_replica *replica)
{
    free(replica->dirty);
    free(replica->references);
    free(replica->is_live);
    free(replica->tokens);
    free(replica->tags);
    free(replica->first_columns);
    free(replica->column_counts);
    free(replica->tables);
    *replica = (kvspan_replica){ .tables = NULL };
}

static void drop_entry(kvspan_replica *replica, uint32_t group, uint32_t slot, uint32_t column)
{
    uint32_t *entry = kvspan_replica_columns(replica, group, slot) + column;

    replica->digest -= kvspan_digest_entry(group, slot, column, *entry);
    replica->references[*entry]--;
    *entry = 0;
}

static void set_entry(kvspan_replica *replica, uint32_t group, uint32_t slot, uint32_t column,
                      uint32_t page)
{
    kvspan_replica_columns(replica, group, slot)[column] = page;
    replica->references[page]++;
    replica->digest += kvspan_digest_entry(group, slot, column, page);
}

static void note_dirty(kvspan_replica *replica, size_t row, uint32_t first, uint32_t end)
{
    kvspan_dirty_columns *dirty = &replica->dirty[row];

    if (first >= end) {
        return;
    }
    if (dirty->end == 0) {
        *dirty = (kvspan_dirty_columns){ first, end };
        return;
    }
    dirty->first = first < dirty->first ? first : dirty->first;
    dirty->end = end > dirty->end ? end : dirty->end;
}

/* Leaves a row so many columns. */
static void cut_row(kvspan_replica *replica, uint32_t group, uint32_t slot, uint32_t column_count)
{
    const size_t row = kvspan_replica_row(replica, group, slot);
    const uint32_t held = replica->first_columns[row];
    const uint32_t first = held < column_count ? column_count : held;
    const uint32_t end = replica->column_counts[row];

    for (uint32_t column = first; column < end; column++) {
        drop_entry(replica, group, slot, column);
    }
    note_dirty(replica, row, first, end);
    replica->column_counts[row] = column_count;
    replica->first_columns[row] = held < column_count ? held : column_count;
}

static kvspan_status release_slots(kvspan_replica *replica, const kvspan_step_message *message,
                                   kvspan_error *error)
{
    for (uint32_t i = 0; i < message->header.released_count; i++) {
        const uint32_t slot = message->released[i];

        if (!replica->is_live[slot]) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "release of slot %" PRIu32 ", which holds no sequence", slot);
        }
        replica->digest -= sequence_term(replica, slot);
        for (uint32_t group = 0; group < replica->limits.group_count; group++) {
            cut_row(replica, group, slot, 0);
        }
        replica->is_live[slot] = 0;
        replica->tokens[slot] = 0;
        replica->tags[slot] = 0;
    }
    return KVSPAN_OK;
}

static uint32_t columns_of(const kvspan_replica *replica, uint64_t tokens)
{
    const uint32_t page_tokens = replica->limits.page_tokens;

    return (uint32_t)(tokens / page_tokens + (tokens % page_tokens != 0));
}

static kvspan_status admit_sequences(kvspan_replica *replica, const kvspan_step_message *message,
                                     kvspan_error *error)
{
    for (uint32_t i = 0; i < message->header.admitted_count; i++) {
        const kvspan_admit *admit = &message->admitted[i];

        if (replica->is_live[admit->slot]) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "admission of tag %" PRIu64 " to slot %" PRIu32
                               ", which holds tag %" PRIu64,
                               admit->tag, admit->slot, replica->tags[admit->slot]);
        }
        replica->is_live[admit->slot] = KVSPAN_REPLICA_IS_NEW;
        replica->tags[admit->slot] = admit->tag;
        replica->tokens[admit->slot] = admit->tokens;
        replica->digest += sequence_term(replica, admit->slot);
        for (uint32_t group = 0; group < replica->limits.group_count; group++) {
            const size_t row = kvspan_replica_row(replica, group, admit->slot);

            /* Without a shared run all its columns are behind the window. */
            replica->column_counts[row] = columns_of(replica, admit->tokens);
            replica->first_columns[row] = replica->column_counts[row];
        }
    }
    return KVSPAN_OK;
}

static kvspan_status trim_sequences(kvspan_replica *replica, const kvspan_step_message *message,
                                    kvspan_error *error)
{
    for (uint32_t i = 0; i < message->trim_count; i++) {
        const kvspan_trim *trim = &message->trims[i];

        if (!replica->is_live[trim->slot] || trim->tokens >= replica->tokens[trim->slot]) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "slot %" PRIu32 " of %" PRIu64 " tokens is trimmed to %" PRIu64,
                               trim->slot, replica->tokens[trim->slot], trim->tokens);
        }
        replica->digest -= sequence_term(replica, trim->slot);
        replica->tokens[trim->slot] = trim->tokens;
        replica->digest += sequence_term(replica, trim->slot);
        for (uint32_t group = 0; group < replica->limits.group_count; group++) {
            cut_row(replica, group, trim->slot, columns_of(replica, trim->tokens));
        }
    }
    return KVSPAN_OK;
}

static kvspan_status slide_windows(kvspan_replica *replica, const kvspan_step_message *message,
                                   kvspan_error *error)
{
    for (uint32_t i = 0; i < message->window_count; i++) {
        const kvspan_page_run *window = &message->windows[i];
        const size_t row = kvspan_replica_row(replica, window->group, window->slot);
        const uint32_t first = replica->first_columns[row];

        if (window->page_count > replica->column_counts[row] - first) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "slot %" PRIu32 ", group %" PRIu32 " has pages in columns [%" PRIu32
                               ", %" PRIu32 "), %" PRIu32 " of them leave the window",
                               window->slot, window->group, first, replica->column_counts[row],
                               window->page_count);
        }
        for (uint32_t column = first; column < first + window->page_count; column++) {
            drop_entry(replica, window->group, window->slot, column);
        }
        replica->first_columns[row] = first + window->page_count;
    }
    return KVSPAN_OK;
}

/* Shared pages end where the sequence's tokens do. Any page may be shared: whoever had it may have
 * ended in this very step. */
static kvspan_status share_pages(kvspan_replica *replica, const kvspan_step_message *message,
                                 kvspan_error *error)
{
    for (uint32_t i = 0; i < message->shared_run_count; i++) {
        const kvspan_page_run *run = &message->shared_runs[i];
        const size_t row = kvspan_replica_row(replica, run->group, run->slot);
        const uint32_t end = replica->column_counts[row];

        if (replica->is_live[run->slot] != KVSPAN_REPLICA_IS_NEW || run->page_count > end) {
            return kvspan_fail(
                error, KVSPAN_ERR_CORRUPT,
                "slot %" PRIu32 ", group %" PRIu32 " shares %" PRIu32
                " pages, but is %s and has %" PRIu32 " columns",
                run->slot, run->group, run->page_count,
                replica->is_live[run->slot] == KVSPAN_REPLICA_IS_NEW ? "new" : "not new", end);
        }
        for (uint32_t j = 0; j < run->page_count; j++) {
            set_entry(replica, run->group, run->slot, end - run->page_count + j, run->pages[j]);
        }
        replica->first_columns[row] = end - run->page_count;
        note_dirty(replica, row, end - run->page_count, end);
    }
    return KVSPAN_OK;
}

/* Before the rows: the slot's last column is the one that its next token goes to. */
static kvspan_status copy_pages(kvspan_replica *replica, const kvspan_step_message *message,
                                kvspan_replica_result *result, kvspan_error *error)
{
    for (uint32_t i = 0; i < message->copy_count; i++) {
        const kvspan_page_run *copy = &message->copies[i];
        const uint32_t target = copy->pages[0];
        const uint64_t tokens = replica->tokens[copy->slot];
        const uint32_t column = (uint32_t)(tokens / replica->limits.page_tokens);
        const uint32_t source =
            tokens % replica->limits.page_tokens == 0
                ? 0
                : kvspan_replica_columns(replica, copy->group, copy->slot)[column];

        if (source == 0 || replica->references[target] != 0) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "page %" PRIu32 " of slot %" PRIu32 " (%" PRIu64
                               " tokens) is copied "
                               "to page %" PRIu32 ", which %" PRIu32 " entries have",
                               source, copy->slot, tokens, target, replica->references[target]);
        }
        drop_entry(replica, copy->group, copy->slot, column);
        set_entry(replica, copy->group, copy->slot, column, target);
        note_dirty(replica, kvspan_replica_row(replica, copy->group, copy->slot), column,
                   column + 1);
        result->copies[i] = (kvspan_replica_copy){ copy->group, source, target };
    }
    return KVSPAN_OK;
}

static kvspan_status add_pages(kvspan_replica *replica, const kvspan_page_run *run,
                               kvspan_error *error)
{
    const size_t row = kvspan_replica_row(replica, run->group, run->slot);
    const uint32_t first_column = replica->column_counts[row];

    if (run->page_count > replica->limits.column_count - first_column) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "%" PRIu32 " pages added to the %" PRIu32 " of slot %" PRIu32
                           " are more than %" PRIu32 " columns",
                           run->page_count, first_column, run->slot, replica->limits.column_count);
    }
    for (uint32_t i = 0; i < run->page_count; i++) {
        const uint32_t column = first_column + i;

        if (replica->references[run->pages[i]] != 0) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "page %" PRIu32 " added to slot %" PRIu32 ", column %" PRIu32
                               ", is in use already",
                               run->pages[i], run->slot, column);
        }
        set_entry(replica, run->group, run->slot, column, run->pages[i]);
    }
    note_dirty(replica, row, first_column, first_column + run->page_count);
    replica->column_counts[row] = first_column + run->page_count;
    return KVSPAN_OK;
}

static kvspan_status add_all_pages(kvspan_replica *replica, const kvspan_step_message *message,
                                   kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; i < message->header.page_run_count && !status; i++) {
        status = add_pages(replica, &message->page_runs[i], error);
    }
    return status;
}

static kvspan_status add_rows(kvspan_replica *replica, const kvspan_step_message *message,
                              kvspan_row *rows, uint32_t *token_count_out, kvspan_error *error)
{
    uint32_t first_token = 0;

    for (uint32_t i = 0; i < message->header.row_count; i++) {
        const uint32_t slot = message->rows[i].slot;
        const uint32_t token_count = message->rows[i].token_count;
        const uint64_t position = replica->tokens[slot];

        if (!replica->is_live[slot]) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "row %" PRIu32 " of slot %" PRIu32 ", which holds no sequence", i,
                               slot);
        }
        if (token_count > replica->limits.max_sequence_tokens - position) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "row %" PRIu32 ": slot %" PRIu32 " of %" PRIu64
                               " tokens would get %" PRIu32 ", the most is %" PRIu64,
                               i, slot, position, token_count, replica->limits.max_sequence_tokens);
        }
        replica->digest -= sequence_term(replica, slot);
        replica->tokens[slot] = position + token_count;
        replica->digest += sequence_term(replica, slot);
        rows[i] = (kvspan_row){
            .tag = replica->tags[slot],
            .position = position,
            .slot = slot,
            .first_token = first_token,
            .token_count = token_count,
        };
        first_token += token_count;
    }
    *token_count_out = first_token;
    return KVSPAN_OK;
}

static kvspan_status check_row_pages(const kvspan_replica *replica, uint32_t group, uint32_t slot,
                                     kvspan_error *error)
{
    const uint64_t tokens = replica->tokens[slot];
    const uint64_t needed = columns_of(replica, tokens);
    const uint32_t column_count = replica->column_counts[kvspan_replica_row(replica, group, slot)];

    if (column_count != needed) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "slot %" PRIu32 ", group %" PRIu32 " has %" PRIu32 " pages for %" PRIu64
                           " tokens, which need %" PRIu64,
                           slot, group, column_count, tokens, needed);
    }
    return KVSPAN_OK;
}

/* What a row writes first is a page of its own. */
static kvspan_status check_written_page(const kvspan_replica *replica, uint32_t group,
                                        const kvspan_row *row, kvspan_error *error)
{
    const uint64_t column = row->position / replica->limits.page_tokens;
    const uint32_t page = kvspan_replica_columns(replica, group, row->slot)[column];

    if (page == 0 || replica->references[page] != 1) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "slot %" PRIu32 ", group %" PRIu32 " would write position %" PRIu64
                           " to page %" PRIu32 ", which %" PRIu32 " entries have",
                           row->slot, group, row->position, page,
                           page == 0 ? 0 : replica->references[page]);
    }
    return KVSPAN_OK;
}

/* Rows need just the pages they have; runs of slots without a row would be too many. */
static kvspan_status check_pages_suffice(const kvspan_replica *replica,
                                         const kvspan_step_message *message, const kvspan_row *rows,
                                         kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; i < message->header.page_run_count && !status; i++) {
        status = check_row_pages(replica, message->page_runs[i].group, message->page_runs[i].slot,
                                 error);
    }
    for (uint32_t group = 0; group < replica->limits.group_count; group++) {
        for (uint32_t i = 0; i < message->header.row_count && !status; i++) {
            status = check_row_pages(replica, group, message->rows[i].slot, error);
            if (!status) {
                status = check_written_page(replica, group, &rows[i], error);
            }
        }
    }
    return status;
}

static kvspan_status check_epoch_and_change(kvspan_replica *replica,
                                            const kvspan_step_message *message,
                                            kvspan_replica_result *result,
                                            uint32_t *token_count_out, kvspan_error *error)
{
    const kvspan_step_header *header = &message->header;
    kvspan_status status;

    if (header->epoch != replica->epoch + 1) {
        return kvspan_fail(error, KVSPAN_ERR_STALE,
                           "the message is of epoch %" PRIu64 ", this rank has applied %" PRIu64,
                           header->epoch, replica->epoch);
    }
    status = release_slots(replica, message, error);
    if (!status) {
        status = admit_sequences(replica, message, error);
    }
    if (!status) {
        status = trim_sequences(replica, message, error);
    }
    if (!status) {
        status = slide_windows(replica, message, error);
    }
    if (!status) {
        status = share_pages(replica, message, error);
    }
    if (!status) {
        status = add_all_pages(replica, message, error);
    }
    if (!status) {
        status = copy_pages(replica, message, result, error);
    }
    if (!status) {
        status = add_rows(replica, message, result->rows, token_count_out, error);
    }
    if (!status) {
        status = check_pages_suffice(replica, message, result->rows, error);
    }
    if (!status && replica->digest != header->table_digest) {
        status = kvspan_fail(error, KVSPAN_ERR_MISMATCH,
                             "after epoch %" PRIu64 " this rank's tables have digest %#" PRIx64
                             ", the coordinator's %#" PRIx64,
                             header->epoch, replica->digest, header->table_digest);
    }
    return status;
}

kvspan_status kvspan_replica_apply(kvspan_replica *replica, const kvspan_step_message *message,
                                   kvspan_replica_result *result, kvspan_error *error)
{
    uint32_t token_count = 0;
    kvspan_status status = check_epoch_and_change(replica, message, result, &token_count, error);

    if (status) {
        if (error) {
            error->epoch = message->header.epoch;
        }
        return status;
    }
    replica->epoch = message->header.epoch;
    result->row_count = message->header.row_count;
    result->token_count = token_count;
    result->patch_count = 0;
    result->copy_count = message->copy_count;
    kvspan_replica_patch_all(replica, message, result);
    for (uint32_t i = 0; i < message->header.admitted_count; i++) {
        replica->is_live[message->admitted[i].slot] = 1;
    }
    return KVSPAN_OK;
}
