/** @file
 * The GPU that each device is said to be, by architecture. Figures are those of A100 and H100.
 */
#ifndef KVSPAN_STANDIN_CUDART_DEVICE_MODEL_H
#define KVSPAN_STANDIN_CUDART_DEVICE_MODEL_H

#include <stdint.h>

enum {
    DEVICE_WARP_LANES = 32,
    DEVICE_BLOCK_THREADS = 1024,
    DEVICE_SM_THREADS = 2048,
    DEVICE_SM_BLOCKS = 32,
    DEVICE_SM_REGISTERS = 65536,
    DEVICE_BLOCK_SHARED_BYTES = 48 << 10,   /* without cudaFuncSetAttribute() */
    DEVICE_RESERVED_SHARED_BYTES = 1 << 10, /* of each resident block */
    DEVICE_GRID_Y = 65535
};

typedef struct device_model {
    const char *name;
    int major;
    int minor;
    int sm_count;
    int sm_shared_bytes;
    int block_shared_bytes; /* with cudaFuncSetAttribute() */
    int l2_bytes;
    int memory_bus_bits;
} device_model;

const device_model *device_model_get(void);

/* Blocks of a kernel that fit an SM at once; registers of a thread are KVSPAN_STANDIN_REGISTERS,
 * as PTX does not say. */
int device_model_resident_blocks(uint32_t block_threads, uint32_t block_shared_bytes);

#endif
