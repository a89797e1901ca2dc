/* What a transport must be, transports that fail, and peers that send nonsense. */
#include <stdlib.h>
#include <string.h>

#include "collective_bodies.h"
#include "comm/agree.h"
#include "comm/exchange.h"
#include "comm/state.h"
#include "faulty_transport.h"
#include "support/random.h"
#include "support/suite.h"

/* A transport on which nothing ever comes; it counts what is open. */
typedef struct deaf_transport {
    int open_requests;
    int receives_left; /* good ones before all fail */
    bool is_destroyed;
    bool keeps_sends; /* cancelling one answers TIMEOUT */
} deaf_transport;

static kvspan_status deaf_send(void *context, uint32_t to, uint32_t tag, const void *data,
                               size_t bytes, void **request_out)
{
    deaf_transport *deaf = context;

    (void)to;
    (void)tag;
    (void)data;
    (void)bytes;
    deaf->open_requests++;
    *request_out = &deaf->keeps_sends;
    return KVSPAN_OK;
}

static kvspan_status deaf_receive(void *context, uint32_t from, uint32_t tag, void *data,
                                  size_t bytes, void **request_out)
{
    deaf_transport *deaf = context;

    (void)from;
    (void)tag;
    (void)data;
    (void)bytes;
    if (deaf->receives_left-- <= 0) {
        return KVSPAN_ERR_TRANSPORT;
    }
    deaf->open_requests++;
    *request_out = deaf;
    return KVSPAN_OK;
}

static kvspan_status deaf_test(void *context, void *request, uint32_t *done_out)
{
    (void)context;
    (void)request;
    *done_out = 0;
    return KVSPAN_OK;
}

static kvspan_status deaf_cancel(void *context, void *request)
{
    deaf_transport *deaf = context;

    deaf->open_requests--;
    return request == &deaf->keeps_sends && deaf->keeps_sends ? KVSPAN_ERR_TIMEOUT : KVSPAN_OK;
}

static void deaf_destroy(void *context)
{
    ((deaf_transport *)context)->is_destroyed = true;
}

static kvspan_transport deaf_make(deaf_transport *deaf, uint32_t rank, uint32_t rank_count)
{
    *deaf = (deaf_transport){ .receives_left = 1000 };
    return (kvspan_transport){ .size = sizeof(kvspan_transport),
                               .rank = rank,
                               .rank_count = rank_count,
                               .context = deaf,
                               .send = deaf_send,
                               .receive = deaf_receive,
                               .test = deaf_test,
                               .cancel = deaf_cancel,
                               .destroy = deaf_destroy };
}

START_TEST(transport_of_another_size_is_taken_if_its_tail_is_zero)
{
    deaf_transport deaf;
    struct {
        kvspan_transport known;
        uint64_t tail[2];
    } newer = { .known = deaf_make(&deaf, 0, 1) };
    kvspan_comm *comm = NULL;
    kvspan_error error = { 0 };

    newer.known.size = sizeof(newer);
    ck_assert_int_eq(kvspan_comm_create(&newer.known, &comm, &error), KVSPAN_OK);
    kvspan_comm_destroy(comm);
    ck_assert(deaf.is_destroyed);
    comm = NULL;
    newer.tail[1] = 1;
    ck_assert_int_eq(kvspan_comm_create(&newer.known, &comm, &error), KVSPAN_ERR_UNSUPPORTED);
    ck_assert_ptr_null(comm);
    newer.known.size = 24; /* older than any verb */
    ck_assert_int_eq(kvspan_comm_create(&newer.known, &comm, &error), KVSPAN_ERR_ARGUMENT);
    newer.known.size = 0;
    ck_assert_int_eq(kvspan_comm_create(&newer.known, &comm, &error), KVSPAN_ERR_ARGUMENT);
}
END_TEST

