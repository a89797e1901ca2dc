/* Kernels whose figures are known by construction: what gates have to see, and what has to fail
 * them. Instructions that count are written in PTX, one for one. */
#include <stdint.h>

#define EXP2(value) asm volatile("ex2.approx.ftz.f32 %0, %0;" : "+f"(value))
#define COPY(bytes, to, from)                                                             \
    asm volatile("cp.async.ca.shared.global [%0], [%1], " #bytes ";" ::"r"(to), "l"(from) \
                 : "memory")
#define COMMIT()     asm volatile("cp.async.commit_group;" ::: "memory")
#define WAIT(groups) asm volatile("cp.async.wait_group " #groups ";" ::: "memory")
#define PRODUCT(sums, value)                                                           \
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, " \
                 "{%4,%4,%4,%4}, {%4,%4}, {%0,%1,%2,%3};"                              \
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])          \
                 : "r"(value))

enum {
    RING_THREADS = 128,
    RING_STAGES = 4,
    STAGE_COPIES = 8 /* of 16 bytes per thread */
};

static __device__ uint32_t shared_address(const void *pointer)
{
    return (uint32_t)__cvta_generic_to_shared(pointer);
}

/* More values alive than 64 registers hold, which 1024 threads leave each. */
extern "C" __global__ void __launch_bounds__(1024)
    planted_spill(float *out, const float *in, int turns)
{
    float values[96];
    for (int i = 0; i < 96; i++) {
        values[i] = in[i * 1024 + threadIdx.x];
    }
    for (int turn = 0; turn < turns; turn++) {
#pragma unroll
        for (int i = 0; i < 96; i++) {
            values[i] = values[i] * values[(i * 7 + 1) % 96] + in[turn];
        }
        __syncthreads();
    }
    float sum = 0.0f;
    for (int i = 0; i < 96; i++) {
        sum += values[i] * (float)i;
    }
    out[threadIdx.x] = sum;
}

/* 32 elements under an index that only the run knows: a stack, but no spill. */
extern "C" __global__ void __launch_bounds__(128)
    planted_local_array(int *out, const int *in, int turns)
{
    int values[32];
    for (int i = 0; i < 32; i++) {
        values[i] = in[i];
    }
    for (int turn = 0; turn < turns; turn++) {
        values[in[turn] & 31] += turn;
    }
    int sum = 0;
    for (int i = 0; i < 32; i++) {
        sum += values[i];
    }
    out[threadIdx.x] = sum;
}

extern "C" __global__ void __launch_bounds__(256) planted_shared(float *values)
{
    __shared__ float exchange[1000];

    exchange[threadIdx.x] = values[threadIdx.x];
    __syncthreads();
    values[threadIdx.x] = exchange[threadIdx.x ^ 5];
}

/* Three copies of 4 bytes, two of 8, five of 16. */
extern "C" __global__ void __launch_bounds__(32) planted_copies(float *out, const char *in)
{
    __shared__ __align__(16) char stage[4096];
    const uint32_t to = shared_address(stage) + 16 * threadIdx.x;

    COPY(4, to, in);
    COPY(4, to + 512, in + 16);
    COPY(4, to + 1024, in + 32);
    COPY(8, to + 1536, in + 48);
    COPY(8, to + 2048, in + 64);
    COPY(16, to + 512, in + 80);
    COPY(16, to + 1024, in + 96);
    COPY(16, to + 1536, in + 112);
    COPY(16, to + 2048, in + 128);
    COPY(16, to + 2560, in + 144);
    COMMIT();
    WAIT(0);
    __syncthreads();
    out[threadIdx.x] = (float)stage[(threadIdx.x * 16 + 5) & 4095];
}

/* Three exponentials around an inner loop of five. */
extern "C" __global__ void __launch_bounds__(64) planted_nest(float *out, const int *turns)
{
    float value = out[threadIdx.x];

#pragma unroll 1
    for (int outer = 0; outer < turns[0]; outer++) {
        EXP2(value);
        EXP2(value);
        EXP2(value);
#pragma unroll 1
        for (int inner = 0; inner < turns[outer + 1]; inner++) {
            EXP2(value);
            EXP2(value);
            EXP2(value);
            EXP2(value);
            EXP2(value);
        }
    }
    out[threadIdx.x] = value;
}

