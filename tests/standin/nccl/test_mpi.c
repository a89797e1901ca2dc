/* Ranks that mpirun starts: a program for the real libraries, which knows nothing of stand-ins. */
#include <cuda_runtime_api.h>
#include <mpi.h>
#include <nccl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    COUNT = 100000
};

static void must(int is_right, const char *what)
{
    if (!is_right) {
        (void)fprintf(stderr, "failed: %s\n", what);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
}

static void gather(ncclComm_t comm, int rank, int rank_count, cudaStream_t stream)
{
    int32_t *host = malloc(sizeof(*host) * COUNT * (size_t)rank_count);
    int32_t *device = NULL;
    int32_t *mine;

    must(cudaMalloc((void **)&device, sizeof(*host) * COUNT * (size_t)rank_count) == cudaSuccess,
         "cudaMalloc");
    mine = device + (size_t)rank * COUNT;
    for (int i = 0; i < COUNT; i++) {
        host[i] = rank * COUNT + i;
    }
    must(cudaMemcpyAsync(mine, host, sizeof(*host) * COUNT, cudaMemcpyHostToDevice, stream) ==
             cudaSuccess,
         "to the device");
    must(ncclAllGather(mine, device, COUNT, ncclInt32, comm, stream) == ncclSuccess,
         "ncclAllGather");
    must(cudaMemcpyAsync(host, device, sizeof(*host) * COUNT * (size_t)rank_count,
                         cudaMemcpyDeviceToHost, stream) == cudaSuccess,
         "from the device");
    must(cudaStreamSynchronize(stream) == cudaSuccess, "cudaStreamSynchronize");
    for (int i = 0; i < COUNT * rank_count; i++) {
        must(host[i] == i, "what was gathered");
    }
    cudaFree(device);
    free(host);
}

int main(int argc, char **argv)
{
    ncclUniqueId id = { 0 };
    ncclComm_t comm = NULL;
    cudaStream_t stream;
    int device_count = 0;
    int rank_count;
    int rank;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &rank_count);
    must(cudaGetDeviceCount(&device_count) == cudaSuccess, "cudaGetDeviceCount");
    must(cudaSetDevice(rank % device_count) == cudaSuccess, "cudaSetDevice");
    must(cudaStreamCreate(&stream) == cudaSuccess, "cudaStreamCreate");
    if (rank == 0) {
        must(ncclGetUniqueId(&id) == ncclSuccess, "ncclGetUniqueId");
    }
    MPI_Bcast(&id, sizeof(id), MPI_BYTE, 0, MPI_COMM_WORLD);
    must(ncclCommInitRank(&comm, rank_count, id, rank) == ncclSuccess, "ncclCommInitRank");
    gather(comm, rank, rank_count, stream);
    must(ncclCommDestroy(comm) == ncclSuccess, "ncclCommDestroy");
    cudaStreamDestroy(stream);
    MPI_Finalize();
    return 0;
}
