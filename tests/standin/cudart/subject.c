/* A program that does one thing, for test_process.c: what it prints and how it ends is judged. */
#include "standin/cudart/device_work.h"

#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int device_count(void)
{
    int count = -7;
    const cudaError_t error = cudaGetDeviceCount(&count);

    printf("%s %d\n", cudaGetErrorName(error), count);
    return 0;
}

static int leaks(void)
{
    cudaStream_t stream;
    cudaEvent_t event;
    void *memory[3];

    (void)cudaMalloc(&memory[0], 100);
    (void)cudaMalloc(&memory[1], 200);
    (void)cudaMallocHost(&memory[2], 300);
    (void)cudaFree(memory[0]);
    (void)cudaStreamCreate(&stream);
    (void)cudaEventCreate(&event);
    return 0;
}

static int nothing_leaks(void)
{
    void *memory;

    (void)cudaMalloc(&memory, 100);
    (void)cudaFree(memory);
    return 0;
}

/* Prints the result of each of a few calls. */
static int calls(void)
{
    cudaStream_t stream = NULL;
    void *memory[2] = { NULL, NULL };

    printf("%s ", cudaGetErrorName(cudaMalloc(&memory[0], 8)));
    printf("%s ", cudaGetErrorName(cudaMalloc(&memory[1], 8)));
    printf("%s ", cudaGetErrorName(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking)));
    printf("%s ", cudaGetErrorName(cudaMemsetAsync(memory[0], 0, 8, stream)));
    printf("%s ", cudaGetErrorName(cudaDeviceSynchronize()));
    printf("%s\n", cudaGetErrorName(cudaGetLastError()));
    return 0;
}

static int missing_call(void)
{
    cudaArray_t array;

    printf("before\n");
    (void)fflush(stdout);
    (void)cudaMallocArray(&array, NULL, 1, 1, 0);
    return 0;
}

static int missing_attribute(void)
{
    int value;

    (void)cudaDeviceGetAttribute(&value, cudaDevAttrMaxTexture1DWidth, 0);
    return 0;
}

static int per_thread_stream(void)
{
    (void)cudaStreamSynchronize(cudaStreamPerThread);
    return 0;
}

static int three_streams(void)
{
    cudaStream_t streams[3];
    void *memory;

    (void)cudaMalloc(&memory, 16);
    for (int i = 0; i < 3; i++) {
        (void)cudaStreamCreateWithFlags(&streams[i], cudaStreamNonBlocking);
        (void)cudaMemsetAsync(memory, i, 16, streams[i]);
    }
    (void)cudaStreamSynchronize(streams[1]);
    (void)cudaStreamSynchronize(streams[0]);
    (void)cudaStreamSynchronize(streams[2]);
    return 0;
}

static int bad_copy(void)
{
    char host[32] = { 0 };
    void *memory;

    (void)cudaMalloc(&memory, 16);
    (void)cudaMemcpy((char *)memory + 8, host, 9, cudaMemcpyHostToDevice);
    (void)cudaFree(memory);
    (void)cudaMemcpy(memory, host, 1, cudaMemcpyHostToDevice);
    return 0;
}

static device_work_state never(void *context)
{
    (void)context;
    return DEVICE_WORK_WAITS;
}

static int endless_wait(void)
{
    const device_work endless = { .run = never, .name = "endless" };

    (void)device_work_enqueue(NULL, &endless);
    (void)cudaDeviceSynchronize();
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } things[] = {
        { "device_count", device_count },
        { "leaks", leaks },
        { "nothing_leaks", nothing_leaks },
        { "calls", calls },
        { "missing_call", missing_call },
        { "missing_attribute", missing_attribute },
        { "per_thread_stream", per_thread_stream },
        { "three_streams", three_streams },
        { "bad_copy", bad_copy },
        { "endless_wait", endless_wait },
    };

    for (size_t i = 0; argc == 2 && i < sizeof(things) / sizeof(things[0]); i++) {
        if (strcmp(argv[1], things[i].name) == 0) {
            return things[i].run();
        }
    }
    (void)fprintf(stderr, "usage: subject THING\n");
    return 2;
}
