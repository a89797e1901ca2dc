#include "standin/ptx/shadow.h"

#include "standin/ptx/array.h"

enum {
    PAGE_BYTES = 4096,
    WORD_BYTES = 4
};

typedef struct shadow_page {
    uint64_t number;
    ptx_cell *cells; /* NULL: the slot is empty */
    uint32_t cell_bytes;
} shadow_page;

struct ptx_shadow {
    shadow_page *pages; /* open hash table */
    uint32_t slot_count;
    uint32_t page_count;
    shadow_page *last;
};

ptx_shadow *ptx_shadow_create(void)
{
    ptx_shadow *shadow = ptx_allocate(1, sizeof *shadow);

    shadow->slot_count = 64;
    shadow->pages = ptx_allocate(shadow->slot_count, sizeof *shadow->pages);
    return shadow;
}

void ptx_shadow_destroy(ptx_shadow *shadow)
{
    for (uint32_t i = 0; i < shadow->slot_count; ++i) {
        free(shadow->pages[i].cells);
    }
    free(shadow->pages);
    free(shadow);
}

static shadow_page *slot_find(const ptx_shadow *shadow, uint64_t number)
{
    uint32_t slot = (uint32_t)((number * 0x9e3779b97f4a7c15ull) >> 40);

    for (;; ++slot) {
        shadow_page *page = &shadow->pages[slot & (shadow->slot_count - 1)];

        if (!page->cells || page->number == number) {
            return page;
        }
    }
}

static void table_grow(ptx_shadow *shadow)
{
    const shadow_page *old = shadow->pages;
    const uint32_t old_count = shadow->slot_count;

    shadow->slot_count *= 2;
    shadow->pages = ptx_allocate(shadow->slot_count, sizeof *shadow->pages);
    for (uint32_t i = 0; i < old_count; ++i) {
        if (old[i].cells) {
            *slot_find(shadow, old[i].number) = old[i];
        }
    }
    free((void *)old);
}

static shadow_page *page_find(ptx_shadow *shadow, uint64_t number)
{
    if (shadow->last && shadow->last->number == number) {
        return shadow->last;
    }
    shadow_page *page = slot_find(shadow, number);

    if (!page->cells) {
        if (2 * shadow->page_count >= shadow->slot_count) {
            table_grow(shadow);
            page = slot_find(shadow, number);
        }
        page->number = number;
        page->cell_bytes = WORD_BYTES;
        page->cells = ptx_allocate(PAGE_BYTES / WORD_BYTES, sizeof *page->cells);
        ++shadow->page_count;
    }
    shadow->last = page;
    return page;
}

/* From now on every byte has a cell of its own. */
static void page_split(shadow_page *page)
{
    ptx_cell *cells = ptx_allocate(PAGE_BYTES, sizeof *cells);

    for (uint32_t i = 0; i < PAGE_BYTES; ++i) {
        cells[i] = page->cells[i / WORD_BYTES];
    }
    free(page->cells);
    page->cells = cells;
    page->cell_bytes = 1;
}

ptx_cell *ptx_shadow_cells(ptx_shadow *shadow, uint64_t address, uint32_t bytes,
                           uint32_t *count_out)
{
    shadow_page *page = page_find(shadow, address / PAGE_BYTES);

    if (bytes % WORD_BYTES && page->cell_bytes == WORD_BYTES) {
        page_split(page);
    }
    *count_out = bytes / page->cell_bytes;
    return &page->cells[address % PAGE_BYTES / page->cell_bytes];
}
