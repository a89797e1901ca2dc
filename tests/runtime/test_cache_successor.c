/* Caches that follow each other on one communicator, the first left with messages under way. */
#include "support/suite.h"

#include <stdatomic.h>
#include <time.h>

#include "runtime/cache_fixture.h"
#include "support/ranks.h"

enum {
    RANK_COUNT = 2,
    WAIT_MS = 20000,
    LEFT_TOKENS = 5, /* of a step of the first cache */
    TOKENS = 3       /* of the second's */
};

typedef struct successor_case {
    bool leaves_ack;         /* the first cache's; else a step message */
    atomic_bool is_root_off; /* the coordinator has left the first cache */
} successor_case;

static kvspan_status begin(cache_fixture *fixture, uint32_t tokens, kvspan_step_view *view_out,
                           kvspan_error *error)
{
    kvspan_sequence sequence = 0;
    kvspan_step *step = NULL;
    const kvspan_status status = cache_fixture_plan(fixture, &sequence, tokens, &step, error);

    return status == KVSPAN_OK
               ? kvspan_step_begin(fixture->cache, step, NULL, WAIT_MS, view_out, error)
               : status;
}

static void wait_for_root(successor_case *it)
{
    const struct timespec while_waiting = { .tv_nsec = 1000000 };

    while (!atomic_load(&it->is_root_off)) {
        (void)nanosleep(&while_waiting, NULL);
    }
}

/* The coordinator leaves before the other rank has ended the step, or has heard of it. */
static void leave_first(ranks_self *self, successor_case *it)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_step_view view;

    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    if (self->rank == 0 || it->leaves_ack) {
        ranks_check_status(self, begin(&fixture, LEFT_TOKENS, &view, &error), KVSPAN_OK, &error);
    }
    if (self->rank == 0) {
        cache_fixture_close(&fixture);
        atomic_store(&it->is_root_off, true);
        return;
    }
    wait_for_root(it);
    if (it->leaves_ack) {
        ranks_check_status(self, kvspan_step_end(fixture.cache, NULL, &error), KVSPAN_OK, &error);
    }
    cache_fixture_close(&fixture);
}

static void live(ranks_self *self)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_step_view view;

    leave_first(self, self->context);
    if (self->failure[0] != '\0') {
        return;
    }
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    ranks_check_status(self, begin(&fixture, TOKENS, &view, &error), KVSPAN_OK, &error);
    ranks_check(self, view.token_count == TOKENS);
    ranks_check_status(self, kvspan_step_end(fixture.cache, NULL, &error), KVSPAN_OK, &error);
    cache_fixture_close(&fixture);
}

START_TEST(a_cache_does_not_hear_what_the_one_before_it_has_left)
{
    successor_case it = { .leaves_ack = _i == 0 };

    ranks_run(RANK_COUNT, live, &it);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_successor");
    TCase *successor = tcase_create("successor");

    tcase_set_timeout(successor, 0);
    tcase_add_loop_test(successor, a_cache_does_not_hear_what_the_one_before_it_has_left, 0, 2);
    suite_add_tcase(suite, successor);
    return suite_run(suite);
}
