#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/ledger/page_pool.h"

enum {
    MAX_PAGES = 64
};

/* A pool with its memory. */
typedef struct pool_fixture {
    kvspan_page_pool pool;
    uint32_t queue[MAX_PAGES];
    kvspan_page_record records[MAX_PAGES];
} pool_fixture;

static void pool_make(pool_fixture *fixture, uint32_t page_count)
{
    memset(fixture, 0xa5, sizeof(*fixture));
    kvspan_page_pool_init(&fixture->pool, page_count, fixture->queue, fixture->records);
}

static void assert_queue(const kvspan_page_pool *pool, const uint32_t *pages, uint32_t count)
{
    ck_assert_uint_eq(pool->free_count, count);
    for (uint32_t place = 0; place < count; place++) {
        ck_assert_uint_eq(kvspan_page_pool_queued(pool, place), pages[place]);
    }
}

#define ASSERT_QUEUE(pool, ...)                             \
    assert_queue((pool), (const uint32_t[]){ __VA_ARGS__ }, \
                 sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

/* The seed's worked table: 6 pages, FIFO. Where the seed answers with an empty list for three
 * different reasons, or hands a page out twice, the answers here differ on purpose. */
START_TEST(worked_rows_of_the_seed)
{
    pool_fixture fixture;
    kvspan_page_pool *pool = &fixture.pool;
    uint32_t pages[MAX_PAGES] = { 99, 99, 99, 99 };
    kvspan_error error = { 0 };

    pool_make(&fixture, 6);
    ASSERT_QUEUE(pool, 1, 2, 3, 4, 5);

    ck_assert_int_eq(kvspan_page_pool_take(pool, 2, 0, 0, pages, &error), KVSPAN_OK);
    ck_assert_uint_eq(pages[0], 1);
    ck_assert_uint_eq(pages[1], 2);
    ASSERT_QUEUE(pool, 3, 4, 5);

    ck_assert_int_eq(kvspan_page_pool_take(pool, 4, 0, 0, pages, &error), KVSPAN_ERR_NO_PAGES);
    ck_assert_str_eq(error.message, "4 pages were asked for, 3 of 5 are free");
    ck_assert_uint_eq(pages[0], 1);
    ASSERT_QUEUE(pool, 3, 4, 5);

    ck_assert_int_eq(kvspan_page_pool_take(pool, 3, 0, 0, pages, &error), KVSPAN_OK);
    ck_assert_uint_eq(pages[0], 3);
    ck_assert_uint_eq(pages[1], 4);
    ck_assert_uint_eq(pages[2], 5);
    ck_assert_uint_eq(pool->free_count, 0);

    ck_assert_int_eq(kvspan_page_pool_take(pool, 1, 0, 0, pages, &error), KVSPAN_ERR_NO_PAGES);

    ck_assert_int_eq(kvspan_page_pool_give(pool, (const uint32_t[]){ 2, 0, 1 }, 3, &error),
                     KVSPAN_OK);
    ASSERT_QUEUE(pool, 2, 1);

    ck_assert_int_eq(kvspan_page_pool_take(pool, 2, 0, 0, pages, &error), KVSPAN_OK);
    ck_assert_uint_eq(pages[0], 2);
    ck_assert_uint_eq(pages[1], 1);

    ck_assert_int_eq(kvspan_page_pool_take(pool, 0, 0, 0, pages, &error), KVSPAN_ERR_ARGUMENT);

    ck_assert_int_eq(kvspan_page_pool_give(pool, (const uint32_t[]){ 1, 1 }, 2, &error),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message,
                     "page 1, item 1 of 2, is given back more often than it is referenced");
    ck_assert_uint_eq(pool->free_count, 0);
    ck_assert_uint_eq(pool->records[1].references, 1);
}
END_TEST

START_TEST(a_refused_give_changes_nothing)
{
    pool_fixture fixture;
    kvspan_page_pool *pool = &fixture.pool;
    uint32_t pages[3];
    kvspan_error error = { 0 };

    pool_make(&fixture, 6);
    ck_assert_int_eq(kvspan_page_pool_take(pool, 3, 0, 0, pages, NULL), KVSPAN_OK);
    kvspan_page_pool_share(pool, 2);
    ck_assert_int_eq(kvspan_page_pool_give(pool, (const uint32_t[]){ 2, 1, 0, 2, 6 }, 5, &error),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "page 6 is not in [1, 6)");
    ck_assert_int_eq(kvspan_page_pool_give(pool, (const uint32_t[]){ 3, 2, 5 }, 3, &error),
                     KVSPAN_ERR_ARGUMENT);
    ASSERT_QUEUE(pool, 4, 5);
    ck_assert_uint_eq(pool->records[1].references, 1);
    ck_assert_uint_eq(pool->records[2].references, 2);
    ck_assert_uint_eq(pool->records[3].references, 1);
    ck_assert_int_eq(kvspan_page_pool_give(pool, (const uint32_t[]){ 3 }, 1, NULL), KVSPAN_OK);
    ASSERT_QUEUE(pool, 4, 5, 3);
}
END_TEST

START_TEST(a_shared_page_is_free_when_the_last_holder_gives_it_back)
{
    pool_fixture fixture;
    kvspan_page_pool *pool = &fixture.pool;
    uint32_t page = 0;

    pool_make(&fixture, 3);
    ck_assert_int_eq(kvspan_page_pool_take(pool, 1, 7, 70, &page, NULL), KVSPAN_OK);
    kvspan_page_pool_share(pool, page);
    ck_assert_int_eq(kvspan_page_pool_give(pool, &page, 1, NULL), KVSPAN_OK);
    ASSERT_QUEUE(pool, 2);
    ck_assert_int_eq(kvspan_page_pool_give(pool, &page, 1, NULL), KVSPAN_OK);
    ASSERT_QUEUE(pool, 2, 1);
    ck_assert_int_eq(kvspan_page_pool_give(pool, &page, 1, NULL), KVSPAN_ERR_ARGUMENT);
    ck_assert_uint_eq(pool->records[page].slot, 7);
    ck_assert_uint_eq(pool->records[page].tag, 70);
}
END_TEST

/* At every place of the ring, also where it wraps. */
START_TEST(untake_restores_the_order_of_the_queue)
{
    pool_fixture fixture;
    kvspan_page_pool *pool = &fixture.pool;
    uint32_t pages[6];

    pool_make(&fixture, 7);
    for (int turn = 0; turn < _i; turn++) {
        ck_assert_int_eq(kvspan_page_pool_take(pool, 1, 0, 0, pages, NULL), KVSPAN_OK);
        ck_assert_int_eq(kvspan_page_pool_give(pool, pages, 1, NULL), KVSPAN_OK);
    }
    ck_assert_int_eq(kvspan_page_pool_take(pool, 2, 0, 0, pages, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_page_pool_take(pool, 4, 0, 0, pages + 2, NULL), KVSPAN_OK);
    ck_assert_uint_eq(pool->free_count, 0);
    kvspan_page_pool_untake(pool, pages + 2, 4);
    kvspan_page_pool_untake(pool, pages, 2);
    ck_assert_uint_eq(pool->free_count, 6);
    for (uint32_t place = 0; place < 6; place++) {
        ck_assert_uint_eq(kvspan_page_pool_queued(pool, place), (place + (uint32_t)_i) % 6 + 1);
        ck_assert_uint_eq(pool->records[place + 1].references, 0);
    }
    ck_assert_uint_eq(pool->high_water, 6);
}
END_TEST

START_TEST(the_smallest_pool_has_one_page)
{
    pool_fixture fixture;
    uint32_t pages[2] = { 9, 9 };

    pool_make(&fixture, 2);
    for (uint32_t turn = 0; turn < 3; turn++) {
        ck_assert_int_eq(kvspan_page_pool_take(&fixture.pool, 1, 0, 0, pages, NULL), KVSPAN_OK);
        ck_assert_uint_eq(pages[0], 1);
        ck_assert_int_eq(kvspan_page_pool_take(&fixture.pool, 1, 0, 0, pages, NULL),
                         KVSPAN_ERR_NO_PAGES);
        ck_assert_int_eq(kvspan_page_pool_give(&fixture.pool, pages, 1, NULL), KVSPAN_OK);
    }
    ck_assert_uint_eq(fixture.pool.high_water, 1);
}
END_TEST

/* Against a list that is shifted by hand: takes from the front, gives to the back. */
START_TEST(any_mix_of_takes_and_gives_keeps_first_in_first_out)
{
    pool_fixture fixture;
    uint32_t list[MAX_PAGES];
    uint32_t list_count = 0;
    uint32_t used[MAX_PAGES];
    uint32_t used_count = 0;
    uint32_t state = 12345;

    pool_make(&fixture, 12);
    for (uint32_t page = 1; page < 12; page++) {
        list[list_count++] = page;
    }
    for (uint32_t turn = 0; turn < 5000; turn++) {
        state = state * 1664525u + 1013904223u;
        if (state >> 31 && list_count > 0) {
            const uint32_t count = 1 + (state >> 16) % list_count;

            ck_assert_int_eq(
                kvspan_page_pool_take(&fixture.pool, count, 0, 0, used + used_count, NULL),
                KVSPAN_OK);
            ck_assert_mem_eq(used + used_count, list, count * sizeof(list[0]));
            memmove(list, list + count, (list_count - count) * sizeof(list[0]));
            list_count -= count;
            used_count += count;
        } else if (used_count > 0) {
            const uint32_t count = 1 + (state >> 16) % used_count;

            used_count -= count;
            ck_assert_int_eq(kvspan_page_pool_give(&fixture.pool, used + used_count, count, NULL),
                             KVSPAN_OK);
            memcpy(list + list_count, used + used_count, count * sizeof(list[0]));
            list_count += count;
        }
        assert_queue(&fixture.pool, list, list_count);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/page_pool");
    TCase *pool = tcase_create("pool");

    tcase_add_test(pool, worked_rows_of_the_seed);
    tcase_add_test(pool, a_refused_give_changes_nothing);
    tcase_add_test(pool, a_shared_page_is_free_when_the_last_holder_gives_it_back);
    tcase_add_loop_test(pool, untake_restores_the_order_of_the_queue, 0, 7);
    tcase_add_test(pool, the_smallest_pool_has_one_page);
    tcase_add_test(pool, any_mix_of_takes_and_gives_keeps_first_in_first_out);
    suite_add_tcase(suite, pool);
    return suite_run(suite);
}
