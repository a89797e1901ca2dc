/* The bodies that hold on any transport, by MPI processes; and what MPI alone can show. */
#include <kvspan/mpi.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agree_bodies.h"
#include "collective_bodies.h"
#include "comm/clock.h"
#include "late_bodies.h"
#include "support/suite.h"
#include "wait_bodies.h"

enum {
    DEADLINE_MS = 100,
    MARGIN_MS = 2000,
    WAKE_AFTER_MS = 300
};

START_TEST(all_to_all_brings_every_part_of_any_size)
{
    ranks_run_mpi(body_all_to_all, NULL);
}
END_TEST

START_TEST(all_gather_brings_every_part_and_counts_its_bytes)
{
    ranks_run_mpi(body_all_gather_of_parts, NULL);
}
END_TEST

START_TEST(all_gather_puts_records_in_rank_order)
{
    ranks_run_mpi(body_all_gather_of_records, NULL);
}
END_TEST

START_TEST(broadcast_reaches_every_member_from_every_root)
{
    ranks_run_mpi(body_broadcast_from_every_root, NULL);
}
END_TEST

START_TEST(agreement_carries_the_lowest_failing_ranks_error_whole)
{
    ranks_run_mpi(body_agree_on_the_lowest_failing_rank, NULL);
}
END_TEST

START_TEST(agreement_names_the_field_that_differs_and_both_values)
{
    ranks_run_mpi(body_agree_names_the_field_and_both_values, NULL);
}
END_TEST

START_TEST(timeout_leaves_the_posted_receive_usable)
{
    ranks_run_mpi(body_timeout_leaves_the_receive_usable, NULL);
}
END_TEST

START_TEST(raised_failure_ends_every_wait_with_its_text)
{
    ranks_run_mpi(body_raise_reaches_everyone, NULL);
}
END_TEST

START_TEST(message_longer_than_its_receive_is_refused_and_told)
{
    ranks_run_mpi(body_long_message_is_refused, NULL);
}
END_TEST

/* The silent rank is a process that stands still. Another one wakes it at the end, by its id. */
START_TEST(everyone_names_the_stopped_process_and_its_epoch)
{
    pid_t ids[BODY_MAX_RANKS];
    const pid_t mine = getpid();
    int rank = 0;
    int rank_count = 0;
    late_case late = { .deadline_ms = DEADLINE_MS, .margin_ms = MARGIN_MS, .is_stopped = true };

    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &rank_count);
    MPI_Allgather(&mine, sizeof(mine), MPI_BYTE, ids, sizeof(mine), MPI_BYTE, MPI_COMM_WORLD);
    if (rank_count < 3) {
        return;
    }
    late.scenario = (late_scenario)_i;
    late.silent = (uint32_t)((_i * 3 + 1) % rank_count);
    late.wake_after_ms = rank == (late.silent == 0 ? 1 : 0) ? WAKE_AFTER_MS : 0;
    late.silent_process = ids[late.silent];
    ranks_run_mpi(body_late, &late);
}
END_TEST

START_TEST(what_is_no_communicator_is_refused)
{
    kvspan_error error = { 0 };
    kvspan_comm *comm = NULL;

    ck_assert_int_eq(kvspan_comm_create_mpi(MPI_COMM_NULL, 10, &comm, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_str_eq(error.message, "comm is MPI_COMM_NULL");
    ck_assert_int_eq(kvspan_comm_create_mpi(MPI_COMM_WORLD, 0, &comm, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_comm_create_mpi(MPI_COMM_WORLD, 10, NULL, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_ptr_null(comm);
}
END_TEST

/* Our messages never meet the caller's, and the caller's handler of errors stays. */
START_TEST(duplicate_is_private)
{
    kvspan_comm *comm = NULL;
    MPI_Errhandler handler;
    int rank = 0;
    int flag = -1;

    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    check_on_all_ranks(kvspan_comm_create_mpi(MPI_COMM_WORLD, 10000, &comm, NULL) == KVSPAN_OK,
                       "create");
    if (rank == 0) {
        kvspan_request request = { 0 };

        ck_assert_int_eq(
            kvspan_comm_send(comm, KVSPAN_CHANNEL_STEP, 0, &rank, sizeof(rank), &request, NULL),
            KVSPAN_OK);
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
        ck_assert_int_eq(flag, 0);
        ck_assert_int_eq(
            kvspan_comm_receive(comm, KVSPAN_CHANNEL_STEP, 0, &flag, sizeof(flag), &request, NULL),
            KVSPAN_OK);
        ck_assert_int_eq(kvspan_comm_wait(comm, &request, 1, KVSPAN_WAIT_STEP, 10000, NULL),
                         KVSPAN_OK);
    }
    MPI_Comm_get_errhandler(MPI_COMM_WORLD, &handler);
    check_on_all_ranks(handler == MPI_ERRORS_ARE_FATAL, "the caller's error handler");
    kvspan_comm_destroy(comm);
}
END_TEST

/* Communicators of MPI are few: a clean one must be given back. */
START_TEST(created_and_destroyed_many_times)
{
    for (uint32_t i = 0; i < 300; i++) {
        kvspan_comm *comm = NULL;
        uint64_t sum = 0;
        uint32_t all[BODY_MAX_RANKS] = { 0 };

        ck_assert_int_eq(kvspan_comm_create_mpi(MPI_COMM_WORLD, 10000, &comm, NULL), KVSPAN_OK);
        ck_assert_int_eq(kvspan_comm_all_gather(comm, &i, sizeof(i), all, 10000, NULL), KVSPAN_OK);
        for (uint32_t rank = 0; rank < kvspan_comm_rank_count(comm); rank++) {
            sum += all[rank];
        }
        ck_assert_uint_eq(sum, (uint64_t)i * kvspan_comm_rank_count(comm));
        kvspan_comm_destroy(comm);
    }
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("comm/mpi");
    TCase *mpi = tcase_create("mpi");

    tcase_add_test(mpi, what_is_no_communicator_is_refused);
    tcase_add_test(mpi, duplicate_is_private);
    tcase_add_test(mpi, all_to_all_brings_every_part_of_any_size);
    tcase_add_test(mpi, all_gather_brings_every_part_and_counts_its_bytes);
    tcase_add_test(mpi, all_gather_puts_records_in_rank_order);
    tcase_add_test(mpi, broadcast_reaches_every_member_from_every_root);
    tcase_add_test(mpi, agreement_carries_the_lowest_failing_ranks_error_whole);
    tcase_add_test(mpi, agreement_names_the_field_that_differs_and_both_values);
    tcase_add_test(mpi, timeout_leaves_the_posted_receive_usable);
    tcase_add_test(mpi, created_and_destroyed_many_times);
    tcase_add_test(mpi, raised_failure_ends_every_wait_with_its_text);
    tcase_add_test(mpi, message_longer_than_its_receive_is_refused_and_told);
    tcase_add_loop_test(mpi, everyone_names_the_stopped_process_and_its_epoch, 0,
                        LATE_SCENARIO_END);
    suite_add_tcase(suite, mpi);
    return suite_run_mpi(suite, &argc, &argv);
}
