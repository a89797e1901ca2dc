#include "ledger_model.h"

#include <string.h>

void model_init(ledger_model *model, const kvspan_ledger_config *sizes)
{
    memset(model, 0, sizeof(*model));
    model->sizes = *sizes;
    for (uint32_t page = 1; page < sizes->page_count; page++) {
        model->now.free_pages[model->now.free_count++] = page;
    }
    for (uint32_t slot = 0; slot < sizes->slot_count; slot++) {
        model->now.sequences[slot].generation = 1;
    }
}

static uint64_t pages_of(const ledger_model *model, uint64_t tokens)
{
    const uint64_t stretch = (uint64_t)model->sizes.page_tokens * model->sizes.token_members;

    return (tokens + stretch - 1) / stretch;
}

/* The slot of a live sequence, or slot_count. */
static uint32_t find(const ledger_model *model, kvspan_sequence sequence)
{
    for (uint32_t slot = 0; slot < model->sizes.slot_count; slot++) {
        const model_sequence *candidate = &model->now.sequences[slot];

        if (candidate->is_live && sequence == ((uint64_t)candidate->generation << 32 | slot)) {
            return slot;
        }
    }
    return model->sizes.slot_count;
}

static bool has_row(const ledger_model *model, uint32_t slot)
{
    for (uint32_t row = 0; row < model->row_count; row++) {
        if (model->row_slots[row] == slot) {
            return true;
        }
    }
    return false;
}

static uint32_t row_tokens(const ledger_model *model, uint32_t slot)
{
    for (uint32_t row = 0; row < model->row_count; row++) {
        if (model->row_slots[row] == slot) {
            return model->row_tokens[row];
        }
    }
    return 0;
}

/* Whether a query at a position sees a token, which may be any. */
static bool is_seen(const ledger_model *model, uint32_t group, uint64_t position, uint64_t token)
{
    const uint32_t window = model->sizes.group_windows[group];

    return window == 0 || token + window > position;
}

/* Columns that hold a token below `end` which a query at a position sees. */
static uint32_t seen_columns(const ledger_model *model, uint32_t group, uint64_t position,
                             uint64_t end)
{
    uint32_t count = 0;
    uint64_t last = UINT64_MAX;

    for (uint64_t token = 0; token < end; token++) {
        const uint64_t column =
            token / ((uint64_t)model->sizes.page_tokens * model->sizes.token_members);

        if (is_seen(model, group, position, token) && column != last) {
            last = column;
            count++;
        }
    }
    return count;
}

static uint32_t count_entries(const ledger_model *model, const model_book *book, uint32_t page)
{
    uint32_t count = 0;

    for (uint32_t slot = 0; slot < model->sizes.slot_count; slot++) {
        const model_sequence *sequence = &book->sequences[slot];

        for (uint32_t group = 0; group < model->sizes.group_count; group++) {
            for (uint32_t column = 0; column < sequence->column_count; column++) {
                count += sequence->pages[group][column] == page;
            }
        }
    }
    return count;
}

static bool is_held(const ledger_model *model, uint32_t page)
{
    for (uint32_t i = 0; i < model->held_count; i++) {
        if (model->held[i] == page) {
            return true;
        }
    }
    return false;
}

/* Empties an entry; its page is free unless others have it, or the open step reads it. */
static void drop_entry(const ledger_model *model, model_book *book, uint32_t *entry)
{
    const uint32_t page = *entry;

    *entry = 0;
    if (page != 0 && count_entries(model, book, page) == 0 &&
        !(book == &model->now && is_held(model, page))) {
        book->free_pages[book->free_count++] = page;
    }
}

/* Lets go what no query from min(committed, base tokens) on sees. */
static void slide(const ledger_model *model, model_book *book, uint32_t slot, uint64_t base)
{
    model_sequence *sequence = &book->sequences[slot];
    const uint64_t query = sequence->committed < base ? sequence->committed : base;
    const uint32_t stretch = model->sizes.page_tokens * model->sizes.token_members;

    for (uint32_t group = 0; group < model->sizes.group_count; group++) {
        for (uint32_t column = 0; column < sequence->column_count; column++) {
            const uint64_t last_token = (uint64_t)(column + 1) * stretch - 1;

            if (!is_seen(model, group, query, last_token)) {
                drop_entry(model, book, &sequence->pages[group][column]);
            }
        }
    }
}

