#include "runtime/step/replica.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/ledger/table_digest.h"
#include "runtime/step/bit_set.h"

static size_t row_index(const kvspan_replica *replica, uint32_t group, uint32_t slot)
{
    return (size_t)group * replica->limits.slot_count + slot;
}

static uint32_t *table_row(const kvspan_replica *replica, uint32_t group, uint32_t slot)
{
    return replica->tables + row_index(replica, group, slot) * replica->limits.column_count;
}

static uint64_t sequence_term(const kvspan_replica *replica, uint32_t slot)
{
    return kvspan_digest_sequence(slot, replica->tags[slot], replica->tokens[slot]);
}

size_t kvspan_replica_max_patches(const kvspan_step_limits *limits)
{
    const uint64_t entries =
        (uint64_t)limits->group_count * limits->slot_count * limits->column_count;
    const uint64_t held = limits->page_count - 1;

    return (size_t)((entries < held ? entries : held) + kvspan_step_max_pages(limits));
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
    made.tags = calloc(slots, sizeof(*made.tags));
    made.tokens = calloc(slots, sizeof(*made.tokens));
    made.is_live = calloc(slots, sizeof(*made.is_live));
    made.owned_pages = calloc(kvspan_bit_words(limits->page_count), sizeof(*made.owned_pages));
    made.released_columns = calloc(rows, sizeof(*made.released_columns));
    if (!made.tables || !made.column_counts || !made.tags || !made.tokens || !made.is_live ||
        !made.owned_pages || !made.released_columns) {
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
    free(replica->released_columns);
    free(replica->owned_pages);
    free(replica->is_live);
    free(replica->tokens);
    free(replica->tags);
    free(replica->column_counts);
    free(replica->tables);
    *replica = (kvspan_replica){ .tables = NULL };
}

static void clear_row(kvspan_replica *replica, uint32_t group, uint32_t slot)
{
    const size_t row = row_index(replica, group, slot);
    const uint32_t column_count = replica->column_counts[row];
    uint32_t *table = table_row(replica, group, slot);

    for (uint32_t column = 0; column < column_count; column++) {
        replica->digest -= kvspan_digest_entry(group, slot, column, table[column]);
        kvspan_bit_drop(replica->owned_pages, table[column]);
        table[column] = 0;
    }
    replica->released_columns[row] = column_count;
    replica->column_counts[row] = 0;
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
            clear_row(replica, group, slot);
        }
        replica->is_live[slot] = 0;
        replica->tokens[slot] = 0;
        replica->tags[slot] = 0;
    }
    return KVSPAN_OK;
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
        replica->is_live[admit->slot] = 1;
        replica->tags[admit->slot] = admit->tag;
        replica->digest += sequence_term(replica, admit->slot);
    }
    return KVSPAN_OK;
}

static kvspan_status add_pages(kvspan_replica *replica, const kvspan_page_run *run,
                               kvspan_error *error)
{
    const size_t row = row_index(replica, run->group, run->slot);
    const uint32_t first_column = replica->column_counts[row];
    uint32_t *table = table_row(replica, run->group, run->slot);

    if (run->page_count > replica->limits.column_count - first_column) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "%" PRIu32 " pages added to the %" PRIu32 " of slot %" PRIu32
                           " are more than %" PRIu32 " columns",
                           run->page_count, first_column, run->slot, replica->limits.column_count);
    }
    for (uint32_t i = 0; i < run->page_count; i++) {
        const uint32_t column = first_column + i;

        if (!kvspan_bit_put(replica->owned_pages, run->pages[i])) {
            return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                               "page %" PRIu32 " added to slot %" PRIu32 ", column %" PRIu32
                               ", is in use already",
                               run->pages[i], run->slot, column);
        }
        table[column] = run->pages[i];
        replica->digest += kvspan_digest_entry(run->group, run->slot, column, run->pages[i]);
    }
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
    const uint32_t page_tokens = replica->limits.page_tokens;
    const uint64_t needed = tokens / page_tokens + (tokens % page_tokens != 0);
    const uint32_t column_count = replica->column_counts[row_index(replica, group, slot)];

    if (column_count != needed) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "slot %" PRIu32 ", group %" PRIu32 " has %" PRIu32 " pages for %" PRIu64
                           " tokens, which need %" PRIu64,
                           slot, group, column_count, tokens, needed);
    }
    return KVSPAN_OK;
}

/* Rows need just the pages they have; runs of slots without a row would be too many. */
static kvspan_status check_pages_suffice(const kvspan_replica *replica,
                                         const kvspan_step_message *message, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; i < message->header.page_run_count && !status; i++) {
        status = check_row_pages(replica, message->page_runs[i].group, message->page_runs[i].slot,
                                 error);
    }
    for (uint32_t group = 0; group < replica->limits.group_count; group++) {
        for (uint32_t i = 0; i < message->header.row_count && !status; i++) {
            status = check_row_pages(replica, group, message->rows[i].slot, error);
        }
    }
    return status;
}

static void patch(kvspan_replica_result *result, uint32_t group, uint32_t slot, uint32_t column,
                  uint32_t page)
{
    result->patches[result->patch_count++] = (kvspan_replica_patch){ group, slot, column, page };
}

/* Columns that a release left and no page of the same step took again. */
static void patch_cleared(kvspan_replica *replica, const kvspan_step_message *message,
                          kvspan_replica_result *result)
{
    for (uint32_t i = 0; i < message->header.released_count; i++) {
        const uint32_t slot = message->released[i];

        for (uint32_t group = 0; group < replica->limits.group_count; group++) {
            const size_t row = row_index(replica, group, slot);

            for (uint32_t column = replica->column_counts[row];
                 column < replica->released_columns[row]; column++) {
                patch(result, group, slot, column, 0);
            }
        }
    }
}

static void patch_added(const kvspan_replica *replica, const kvspan_step_message *message,
                        kvspan_replica_result *result)
{
    for (uint32_t i = 0; i < message->header.page_run_count; i++) {
        const kvspan_page_run *run = &message->page_runs[i];
        const uint32_t end = replica->column_counts[row_index(replica, run->group, run->slot)];

        for (uint32_t j = 0; j < run->page_count; j++) {
            patch(result, run->group, run->slot, end - run->page_count + j, run->pages[j]);
        }
    }
}

static kvspan_status check_epoch_and_change(kvspan_replica *replica,
                                            const kvspan_step_message *message, kvspan_row *rows,
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
        status = add_all_pages(replica, message, error);
    }
    if (!status) {
        status = add_rows(replica, message, rows, token_count_out, error);
    }
    if (!status) {
        status = check_pages_suffice(replica, message, error);
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
    kvspan_status status =
        check_epoch_and_change(replica, message, result->rows, &token_count, error);

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
    patch_cleared(replica, message, result);
    patch_added(replica, message, result);
    return KVSPAN_OK;
}
