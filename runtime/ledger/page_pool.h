/** @file
 * The page pool: which pages are free, in which order they are handed out, and how often each page
 * in use is referenced. O(1) per page; memory is the caller's.
 *
 * Pages are handed out from the head of a queue that starts as 1, 2, …, page_count - 1; a page
 * whose last reference is given back goes to the tail, in the order given. Page 0, the null page,
 * is never handed out.
 */
#ifndef KVSPAN_LEDGER_PAGE_POOL_H
#define KVSPAN_LEDGER_PAGE_POOL_H

#include <stdbool.h>

#include <kvspan/types.h>

/* Who took a page last, and how many hold it. */
typedef struct kvspan_page_record {
    uint64_t tag;        /* of the sequence that took it last; kept after it is free */
    uint32_t slot;       /* of that sequence */
    uint32_t references; /* 0 = free */
    uint32_t holds;      /* of the references: those that keep a page only until a step ends */
} kvspan_page_record;

/* Invariants: a page is in the queue, once, if and only if it has no references; page 0 is in
 * neither; head is below the ring's length, page_count - 1. */
typedef struct kvspan_page_pool {
    uint32_t page_count; /* with page 0 */
    uint32_t head;       /* index in queue of the page handed out next */
    uint32_t free_count;
    uint32_t high_water;         /* the most pages that were ever in use */
    uint32_t *queue;             /* [page_count - 1], a ring: free_count pages from head on */
    kvspan_page_record *records; /* [page_count] */
} kvspan_page_pool;

/* All pages but page 0 become free, in ascending order. page_count is at least 2. */
void kvspan_page_pool_init(kvspan_page_pool *pool, uint32_t page_count, uint32_t *queue,
                           kvspan_page_record *records);

/* Hands out count pages with one reference each, or none. The taker's slot and tag are kept to name
 * a page's owner. ARGUMENT: count is 0. NO_PAGES: fewer are free. */
kvspan_status kvspan_page_pool_take(kvspan_page_pool *pool, uint32_t count, uint32_t slot,
                                    uint64_t tag, uint32_t *pages_out, kvspan_error *error);

/* Takes back the newest take, or all that is left of it: the pages return to the head of the queue
 * in their order. Each has one reference. */
void kvspan_page_pool_untake(kvspan_page_pool *pool, const uint32_t *pages, uint32_t count);

/* One reference more to a page in use. */
void kvspan_page_pool_share(kvspan_page_pool *pool, uint32_t page);

/* One of a page's references becomes one that keeps it only until the step ends, and back. */
void kvspan_page_pool_hold(kvspan_page_pool *pool, uint32_t page);
void kvspan_page_pool_unhold(kvspan_page_pool *pool, uint32_t page);

/* One reference less to each page, or to none; page 0 is skipped. ARGUMENT: a page is not in the
 * pool, or given more often than it is referenced. */
kvspan_status kvspan_page_pool_give(kvspan_page_pool *pool, const uint32_t *pages, uint32_t count,
                                    kvspan_error *error);

/* More than one table has the page. */
static inline bool kvspan_page_pool_is_shared(const kvspan_page_pool *pool, uint32_t page)
{
    return pool->records[page].references - pool->records[page].holds > 1;
}

/* The page at a place in the queue, 0 = the next. */
static inline uint32_t kvspan_page_pool_queued(const kvspan_page_pool *pool, uint32_t place)
{
    const uint32_t length = pool->page_count - 1;
    const uint32_t index = pool->head + place; /* below 2^32: both are below 2^31 */

    return pool->queue[index < length ? index : index - length];
}

#endif
