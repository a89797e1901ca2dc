/* Alarm bytes: what they mean, and bytes that mean nothing. */
#include <string.h>

#include "comm/alarm_message.h"
#include "support/random.h"
#include "support/suite.h"

enum {
    RANK_COUNT = 9
};

static const kvspan_alarm_message sample_answer = {
    .kind = KVSPAN_ALARM_ANSWER,
    .epoch = 0x0102030405,
    .sequence = 77,
    .chain = { .kind = KVSPAN_CHAIN_SILENT,
               .end_rank = 8,
               .end_epoch = 41,
               .silent_ms = 2250,
               .path_count = 3,
               .path = { 4, 5, 6 } },
};

static const kvspan_alarm_message sample_verdict = {
    .kind = KVSPAN_ALARM_VERDICT,
    .epoch = 17,
    .error = { .status = KVSPAN_ERR_LATE,
               .rank = 3,
               .epoch = 17,
               .native = -5,
               .message = "rank 3 is late" },
};

START_TEST(bytes_are_as_documented)
{
    unsigned char bytes[KVSPAN_ALARM_BYTES];
    static const unsigned char head[] = { 'k', 'A',  2, 0, 0, 0, 0,  0,  0, 0, 0, 0, 5,
                                          4,   3,    2, 1, 0, 0, 0,  77, 0, 0, 0, 3, 0,
                                          0,   0,    8, 0, 0, 0, 41, 0,  0, 0, 0, 0, 0,
                                          0,   0xCA, 8, 0, 0, 0, 0,  0,  0, 3, 0, 0, 0,
                                          4,   0,    0, 0, 5, 0, 0,  0,  6, 0, 0, 0, 0 };

    kvspan_alarm_encode(&sample_answer, bytes);
    ck_assert_mem_eq(bytes, head, sizeof(head));
    kvspan_alarm_encode(&sample_verdict, bytes);
    ck_assert_int_eq(bytes[2], KVSPAN_ALARM_VERDICT);
    ck_assert_int_eq(bytes[3], KVSPAN_ERR_LATE);
    ck_assert_int_eq(bytes[4], 3);
    ck_assert_str_eq((const char *)bytes + 20, "rank 3 is late");
}
END_TEST

START_TEST(answer_and_verdict_come_back_whole)
{
    unsigned char bytes[KVSPAN_ALARM_BYTES];
    kvspan_alarm_message back;

    kvspan_alarm_encode(&sample_answer, bytes);
    ck_assert(kvspan_alarm_decode(bytes, RANK_COUNT, &back));
    ck_assert_uint_eq(back.epoch, sample_answer.epoch);
    ck_assert_uint_eq(back.sequence, 77);
    ck_assert_int_eq(back.chain.kind, KVSPAN_CHAIN_SILENT);
    ck_assert_uint_eq(back.chain.end_rank, 8);
    ck_assert_uint_eq(back.chain.end_epoch, 41);
    ck_assert_uint_eq(back.chain.silent_ms, 2250);
    ck_assert_uint_eq(back.chain.path_count, 3);
    ck_assert_uint_eq(back.chain.path[2], 6);
    kvspan_alarm_encode(&sample_verdict, bytes);
    ck_assert(kvspan_alarm_decode(bytes, RANK_COUNT, &back));
    ck_assert_int_eq(back.error.status, KVSPAN_ERR_LATE);
    ck_assert_int_eq(back.error.rank, 3);
    ck_assert_uint_eq(back.error.epoch, 17);
    ck_assert_int_eq(back.error.native, -5);
    ck_assert_str_eq(back.error.message, "rank 3 is late");
}
END_TEST

START_TEST(longest_text_comes_back_whole)
{
    kvspan_alarm_message message = sample_verdict;
    unsigned char bytes[KVSPAN_ALARM_BYTES];
    kvspan_alarm_message back;

    memset(message.error.message, 'x', sizeof(message.error.message) - 1);
    kvspan_alarm_encode(&message, bytes);
    ck_assert(kvspan_alarm_decode(bytes, RANK_COUNT, &back));
    ck_assert_str_eq(back.error.message, message.error.message);
}
END_TEST

typedef struct spoiled_byte {
    const kvspan_alarm_message *message;
    size_t at;
    unsigned char value;
} spoiled_byte;

