#include "mirror_args.h"

#include "support/suite.h"

typedef struct page_span {
    uint64_t lowest;
    uint64_t highest;
    bool is_empty;
} page_span;

static void widen_span(page_span *span, uint64_t page)
{
    span->lowest = span->is_empty || page < span->lowest ? page : span->lowest;
    span->highest = span->is_empty || page > span->highest ? page : span->highest;
    span->is_empty = false;
}

/* One more than the highest slot. */
static uint32_t slot_count_of(const kvspan_step_arrays *rows)
{
    uint32_t count = 0;

    for (uint32_t row = 0; row < rows->row_count; row++) {
        count = rows->row_slots[row] >= count ? rows->row_slots[row] + 1 : count;
    }
    return count;
}

/* Addresses are moved by what separates a page from its shadow: the page may be far from `data`. */
static unsigned char *shadow_of(mirror *shadow, unsigned char *data, uint64_t offset,
                                uint64_t bytes, bool is_output)
{
    const uintptr_t first = (uintptr_t)data + offset;
    unsigned char *const host = (unsigned char *)first;
    unsigned char *const moved =
        is_output ? mirror_output(shadow, host, bytes) : mirror_input(shadow, host, bytes);

    return (unsigned char *)((uintptr_t)moved - offset);
}

void mirror_plane(mirror *shadow, kvspan_plane_view *plane, const kvspan_step_arrays *rows,
                  uint32_t page_count, bool is_output)
{
    const uint64_t cells = (uint64_t)slot_count_of(rows) * rows->page_table_stride;
    const uint64_t elements = rows->rule.page_tokens * plane->token_stride;
    const uint64_t scales =
        plane->scale_offset ? plane->scale_offset + rows->rule.page_tokens * sizeof(float) : 0;
    page_span span = { .is_empty = true };

    for (uint64_t cell = 0; cell < cells; cell++) {
        if (rows->page_table[cell] < page_count) {
            widen_span(&span, rows->page_table[cell]);
        }
    }
    if (!span.is_empty && plane->heads > 0) {
        plane->data = shadow_of(shadow, plane->data, span.lowest * plane->page_stride,
                                (span.highest - span.lowest) * plane->page_stride +
                                    (plane->heads - 1) * plane->head_stride +
                                    (scales > elements ? scales : elements),
                                is_output);
    }
}

void mirror_rows(mirror *shadow, kvspan_step_arrays *rows)
{
    const uint64_t cells = (uint64_t)slot_count_of(rows) * rows->page_table_stride;

    rows->page_table = mirror_input(shadow, rows->page_table, cells * sizeof(uint32_t));
    rows->row_starts =
        mirror_input(shadow, rows->row_starts, (rows->row_count + (uint64_t)1) * sizeof(uint32_t));
    rows->row_slots = mirror_input(shadow, rows->row_slots, rows->row_count * sizeof(uint32_t));
    rows->positions = mirror_input(shadow, rows->positions, rows->token_count * sizeof(int32_t));
}

void mirror_trees(mirror *shadow, kvspan_tree_mask *trees, const int32_t *positions,
                  uint32_t token_count)
{
    uint64_t words = 0;

    if (!trees->words) {
        return;
    }
    for (uint32_t token = 0; token < token_count; token++) {
        const kvspan_tree_token *const tree = &trees->tokens[token];

        if (tree->first_word != KVSPAN_NO_TREE) {
            const uint64_t end =
                tree->first_word + ((uint32_t)positions[token] - tree->first_position) / 32 + 1;

            words = end > words ? end : words;
        }
    }
    /* No tree at all is told by NULL, so there is a word. */
    trees->words = mirror_input(shadow, trees->words, (words > 0 ? words : 1) * sizeof(uint32_t));
    trees->tokens = mirror_input(shadow, trees->tokens, token_count * sizeof(*trees->tokens));
}

void mirror_tensor(mirror *shadow, kvspan_tensor *tensor, bool is_output)
{
    if (tensor->tokens > 0 && tensor->heads > 0) {
        const int64_t elements = (int64_t)(tensor->tokens - 1) * tensor->token_stride +
                                 (int64_t)(tensor->heads - 1) * tensor->head_stride + tensor->dim;

        tensor->data = shadow_of(shadow, tensor->data, 0,
                                 (uint64_t)elements * kvspan_dtype_bytes(tensor->dtype), is_output);
    }
}

unsigned char *mirror_add_pages(mirror *shadow, const mirror_pages *pages, bool is_output)
{
    page_span span = { .is_empty = true };

    for (uint32_t i = 0; i < pages->page_count; i++) {
        widen_span(&span, pages->pages[i]);
    }
    if (span.is_empty) {
        return pages->data;
    }
    return shadow_of(shadow, pages->data, span.lowest * pages->page_stride,
                     (span.highest - span.lowest) * pages->page_stride +
                         (pages->part_count - 1) * pages->part_stride + pages->bytes,
                     is_output);
}
