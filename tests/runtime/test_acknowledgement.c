#include "support/suite.h"

#include <string.h>

#include "runtime/step/acknowledgement.h"

START_TEST(an_acknowledgement_has_the_documented_bytes)
{
    const kvspan_ack ack = { .epoch = 0x0102030405060708u,
                             .table_digest = 0xf1f2f3f4f5f6f7f8u,
                             .notices = 0x11223344,
                             .rank = 0xa1a2a3a4,
                             .order = { .count = 0x2122232425262728u,
                                        .hash = 0xb1b2b3b4b5b6b7b8u } };
    const unsigned char expected[KVSPAN_ACK_BYTES] = {
        'K',  'V',  'A',  'K',  2,    0,    2,    0,    8,    7,    6,    5,
        4,    3,    2,    1,    0xf8, 0xf7, 0xf6, 0xf5, 0xf4, 0xf3, 0xf2, 0xf1,
        0x44, 0x33, 0x22, 0x11, 0xa4, 0xa3, 0xa2, 0xa1, 0x28, 0x27, 0x26, 0x25,
        0x24, 0x23, 0x22, 0x21, 0xb8, 0xb7, 0xb6, 0xb5, 0xb4, 0xb3, 0xb2, 0xb1,
    };
    unsigned char bytes[KVSPAN_ACK_BYTES];
    kvspan_ack decoded = { .epoch = 0 };

    kvspan_ack_encode(&ack, bytes);
    ck_assert_mem_eq(bytes, expected, KVSPAN_ACK_BYTES);
    ck_assert_int_eq(kvspan_ack_decode(expected, &decoded, NULL), KVSPAN_OK);
    ck_assert_uint_eq(decoded.epoch, ack.epoch);
    ck_assert_uint_eq(decoded.table_digest, ack.table_digest);
    ck_assert_uint_eq(decoded.notices, ack.notices);
    ck_assert_uint_eq(decoded.rank, ack.rank);
    ck_assert_uint_eq(decoded.order.count, ack.order.count);
    ck_assert_uint_eq(decoded.order.hash, ack.order.hash);
}
END_TEST

START_TEST(bytes_that_are_no_acknowledgement_are_refused)
{
    const char *texts[] = { "byte 0: magic", "byte 4: version", "byte 6: kind" };
    const kvspan_ack ack = { .epoch = 3 };

    for (size_t at = 0; at < 8; at++) {
        unsigned char bytes[KVSPAN_ACK_BYTES];
        kvspan_ack decoded = { .epoch = 77 };
        kvspan_error error = { .status = KVSPAN_OK };

        kvspan_ack_encode(&ack, bytes);
        bytes[at] ^= 0x40;
        ck_assert_int_eq(kvspan_ack_decode(bytes, &decoded, &error), KVSPAN_ERR_CORRUPT);
        ck_assert_ptr_nonnull(strstr(error.message, texts[at < 4 ? 0 : at < 6 ? 1 : 2]));
        ck_assert_uint_eq(decoded.epoch, 77);
    }
}
END_TEST

static void child_ends(kvspan_ack_fold *fold, uint32_t child, uint64_t epoch, uint32_t notices)
{
    const kvspan_ack ack = { .epoch = epoch, .notices = notices, .rank = 10 + child };

    ck_assert_int_eq(kvspan_ack_fold_child(fold, child, &ack, 1000, NULL), KVSPAN_OK);
}

