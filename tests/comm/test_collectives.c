/* The bodies that hold on any transport, by ranks that are threads. */
#include "agree_bodies.h"
#include "collective_bodies.h"
#include "support/suite.h"
#include "wait_bodies.h"

static const uint32_t rank_counts[] = { 1, 2, 3, 4, 5, 8, 13 };

enum {
    RANK_COUNTS = sizeof(rank_counts) / sizeof(rank_counts[0])
};

START_TEST(all_to_all_brings_every_part_of_any_size)
{
    ranks_run(rank_counts[_i], body_all_to_all, NULL);
}
END_TEST

START_TEST(all_gather_brings_every_part_and_counts_its_bytes)
{
    ranks_run(rank_counts[_i], body_all_gather_of_parts, NULL);
}
END_TEST

START_TEST(all_gather_puts_records_in_rank_order)
{
    ranks_run(rank_counts[_i], body_all_gather_of_records, NULL);
}
END_TEST

START_TEST(broadcast_reaches_every_member_from_every_root)
{
    ranks_run(rank_counts[_i], body_broadcast_from_every_root, NULL);
}
END_TEST

START_TEST(agreement_carries_the_lowest_failing_ranks_error_whole)
{
    ranks_run(rank_counts[_i], body_agree_on_the_lowest_failing_rank, NULL);
}
END_TEST

START_TEST(agreement_names_the_field_that_differs_and_both_values)
{
    ranks_run(rank_counts[_i], body_agree_names_the_field_and_both_values, NULL);
}
END_TEST

START_TEST(timeout_leaves_the_posted_receive_usable)
{
    ranks_run(rank_counts[_i], body_timeout_leaves_the_receive_usable, NULL);
}
END_TEST

START_TEST(raised_failure_ends_every_wait_with_its_text)
{
    ranks_run(rank_counts[_i], body_raise_reaches_everyone, NULL);
}
END_TEST

START_TEST(message_longer_than_its_receive_is_refused_and_told)
{
    ranks_run(rank_counts[_i], body_long_message_is_refused, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("comm/collectives");
    TCase *threads = tcase_create("threads");

    tcase_add_loop_test(threads, all_to_all_brings_every_part_of_any_size, 0, RANK_COUNTS);
    tcase_add_loop_test(threads, all_gather_brings_every_part_and_counts_its_bytes, 0, RANK_COUNTS);
    tcase_add_loop_test(threads, all_gather_puts_records_in_rank_order, 0, RANK_COUNTS);
    tcase_add_loop_test(threads, broadcast_reaches_every_member_from_every_root, 0, RANK_COUNTS);
    tcase_add_loop_test(threads, agreement_carries_the_lowest_failing_ranks_error_whole, 0,
                        RANK_COUNTS);
    tcase_add_loop_test(threads, agreement_names_the_field_that_differs_and_both_values, 0,
                        RANK_COUNTS);
    tcase_add_loop_test(threads, timeout_leaves_the_posted_receive_usable, 0, RANK_COUNTS);
    tcase_add_loop_test(threads, raised_failure_ends_every_wait_with_its_text, 0, RANK_COUNTS);
    tcase_add_loop_test(threads, message_longer_than_its_receive_is_refused_and_told, 0,
                        RANK_COUNTS);
    suite_add_tcase(suite, threads);
    return suite_run(suite);
}
