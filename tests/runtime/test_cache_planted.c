#include "support/suite.h"

#include <stdio.h>

#include "runtime/cache_fixture.h"
#include "runtime/planted_transport.h"
#include "runtime/step/acknowledgement.h"
#include "runtime/step/wire.h"
#include "support/ranks.h"
#include "test_step_world.h"

enum {
    RANK_COUNT = 4,
    GOOD_STEPS = 3,
    WAIT_MS = 20000
};

/* ---- what is planted ------------------------------------------------------------------------ */

/* A step of the past, of the future, of another table: by a sender who seals what it writes. */
static void repeat_epoch(unsigned char *message, size_t *bytes)
{
    kvspan_put_u64(message + KVSPAN_AT_EPOCH, GOOD_STEPS);
    step_world_seal(message, *bytes);
}

static void skip_epoch(unsigned char *message, size_t *bytes)
{
    kvspan_put_u64(message + KVSPAN_AT_EPOCH, GOOD_STEPS + 2);
    step_world_seal(message, *bytes);
}

static void change_digest(unsigned char *message, size_t *bytes)
{
    message[KVSPAN_AT_TABLE_DIGEST] ^= 1;
    step_world_seal(message, *bytes);
}

static void change_page_count(unsigned char *message, size_t *bytes)
{
    kvspan_put_u32(message + KVSPAN_AT_PAGE_COUNT, UINT32_MAX);
    step_world_seal(message, *bytes);
}

static void change_magic(unsigned char *message, size_t *bytes)
{
    message[KVSPAN_AT_MAGIC] ^= 0x20;
    step_world_seal(message, *bytes);
}

static void claim_to_be_longer(unsigned char *message, size_t *bytes)
{
    kvspan_put_u32(message + KVSPAN_AT_TOTAL_BYTES, UINT32_MAX);
    step_world_seal(message, *bytes);
}

/* On the way: not sealed. */
static void flip_last_bit(unsigned char *message, size_t *bytes)
{
    message[*bytes - 1] ^= 0x80;
}

static void cut_inside_the_header(unsigned char *message, size_t *bytes)
{
    (void)message;
    *bytes = 20;
}

/* Into memory that still holds a step of the past, whole. */
static void cut_to_nothing(unsigned char *message, size_t *bytes)
{
    (void)message;
    *bytes = 0;
}

/* Acknowledgements. */
static void ack_the_future(unsigned char *message, size_t *bytes)
{
    (void)bytes;
    kvspan_put_u64(message + 8, 1000);
}

static void ack_with_wrong_magic(unsigned char *message, size_t *bytes)
{
    (void)bytes;
    message[0] ^= 1;
}

static void ack_in_a_wrong_name(unsigned char *message, size_t *bytes)
{
    (void)bytes;
    kvspan_put_u64(message + 8, 1000);
    kvspan_put_u32(message + 28, 0xffffff);
}

typedef struct plant {
    const char *name;
    planted_change change;
    kvspan_status expected; /* on the rank that receives it */
} plant;

static const plant step_plants[] = {
    { "an epoch repeated", repeat_epoch, KVSPAN_ERR_STALE },
    { "an epoch skipped", skip_epoch, KVSPAN_ERR_STALE },
    { "another digest", change_digest, KVSPAN_ERR_MISMATCH },
    { "too many pages", change_page_count, KVSPAN_ERR_CORRUPT },
    { "a wrong magic", change_magic, KVSPAN_ERR_CORRUPT },
    { "a length beyond all", claim_to_be_longer, KVSPAN_ERR_CORRUPT },
    { "a wrong bit", flip_last_bit, KVSPAN_ERR_CORRUPT },
    { "a cut header", cut_inside_the_header, KVSPAN_ERR_CORRUPT },
    { "no bytes", cut_to_nothing, KVSPAN_ERR_CORRUPT },
};

static const plant ack_plants[] = {
    { "an acknowledged future", ack_the_future, KVSPAN_ERR_CORRUPT },
    { "an acknowledgement's magic", ack_with_wrong_magic, KVSPAN_ERR_CORRUPT },
    { "an acknowledgement in another's name", ack_in_a_wrong_name, KVSPAN_ERR_CORRUPT },
};

/* ---- what ranks see of it ------------------------------------------------------------------- */

typedef struct planting {
    const plant *plant;
    kvspan_channel channel;
    uint32_t sender; /* RANK_COUNT: whoever sends to the victim */
    uint32_t victim;
    planted_transport transports[RANK_COUNT];
    kvspan_error errors[RANK_COUNT];
} planting;