static void start_sequence(model_sequence *sequence, uint64_t tag, uint64_t prompt_tokens)
{
    sequence->is_live = true;
    sequence->tag = tag;
    sequence->committed = prompt_tokens;
}

kvspan_status model_create(ledger_model *model, uint64_t tag, uint64_t prompt_tokens,
                           kvspan_sequence *sequence_out)
{
    uint32_t slot = 0;

    if (prompt_tokens > model->sizes.max_sequence_tokens) {
        return KVSPAN_ERR_NEVER_FITS;
    }
    for (uint64_t query = prompt_tokens > 40 ? prompt_tokens - 40 : 0; query < prompt_tokens;
         query++) {
        uint32_t pages = 0;

        for (uint32_t group = 0; group < model->sizes.group_count; group++) {
            pages += seen_columns(model, group, query, query + 1);
        }
        if (pages > model->sizes.page_count - 1) {
            return KVSPAN_ERR_NEVER_FITS;
        }
    }
    while (slot < model->sizes.slot_count && model->now.sequences[slot].is_live) {
        slot++;
    }
    if (slot == model->sizes.slot_count) {
        return KVSPAN_ERR_NO_SLOTS;
    }
    start_sequence(&model->now.sequences[slot], tag, prompt_tokens);
    start_sequence(&model->without_step.sequences[slot], tag, prompt_tokens);
    *sequence_out = (uint64_t)model->now.sequences[slot].generation << 32 | slot;
    return KVSPAN_OK;
}

kvspan_status model_commit(ledger_model *model, kvspan_sequence sequence, uint32_t token_count)
{
    const uint32_t slot = find(model, sequence);

    if (token_count == 0 || slot == model->sizes.slot_count) {
        return KVSPAN_ERR_ARGUMENT;
    }
    if (model->now.sequences[slot].committed + token_count > model->sizes.max_sequence_tokens) {
        return KVSPAN_ERR_NEVER_FITS;
    }
    model->now.sequences[slot].committed += token_count;
    slide(model, &model->now, slot, model->now.sequences[slot].tokens - row_tokens(model, slot));
    if (model->is_open) {
        model->without_step.sequences[slot].committed += token_count;
        slide(model, &model->without_step, slot, model->without_step.sequences[slot].tokens);
    }
    return KVSPAN_OK;
}

/* Leaves a sequence so many columns. */
static void cut_columns(const ledger_model *model, model_book *book, uint32_t slot, uint64_t count)
{
    model_sequence *sequence = &book->sequences[slot];

    for (uint32_t group = 0; group < model->sizes.group_count; group++) {
        for (uint64_t column = count; column < sequence->column_count; column++) {
            drop_entry(model, book, &sequence->pages[group][column]);
        }
    }
    sequence->column_count = (uint32_t)count;
}

static void end_sequence(const ledger_model *model, model_book *book, uint32_t slot)
{
    model_sequence *sequence = &book->sequences[slot];
    const uint32_t next = sequence->generation + 1;

    cut_columns(model, book, slot, 0);
    memset(sequence, 0, sizeof(*sequence));
    sequence->generation = next;
}

/* Whether a sequence has a page for every token below a position that a query there sees, and for
 * those it would share a page with. */
static bool can_cut(const ledger_model *model, uint32_t slot, uint64_t position)
{
    const model_sequence *sequence = &model->now.sequences[slot];
    const uint64_t stretch = (uint64_t)model->sizes.page_tokens * model->sizes.token_members;

    if (position > sequence->tokens) {
        return false;
    }
    for (uint32_t group = 0; group < model->sizes.group_count; group++) {
        for (uint64_t token = 0; token < position; token++) {
            if ((is_seen(model, group, position, token) || token / stretch == position / stretch) &&
                sequence->pages[group][token / stretch] == 0) {
                return false;
            }
        }
    }
    return true;
}

static void cut_sequence(const ledger_model *model, model_book *book, uint32_t slot,
                         uint64_t token_count)
{
    model_sequence *sequence = &book->sequences[slot];

    cut_columns(model, book, slot, pages_of(model, token_count));
    sequence->tokens = token_count;
    if (sequence->committed > token_count) {
        sequence->committed = token_count;
    }
}