START_TEST(orders_of_an_epoch_that_both_have_ended_are_compared)
{
    static kvspan_order_log log;
    kvspan_exchange_order order = { .count = 12, .hash = 0xabc };
    kvspan_error error = { .status = KVSPAN_OK };

    kvspan_order_log_note(&log, 3, order);
    ck_assert_int_eq(kvspan_order_log_compare(&log, 0, 5, 3, order, &error), KVSPAN_OK);
    order.hash++;
    ck_assert_int_eq(kvspan_order_log_compare(&log, 0, 5, 3, order, &error), KVSPAN_ERR_MISMATCH);
    ck_assert_ptr_nonnull(strstr(error.message, "end of epoch 3: rank 5 has issued 12 with hash "
                                                "0x0000000000000abd, rank 0 has issued 12 with "
                                                "hash 0x0000000000000abc"));
    ck_assert_int_eq(error.rank, 5);
    ck_assert_uint_eq(error.epoch, 3);
    order = (kvspan_exchange_order){ .count = 13, .hash = 0xabc };
    ck_assert_int_eq(kvspan_order_log_compare(&log, 0, 5, 3, order, NULL), KVSPAN_ERR_MISMATCH);
    /* Not ended here, before the first step, and forgotten. */
    ck_assert_int_eq(kvspan_order_log_compare(&log, 0, 5, 4, order, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_order_log_compare(&log, 0, 5, 0, order, NULL), KVSPAN_OK);
    kvspan_order_log_note(&log, 3 + KVSPAN_ORDER_EPOCHS, order);
    ck_assert_int_eq(kvspan_order_log_compare(&log, 0, 5, 3, order, NULL), KVSPAN_OK);
    ck_assert_uint_eq(kvspan_order_log_find(&log, 3).count, 0);
    ck_assert_uint_eq(kvspan_order_log_find(&log, 3 + KVSPAN_ORDER_EPOCHS).count, 13);
}
END_TEST

START_TEST(a_subtree_has_ended_what_its_slowest_rank_has)
{
    kvspan_ack_fold fold;

    kvspan_ack_fold_init(&fold, 3);
    ck_assert_uint_eq(kvspan_ack_fold_epoch(&fold), 0);
    kvspan_ack_fold_own(&fold, 5, 0);
    child_ends(&fold, 0, 4, 0);
    child_ends(&fold, 2, 7, 0);
    ck_assert_uint_eq(kvspan_ack_fold_epoch(&fold), 0);
    ck_assert_uint_eq(kvspan_ack_fold_missing(&fold, 0), 3);
    ck_assert_uint_eq(kvspan_ack_fold_missing(&fold, 4), 1);
    ck_assert_uint_eq(kvspan_ack_fold_missing(&fold, 5), 0);
    child_ends(&fold, 1, 6, 0);
    ck_assert_uint_eq(kvspan_ack_fold_epoch(&fold), 4);
    ck_assert_uint_eq(kvspan_ack_fold_missing(&fold, 4), 3);
    child_ends(&fold, 0, 9, 0);
    ck_assert_uint_eq(kvspan_ack_fold_epoch(&fold), 5);
    ck_assert_uint_eq(kvspan_ack_fold_missing(&fold, 7), 1);
    kvspan_ack_fold_own(&fold, 6, 0);
    ck_assert_uint_eq(kvspan_ack_fold_epoch(&fold), 6);
}
END_TEST

START_TEST(a_leaf_has_ended_what_it_has_itself)
{
    kvspan_ack_fold fold;

    kvspan_ack_fold_init(&fold, 0);
    kvspan_ack_fold_own(&fold, 9, 0);
    ck_assert_uint_eq(kvspan_ack_fold_epoch(&fold), 9);
    ck_assert_uint_eq(kvspan_ack_fold_missing(&fold, 10), 0);
}
END_TEST

START_TEST(an_epoch_neither_goes_back_nor_ahead_of_what_was_begun)
{
    kvspan_ack_fold fold;
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_ack ack = { .epoch = 6, .rank = 31, .notices = 8 };

    kvspan_ack_fold_init(&fold, KVSPAN_ACK_MAX_CHILDREN);
    ck_assert_int_eq(kvspan_ack_fold_child(&fold, 31, &ack, 5, &error), KVSPAN_ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "rank 31 acknowledges epoch 6, the last step begun "
                                                "is 5"));
    ck_assert_int_eq(error.rank, 31);
    ck_assert_uint_eq(fold.notices, 0);
    ck_assert_int_eq(kvspan_ack_fold_child(&fold, 31, &ack, 6, &error), KVSPAN_OK);
    ck_assert_int_eq(kvspan_ack_fold_child(&fold, 31, &ack, 6, &error), KVSPAN_OK);
    ack.epoch = 5;
    ack.notices = 16;
    ck_assert_int_eq(kvspan_ack_fold_child(&fold, 31, &ack, 6, &error), KVSPAN_ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.message, "epoch 5 after it has acknowledged 6"));
    ck_assert_uint_eq(fold.child_epochs[31], 6);
    ck_assert_uint_eq(fold.notices, 8);
}
END_TEST

