#include "standin/nccl/reduce.h"

#include "standin/nccl/report.h"

#include "kernels/number_formats.h"

static const struct {
    const char *name;
    size_t bytes;
} types[ncclNumTypes] = {
    [ncclInt8] = { "ncclInt8", 1 },
    [ncclUint8] = { "ncclUint8", 1 },
    [ncclInt32] = { "ncclInt32", 4 },
    [ncclUint32] = { "ncclUint32", 4 },
    [ncclInt64] = { "ncclInt64", 8 },
    [ncclUint64] = { "ncclUint64", 8 },
    [ncclFloat16] = { "ncclFloat16", 2 },
    [ncclFloat32] = { "ncclFloat32", 4 },
    [ncclFloat64] = { "ncclFloat64", 8 },
    [ncclBfloat16] = { "ncclBfloat16", 2 },
    [ncclFloat8e4m3] = { "ncclFloat8e4m3", 1 },
    [ncclFloat8e5m2] = { "ncclFloat8e5m2", 1 },
};

size_t type_bytes(ncclDataType_t type)
{
    return (unsigned int)type < ncclNumTypes ? types[type].bytes : 0;
}

const char *type_name(ncclDataType_t type)
{
    return (unsigned int)type < ncclNumTypes ? types[type].name : "no type";
}

const char *reduction_name(ncclRedOp_t reduction)
{
    static const char *const names[] = { "ncclSum", "ncclProd", "ncclMax", "ncclMin", "ncclAvg" };

    return (unsigned int)reduction < ncclNumOps ? names[reduction] : "no reduction";
}

/* One pass over arrays of C type `stored`, computed as `wide`. */
#define REDUCE_AS(function, stored, wide, load, store)                                            \
    static void function(void *destination, const void *const *sources, uint32_t n, size_t count, \
                         ncclRedOp_t reduction)                                                   \
    {                                                                                             \
        /* NOLINTNEXTLINE(bugprone-macro-parentheses): a type */                                  \
        stored *to = destination;                                                                 \
                                                                                                  \
        for (size_t i = 0; i < count; i++) {                                                      \
            wide sum = load(((const stored *)sources[0])[i]);                                     \
                                                                                                  \
            for (uint32_t r = 1; r < n; r++) {                                                    \
                const wide next = load(((const stored *)sources[r])[i]);                          \
                                                                                                  \
                switch (reduction) {                                                              \
                case ncclProd: sum = (wide)(sum * next); break;                                   \
                case ncclMax: sum = next > sum ? next : sum; break;                               \
                case ncclMin: sum = next < sum ? next : sum; break;                               \
                default: sum = (wide)(sum + next); break;                                         \
                }                                                                                 \
            }                                                                                     \
            if (reduction == ncclAvg) {                                                           \
                sum = (wide)(sum / (wide)n);                                                      \
            }                                                                                     \
            to[i] = store(sum);                                                                   \
        }                                                                                         \
    }

#define SAME(x)     (x)
#define TO_INT8(x)  ((int8_t)(x))
#define TO_INT32(x) ((int32_t)(x))
#define TO_UINT8(x) ((uint8_t)(x))

/* NOLINTNEXTLINE(bugprone-signed-char-misuse): these are numbers */
REDUCE_AS(reduce_i8, int8_t, int64_t, SAME, TO_INT8)
REDUCE_AS(reduce_u8, uint8_t, uint64_t, SAME, TO_UINT8)
REDUCE_AS(reduce_i32, int32_t, int64_t, SAME, TO_INT32)
REDUCE_AS(reduce_u32, uint32_t, uint32_t, SAME, SAME)
REDUCE_AS(reduce_i64, int64_t, int64_t, SAME, SAME)
REDUCE_AS(reduce_u64, uint64_t, uint64_t, SAME, SAME)
REDUCE_AS(reduce_f32, float, float, SAME, SAME)
REDUCE_AS(reduce_f64, double, double, SAME, SAME)
REDUCE_AS(reduce_f16, uint16_t, float, kvspan_f32_from_f16, kvspan_f16_from_f32)
REDUCE_AS(reduce_bf16, uint16_t, float, kvspan_f32_from_bf16, kvspan_bf16_from_f32)

void reduce(void *destination, const void *const *sources, uint32_t source_count, size_t count,
            ncclDataType_t type, ncclRedOp_t reduction)
{
    static void (*const functions[ncclNumTypes])(void *, const void *const *, uint32_t, size_t,
                                                 ncclRedOp_t) = {
        [ncclInt8] = reduce_i8,       [ncclUint8] = reduce_u8,    [ncclInt32] = reduce_i32,
        [ncclUint32] = reduce_u32,    [ncclInt64] = reduce_i64,   [ncclUint64] = reduce_u64,
        [ncclFloat16] = reduce_f16,   [ncclFloat32] = reduce_f32, [ncclFloat64] = reduce_f64,
        [ncclBfloat16] = reduce_bf16,
    };

    if (!functions[type]) {
        report_unimplemented("a reduction of 8-bit floats");
    }
    functions[type](destination, sources, source_count, count, reduction);
}
