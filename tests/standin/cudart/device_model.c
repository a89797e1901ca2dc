#include "standin/cudart/device_model.h"

#include "standin/cudart/settings.h"

static const device_model ampere = {
    .name = "stand-in sm_80",
    .major = 8,
    .minor = 0,
    .sm_count = 108,
    .sm_shared_bytes = 164 << 10,
    .block_shared_bytes = 163 << 10,
    .l2_bytes = 40 << 20,
    .memory_bus_bits = 5120,
};

static const device_model hopper = {
    .name = "stand-in sm_90",
    .major = 9,
    .minor = 0,
    .sm_count = 132,
    .sm_shared_bytes = 228 << 10,
    .block_shared_bytes = 227 << 10,
    .l2_bytes = 50 << 20,
    .memory_bus_bits = 5120,
};

const device_model *device_model_get(void)
{
    return settings_get()->architecture == 90 ? &hopper : &ampere;
}

static uint32_t smaller(uint32_t left, uint32_t right)
{
    return left < right ? left : right;
}

int device_model_resident_blocks(uint32_t block_threads, uint32_t block_shared_bytes)
{
    const uint32_t warps = (block_threads + DEVICE_WARP_LANES - 1) / DEVICE_WARP_LANES;
    const uint32_t threads = warps * DEVICE_WARP_LANES;
    uint32_t blocks = DEVICE_SM_BLOCKS;

    if (threads == 0) {
        return 0;
    }
    blocks = smaller(blocks, DEVICE_SM_THREADS / threads);
    blocks = smaller(blocks, DEVICE_SM_REGISTERS / (threads * settings_get()->register_count));
    return (int)smaller(blocks, (uint32_t)device_model_get()->sm_shared_bytes /
                                    (block_shared_bytes + DEVICE_RESERVED_SHARED_BYTES));
}
