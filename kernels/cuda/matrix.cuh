/** @file
 * Products of small matrices on tensor cores, and how their operands are read.
 *
 * mma.sync.m16n8k16 (PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type"): with
 * quad = lane / 4 and pair = lane % 4, a thread holds of
 *   A (16 × 16): { row quad, k 2·pair … }, { row quad + 8, same k }, { row quad, k 8 + 2·pair … },
 *                { row quad + 8, same k }, two elements each;
 *   B (16 × 8):  { k 2·pair …, column quad }, { k 8 + 2·pair …, column quad };
 *   C (16 × 8):  row quad: columns 2·pair, 2·pair + 1; row quad + 8: the same columns.
 * ldmatrix (same chapter, "ldmatrix"): lane i gives the address of row i % 8 of matrix i / 8; a
 * thread gets of each matrix two elements, { row quad, columns 2·pair … }, or, transposed,
 * { rows 2·pair …, column quad }.
 */
#ifndef KVSPAN_KERNELS_CUDA_MATRIX_CUH
#define KVSPAN_KERNELS_CUDA_MATRIX_CUH

#include <stdint.h>

namespace kvspan
{

__device__ inline void load_matrices(uint32_t (&words)[4], uint32_t address)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(address)
                 : "memory");
}

__device__ inline void load_matrices_transposed(uint32_t (&words)[4], uint32_t address)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(address)
                 : "memory");
}

/* sum = before + a · b; `before` may be the sum. */
__device__ inline void multiply_bf16(float (&sum)[4], const uint32_t (&a)[4], uint32_t b0,
                                     uint32_t b1, const float (&before)[4])
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"
        : "=f"(sum[0]), "=f"(sum[1]), "=f"(sum[2]), "=f"(sum[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "f"(before[0]),
          "f"(before[1]), "f"(before[2]), "f"(before[3]));
}

__device__ inline void multiply_f16(float (&sum)[4], const uint32_t (&a)[4], uint32_t b0,
                                    uint32_t b1, const float (&before)[4])
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"
        : "=f"(sum[0]), "=f"(sum[1]), "=f"(sum[2]), "=f"(sum[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "f"(before[0]),
          "f"(before[1]), "f"(before[2]), "f"(before[3]));
}

} // namespace kvspan

#endif