kvspan_status model_truncate(ledger_model *model, kvspan_sequence sequence, uint64_t token_count)
{
    const uint32_t slot = find(model, sequence);

    if (slot == model->sizes.slot_count || has_row(model, slot) ||
        !can_cut(model, slot, token_count)) {
        return KVSPAN_ERR_ARGUMENT;
    }
    cut_sequence(model, &model->now, slot, token_count);
    if (model->is_open) {
        cut_sequence(model, &model->without_step, slot, token_count);
    }
    return KVSPAN_OK;
}

static void fork_sequence(const ledger_model *model, model_book *book, uint32_t parent,
                          uint32_t child, uint64_t position)
{
    const model_sequence *from = &book->sequences[parent];
    model_sequence *to = &book->sequences[child];

    to->tokens = position;
    to->committed = from->committed < position ? from->committed : position;
    to->column_count = (uint32_t)pages_of(model, position);
    for (uint32_t group = 0; group < model->sizes.group_count; group++) {
        memcpy(to->pages[group], from->pages[group], to->column_count * sizeof(uint32_t));
    }
}

kvspan_status model_fork(ledger_model *model, kvspan_sequence parent, uint64_t position,
                         uint64_t tag, kvspan_sequence *child_out)
{
    const uint32_t slot = find(model, parent);
    kvspan_status status;

    if (slot == model->sizes.slot_count || has_row(model, slot) ||
        !can_cut(model, slot, position)) {
        return KVSPAN_ERR_ARGUMENT;
    }
    status = model_create(model, tag, 0, child_out);
    if (status == KVSPAN_OK) {
        fork_sequence(model, &model->now, slot, (uint32_t)*child_out, position);
        fork_sequence(model, &model->without_step, slot, (uint32_t)*child_out, position);
    }
    return status;
}

kvspan_status model_free(ledger_model *model, kvspan_sequence sequence)
{
    const uint32_t slot = find(model, sequence);

    if (slot == model->sizes.slot_count || has_row(model, slot)) {
        return KVSPAN_ERR_ARGUMENT;
    }
    end_sequence(model, &model->now, slot);
    if (model->is_open) {
        end_sequence(model, &model->without_step, slot);
    }
    return KVSPAN_OK;
}

static void copy_book(ledger_model *model, model_book *to, const model_book *from)
{
    to->free_count = from->free_count;
    memcpy(to->free_pages, from->free_pages, sizeof(to->free_pages));
    memcpy(to->sequences, from->sequences, model->sizes.slot_count * sizeof(to->sequences[0]));
}

kvspan_status model_open(ledger_model *model)
{
    if (model->is_open) {
        return KVSPAN_ERR_ARGUMENT;
    }
    model->is_open = true;
    model->row_count = 0;
    copy_book(model, &model->without_step, &model->now);
    return KVSPAN_OK;
}

uint32_t model_step_tokens(const ledger_model *model)
{
    uint32_t tokens = 0;

    for (uint32_t row = 0; row < model->row_count; row++) {
        tokens += model->row_tokens[row];
    }
    return tokens;
}

static uint64_t pages_stretch(const ledger_model *model)
{
    return (uint64_t)model->sizes.page_tokens * model->sizes.token_members;
}

/* Whether the next token goes to a page that others have too. */
static bool must_copy(const ledger_model *model, uint32_t group, uint32_t slot)
{
    const model_sequence *sequence = &model->now.sequences[slot];
    const uint64_t column = sequence->tokens / pages_stretch(model);

    return column < sequence->column_count &&
           count_entries(model, &model->now, sequence->pages[group][column]) > 1;
}

