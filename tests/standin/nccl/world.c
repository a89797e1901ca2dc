#include "standin/nccl/world.h"

#include "support/suite.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CHILD_SECONDS = 120
};

/* What all ranks see, processes too. */
typedef struct world_board {
    volatile int numbers[WORLD_RANKS_MAX];
    atomic_int met;
    atomic_int round;
} world_board;

static world_board *board;

typedef struct rank_thread {
    pthread_t thread;
    world_rank rank;
    world_body body;
} rank_thread;

void world_nap(int milliseconds)
{
    const struct timespec nap = { .tv_sec = milliseconds / 1000,
                                  .tv_nsec = milliseconds % 1000 * 1000000L };

    nanosleep(&nap, NULL);
}

void world_note(world_rank *self, const char *file, int line, const char *what)
{
    self->has_failed = true;
    (void)fprintf(stderr, "%s:%d: rank %d of %d: %s\n", file, line, self->rank, self->rank_count,
                  what);
}

void world_meet(world_rank *self)
{
    const int round = atomic_load(&board->round);

    if (atomic_fetch_add(&board->met, 1) + 1 == self->rank_count) {
        atomic_store(&board->met, 0);
        atomic_fetch_add(&board->round, 1);
        return;
    }
    while (atomic_load(&board->round) == round) {
        world_nap(1);
    }
}

static void rank_run(world_rank *self, world_body body)
{
    if (cudaSetDevice(self->rank) != cudaSuccess ||
        cudaStreamCreateWithFlags(&self->stream, cudaStreamNonBlocking) != cudaSuccess) {
        world_note(self, __FILE__, __LINE__, "no device or stream");
        return;
    }
    body(self);
}

static void *rank_main(void *argument)
{
    rank_thread *self = argument;

    rank_run(&self->rank, self->body);
    return NULL;
}

static int threads_run(rank_thread *ranks, int rank_count)
{
    int failed = 0;

    for (int i = 0; i < rank_count; i++) {
        pthread_create(&ranks[i].thread, NULL, rank_main, &ranks[i]);
    }
    for (int i = 0; i < rank_count; i++) {
        pthread_join(ranks[i].thread, NULL);
        failed |= ranks[i].rank.has_failed;
    }
    return failed;
}

/* A rank that kills itself has not failed. */
static int processes_run(rank_thread *ranks, int rank_count)
{
    pid_t children[WORLD_RANKS_MAX];
    int failed = 0;

    for (int i = 0; i < rank_count; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            rank_run(&ranks[i].rank, ranks[i].body);
            exit(ranks[i].rank.has_failed);
        }
    }
    for (int i = 0; i < rank_count; i++) {
        int status = 0;

        waitpid(children[i], &status, 0);
        failed |= WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status) != 9;
    }
    return failed;
}

static int child_main(world_kind kind, int rank_count, world_body body)
{
    static rank_thread ranks[WORLD_RANKS_MAX];
    ncclUniqueId id;
    ncclUniqueId spare;

    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED || ncclGetUniqueId(&id) != ncclSuccess ||
        ncclGetUniqueId(&spare) != ncclSuccess) {
        return 1;
    }
    for (int i = 0; i < rank_count; i++) {
        ranks[i].body = body;
        ranks[i].rank = (world_rank){
            .rank = i, .rank_count = rank_count, .id = id, .spare = spare, .shared = board->numbers
        };
    }
    return kind == WORLD_THREADS ? threads_run(ranks, rank_count)
                                 : processes_run(ranks, rank_count);
}

static void environment_set(const char *const *environment)
{
    for (size_t i = 0; environment && environment[i]; i++) {
        char *copy = strdup(environment[i]);
        char *equals = strchr(copy, '=');

        *equals = '\0';
        setenv(copy, equals + 1, 1);
        free(copy);
    }
}

world_result world_run(world_kind kind, int rank_count, world_body body,
                       const char *const *environment)
{
    world_result result = { 0 };
    FILE *text = tmpfile();
    size_t length;
    int status = 0;
    pid_t child;

    ck_assert_ptr_nonnull(text);
    child = fork();
    if (child == 0) {
        dup2(fileno(text), STDERR_FILENO);
        (void)signal(SIGALRM, SIG_DFL); /* Check's would kill the process group */
        alarm(CHILD_SECONDS);
        environment_set(environment);
        exit(child_main(kind, rank_count, body));
    }
    waitpid(child, &status, 0);
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    (void)rewind(text);
    length = fread(result.text, 1, sizeof(result.text) - 1, text);
    result.text[length] = '\0';
    (void)fclose(text);
    return result;
}

world_result world_pass(world_kind kind, int rank_count, world_body body,
                        const char *const *environment)
{
    const world_result result = world_run(kind, rank_count, body, environment);

    ck_assert_msg(result.exit_code == 0, "exit code %d: %.4000s", result.exit_code, result.text);
    return result;
}

void world_tells(world_kind kind, int rank_count, world_body body, const char *const *environment,
                 const char *text)
{
    const world_result result = world_pass(kind, rank_count, body, environment);

    ck_assert_msg(strstr(result.text, text) != NULL, "no \"%s\" in: %.4000s", text, result.text);
}

ncclComm_t world_comm(world_rank *self)
{
    ncclComm_t comm = NULL;

    if (ncclCommInitRank(&comm, self->rank_count, self->id, self->rank) != ncclSuccess) {
        world_note(self, __FILE__, __LINE__, "ncclCommInitRank");
    }
    return comm;
}

ncclComm_t world_nonblocking_comm(world_rank *self)
{
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclComm_t comm = NULL;

    config.blocking = 0;
    if (ncclCommInitRankConfig(&comm, self->rank_count, self->id, self->rank, &config) !=
            ncclInProgress ||
        world_settle(comm) != ncclSuccess) {
        world_note(self, __FILE__, __LINE__, "ncclCommInitRankConfig");
    }
    return comm;
}

ncclResult_t world_settle(ncclComm_t comm)
{
    ncclResult_t result = ncclInProgress;

    for (int i = 0; i < 10000 && result == ncclInProgress; i++) {
        if (ncclCommGetAsyncError(comm, &result) != ncclSuccess) {
            return ncclInternalError;
        }
        if (result == ncclInProgress) {
            world_nap(1);
        }
    }
    return result;
}

bool world_stream_ends(cudaStream_t stream, int timeout_ms)
{
    for (int i = 0; i < timeout_ms; i++) {
        if (cudaStreamQuery(stream) == cudaSuccess) {
            return true;
        }
        (void)cudaGetLastError(); /* which remembers cudaErrorNotReady */
        world_nap(1);
    }
    return false;
}

void world_write(void *device, const void *host, size_t bytes)
{
    if (cudaMemcpy(device, host, bytes, cudaMemcpyHostToDevice) != cudaSuccess ||
        cudaStreamSynchronize(NULL) != cudaSuccess) {
        abort();
    }
}

void *world_upload(const void *host, size_t bytes)
{
    void *device = NULL;

    if (cudaMalloc(&device, bytes ? bytes : 1) != cudaSuccess) {
        abort();
    }
    world_write(device, host, bytes);
    return device;
}

void world_download(void *host, const void *device, size_t bytes)
{
    if (cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost) != cudaSuccess) {
        abort();
    }
}
