#include <kvspan/mpi.h>

#include <stdlib.h>

#include "support/ranks.h"
#include "support/suite.h"

enum {
    CREATE_MS = 20000
};

void check_on_all_ranks(bool passed, const char *what)
{
    struct {
        int passed;
        int rank;
    } mine = { .passed = passed }, worst;

    MPI_Comm_rank(MPI_COMM_WORLD, &mine.rank);
    MPI_Allreduce(&mine, &worst, 1, MPI_2INT, MPI_MINLOC, MPI_COMM_WORLD);
    ck_assert_msg(worst.passed, "%s: failed on rank %d", what, worst.rank);
}

void ranks_run_mpi(ranks_body body, void *context)
{
    ranks_self self = { .context = context };
    kvspan_error error = { 0 };
    const kvspan_status status =
        kvspan_comm_create_mpi(MPI_COMM_WORLD, CREATE_MS, &self.comm, &error);

    check_on_all_ranks(status == KVSPAN_OK, "kvspan_comm_create_mpi");
    self.rank = kvspan_comm_rank(self.comm);
    self.rank_count = kvspan_comm_rank_count(self.comm);
    body(&self);
    if (self.failure[0] != '\0') {
        (void)fprintf(stderr, "%s\n", self.failure);
    }
    /* All bodies are through: nobody waits for this rank any more. */
    check_on_all_ranks(self.failure[0] == '\0', "the body");
    kvspan_comm_destroy(self.comm);
}

int suite_run_mpi(Suite *suite, int *argc, char ***argv)
{
    SRunner *runner = srunner_create(suite);
    int rank = 0;
    int failed;

    MPI_Init(argc, argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, rank == 0 ? CK_ENV : CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    MPI_Finalize();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
