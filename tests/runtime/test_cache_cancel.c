/* A transport that cannot cancel goes on to use what a cache and a communicator have given it. */
#include "support/suite.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "comm/keeping_transport.h"
#include "runtime/cache_fixture.h"
#include "runtime/cache_story.h"
#include "support/ranks.h"

/* Of the C library: bytes of a block that malloc() gave. */
size_t malloc_usable_size(void *memory);

/* The linker leads every call of these in the test and the static library here (--wrap). */
void __real_free(void *memory);
int __real_munmap(void *at, size_t bytes);
void __wrap_free(void *memory);
int __wrap_munmap(void *at, size_t bytes);

enum {
    RANK_COUNT = 4,
    RUN_COUNT = 40,
    STRIDE = 17
};

/* Of every run, so that what is kept stays known. */
static keeping_transport transports[RUN_COUNT][RANK_COUNT];

static _Thread_local const keeping_transport *watched; /* [watched_count] */
static _Thread_local uint32_t watched_count;
static _Thread_local bool watches_others; /* not before they have lived */
static atomic_uint living_ranks;
static _Thread_local uint32_t freed_count; /* blocks with kept memory in them */

static void note_free(const void *memory, size_t bytes)
{
    if (watches_others && atomic_load(&living_ranks) > 0) {
        return;
    }
    for (uint32_t i = 0; memory && i < watched_count; i++) {
        freed_count += keeping_has(&watched[i], memory, bytes);
    }
}

void __wrap_free(void *memory)
{
    note_free(memory, malloc_usable_size(memory));
    __real_free(memory);
}

int __wrap_munmap(void *at, size_t bytes)
{
    note_free(at, bytes);
    return __real_munmap(at, bytes);
}

typedef struct cancel_case {
    bool is_idle; /* the ranks wait for a step that does not come, instead of the story */
    keeping_transport *transports; /* [RANK_COUNT] */
    uint32_t failing_test;         /* of rank 1; 0 = all goes well to the end */
    cache_story stories[RANK_COUNT];
    uint32_t freed[RANK_COUNT];
} cancel_case;

/* A receive of the next step's message is left posted. */
static void wait_in_vain(kvspan_comm *comm, cache_story *story)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_step_view view;

    story->status = cache_fixture_open(&fixture, comm, &story->error);
    if (story->status == KVSPAN_OK && !kvspan_cache_ledger(fixture.cache)) {
        story->status = kvspan_step_begin(fixture.cache, NULL, NULL, 1, &view, &story->error);
        story->status = story->status == KVSPAN_ERR_TIMEOUT ? KVSPAN_OK : KVSPAN_ERR_CORRUPT;
    }
    cache_fixture_close(&fixture);
}

static void live(ranks_self *self)
{
    cancel_case *const it = self->context;
    keeping_transport *const transport = &it->transports[self->rank];

    transport->tests_left = self->rank == 1 ? it->failing_test : 0;
    keeping_put(transport, self->comm);
    watched = transport;
    watched_count = 1;
    freed_count = 0;
    it->stories[self->rank] = (cache_story){ .mesh = "tp:2,sp:2" };
    if (it->is_idle) {
        wait_in_vain(self->comm, &it->stories[self->rank]);
    } else {
        cache_story_run(&it->stories[self->rank], self->comm);
    }
    it->freed[self->rank] = freed_count;
    watched_count = 0;
    atomic_fetch_sub(&living_ranks, 1);
}

/* The communicators are destroyed here. */
static void run_case(cancel_case *it)
{
    uint32_t kept = 0;

    watched = it->transports;
    watched_count = RANK_COUNT;
    watches_others = true;
    atomic_store(&living_ranks, RANK_COUNT);
    freed_count = 0;
    ranks_run(RANK_COUNT, live, it);
    watched_count = 0;
    watches_others = false;
    ck_assert_msg(freed_count == 0, "failing test %u: %u kept blocks freed with the communicators",
                  it->failing_test, freed_count);
    for (uint32_t rank = 0; rank < RANK_COUNT; rank++) {
        ck_assert_msg(it->freed[rank] == 0, "failing test %u: rank %u frees %u kept blocks",
                      it->failing_test, rank, it->freed[rank]);
        kept += it->transports[rank].kept;
        keeping_write(&it->transports[rank]);
    }
    ck_assert_uint_gt(kept, 0);
}

START_TEST(what_waits_at_the_end_stays_with_a_transport_that_cannot_cancel)
{
    cancel_case it = { .transports = transports[_i], .is_idle = _i };

    run_case(&it);
    for (uint32_t rank = 0; rank < RANK_COUNT; rank++) {
        ck_assert_msg(it.stories[rank].status == KVSPAN_OK, "rank %u: %s", rank,
                      it.stories[rank].error.message);
    }
}
END_TEST

START_TEST(what_a_failed_wait_leaves_stays_with_a_transport_that_cannot_cancel)
{
    uint32_t failures = 0;

    for (uint32_t run = 2; run < RUN_COUNT; run++) {
        cancel_case it = { .transports = transports[run], .failing_test = 1 + (run - 2) * STRIDE };

        run_case(&it);
        failures += it.stories[1].status != KVSPAN_OK;
    }
    ck_assert_uint_ge(failures, RUN_COUNT / 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_cancel");
    TCase *cancel = tcase_create("cancel");

    tcase_set_timeout(cancel, 0);
    tcase_add_loop_test(cancel, what_waits_at_the_end_stays_with_a_transport_that_cannot_cancel, 0,
                        2);
    tcase_add_test(cancel, what_a_failed_wait_leaves_stays_with_a_transport_that_cannot_cancel);
    suite_add_tcase(suite, cancel);
    return suite_run(suite);
}