START_TEST(a_parent_is_told_news_once)
{
    kvspan_ack_fold fold;
    kvspan_ack ack = { .rank = 99 };

    kvspan_ack_fold_init(&fold, 1);
    ck_assert(!kvspan_ack_fold_next(&fold, 4, 0xd0, &ack));
    /* Own epoch alone is no news: the child has not ended it. */
    kvspan_ack_fold_own(&fold, 1, 0);
    ck_assert(!kvspan_ack_fold_next(&fold, 4, 0xd1, &ack));
    ck_assert_uint_eq(ack.rank, 99);
    child_ends(&fold, 0, 1, 0);
    ck_assert(kvspan_ack_fold_next(&fold, 4, 0xd1, &ack));
    ck_assert_uint_eq(ack.rank, 4);
    ck_assert_uint_eq(ack.epoch, 1);
    ck_assert_uint_eq(ack.table_digest, 0xd1);
    ck_assert_uint_eq(ack.notices, 0);
    ck_assert(!kvspan_ack_fold_next(&fold, 4, 0xd1, &ack));
}
END_TEST

START_TEST(notices_alone_are_news_and_add_up)
{
    kvspan_ack_fold fold;
    kvspan_ack ack = { .rank = 99 };

    kvspan_ack_fold_init(&fold, 2);
    child_ends(&fold, 1, 0, 0x4);
    ck_assert(kvspan_ack_fold_next(&fold, 0, 0, &ack));
    ck_assert_uint_eq(ack.epoch, 0);
    ck_assert_uint_eq(ack.notices, 0x4);
    /* A child that repeats itself, or another with the same bit, is no news. */
    child_ends(&fold, 1, 0, 0x4);
    child_ends(&fold, 0, 0, 0x4);
    ck_assert(!kvspan_ack_fold_next(&fold, 0, 0, &ack));
    kvspan_ack_fold_own(&fold, 0, 0x1);
    ck_assert(kvspan_ack_fold_next(&fold, 0, 0, &ack));
    ck_assert_uint_eq(ack.notices, 0x5);
    ck_assert(!kvspan_ack_fold_next(&fold, 0, 0, &ack));
}
END_TEST

START_TEST(the_digest_is_told_only_where_it_is_of_the_epoch_told)
{
    kvspan_ack_fold fold;
    kvspan_ack ack = { .rank = 99 };

    kvspan_ack_fold_init(&fold, 1);
    kvspan_ack_fold_own(&fold, 3, 0);
    child_ends(&fold, 0, 2, 0);
    ck_assert(kvspan_ack_fold_next(&fold, 0, 0xd3, &ack));
    ck_assert_uint_eq(ack.epoch, 2);
    ck_assert_uint_eq(ack.table_digest, 0);
    child_ends(&fold, 0, 4, 0);
    ck_assert(kvspan_ack_fold_next(&fold, 0, 0xd3, &ack));
    ck_assert_uint_eq(ack.epoch, 3);
    ck_assert_uint_eq(ack.table_digest, 0xd3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/acknowledgement");
    TCase *bytes = tcase_create("bytes");
    TCase *fold = tcase_create("fold");

    tcase_add_test(bytes, orders_of_an_epoch_that_both_have_ended_are_compared);
    tcase_add_test(bytes, an_acknowledgement_has_the_documented_bytes);
    tcase_add_test(bytes, bytes_that_are_no_acknowledgement_are_refused);
    tcase_add_test(fold, a_subtree_has_ended_what_its_slowest_rank_has);
    tcase_add_test(fold, a_leaf_has_ended_what_it_has_itself);
    tcase_add_test(fold, an_epoch_neither_goes_back_nor_ahead_of_what_was_begun);
    tcase_add_test(fold, a_parent_is_told_news_once);
    tcase_add_test(fold, notices_alone_are_news_and_add_up);
    tcase_add_test(fold, the_digest_is_told_only_where_it_is_of_the_epoch_told);
    suite_add_tcase(suite, bytes);
    suite_add_tcase(suite, fold);
    return suite_run(suite);
}
