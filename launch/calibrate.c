#include "launch/calibrate.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum {
    HUGE_PAGE_BYTES = 2 << 20,
    USUAL_CACHE_BYTES = 32 << 20,
    MULTIPLY_REPEATS = 200000
};

typedef enum gate {
    GATE_CLOSED = 0,
    GATE_OPEN,
    GATE_ABANDONED
} gate;

/* What every thread of a measurement does. */
typedef struct measurement {
    const kvspan_calibrator *calibrator;
    kvspan_calibrate_read read; /* or */
    kvspan_calibrate_multiply multiply;
    _Atomic gate start;
    atomic_uint ready; /* threads that wait at the gate */
} measurement;

typedef struct worker {
    measurement *shared;
    uint32_t thread;
    double began;
    double ended;
    double operations; /* bytes read, or floating-point operations */
    volatile uint64_t sink;
} worker;

double kvspan_calibrate_seconds(uint32_t thread_count)
{
    struct timespec now;

    (void)clock_gettime(thread_count == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

const char *kvspan_calibrate_clock_name(uint32_t thread_count)
{
    return thread_count == 1 ? "thread" : "wall";
}

/* sysconf() takes what a virtual machine's host has for what the machine sees; this does not. */
uint64_t kvspan_calibrate_cache_bytes(void)
{
    uint64_t most_kib = 0;

    for (int index = 0; index < 8; index++) {
        char path[80];
        char text[32];
        FILE *file;

        (void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu0/cache/index%d/size",
                       index);
        file = fopen(path, "re");
        if (!file) {
            break;
        }
        if (fgets(text, sizeof(text), file)) {
            const uint64_t kib = strtoull(text, NULL, 10); /* "32768K" */

            most_kib = kib > most_kib ? kib : most_kib;
        }
        (void)fclose(file);
    }
    return most_kib > 0 ? most_kib << 10 : USUAL_CACHE_BYTES;
}

kvspan_status kvspan_calibrator_init(kvspan_calibrator *calibrator, uint32_t thread_count,
                                     uint64_t buffer_bytes, kvspan_error *error)
{
    const uint64_t grain = (uint64_t)KVSPAN_CALIBRATE_GRAIN * thread_count;
    const uint64_t bytes = (buffer_bytes + grain - 1) / grain * grain;
    void *buffer = NULL;

    /* Prefetches run ahead of the end; they fault on nothing, but cost less on mapped memory. */
    if (bytes < buffer_bytes ||
        posix_memalign(&buffer, HUGE_PAGE_BYTES, bytes + KVSPAN_CALIBRATE_GRAIN) != 0) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory to read %llu bytes of",
                           (unsigned long long)buffer_bytes);
    }
    (void)madvise(buffer, bytes, MADV_HUGEPAGE); /* as arenas ask for; without it, it is slower */
    memset(buffer, 1, bytes); /* pages that were never written are one and the same */
    *calibrator = (kvspan_calibrator){ .kernels = kvspan_calibrate_kernels_of_cpu(),
                                       .thread_count = thread_count,
                                       .buffer = buffer,
                                       .buffer_bytes = bytes };
    return KVSPAN_OK;
}

void kvspan_calibrator_fini(kvspan_calibrator *calibrator)
{
    free(calibrator->buffer);
    memset(calibrator, 0, sizeof(*calibrator));
}

static void work(worker *mine)
{
    const measurement *const shared = mine->shared;
    const kvspan_calibrator *const calibrator = shared->calibrator;
    const size_t part_bytes = calibrator->buffer_bytes / calibrator->thread_count;
    float sum = 0.0f;

    mine->began = kvspan_calibrate_seconds(calibrator->thread_count);
    if (shared->read) {
        mine->sink = shared->read(calibrator->buffer + mine->thread * part_bytes, part_bytes);
        mine->operations = (double)part_bytes;
    } else {
        mine->operations = (double)MULTIPLY_REPEATS * shared->multiply(MULTIPLY_REPEATS, &sum);
        mine->sink = sum > 0.0f;
    }
    mine->ended = kvspan_calibrate_seconds(calibrator->thread_count);
}

static void *wait_and_work(void *context)
{
    worker *const mine = context;

    (void)atomic_fetch_add(&mine->shared->ready, 1);
    while (atomic_load(&mine->shared->start) == GATE_CLOSED) {
        (void)sched_yield();
    }
    if (atomic_load(&mine->shared->start) == GATE_OPEN) {
        work(mine);
    }
    return NULL;
}

static double rate_of(const worker *workers, uint32_t thread_count)
{
    double began = workers[0].began;
    double ended = workers[0].ended;
    double operations = 0.0;

    for (uint32_t i = 0; i < thread_count; i++) {
        began = workers[i].began < began ? workers[i].began : began;
        ended = workers[i].ended > ended ? workers[i].ended : ended;
        operations += workers[i].operations;
    }
    return operations / (ended - began);
}

/* Starts all threads but the caller's, and lets them go together once all are there. */
static uint32_t run_together(measurement *shared, worker *workers, pthread_t *threads)
{
    const uint32_t thread_count = shared->calibrator->thread_count;
    uint32_t started = 1;

    while (started < thread_count &&
           pthread_create(&threads[started], NULL, wait_and_work, &workers[started]) == 0) {
        started++;
    }
    while (atomic_load(&shared->ready) < started - 1) {
        (void)sched_yield();
    }
    atomic_store(&shared->start, started == thread_count ? GATE_OPEN : GATE_ABANDONED);
    if (started == thread_count) {
        work(&workers[0]);
    }
    for (uint32_t i = 1; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return started;
}

static kvspan_status measure(measurement *shared, double *rate_out, kvspan_error *error)
{
    const uint32_t thread_count = shared->calibrator->thread_count;
    worker *const workers = calloc(thread_count, sizeof(*workers));
    pthread_t *const threads = calloc(thread_count, sizeof(*threads));
    kvspan_status status = KVSPAN_OK;
    uint32_t started = 0;

    for (uint32_t i = 0; workers && i < thread_count; i++) {
        workers[i].shared = shared;
        workers[i].thread = i;
    }
    if (workers && threads) {
        started = run_together(shared, workers, threads);
    }
    if (started == thread_count) {
        *rate_out = rate_of(workers, thread_count);
    } else {
        status = kvspan_fail(error, KVSPAN_ERR_MEMORY, "only %u of %u threads can be started",
                             started, thread_count);
    }
    free(threads);
    free(workers);
    return status;
}

kvspan_status kvspan_calibrate_memory(const kvspan_calibrator *calibrator, double *rate_out,
                                      kvspan_error *error)
{
    const size_t ways = sizeof(calibrator->kernels.reads) / sizeof(calibrator->kernels.reads[0]);
    double best = 0.0;

    for (size_t i = 0; i < ways; i++) {
        measurement shared = { .calibrator = calibrator, .read = calibrator->kernels.reads[i] };
        double rate = 0.0;
        const kvspan_status status = shared.read ? measure(&shared, &rate, error) : KVSPAN_OK;

        if (status != KVSPAN_OK) {
            return status;
        }
        best = rate > best ? rate : best;
    }
    *rate_out = best;
    return KVSPAN_OK;
}

kvspan_status kvspan_calibrate_multiplies(const kvspan_calibrator *calibrator,
                                          kvspan_calibrate_multiply multiply, double *rate_out,
                                          kvspan_error *error)
{
    measurement shared = { .calibrator = calibrator, .multiply = multiply };

    return measure(&shared, rate_out, error);
}