/* A ring of four stages as decode has one: waits for the oldest of three, begins one more, and
 * multiplies 16 times. Turns at an edge take 20 exponentials on top. */
extern "C" __global__ void __launch_bounds__(RING_THREADS)
    planted_ring(float *out, const char *in, int turns, int edge)
{
    extern __shared__ __align__(16) char ring[];
    const uint32_t lane = shared_address(ring) + 16 * threadIdx.x;
    float sums[4] = { 0.0f, 0.0f, 0.0f, 0.0f };

#pragma unroll 1
    for (int turn = 0; turn < turns; turn++) {
        const uint32_t stage = lane + (uint32_t)(turn % RING_STAGES) * (RING_THREADS * 128);
        WAIT(2);
        __syncthreads();
#pragma unroll
        for (int copy = 0; copy < STAGE_COPIES; copy++) {
            COPY(16, stage + copy * (RING_THREADS * 16), in + copy * (RING_THREADS * 16));
        }
        COMMIT();
        in += STAGE_COPIES * RING_THREADS * 16;
        if (turn >= edge) {
#pragma unroll
            for (int mask = 0; mask < 20; mask++) {
                EXP2(sums[mask & 3]);
            }
        }
#pragma unroll
        for (int product = 0; product < 16; product++) {
            PRODUCT(sums, ((const uint32_t *)ring)[threadIdx.x]);
        }
    }
    out[threadIdx.x] = sums[0] + sums[1] + sums[2] + sums[3];
}

/* The same work on values that come by loads of 4 bytes. */
extern "C" __global__ void __launch_bounds__(RING_THREADS)
    planted_narrow_loads(float *out, const uint32_t *in, int turns)
{
    float sums[4] = { 0.0f, 0.0f, 0.0f, 0.0f };

#pragma unroll 1
    for (int turn = 0; turn < turns; turn++) {
#pragma unroll
        for (int product = 0; product < 16; product++) {
            uint32_t value;
            asm volatile("ld.global.b32 %0, [%1];"
                         : "=r"(value)
                         : "l"(in + (turn * 16 + product) * RING_THREADS + threadIdx.x));
            PRODUCT(sums, value);
        }
    }
    out[threadIdx.x] = sums[0] + sums[1] + sums[2] + sums[3];
}

/* Eight ways by a register in a loop, with an exponential each. */
extern "C" __global__ void __launch_bounds__(64)
    planted_switch(float *out, const int *ways, int turns)
{
    float value = out[threadIdx.x];

#pragma unroll 1
    for (int turn = 0; turn < turns; turn++) {
        switch (ways[turn]) {
        case 0: EXP2(value); break;
        case 1:
            EXP2(value);
            value += out[1];
            break;
        case 2:
            value *= 3.0f;
            EXP2(value);
            break;
        case 3:
            EXP2(value);
            out[64] = value;
            break;
        case 4:
            value -= out[4];
            EXP2(value);
            break;
        case 5:
            EXP2(value);
            value = value * value;
            break;
        case 6:
            out[65] = value;
            EXP2(value);
            break;
        case 7:
            EXP2(value);
            value = value < 2.0f ? 1.0f : value;
            break;
        default: break;
        }
    }
    out[threadIdx.x] = value;
}

static __device__ __noinline__ int planted_function(const int *in, int count)
{
    int sum = 0;

    for (int index = 0; index < count; index++) {
        sum = sum * 3 + in[index];
    }
    return sum;
}

extern "C" __global__ void planted_call(int *out, const int *in, int turns)
{
    int sum = 0;

#pragma unroll 1
    for (int turn = 0; turn < turns; turn++) {
        sum += planted_function(in + turn, in[turn]);
    }
    out[threadIdx.x] = sum;
}
