#include "support/suite.h"

#include <stdio.h>
#include <string.h>

#include "runtime/cache/cache_parts.h"
#include "runtime/cache_fixture.h"
#include "support/ranks.h"

/* A rank that issues its exchanges in another order than the others: seen in builds with
 * assertions, by whoever is above it in the tree. */

enum {
    RANK_COUNT = 4,
    STEPS = 8,
    DISORDERED_STEP = 3,
    TOKENS = 4,
    HEADS = 4,
    DIM = 8,
    WAIT_MS = 20000
};

#ifdef NDEBUG
enum {
    IS_SEEN = 0
};
#else
enum {
    IS_SEEN = 1
};
#endif

/* What one rank does otherwise in one step. */
typedef enum disorder {
    DISORDER_NONE,
    DISORDER_LAYERS_SWAPPED, /* as many, of the same kinds and sizes */
    DISORDER_ONE_MORE        /* with itself alone, so that nobody waits for anything */
} disorder;

typedef struct disorder_case {
    disorder disorder;
    uint32_t rank; /* whose */
    kvspan_control control;
    kvspan_error errors[RANK_COUNT];
    uint32_t steps[RANK_COUNT]; /* ended */
} disorder_case;

static kvspan_status attend(kvspan_cache *cache, uint32_t layer, kvspan_error *error)
{
    float memory[TOKENS * HEADS * DIM] = { 0 };
    float out_memory[TOKENS * HEADS * DIM] = { 0 };
    const kvspan_tensor plane = { memory, KVSPAN_F32, 1, DIM, TOKENS, DIM, DIM };
    const kvspan_tensor planes[2] = { plane, plane };
    const kvspan_tensor q = { memory, KVSPAN_F32, HEADS / 2, DIM, TOKENS, (int64_t)DIM * HEADS / 2,
                              DIM };
    kvspan_tensor out = { out_memory, KVSPAN_F32, HEADS, DIM, TOKENS, (int64_t)DIM * HEADS, DIM };
    const kvspan_attention attention = { .size = sizeof(attention), .out_heads = KVSPAN_HEADS_ALL };
    kvspan_status status = kvspan_cache_append(cache, layer, planes, NULL, error);

    return status == KVSPAN_OK
               ? kvspan_cache_attend(cache, layer, &q, &attention, &out, NULL, error)
               : status;
}

static kvspan_status exchange_alone(kvspan_cache *cache, kvspan_error *error)
{
    const uint32_t rank = kvspan_comm_rank(cache->comm);
    const kvspan_group group = { .ranks = &rank, .count = 1 };
    const uint64_t offset = 0;
    const uint64_t bytes = 16;
    kvspan_status status = kvspan_device_comm_all_gather(
        cache->device_comm, &group, cache->staging.arena, &offset, &bytes, NULL, error);

    /* Whose the last exchange was outlives it. */
    cache->device_comm->last = cache->geometry.spread;
    return status;
}

static kvspan_status do_step(cache_fixture *fixture, kvspan_sequence *sequence, disorder planted,
                             kvspan_error *error)
{
    const uint32_t first = planted == DISORDER_LAYERS_SWAPPED ? 1 : 0;
    kvspan_step *step = NULL;
    kvspan_step_view view;
    kvspan_status status = cache_fixture_plan(fixture, sequence, TOKENS, &step, error);

    if (status == KVSPAN_OK) {
        status = kvspan_step_begin(fixture->cache, step, NULL, WAIT_MS, &view, error);
    }
    if (status == KVSPAN_OK) {
        status = attend(fixture->cache, first, error);
    }
    if (status == KVSPAN_OK) {
        status = attend(fixture->cache, 1 - first, error);
    }
    if (status == KVSPAN_OK && planted == DISORDER_ONE_MORE) {
        status = exchange_alone(fixture->cache, error);
    }
    return status == KVSPAN_OK ? kvspan_step_end(fixture->cache, NULL, error) : status;
}

static void run_rank(ranks_self *self)
{
    disorder_case *const it = self->context;
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_sequence sequence = 0;
    kvspan_status status = KVSPAN_OK;
    uint32_t steps = 0;

    fixture.config.mesh = "tp:2,sp:2";
    fixture.config.control = it->control;
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    while (status == KVSPAN_OK && steps < STEPS) {
        const bool is_planted = self->rank == it->rank && steps + 1 == DISORDERED_STEP;

        status = do_step(&fixture, &sequence, is_planted ? it->disorder : DISORDER_NONE, &error);
        steps += status == KVSPAN_OK;
    }
    it->errors[self->rank] = error;
    it->steps[self->rank] = steps;
    cache_fixture_close(&fixture);
}

/* Leaves of the tree, and who is above them. */
static const uint32_t leaves[][2] = { { 1, 0 }, { 3, 2 } };

static disorder_case make_case(int number)
{
    return (disorder_case){ .disorder = DISORDER_LAYERS_SWAPPED + (disorder)(number % 2),
                            .rank = leaves[number / 2 % 2][0],
                            .control = number / 4 ? KVSPAN_REPLICATED : KVSPAN_COORDINATED };
}

START_TEST(a_rank_with_another_order_is_named_with_both_counts_and_hashes)
{
    static disorder_case it;
    const uint32_t parent = leaves[_i / 2 % 2][1];
    char parts[2][64];

    it = make_case(_i);
    ranks_run(RANK_COUNT, run_rank, &it);
    /* A step has 2 layers, of which each has partial results that meet and results to gather. */
    (void)snprintf(parts[0], sizeof(parts[0]), "rank %u has issued %u with hash 0x", it.rank,
                   DISORDERED_STEP * 4u + (it.disorder == DISORDER_ONE_MORE ? 1 : 0));
    (void)snprintf(parts[1], sizeof(parts[1]), "rank %u has issued %u with hash 0x", parent,
                   DISORDERED_STEP * 4u);
    for (uint32_t rank = 0; rank < RANK_COUNT; rank++) {
        const kvspan_error *const error = &it.errors[rank];

        if (!IS_SEEN) {
            ck_assert_uint_eq(it.steps[rank], STEPS);
            continue;
        }
        ck_assert_msg(error->status == (rank == parent ? KVSPAN_ERR_MISMATCH : KVSPAN_ERR_PEER),
                      "rank %u has %s: %s", rank, kvspan_status_name(error->status),
                      error->message);
        ck_assert_int_eq(error->rank, (int)(rank == parent ? it.rank : parent));
        ck_assert_msg(strstr(error->message, "by the end of epoch 3") &&
                          strstr(error->message, parts[0]) && strstr(error->message, parts[1]),
                      "rank %u: \"%s\" lacks \"%s\" or \"%s\"", rank, error->message, parts[0],
                      parts[1]);
    }
}
END_TEST

START_TEST(ranks_with_one_order_go_on)
{
    static disorder_case it;

    it = (disorder_case){ .control = _i ? KVSPAN_REPLICATED : KVSPAN_COORDINATED };
    ranks_run(RANK_COUNT, run_rank, &it);
    for (uint32_t rank = 0; rank < RANK_COUNT; rank++) {
        ck_assert_msg(it.steps[rank] == STEPS, "rank %u: %s", rank, it.errors[rank].message);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_order");
    TCase *order = tcase_create("order");

    tcase_set_timeout(order, 0);
    tcase_add_loop_test(order, a_rank_with_another_order_is_named_with_both_counts_and_hashes, 0,
                        8);
    tcase_add_loop_test(order, ranks_with_one_order_go_on, 0, 2);
    suite_add_tcase(suite, order);
    return suite_run(suite);
}
