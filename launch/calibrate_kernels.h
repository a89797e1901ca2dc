/** @file
 * Loops that do one thing as fast as a core can: reading memory, multiplying. What they reach is
 * what attention is held to. One file per instruction set family implements them.
 */
#ifndef KVSPAN_LAUNCH_CALIBRATE_KERNELS_H
#define KVSPAN_LAUNCH_CALIBRATE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    KVSPAN_CALIBRATE_GRAIN = 2048 /* bytes that reads come in multiples of */
};

/* Sums up the 64-bit words of `bytes` bytes, a multiple of the grain, 64-byte aligned. */
typedef uint64_t (*kvspan_calibrate_read)(const unsigned char *data, size_t bytes);

/* Does `repeats` rounds of independent multiply-adds; adds what they come to, so that no compiler
 * leaves them out, and gives the floating-point operations of one round. */
typedef uint32_t (*kvspan_calibrate_multiply)(uint64_t repeats, float *sum_out);

/* What this CPU has; NULL = it does not. */
typedef struct kvspan_calibrate_kernels {
    kvspan_calibrate_read reads[2]; /* the first is never NULL; who is faster depends on the CPU */
    kvspan_calibrate_multiply multiply_f32;
    kvspan_calibrate_multiply multiply_bf16; /* pairs of bf16 numbers added to f32 */
    kvspan_calibrate_multiply multiply_amx;  /* matrices of them */
} kvspan_calibrate_kernels;

kvspan_calibrate_kernels kvspan_calibrate_kernels_of_cpu(void);

#endif