START_TEST(transport_must_have_every_verb_and_a_rank_in_range)
{
    deaf_transport deaf;
    kvspan_transport transport = deaf_make(&deaf, 4, 4);
    kvspan_comm *comm = NULL;
    kvspan_error error = { 0 };

    ck_assert_int_eq(kvspan_comm_create(&transport, &comm, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "rank 4 is not in [0, 4)");
    transport.rank = 0;
    transport.cancel = NULL;
    ck_assert_int_eq(kvspan_comm_create(&transport, &comm, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "the transport lacks the verb cancel");
    ck_assert_int_eq(kvspan_comm_create(NULL, &comm, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_comm_create(&transport, NULL, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_ptr_null(comm);
    ck_assert(!deaf.is_destroyed);
}
END_TEST

/* Whatever alarm receive fails, those before it are cancelled and the context stays the caller's.
 */
START_TEST(create_that_fails_leaves_nothing_open)
{
    deaf_transport deaf;
    const kvspan_transport transport = deaf_make(&deaf, 5, 16);
    kvspan_comm *comm = NULL;
    kvspan_error error = { 0 };

    deaf.receives_left = _i;
    ck_assert_int_eq(kvspan_comm_create(&transport, &comm, &error), KVSPAN_ERR_TRANSPORT);
    ck_assert_ptr_null(comm);
    ck_assert_int_eq(deaf.open_requests, 0);
    ck_assert(!deaf.is_destroyed);
}
END_TEST

START_TEST(peers_of_thousands_of_ranks_are_few)
{
    deaf_transport deaf;
    const kvspan_transport transport = deaf_make(&deaf, 77, 1U << 20);
    kvspan_comm *comm = NULL;

    ck_assert_int_eq(kvspan_comm_create(&transport, &comm, NULL), KVSPAN_OK);
    ck_assert_int_eq(deaf.open_requests, 2 * 20 - 1); /* 2^19 is the same rank both ways */
    kvspan_comm_destroy(comm);
    ck_assert_int_eq(deaf.open_requests, 0);
}
END_TEST

/* A send that the transport keeps is counted; a wait without peers that answer still ends. */
START_TEST(wait_on_a_deaf_transport_ends_and_counts_what_it_leaves)
{
    static deaf_transport deaf; /* what is left behind stays reachable through it */
    kvspan_transport transport = deaf_make(&deaf, 0, 2);
    kvspan_comm *comm = NULL;
    kvspan_error error = { 0 };
    kvspan_request requests[2] = { { 0 } };
    char byte = 0;

    ck_assert_int_eq(kvspan_comm_create(&transport, &comm, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_comm_send(comm, KVSPAN_CHANNEL_STEP, 1, &byte, 1, &requests[0], NULL),
                     KVSPAN_OK);
    ck_assert_int_eq(
        kvspan_comm_receive(comm, KVSPAN_CHANNEL_STEP, 1, &byte, 1, &requests[1], NULL), KVSPAN_OK);
    deaf.keeps_sends = true;
    ck_assert_int_eq(kvspan_comm_wait(comm, requests, 2, KVSPAN_WAIT_STEP, 5, &error),
                     KVSPAN_ERR_LATE);
    ck_assert_int_eq(error.rank, 1);
    ck_assert(strstr(error.message, "never heard of"));
    ck_assert_ptr_null(requests[0].handle);
    ck_assert_ptr_null(requests[1].handle);
    ck_assert_uint_eq(kvspan_comm_abandoned(comm), 1);
    deaf.keeps_sends = false; /* so that the alarms' memory comes back */
    kvspan_comm_destroy(comm);
    ck_assert_int_eq(deaf.open_requests, 0);
}
END_TEST

START_TEST(hub_and_its_ranks_have_limits)
{
    kvspan_local_hub *hub = NULL;
    kvspan_comm *comm = NULL;
    kvspan_comm *second = NULL;
    kvspan_error error = { 0 };

    ck_assert_int_eq(kvspan_local_hub_create(0, &hub, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_local_hub_create(4097, &hub, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "4097 ranks are not in [1, 4096]");
    ck_assert_ptr_null(hub);
    ck_assert_int_eq(kvspan_local_hub_create(2, &hub, &error), KVSPAN_OK);
    ck_assert_int_eq(kvspan_comm_create_local(hub, 2, &comm, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_comm_create_local(hub, 1, &comm, &error), KVSPAN_OK);
    ck_assert_int_eq(kvspan_comm_create_local(hub, 1, &second, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_ptr_null(second);
    kvspan_comm_destroy(comm);
    ck_assert_int_eq(kvspan_comm_create_local(hub, 1, &comm, &error), KVSPAN_OK);
    kvspan_comm_destroy(comm);
    kvspan_local_hub_destroy(hub);
    kvspan_local_hub_destroy(NULL);
    kvspan_comm_destroy(NULL);
}
END_TEST

START_TEST(gather_refuses_what_cannot_be)
{
    kvspan_local_hub *hub = NULL;
    kvspan_comm *comm = NULL;
    kvspan_error error = { 0 };
    char byte = 1;
    char all = 0;

    ck_assert_int_eq(kvspan_local_hub_create(1, &hub, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_comm_create_local(hub, 0, &comm, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_comm_all_gather(comm, &byte, 0, &all, 10, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_comm_all_gather(comm, NULL, 1, &all, 10, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_comm_all_gather(NULL, &byte, 1, &all, 10, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_comm_all_gather(comm, &byte, 1, &all, 10, &error), KVSPAN_OK);
    ck_assert_int_eq(all, 1);
    ck_assert_uint_eq(kvspan_comm_sent_messages(comm, KVSPAN_CHANNEL_AGREE), 0);
    kvspan_comm_destroy(comm);
    kvspan_local_hub_destroy(hub);
}
END_TEST

/* One of four ranks fails. */
typedef struct faulty_case {
    uint32_t rank;
    faulty_transport transports[4];
} faulty_case;

/* Agreements, gathers and exchanges until one fails. */
static kvspan_status run_collectives(ranks_self *self, kvspan_exchange *exchange,
                                     const kvspan_group *world, kvspan_error *error)
{
    static const uint64_t offsets[] = { 0, 5000, 10000, 15000 };
    static const uint64_t counts[] = { 5000, 5000, 5000, 5000 };
    unsigned char part[4][5000] = { { 0 } };
    uint32_t all[4];
    kvspan_status status;

    do {
        status = kvspan_comm_all_gather(self->comm, &self->rank, 4, all, BODY_PATIENCE_MS, error);
        if (status == KVSPAN_OK) {
            status =
                kvspan_agree_status(self->comm, world, KVSPAN_OK, NULL, BODY_PATIENCE_MS, error);
        }
        if (status == KVSPAN_OK) {
            status = kvspan_exchange_all_gather(exchange, world, part[0], offsets, counts,
                                                BODY_PATIENCE_MS, error);
        }
    } while (status == KVSPAN_OK);
    return status;
}

static void body_faulty(ranks_self *self)
{
    faulty_case *const it = self->context;
    faulty_transport *const faulty = &it->transports[self->rank];
    kvspan_exchange exchange;
    body_group world;
    kvspan_error error = { 0 };
    kvspan_status status;

    (void)body_group_make(&world, self, 1, 0);
    faulty_put(faulty, self->comm);
    ranks_check(self, kvspan_exchange_init(&exchange, self->comm, 4, NULL) == KVSPAN_OK);
    status = run_collectives(self, &exchange, &world.group, &error);
    kvspan_exchange_fini(&exchange);
    if (self->rank == it->rank) {
        ranks_check(self, faulty->failed == 1);
        ranks_check(self, status == (faulty->verb == FAULTY_RECEIVE ? KVSPAN_ERR_MEMORY
                                                                    : KVSPAN_ERR_TRANSPORT));
    } else {
        ranks_check_status(self, status, KVSPAN_ERR_PEER, &error);
        ranks_check(self, error.rank == (int32_t)it->rank);
    }
}

/* Rank 0, which has two ranks below it in a tree, or rank 1, which has none. */
START_TEST(verb_that_fails_ends_all_waits_and_requests_and_names_its_rank)
{
    const faulty_verb verb = (faulty_verb)(_i / 2 + 1);

    for (uint32_t calls = 0; calls < 24; calls++) {
        faulty_case it = { .rank = (uint32_t)_i % 2 };

        it.transports[it.rank].verb = verb;
        it.transports[it.rank].calls_left = calls * (calls > 12 ? 5 : 1);
        for (int rank = 0; rank < 4; rank++) {
            it.transports[rank].has_slow_sends = calls % 2 == 1;
        }
        ranks_run(4, body_faulty, &it);
        for (int rank = 0; rank < 4; rank++) {
            ck_assert_msg(it.transports[rank].open_requests == 0,
                          "call %u of verb %d fails on rank %u: rank %d has left %d requests open",
                          calls, (int)verb, it.rank, rank, it.transports[rank].open_requests);
        }
    }
}
END_TEST

static void expect_in_spite(ranks_self *self)
{
    kvspan_error error = { 0 };
    kvspan_request request = { 0 };
    uint32_t value = 0;

    ranks_check_status(self,
                       kvspan_comm_receive(self->comm, KVSPAN_CHANNEL_STEP, 1, &value,
                                           sizeof(value), &request, &error),
                       KVSPAN_OK, &error);
    ranks_check_status(
        self, kvspan_comm_wait(self->comm, &request, 1, KVSPAN_WAIT_STEP, BODY_PATIENCE_MS, &error),
        KVSPAN_OK, &error);
    ranks_check(self, value == 99);
    for (int i = 0; i < 200; i++) {
        ranks_check_status(self, kvspan_comm_poll(self->comm, &error), KVSPAN_OK, &error);
    }
}

/* Every fourth is noise, the others are answers that nobody asked for; some are cut short. */
static void send_nonsense(ranks_self *self, uint64_t seed)
{
    random_source source = { .state = seed };
    kvspan_request request = { 0 };
    kvspan_error error = { 0 };

    for (uint32_t i = 0; i < 400; i++) {
        unsigned char bytes[KVSPAN_ALARM_BYTES];
        const kvspan_alarm_message answer = { .kind = KVSPAN_ALARM_ANSWER,
                                              .sequence = i,
                                              .chain = { .kind = KVSPAN_CHAIN_SILENT,
                                                         .end_rank = i % 2,
                                                         .path_count = 1,
                                                         .path = { i % 2 } } };

        kvspan_alarm_encode(&answer, bytes);
        for (size_t k = 0; i % 4 == 0 && k < sizeof(bytes); k++) {
            bytes[k] = (unsigned char)random_next(&source);
        }
        ranks_check_status(self,
                           kvspan_verb_send(self->comm, KVSPAN_CHANNEL_ALARM, 0, bytes,
                                            i % 3 ? sizeof(bytes) : (size_t)i % 50, &request,
                                            &error),
                           KVSPAN_OK, &error);
    }
}

/* Rank 1 sends alarms that nobody can mean, then what rank 0 waits for. */
static void body_hostile(ranks_self *self)
{
    const uint64_t *seed = self->context;
    const uint32_t value = 99;
    kvspan_error error = { 0 };
    kvspan_request request = { 0 };

    if (self->rank == 0) {
        expect_in_spite(self);
        return;
    }
    send_nonsense(self, *seed);
    ranks_check_status(self,
                       kvspan_comm_send(self->comm, KVSPAN_CHANNEL_STEP, 0, &value, sizeof(value),
                                        &request, &error),
                       KVSPAN_OK, &error);
}

START_TEST(alarms_that_nobody_meant_do_no_harm)
{
    random_source source = random_start("hostile alarms", 4);

    for (int i = 0; i < 5; i++) {
        uint64_t seed = random_next(&source);

        ranks_run(2, body_hostile, &seed);
    }
}
END_TEST

static kvspan_status failing_progress(void *context, kvspan_error *error)
{
    uint32_t *calls_left = context;

    return (*calls_left)-- > 0
               ? KVSPAN_OK
               : kvspan_fail(error, KVSPAN_ERR_CORRUPT, "an acknowledgement goes back");
}

/* Rank 0's progress fails in the middle of a wait. */
static void body_progress(ranks_self *self)
{
    kvspan_error error = { 0 };
    kvspan_request request = { 0 };
    uint32_t value = 0;
    uint32_t calls_left = 30;

    if (self->rank == 0) {
        kvspan_comm_set_progress(self->comm, failing_progress, &calls_left);
    }
    ranks_check_status(self,
                       kvspan_comm_receive(self->comm, KVSPAN_CHANNEL_STEP, 1 - self->rank, &value,
                                           sizeof(value), &request, &error),
                       KVSPAN_OK, &error);
    ranks_check_status(
        self, kvspan_comm_wait(self->comm, &request, 1, KVSPAN_WAIT_STEP, BODY_PATIENCE_MS, &error),
        self->rank == 0 ? KVSPAN_ERR_CORRUPT : KVSPAN_ERR_PEER, &error);
    ranks_check(self, error.rank == 0);
    ranks_check(self, strcmp(error.message, "an acknowledgement goes back") == 0);
}

START_TEST(progress_that_fails_ends_the_wait_everywhere)
{
    ranks_run(2, body_progress, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("comm/transport");
    TCase *contract = tcase_create("contract");
    TCase *faults = tcase_create("faults");

    tcase_add_test(contract, transport_of_another_size_is_taken_if_its_tail_is_zero);
    tcase_add_test(contract, transport_must_have_every_verb_and_a_rank_in_range);
    tcase_add_loop_test(contract, create_that_fails_leaves_nothing_open, 0, 7);
    tcase_add_test(contract, peers_of_thousands_of_ranks_are_few);
    tcase_add_test(contract, wait_on_a_deaf_transport_ends_and_counts_what_it_leaves);
    tcase_add_test(contract, hub_and_its_ranks_have_limits);
    tcase_add_test(contract, gather_refuses_what_cannot_be);
    tcase_add_loop_test(faults, verb_that_fails_ends_all_waits_and_requests_and_names_its_rank, 0,
                        2 * (FAULTY_VERB_END - 1));
    tcase_add_test(faults, alarms_that_nobody_meant_do_no_harm);
    tcase_add_test(faults, progress_that_fails_ends_the_wait_everywhere);
    suite_add_tcase(suite, contract);
    suite_add_tcase(suite, faults);
    return suite_run(suite);
}
