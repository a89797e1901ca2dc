/* Where the ledger differs from the model. */
#include "ledger_model.h"

#include <string.h>

static const char *sequence_difference(const ledger_model *model, const kvspan_ledger *ledger,
                                       uint32_t slot)
{
    const model_sequence *expected = &model->now.sequences[slot];
    const kvspan_sequence handle = (uint64_t)expected->generation << 32 | slot;

    for (uint32_t group = 0; group < model->sizes.group_count; group++) {
        uint32_t page_count = 0;
        const uint32_t *table = kvspan_ledger_table(ledger, group, slot, &page_count);

        if (page_count != expected->column_count) {
            return "pages of a sequence";
        }
        if (memcmp(table, expected->pages[group], ledger->column_count * sizeof(table[0])) != 0) {
            return "a page table";
        }
    }
    if (kvspan_sequence_tokens(ledger, handle) != expected->tokens) {
        return "tokens of a sequence";
    }
    return kvspan_sequence_committed(ledger, handle) != expected->committed
               ? "committed tokens of a sequence"
               : NULL;
}

static kvspan_ledger_counts expected_counts(const ledger_model *model)
{
    const uint32_t total = model->sizes.page_count - 1;
    kvspan_ledger_counts counts = { .pages_total = total,
                                    .pages_free = model->now.free_count,
                                    .pages_in_use = total - model->now.free_count,
                                    .pages_high_water = model->high_water,
                                    .epoch = model->epoch };

    for (uint32_t slot = 0; slot < model->sizes.slot_count; slot++) {
        counts.sequences += model->now.sequences[slot].is_live;
        counts.slots_free += !model->now.sequences[slot].is_live;
        counts.tokens += model->now.sequences[slot].tokens;
    }
    return counts;
}

const char *model_difference(const ledger_model *model, const kvspan_ledger *ledger)
{
    const kvspan_ledger_counts expected = expected_counts(model);
    const kvspan_ledger_counts counts = kvspan_ledger_count(ledger);
    const char *difference = NULL;

    if (counts.pages_total != expected.pages_total || counts.pages_free != expected.pages_free ||
        counts.pages_in_use != expected.pages_in_use ||
        counts.pages_high_water != expected.pages_high_water ||
        counts.sequences != expected.sequences || counts.slots_free != expected.slots_free ||
        counts.tokens != expected.tokens || counts.epoch != expected.epoch) {
        return "the counts";
    }
    for (uint32_t place = 0; place < counts.pages_free; place++) {
        if (kvspan_page_pool_queued(&ledger->pool, place) != model->now.free_pages[place]) {
            return "the order of free pages";
        }
    }
    for (uint32_t slot = 0; !difference && slot < model->sizes.slot_count; slot++) {
        difference = sequence_difference(model, ledger, slot);
    }
    return difference;
}

static const char *slots_difference(const ledger_model *model, const kvspan_changes *changes)
{
    uint32_t released = 0;
    uint32_t admitted = 0;

    for (uint32_t slot = 0; slot < model->sizes.slot_count; slot++) {
        const model_sequence *sequence = &model->now.sequences[slot];
        const uint32_t told = model->told_generations[slot];
        const bool is_told = sequence->is_live && sequence->generation == told;

        if (told != 0 && !is_told &&
            (released >= changes->released_count || changes->released[released++] != slot)) {
            return "the released slots";
        }
        if (sequence->is_live && !is_told &&
            (admitted >= changes->admitted_count || changes->admitted[admitted].slot != slot ||
             changes->admitted[admitted++].tag != sequence->tag)) {
            return "the admitted slots";
        }
    }
    return released != changes->released_count || admitted != changes->admitted_count
               ? "the number of released or admitted slots"
               : NULL;
}

static const char *rows_difference(const ledger_model *model, const kvspan_changes *changes)
{
    uint32_t run_count = 0;

    if (changes->row_count != model->row_count ||
        changes->token_count != model_step_tokens(model)) {
        return "the number of rows or tokens";
    }
    for (uint32_t row = 0; row < model->row_count; row++) {
        const uint32_t slot = model->row_slots[row];
        const model_sequence *sequence = &model->now.sequences[slot];
        const uint32_t first = model->row_columns[row];
        const uint32_t new_pages = sequence->column_count - first;

        if (changes->rows[row].slot != slot ||
            changes->rows[row].token_count != model->row_tokens[row]) {
            return "a row";
        }
        for (uint32_t group = 0; new_pages > 0 && group < model->sizes.group_count; group++) {
            const kvspan_page_run *run = &changes->page_runs[run_count];

            if (run_count++ == changes->page_run_count || run->slot != slot ||
                run->group != group || run->first_column != first || run->page_count != new_pages ||
                memcmp(run->pages, sequence->pages[group] + first, new_pages * sizeof(uint32_t)) !=
                    0) {
                return "a page run";
            }
        }
    }
    return run_count != changes->page_run_count ? "the number of page runs" : NULL;
}

static const char *copies_difference(const ledger_model *model, const kvspan_changes *changes)
{
    if (changes->copy_count != model->held_count) {
        return "the number of copies";
    }
    for (uint32_t i = 0; i < model->held_count; i++) {
        if (changes->copies[i].source != model->held[i]) {
            return "the source of a copy";
        }
    }
    return NULL;
}

const char *model_changes_difference(const ledger_model *model, const kvspan_changes *changes)
{
    const char *difference = slots_difference(model, changes);

    if (!difference) {
        difference = rows_difference(model, changes);
    }
    if (!difference) {
        difference = copies_difference(model, changes);
    }
    if (!difference && changes->epoch != model->epoch + 1) {
        difference = "the epoch";
    }
    if (!difference && changes->table_digest != model_digest(model)) {
        difference = "the digest";
    }
    return difference;
}

uint64_t model_digest(const ledger_model *model)
{
    uint64_t sum = 0;

    for (uint32_t slot = 0; slot < model->sizes.slot_count; slot++) {
        const model_sequence *sequence = &model->now.sequences[slot];

        if (sequence->is_live) {
            sum += kvspan_digest_sequence(slot, sequence->tag, sequence->tokens);
        }
        for (uint32_t group = 0; group < model->sizes.group_count; group++) {
            for (uint32_t column = 0; column < sequence->column_count; column++) {
                const uint32_t page = sequence->pages[group][column];

                sum += page ? kvspan_digest_entry(group, slot, column, page) : 0;
            }
        }
    }
    return sum;
}