/* One byte that nobody can have meant. */
static const spoiled_byte spoiled_bytes[] = {
    { &sample_answer, 0, 'K' },         /* magic */
    { &sample_answer, 1, 0 },           /* magic */
    { &sample_answer, 2, 0 },           /* kind */
    { &sample_answer, 2, 4 },           /* kind */
    { &sample_answer, 19, 1 },          /* epoch 2^56 */
    { &sample_answer, 24, 4 },          /* kind of chain */
    { &sample_answer, 28, RANK_COUNT }, /* end rank */
    { &sample_answer, 39, 0x80 },       /* end epoch */
    { &sample_answer, 44, 3 },          /* cycle start behind the path */
    { &sample_answer, 48, 0 },          /* no path */
    { &sample_answer, 48, 33 },         /* path longer than there is room */
    { &sample_answer, 51, 0xFF },       /* the same, by far */
    { &sample_answer, 52, RANK_COUNT }, /* rank in the path */
    { &sample_verdict, 3, KVSPAN_OK },  /* a verdict that all is well */
    { &sample_verdict, 3, 200 },        /* no status */
    { &sample_verdict, 4, RANK_COUNT }, /* rank */
    { &sample_verdict, 7, 0x80 },       /* rank */
};

START_TEST(bytes_that_nobody_meant_are_no_alarm)
{
    const spoiled_byte *spoiled = &spoiled_bytes[_i];
    unsigned char bytes[KVSPAN_ALARM_BYTES];
    kvspan_alarm_message back = { .sequence = 4711 };

    kvspan_alarm_encode(spoiled->message, bytes);
    bytes[spoiled->at] = spoiled->value;
    ck_assert(!kvspan_alarm_decode(bytes, RANK_COUNT, &back));
    ck_assert_uint_eq(back.sequence, 4711);
}
END_TEST

START_TEST(unterminated_text_is_cut_and_made_printable)
{
    unsigned char bytes[KVSPAN_ALARM_BYTES];
    kvspan_alarm_message back;

    kvspan_alarm_encode(&sample_verdict, bytes);
    memset(bytes + 20, 'y', KVSPAN_ALARM_BYTES - 20);
    bytes[21] = '\n';
    bytes[22] = 0x1B;
    ck_assert(kvspan_alarm_decode(bytes, RANK_COUNT, &back));
    ck_assert_uint_eq(strlen(back.error.message), sizeof(back.error.message) - 1);
    ck_assert_mem_eq(back.error.message, "y??y", 4);
}
END_TEST

/* Whatever is taken for an alarm keeps its bounds. */
START_TEST(random_bytes_never_break_the_bounds)
{
    random_source source = random_start("alarm bytes", 20);
    uint32_t taken = 0;

    for (uint32_t i = 0; i < 200000; i++) {
        unsigned char bytes[KVSPAN_ALARM_BYTES];
        kvspan_alarm_message back;

        kvspan_alarm_encode(i % 2 ? &sample_answer : &sample_verdict, bytes);
        for (uint32_t k = random_below(&source, 4); k > 0; k--) {
            bytes[random_below(&source, 64)] = (unsigned char)random_next(&source);
        }
        if (!kvspan_alarm_decode(bytes, RANK_COUNT, &back)) {
            continue;
        }
        taken++;
        if (back.kind == KVSPAN_ALARM_ANSWER) {
            ck_assert_uint_le(back.chain.path_count, KVSPAN_CHAIN_MAX_PATH);
            ck_assert_uint_lt(back.chain.end_rank, RANK_COUNT);
            for (uint32_t k = 0; k < back.chain.path_count; k++) {
                ck_assert_uint_lt(back.chain.path[k], RANK_COUNT);
            }
        } else if (back.kind == KVSPAN_ALARM_VERDICT) {
            ck_assert_int_ge(back.error.rank, 0);
            ck_assert_int_lt(back.error.rank, RANK_COUNT);
            ck_assert_uint_lt(strnlen(back.error.message, sizeof(back.error.message)),
                              sizeof(back.error.message));
        }
    }
    ck_assert_uint_gt(taken, 10000);
    ck_assert_uint_lt(taken, 190000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("comm/alarm_message");
    TCase *good = tcase_create("meant");
    TCase *hostile = tcase_create("hostile");

    tcase_add_test(good, bytes_are_as_documented);
    tcase_add_test(good, answer_and_verdict_come_back_whole);
    tcase_add_test(good, longest_text_comes_back_whole);
    tcase_add_loop_test(hostile, bytes_that_nobody_meant_are_no_alarm, 0,
                        (int)(sizeof(spoiled_bytes) / sizeof(spoiled_bytes[0])));
    tcase_add_test(hostile, unterminated_text_is_cut_and_made_printable);
    tcase_add_test(hostile, random_bytes_never_break_the_bounds);
    suite_add_tcase(suite, good);
    suite_add_tcase(suite, hostile);
    return suite_run(suite);
}