/* Steps until one fails; every call afterwards repeats how. */
static void step_until_failure(ranks_self *self)
{
    planting *const it = self->context;
    planted_transport *const transport = &it->transports[self->rank];
    cache_fixture fixture = cache_fixture_make();
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_error again = { .status = KVSPAN_OK };
    kvspan_sequence sequence = 0;
    kvspan_status status = KVSPAN_OK;
    kvspan_step_view view;

    *transport = (planted_transport){ .channel = it->channel,
                                      .victim = it->victim,
                                      .calls_left = GOOD_STEPS,
                                      .change = it->plant->change };
    if (it->sender != RANK_COUNT && it->sender != self->rank) {
        transport->change = NULL;
    }
    planted_put(transport, self->comm);
    fixture.config.deadline_ms = 5000;
    ranks_check_status(self, cache_fixture_open(&fixture, self->comm, &error), KVSPAN_OK, &error);
    for (uint32_t i = 0; status == KVSPAN_OK && i < 20; i++) {
        kvspan_step *step = NULL;

        status = cache_fixture_plan(&fixture, &sequence, 1, &step, &error);
        if (status == KVSPAN_OK) {
            status = kvspan_step_begin(fixture.cache, step, NULL, WAIT_MS, &view, &error);
        }
        if (status == KVSPAN_OK) {
            status = kvspan_step_end(fixture.cache, NULL, &error);
        }
    }
    it->errors[self->rank] = error;
    ranks_check_status(self, kvspan_cache_wait(fixture.cache, NULL, 10, &again), status, &again);
    ranks_check(self, again.rank == error.rank && again.epoch == error.epoch);
    cache_fixture_close(&fixture);
}

START_TEST(a_planted_step_is_refused_and_its_reader_named_by_all)
{
    static const uint32_t leaves[] = { 1, 3 };
    static planting it;

    for (uint32_t i = 0; i < 2; i++) {
        it = (planting){ .plant = &step_plants[_i],
                         .channel = KVSPAN_CHANNEL_STEP,
                         .sender = RANK_COUNT,
                         .victim = leaves[i] };
        ranks_run(RANK_COUNT, step_until_failure, &it);
        for (uint32_t rank = 0; rank < RANK_COUNT; rank++) {
            const kvspan_error *const error = &it.errors[rank];

            ck_assert_msg(error->status ==
                              (rank == it.victim ? it.plant->expected : KVSPAN_ERR_PEER),
                          "%s to rank %u: rank %u has %s: %s", it.plant->name, it.victim, rank,
                          kvspan_status_name(error->status), error->message);
            ck_assert_int_eq(error->rank, (int32_t)it.victim);
            ck_assert_uint_ge(error->epoch, GOOD_STEPS);
            ck_assert_uint_le(error->epoch, GOOD_STEPS + 2);
        }
    }
}
END_TEST

/* It is passed on before it is looked at, so that a good one loses no time: one of those who got it
 * is named. */
START_TEST(a_planted_step_that_was_passed_on_ends_all_ranks)
{
    static planting it;

    it = (planting){
        .plant = &step_plants[_i], .channel = KVSPAN_CHANNEL_STEP, .sender = RANK_COUNT, .victim = 2
    };
    ranks_run(RANK_COUNT, step_until_failure, &it);
    for (uint32_t rank = 0; rank < RANK_COUNT; rank++) {
        const kvspan_error *const error = &it.errors[rank];
        const bool is_reader = (int32_t)rank == error->rank;

        ck_assert_msg(error->status == (is_reader ? it.plant->expected : KVSPAN_ERR_PEER),
                      "%s: rank %u has %s: %s", it.plant->name, rank,
                      kvspan_status_name(error->status), error->message);
        ck_assert(error->rank == 2 || error->rank == 3);
    }
}
END_TEST

/* The reader knows whose it was. */
START_TEST(a_planted_acknowledgement_is_refused_and_its_sender_named)
{
    static planting it;

    it = (planting){
        .plant = &ack_plants[_i], .channel = KVSPAN_CHANNEL_ACK, .sender = 1, .victim = 0
    };
    ranks_run(RANK_COUNT, step_until_failure, &it);
    for (uint32_t rank = 0; rank < RANK_COUNT; rank++) {
        const kvspan_error *const error = &it.errors[rank];

        ck_assert_msg(error->status == (rank == 0 ? KVSPAN_ERR_CORRUPT : KVSPAN_ERR_PEER),
                      "%s: rank %u has %s: %s", it.plant->name, rank,
                      kvspan_status_name(error->status), error->message);
        ck_assert_msg(error->rank == 0 || error->rank == 1, "%s: rank %u names %d: %s",
                      it.plant->name, rank, error->rank, error->message);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_planted");
    TCase *planted = tcase_create("planted");

    tcase_set_timeout(planted, 0);
    tcase_add_loop_test(planted, a_planted_step_is_refused_and_its_reader_named_by_all, 0,
                        (int)(sizeof(step_plants) / sizeof(step_plants[0])));
    tcase_add_loop_test(planted, a_planted_step_that_was_passed_on_ends_all_ranks, 0,
                        (int)(sizeof(step_plants) / sizeof(step_plants[0])));
    tcase_add_loop_test(planted, a_planted_acknowledgement_is_refused_and_its_sender_named, 0,
                        (int)(sizeof(ack_plants) / sizeof(ack_plants[0])));
    suite_add_tcase(suite, planted);
    return suite_run(suite);
}
