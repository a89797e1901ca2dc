#include "support/suite.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "runtime/cache_story.h"
#include "support/ranks.h"

/* The linker leads every call of these in the test and the static library here (--wrap). */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_mmap(void *at, size_t bytes, int access, int flags, int file, off_t offset);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_mmap(void *at, size_t bytes, int access, int flags, int file, off_t offset);

enum {
    MAX_RANKS = 2,
    LONGEST_MS = 4000
};

/* Of the rank that this thread is. */
static _Thread_local bool is_counting;
static _Thread_local uint32_t allocations_left; /* good ones before the one that fails */
static _Thread_local bool has_refused;

static bool is_refused(void)
{
    if (!is_counting || has_refused) {
        return false;
    }
    if (allocations_left > 0) {
        allocations_left--;
        return false;
    }
    has_refused = true;
    return true;
}

void *__wrap_malloc(size_t bytes)
{
    return is_refused() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return is_refused() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return is_refused() ? NULL : __real_realloc(memory, bytes);
}

void *__wrap_mmap(void *at, size_t bytes, int access, int flags, int file, off_t offset)
{
    return is_refused() ? MAP_FAILED : __real_mmap(at, bytes, access, flags, file, offset);
}

typedef struct shortage {
    uint32_t rank;
    uint32_t allocations; /* good ones before it */
    bool has_refused;
    cache_story stories[MAX_RANKS];
} shortage;

static void live_short_of(shortage *it, uint32_t rank, kvspan_comm *comm)
{
    allocations_left = it->allocations;
    has_refused = false;
    is_counting = rank == it->rank;
    it->stories[rank] = (cache_story){ .mesh = NULL };
    cache_story_run(&it->stories[rank], comm);
    is_counting = false;
    if (rank == it->rank) {
        it->has_refused = has_refused;
    }
}

static void live(ranks_self *self)
{
    live_short_of(self->context, self->rank, self->comm);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

START_TEST(alone_every_allocation_that_fails_is_a_status)
{
    shortage it = { .rank = 0 };
    uint32_t refusals = 0;

    do {
        const cache_story *const story = &it.stories[0];

        live_short_of(&it, 0, NULL);
        refusals += it.has_refused;
        ck_assert_msg(story->status == (it.has_refused ? KVSPAN_ERR_MEMORY : KVSPAN_OK),
                      "allocation %u: %s: %s", it.allocations, kvspan_status_name(story->status),
                      story->error.message);
        ck_assert_int_eq(story->error.status, story->status);
        it.allocations++;
    } while (it.has_refused);
    (void)printf("%u allocations\n", refusals);
    ck_assert_uint_gt(refusals, 20);
}
END_TEST

/* The other rank agrees with the failure, or hears of it; it names the rank. */
static void check_both(const shortage *it)
{
    const cache_story *const mine = &it->stories[it->rank];
    const cache_story *const others = &it->stories[1 - it->rank];
    /* Without a device a rank makes no call that others take part in. */
    const bool is_silent = mine->is_opening && others->status == KVSPAN_ERR_LATE;
    const bool is_heard =
        others->status == KVSPAN_ERR_MEMORY || others->status == KVSPAN_ERR_PEER || is_silent;

    ck_assert_msg(mine->status == KVSPAN_ERR_MEMORY, "allocation %u of rank %u: %s: %s",
                  it->allocations, it->rank, kvspan_status_name(mine->status), mine->error.message);
    if (mine->is_closing && others->status == KVSPAN_OK) {
        return; /* it was done already */
    }
    ck_assert_msg(is_heard && others->error.rank == (int32_t)it->rank,
                  "allocation %u of rank %u: the other has %s, about %d: %s", it->allocations,
                  it->rank, kvspan_status_name(others->status), others->error.rank,
                  others->error.message);
}

START_TEST(of_two_every_allocation_that_fails_is_a_status_on_both)
{
    shortage it = { .rank = (uint32_t)_i };
    uint32_t refusals = 0;

    do {
        const uint64_t start = now_ms();

        ranks_run(MAX_RANKS, live, &it);
        ck_assert_uint_le(now_ms() - start, LONGEST_MS);
        if (it.has_refused) {
            refusals++;
            check_both(&it);
        }
        it.allocations++;
    } while (it.has_refused);
    (void)printf("rank %u: %u allocations\n", it.rank, refusals);
    ck_assert_uint_gt(refusals, 20);
    ck_assert_int_eq(it.stories[0].status, KVSPAN_OK);
    ck_assert_int_eq(it.stories[1].status, KVSPAN_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_memory");
    TCase *memory = tcase_create("memory");

    tcase_set_timeout(memory, 0);
    tcase_add_test(memory, alone_every_allocation_that_fails_is_a_status);
    tcase_add_loop_test(memory, of_two_every_allocation_that_fails_is_a_status_on_both, 0,
                        MAX_RANKS);
    suite_add_tcase(suite, memory);
    return suite_run(suite);
}