static kvspan_status judge_row(const ledger_model *model, uint32_t slot, uint32_t new_tokens)
{
    const kvspan_ledger_config *sizes = &model->sizes;
    uint64_t tokens = 0;
    uint64_t needed = 0;
    uint64_t missing = 0;

    if (!model->is_open || new_tokens == 0 || slot == sizes->slot_count || has_row(model, slot)) {
        return KVSPAN_ERR_ARGUMENT;
    }
    tokens = model->now.sequences[slot].tokens + new_tokens;
    if (tokens > sizes->max_sequence_tokens) {
        return KVSPAN_ERR_NEVER_FITS;
    }
    if (model->row_count + 1 > sizes->max_step_rows ||
        (uint64_t)model_step_tokens(model) + new_tokens > sizes->max_step_tokens) {
        return KVSPAN_ERR_ARGUMENT;
    }
    for (uint32_t group = 0; group < sizes->group_count; group++) {
        const uint64_t base = model->now.sequences[slot].tokens;
        /* The columns before the first that a query at base sees. */
        const uint64_t gone =
            pages_of(model, base + 1) - seen_columns(model, group, base, base + 1);

        needed += pages_of(model, tokens) - gone;
        missing += pages_of(model, tokens) - model->now.sequences[slot].column_count;
        missing += must_copy(model, group, slot);
    }
    if (needed > sizes->page_count - 1) {
        return KVSPAN_ERR_NEVER_FITS;
    }
    return missing > model->now.free_count ? KVSPAN_ERR_NO_PAGES : KVSPAN_OK;
}

static uint32_t take_page(model_book *book)
{
    const uint32_t page = book->free_pages[0];

    book->free_count--;
    memmove(book->free_pages, book->free_pages + 1, book->free_count * sizeof(uint32_t));
    return page;
}

static void grow(ledger_model *model, uint32_t slot, uint32_t new_tokens)
{
    model_sequence *grown = &model->now.sequences[slot];
    const uint64_t column = grown->tokens / pages_stretch(model);
    const uint32_t columns = (uint32_t)pages_of(model, grown->tokens + new_tokens);

    for (uint32_t group = 0; group < model->sizes.group_count; group++) {
        if (must_copy(model, group, slot)) {
            model->held[model->held_count++] = grown->pages[group][column];
            grown->pages[group][column] = take_page(&model->now);
        }
    }
    for (uint32_t group = 0; group < model->sizes.group_count; group++) {
        for (uint32_t added = grown->column_count; added < columns; added++) {
            grown->pages[group][added] = take_page(&model->now);
        }
    }
    grown->column_count = columns;
    grown->tokens += new_tokens;
}

kvspan_status model_add(ledger_model *model, kvspan_sequence sequence, uint32_t new_tokens)
{
    const uint32_t slot = find(model, sequence);
    const kvspan_status status = judge_row(model, slot, new_tokens);
    model_book *book = &model->now;

    if (status != KVSPAN_OK) {
        return status;
    }
    model->row_slots[model->row_count] = slot;
    model->row_tokens[model->row_count] = new_tokens;
    model->row_columns[model->row_count] = book->sequences[slot].column_count;
    model->row_count++;
    grow(model, slot, new_tokens);
    if (model->sizes.page_count - 1 - book->free_count > model->high_water) {
        model->high_water = model->sizes.page_count - 1 - book->free_count;
    }
    return KVSPAN_OK;
}

void model_cancel(ledger_model *model)
{
    copy_book(model, &model->now, &model->without_step);
    model->is_open = false;
    model->row_count = 0;
    model->held_count = 0;
}

/* Pages that only the step still had. */
static void release_held(ledger_model *model)
{
    for (uint32_t i = 0; i < model->held_count; i++) {
        const uint32_t page = model->held[i];
        bool is_held_later = false;

        for (uint32_t j = i + 1; j < model->held_count; j++) {
            is_held_later = is_held_later || model->held[j] == page;
        }
        if (!is_held_later && count_entries(model, &model->now, page) == 0) {
            model->now.free_pages[model->now.free_count++] = page;
        }
    }
    model->held_count = 0;
}

void model_seal(ledger_model *model)
{
    for (uint32_t slot = 0; slot < model->sizes.slot_count; slot++) {
        const model_sequence *sequence = &model->now.sequences[slot];

        model->told_generations[slot] = sequence->is_live ? sequence->generation : 0;
    }
    model->epoch++;
    model->is_open = false;
    release_held(model);
    for (uint32_t row = 0; row < model->row_count; row++) {
        const uint32_t slot = model->row_slots[row];

        slide(model, &model->now, slot, model->now.sequences[slot].tokens);
    }
    model->row_count = 0;
}
