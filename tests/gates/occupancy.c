#include "gates/occupancy.h"

#include <stddef.h>

typedef struct processor_limits {
    uint32_t arch;
    uint32_t threads;
    uint32_t blocks;
    uint32_t shared_bytes;       /* per multiprocessor */
    uint32_t block_shared_bytes; /* most that one block may have */
} processor_limits;

static const processor_limits processors[] = {
    { 80, 2048, 32, 164 * 1024, 163 * 1024 },  { 86, 1536, 16, 100 * 1024, 99 * 1024 },
    { 89, 1536, 24, 100 * 1024, 99 * 1024 },   { 90, 2048, 32, 228 * 1024, 227 * 1024 },
    { 100, 2048, 32, 228 * 1024, 227 * 1024 }, { 103, 2048, 32, 228 * 1024, 227 * 1024 },
    { 120, 1536, 24, 100 * 1024, 99 * 1024 },
};

enum {
    WARP_THREADS = 32,
    REGISTERS = 65536,   /* per multiprocessor */
    REGISTER_UNIT = 256, /* a warp's registers are a multiple of it */
    WARP_UNIT = 4,       /* a quarter of the multiprocessor takes whole warps */
    BLOCK_THREADS = 1024,
    SHARED_UNIT = 128,
    SYSTEM_SHARED_BYTES = 1024 /* that the system keeps of each block */
};

static const processor_limits *limits_of(uint32_t arch)
{
    for (size_t index = 0; index < sizeof(processors) / sizeof(processors[0]); index++) {
        if (processors[index].arch == arch) {
            return &processors[index];
        }
    }
    return NULL;
}

bool occupancy_knows(uint32_t arch)
{
    return limits_of(arch) != NULL;
}

static uint32_t round_up(uint32_t value, uint32_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static uint32_t least(uint32_t left, uint32_t right)
{
    return left < right ? left : right;
}

uint32_t occupancy_blocks(uint32_t arch, uint32_t block_threads, uint32_t registers,
                          uint32_t shared_bytes)
{
    const processor_limits *limits = limits_of(arch);

    if (limits == NULL || block_threads == 0 || block_threads > BLOCK_THREADS ||
        shared_bytes > limits->block_shared_bytes) {
        return 0;
    }
    const uint32_t warps = (block_threads + WARP_THREADS - 1) / WARP_THREADS;
    const uint32_t warp_registers = round_up(registers * WARP_THREADS, REGISTER_UNIT);
    const uint32_t block_shared = round_up(shared_bytes + SYSTEM_SHARED_BYTES, SHARED_UNIT);
    uint32_t blocks = least(limits->blocks, limits->threads / WARP_THREADS / warps);

    if (warp_registers > 0) {
        const uint32_t resident_warps = REGISTERS / warp_registers / WARP_UNIT * WARP_UNIT;
        blocks = least(blocks, resident_warps / warps);
    }
    return least(blocks, limits->shared_bytes / block_shared);
}
