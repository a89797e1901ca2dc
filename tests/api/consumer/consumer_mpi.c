#include <kvspan/mpi.h>

int main(int argc, char **argv)
{
    kvspan_error error = { 0 };
    kvspan_comm *comm = NULL;
    int status = 0;

    MPI_Init(&argc, &argv);
    if (kvspan_comm_create_mpi(MPI_COMM_WORLD, 10000, &comm, &error) != KVSPAN_OK) {
        (void)fprintf(stderr, "%s\n", error.message);
        status = 1;
    } else if (kvspan_comm_rank_count(comm) != 2) {
        (void)fprintf(stderr, "%u ranks, not 2\n", kvspan_comm_rank_count(comm));
        status = 1;
    }
    kvspan_comm_destroy(comm);
    MPI_Finalize();
    return status;
}
