#include "runtime/ledger/page_pool.h"

#include <assert.h>

/* Folds an index below twice the ring's length into the ring. */
static uint32_t wrap(const kvspan_page_pool *pool, uint32_t index)
{
    const uint32_t length = pool->page_count - 1;

    return index < length ? index : index - length;
}

void kvspan_page_pool_init(kvspan_page_pool *pool, uint32_t page_count, uint32_t *queue,
                           kvspan_page_record *records)
{
    assert(page_count >= 2);
    *pool = (kvspan_page_pool){
        .page_count = page_count, .free_count = page_count - 1, .queue = queue, .records = records
    };
    records[0] = (kvspan_page_record){ 0 };
    for (uint32_t page = 1; page < page_count; page++) {
        queue[page - 1] = page;
        records[page] = (kvspan_page_record){ 0 };
    }
}

kvspan_status kvspan_page_pool_take(kvspan_page_pool *pool, uint32_t count, uint32_t slot,
                                    uint64_t tag, uint32_t *pages_out, kvspan_error *error)
{
    const kvspan_page_record taken = { .tag = tag, .slot = slot, .references = 1 };
    uint32_t head = pool->head;

    if (count == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "0 pages were asked for");
    }
    if (count > pool->free_count) {
        return kvspan_fail(error, KVSPAN_ERR_NO_PAGES, "%u pages were asked for, %u of %u are free",
                           count, pool->free_count, pool->page_count - 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t page = pool->queue[head];

        assert(pool->records[page].references == 0);
        pool->records[page] = taken;
        pages_out[i] = page;
        head = wrap(pool, head + 1);
    }
    pool->head = head;
    pool->free_count -= count;
    if (pool->page_count - 1 - pool->free_count > pool->high_water) {
        pool->high_water = pool->page_count - 1 - pool->free_count;
    }
    return KVSPAN_OK;
}

void kvspan_page_pool_untake(kvspan_page_pool *pool, const uint32_t *pages, uint32_t count)
{
    for (uint32_t i = count; i-- > 0;) {
        assert(pool->records[pages[i]].references == 1);
        pool->records[pages[i]].references = 0;
        pool->head = pool->head == 0 ? pool->page_count - 2 : pool->head - 1;
        pool->queue[pool->head] = pages[i];
    }
    pool->free_count += count;
}

void kvspan_page_pool_share(kvspan_page_pool *pool, uint32_t page)
{
    assert(page != 0);
    assert(page < pool->page_count);
    assert(pool->records[page].references > 0);
    assert(pool->records[page].references < UINT32_MAX);
    pool->records[page].references++;
}

void kvspan_page_pool_hold(kvspan_page_pool *pool, uint32_t page)
{
    assert(pool->records[page].holds < pool->records[page].references);
    pool->records[page].holds++;
}

void kvspan_page_pool_unhold(kvspan_page_pool *pool, uint32_t page)
{
    assert(pool->records[page].holds > 0);
    pool->records[page].holds--;
}

/* Undoes the giving of these pages. */
static void ungive(kvspan_page_pool *pool, const uint32_t *pages, uint32_t count)
{
    for (uint32_t i = count; i-- > 0;) {
        if (pages[i] != 0 && pool->records[pages[i]].references++ == 0) {
            pool->free_count--;
        }
    }
}

kvspan_status kvspan_page_pool_give(kvspan_page_pool *pool, const uint32_t *pages, uint32_t count,
                                    kvspan_error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t page = pages[i];

        if (page == 0) {
            continue;
        }
        if (page >= pool->page_count) {
            ungive(pool, pages, i);
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "page %u is not in [1, %u)", page,
                               pool->page_count);
        }
        if (pool->records[page].references == 0) {
            ungive(pool, pages, i);
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                               "page %u, item %u of %u, is given back more often than it is "
                               "referenced",
                               page, i, count);
        }
        if (--pool->records[page].references == 0) {
            pool->queue[wrap(pool, pool->head + pool->free_count)] = page;
            pool->free_count++;
        }
    }
    return KVSPAN_OK;
}
