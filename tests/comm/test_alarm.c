#include "support/suite.h"

#include <string.h>

#include "comm/alarm_message.h"
#include "comm/comm.h"
#include "comm/watch.h"

/* Rank 0 of 2 over a transport that the test plays: what comes is what the test hands over, what
 * goes out is counted. */
typedef struct played_transport {
    unsigned char *posted; /* of the open receive */
    const void *incoming;
    size_t incoming_bytes;
    bool has_incoming;
    uint32_t answers;
    bool is_slow;       /* what was sent is not done */
    uint32_t cancelled; /* of what was sent */
} played_transport;

static kvspan_status play_send(void *context, uint32_t to, uint32_t tag, const void *data,
                               size_t bytes, void **request_out)
{
    played_transport *const played = context;
    kvspan_alarm_message message;

    ck_assert_uint_eq(to, 1);
    ck_assert_uint_eq(tag, KVSPAN_CHANNEL_ALARM);
    ck_assert_uint_eq(bytes, KVSPAN_ALARM_BYTES);
    ck_assert(kvspan_alarm_decode(data, 2, &message));
    played->answers += message.kind == KVSPAN_ALARM_ANSWER;
    *request_out = played->is_slow ? &played->answers : NULL;
    return KVSPAN_OK;
}

static kvspan_status play_receive(void *context, uint32_t from, uint32_t tag, void *data,
                                  size_t bytes, void **request_out)
{
    played_transport *const played = context;

    ck_assert_uint_eq(from, 1);
    ck_assert_uint_eq(tag, KVSPAN_CHANNEL_ALARM);
    ck_assert_uint_eq(bytes, KVSPAN_ALARM_BYTES);
    played->posted = data;
    *request_out = played;
    return KVSPAN_OK;
}

static kvspan_status play_test(void *context, void *request, uint32_t *done_out)
{
    played_transport *const played = context;

    if (request == &played->answers) {
        *done_out = !played->is_slow;
        return KVSPAN_OK;
    }
    ck_assert_ptr_eq(request, played);
    *done_out = played->has_incoming;
    if (played->has_incoming && played->incoming_bytes > 0) {
        memcpy(played->posted, played->incoming, played->incoming_bytes);
    }
    played->has_incoming = false;
    return KVSPAN_OK;
}

static kvspan_status play_cancel(void *context, void *request)
{
    played_transport *const played = context;

    played->cancelled += request == &played->answers;
    return KVSPAN_OK;
}

static void play_destroy(void *context)
{
    (void)context;
}

/* Lets rank 0 look at an alarm of so many bytes. */
static void hand_over(kvspan_comm *comm, played_transport *played, const unsigned char *bytes,
                      size_t byte_count)
{
    played->incoming = bytes;
    played->incoming_bytes = byte_count;
    played->has_incoming = true;
    ck_assert_int_eq(kvspan_comm_poll(comm, NULL), KVSPAN_OK);
    ck_assert(!played->has_incoming);
}

static kvspan_comm *open_comm(played_transport *played)
{
    const kvspan_transport transport = { .size = sizeof(transport),
                                         .rank = 0,
                                         .rank_count = 2,
                                         .context = played,
                                         .send = play_send,
                                         .receive = play_receive,
                                         .test = play_test,
                                         .cancel = play_cancel,
                                         .destroy = play_destroy };
    kvspan_comm *comm = NULL;

    ck_assert_int_eq(kvspan_comm_create(&transport, &comm, NULL), KVSPAN_OK);
    return comm;
}

START_TEST(an_alarm_of_few_bytes_is_not_completed_by_an_old_one)
{
    played_transport played = { .answers = 0 };
    const kvspan_alarm_message probe = { .kind = KVSPAN_ALARM_PROBE, .epoch = 3, .sequence = 5 };
    unsigned char bytes[KVSPAN_ALARM_BYTES];
    kvspan_comm *const comm = open_comm(&played);

    kvspan_alarm_encode(&probe, bytes);
    hand_over(comm, &played, bytes, sizeof(bytes));
    ck_assert_uint_eq(played.answers, 1);
    hand_over(comm, &played, bytes, 0);
    hand_over(comm, &played, bytes, 2);
    ck_assert_uint_eq(played.answers, 1);
    hand_over(comm, &played, bytes, sizeof(bytes));
    ck_assert_uint_eq(played.answers, 2);
    kvspan_comm_destroy(comm);
}
END_TEST

/* It is the epoch that a rank is named with should it fall silent then. */
START_TEST(an_alarm_tells_which_epoch_its_rank_is_in)
{
    played_transport played = { .answers = 0 };
    kvspan_alarm_message alarm = { .kind = _i ? KVSPAN_ALARM_ANSWER : KVSPAN_ALARM_PROBE,
                                   .epoch = 3,
                                   .sequence = 5 };
    unsigned char bytes[KVSPAN_ALARM_BYTES];
    kvspan_comm *const comm = open_comm(&played);

    alarm.chain =
        (kvspan_chain){ .kind = KVSPAN_CHAIN_AWAKE, .end_rank = 1, .path_count = 1, .path = { 1 } };
    kvspan_alarm_encode(&alarm, bytes);
    hand_over(comm, &played, bytes, sizeof(bytes));
    ck_assert_uint_eq(kvspan_watch_find(comm, 1)->heard_epoch, 3);
    kvspan_comm_destroy(comm);
}
END_TEST

/* Its memory is the transport's until then. */
START_TEST(an_answer_waits_for_the_end_of_the_one_before)
{
    played_transport played = { .is_slow = true };
    kvspan_alarm_message probe = { .kind = KVSPAN_ALARM_PROBE, .sequence = 5 };
    unsigned char bytes[KVSPAN_ALARM_BYTES];
    kvspan_comm *const comm = open_comm(&played);

    for (int i = 0; i < 3; i++) {
        probe.sequence++;
        kvspan_alarm_encode(&probe, bytes);
        hand_over(comm, &played, bytes, sizeof(bytes));
        ck_assert_uint_eq(played.answers, 1);
    }
    played.is_slow = false;
    ck_assert_int_eq(kvspan_comm_poll(comm, NULL), KVSPAN_OK);
    ck_assert_uint_eq(played.answers, 2);
    kvspan_comm_destroy(comm);
    ck_assert_uint_eq(played.cancelled, 0);
}
END_TEST

START_TEST(an_answer_under_way_is_cancelled_at_the_end)
{
    played_transport played = { .is_slow = true };
    const kvspan_alarm_message probe = { .kind = KVSPAN_ALARM_PROBE, .sequence = 5 };
    unsigned char bytes[KVSPAN_ALARM_BYTES];
    kvspan_comm *const comm = open_comm(&played);

    kvspan_alarm_encode(&probe, bytes);
    hand_over(comm, &played, bytes, sizeof(bytes));
    ck_assert_uint_eq(played.answers, 1);
    kvspan_comm_destroy(comm);
    ck_assert_uint_eq(played.cancelled, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("comm/alarm");
    TCase *alarm = tcase_create("alarm");

    tcase_add_test(alarm, an_alarm_of_few_bytes_is_not_completed_by_an_old_one);
    tcase_add_loop_test(alarm, an_alarm_tells_which_epoch_its_rank_is_in, 0, 2);
    tcase_add_test(alarm, an_answer_waits_for_the_end_of_the_one_before);
    tcase_add_test(alarm, an_answer_under_way_is_cancelled_at_the_end);
    suite_add_tcase(suite, alarm);
    return suite_run(suite);
}
