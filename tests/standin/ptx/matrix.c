/* mma.sync: D = A · B + C for a warp. Fragments lie as the PTX ISA says under "Matrix Fragments for
 * mma.m16n8k…": with `group` = lane / 4 and `thread` = lane % 4, and n elements in a register of 32
 * bits, element j of register r is
 *   of A: row group + 8 · (r % 2), column n · thread + j + 4n · (r / 2)
 *   of B: row n · thread + j + 4n · r, column group
 *   of C and D in 32 bits: row group + 8 · (r / 2), column 2 · thread + r % 2.
 * Sums are taken in order of k, in f32 rounded to nearest: hardware differs in the last bits. */
#include "standin/ptx/builders.h"
#include "standin/ptx/small_float.h"

#include <math.h>

enum {
    ROWS = 16,
    COLUMNS = 8,
    MOST_DEPTH = 32
};

typedef struct fragments {
    float a[ROWS][MOST_DEPTH];
    float b[MOST_DEPTH][COLUMNS];
    float c[ROWS][COLUMNS];
} fragments;

typedef struct integer_fragments {
    int32_t a[ROWS][MOST_DEPTH];
    int32_t b[MOST_DEPTH][COLUMNS];
} integer_fragments;

/* In `space`: registers of A; in `rounding`: of B; C and D as `variant` says. */
static uint32_t a_registers(const ptx_instruction *i)
{
    return i->space;
}

static uint32_t b_registers(const ptx_instruction *i)
{
    return i->rounding;
}

static uint32_t element_bits(ptx_type type)
{
    return 8 * ptx_type_bytes(type);
}

static float e4m3_value(uint32_t bits)
{
    if ((bits & 0x7f) == 0x7f) {
        return NAN;
    }
    return ptx_f16_value((bits & 0x80) << 8 | (bits & 0x7f) << 7) * 256.0f;
}

static float element_value(uint32_t bits, ptx_type type)
{
    switch (type) {
    case PTX_BF16: return ptx_bf16_value(bits);
    case PTX_F16: return ptx_f16_value(bits);
    case PTX_TF32: return ptx_float_of(bits & 0xffffe000);
    case PTX_E4M3: return e4m3_value(bits);
    default: return ptx_f16_value(bits << 8);
    }
}

static uint32_t element_of(uint64_t reg, uint32_t index, uint32_t bits)
{
    return (uint32_t)(reg >> (bits * index)); /* what is above is left to who reads it */
}

static void floats_gather(const ptx_warp *warp, const ptx_instruction *i, fragments *f)
{
    const ptx_type a_type = (ptx_type)i->type;
    const ptx_type b_type = (ptx_type)i->from_type;
    const uint32_t bits = element_bits(a_type);
    const uint32_t n = 32 / bits;

    for (uint32_t r = 0; r < a_registers(i); ++r) {
        const uint64_t *reg = ptx_source(warp, i, r);

        for (uint32_t lane = 0; lane < PTX_LANES; ++lane) {
            float *row = &f->a[lane / 4 + 8 * (r % 2)][n * (lane % 4) + 4 * n * (r / 2)];

            for (uint32_t j = 0; j < n; ++j) {
                row[j] = element_value(element_of(reg[lane], j, bits), a_type);
            }
        }
    }
    for (uint32_t r = 0; r < b_registers(i); ++r) {
        const uint64_t *reg = ptx_source(warp, i, a_registers(i) + r);

        for (uint32_t lane = 0; lane < PTX_LANES; ++lane) {
            for (uint32_t j = 0; j < n; ++j) {
                f->b[n * (lane % 4) + j + 4 * n * r][lane / 4] =
                    element_value(element_of(reg[lane], j, bits), b_type);
            }
        }
    }
}

/* Calls for each element of C or D that a lane holds: its register and place in it. */
static void sums_gather(const ptx_warp *warp, const ptx_instruction *i, fragments *f)
{
    const uint32_t first = a_registers(i) + b_registers(i);

    for (uint32_t lane = 0; lane < PTX_LANES; ++lane) {
        for (uint32_t e = 0; e < 4; ++e) {
            float *sum = &f->c[lane / 4 + 8 * (e / 2)][2 * (lane % 4) + e % 2];

            *sum = i->variant == PTX_F32
                       ? ptx_float_of(ptx_source(warp, i, first + e)[lane])
                       : ptx_f16_value(
                             element_of(ptx_source(warp, i, first + e / 2)[lane], e % 2, 16));
        }
    }
}

static void sums_scatter(const ptx_warp *warp, const ptx_instruction *i, fragments *f)
{
    for (uint32_t lane = 0; lane < PTX_LANES; ++lane) {
        const float *low = &f->c[lane / 4][(size_t)2 * (lane % 4)];
        const float *high = &f->c[lane / 4 + 8][(size_t)2 * (lane % 4)];

        if (i->variant == PTX_F32) {
            ptx_destination(warp, i, 0)[lane] = ptx_bits_of_float(low[0]);
            ptx_destination(warp, i, 1)[lane] = ptx_bits_of_float(low[1]);
            ptx_destination(warp, i, 2)[lane] = ptx_bits_of_float(high[0]);
            ptx_destination(warp, i, 3)[lane] = ptx_bits_of_float(high[1]);
        } else {
            ptx_destination(warp, i, 0)[lane] = ptx_small_bits(low[0], PTX_F16, false, false) |
                                                ptx_small_bits(low[1], PTX_F16, false, false) << 16;
            ptx_destination(warp, i, 1)[lane] = ptx_small_bits(high[0], PTX_F16, false, false) |
                                                ptx_small_bits(high[1], PTX_F16, false, false)
                                                    << 16;
        }
    }
}

/* After a fault nobody looks at results any more. */
static void whole_warp_check(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    if (lanes != PTX_ALL_LANES) {
        ptx_fault(warp, i, ptx_lowest_lane(lanes), "executed by lanes %08x, not by a whole warp",
                  lanes);
    }
}

static void execute_mma(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint32_t depth = a_registers(i) / 2 * 4 * (32 / element_bits((ptx_type)i->type));
    fragments f;

    whole_warp_check(warp, i, lanes);
    floats_gather(warp, i, &f);
    sums_gather(warp, i, &f);
    for (uint32_t row = 0; row < ROWS; ++row) {
        float sums[COLUMNS];

        memcpy(sums, f.c[row], sizeof sums);
        for (uint32_t k = 0; k < depth; ++k) {
            const float x = f.a[row][k];

            for (uint32_t column = 0; column < COLUMNS; ++column) {
                sums[column] += x * f.b[k][column];
            }
        }
        memcpy(f.c[row], sums, sizeof sums);
    }
    sums_scatter(warp, i, &f);
    ++warp->block->run->report->counts.matrix_products;
}

static void integers_gather(const ptx_warp *warp, const ptx_instruction *i, integer_fragments *f)
{
    for (uint32_t lane = 0; lane < PTX_LANES; ++lane) {
        for (uint32_t r = 0; r < a_registers(i); ++r) {
            for (uint32_t j = 0; j < 4; ++j) {
                const uint64_t bits = ptx_source(warp, i, r)[lane] >> (8 * j);

                f->a[lane / 4 + 8 * (r % 2)][4 * (lane % 4) + j + 16 * (r / 2)] =
                    (int32_t)ptx_extended(bits, (ptx_type)i->type);
            }
        }
        for (uint32_t r = 0; r < b_registers(i); ++r) {
            for (uint32_t j = 0; j < 4; ++j) {
                const uint64_t bits = ptx_source(warp, i, a_registers(i) + r)[lane] >> (8 * j);

                f->b[4 * (lane % 4) + j + 16 * r][lane / 4] =
                    (int32_t)ptx_extended(bits, (ptx_type)i->from_type);
            }
        }
    }
}

static uint64_t integer_sum(const integer_fragments *f, const ptx_instruction *i, uint32_t row,
                            uint32_t column, uint64_t addend)
{
    const uint32_t depth = a_registers(i) / 2 * 16;
    int64_t sum = (int32_t)addend;

    for (uint32_t k = 0; k < depth; ++k) {
        sum += (int64_t)f->a[row][k] * f->b[k][column];
    }
    if (i->flags & PTX_FLAG_FINITE) {
        sum = sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum;
    }
    return (uint64_t)sum;
}

static void execute_integer_mma(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint32_t first = a_registers(i) + b_registers(i);
    integer_fragments f;
    uint64_t sums[4][PTX_LANES];

    whole_warp_check(warp, i, lanes);
    integers_gather(warp, i, &f);
    for (uint32_t lane = 0; lane < PTX_LANES; ++lane) {
        for (uint32_t e = 0; e < 4; ++e) {
            sums[e][lane] = integer_sum(&f, i, lane / 4 + 8 * (e / 2), 2 * (lane % 4) + e % 2,
                                        ptx_source(warp, i, first + e)[lane]);
        }
    }
    for (uint32_t e = 0; e < 4; ++e) {
        memcpy(ptx_destination(warp, i, e), sums[e], sizeof sums[e]);
    }
    ++warp->block->run->report->counts.matrix_products;
}

static uint32_t depth_take(ptx_statement *statement)
{
    return ptx_take(statement, "m16n8k16")   ? 16
           : ptx_take(statement, "m16n8k8")  ? 8
           : ptx_take(statement, "m16n8k32") ? 32
           : ptx_take(statement, "m16n8k4")  ? 4
                                             : 0;
}

static bool types_fit(const ptx_instruction *i, ptx_type d, ptx_type c, uint32_t depth)
{
    const ptx_type a = (ptx_type)i->type;
    const ptx_type b = (ptx_type)i->from_type;

    if (d != c) {
        return false;
    }
    switch (a) {
    case PTX_F16: return b == a && (d == PTX_F32 || d == PTX_F16) && (depth == 16 || depth == 8);
    case PTX_BF16: return b == a && d == PTX_F32 && (depth == 16 || depth == 8);
    case PTX_TF32: return b == a && d == PTX_F32 && (depth == 8 || depth == 4);
    case PTX_E4M3:
    case PTX_E5M2:
        return (b == PTX_E4M3 || b == PTX_E5M2) && (d == PTX_F32 || d == PTX_F16) &&
               (depth == 32 || depth == 16);
    case PTX_S8:
    case PTX_U8:
        return (b == PTX_S8 || b == PTX_U8) && d == PTX_S32 && (depth == 32 || depth == 16);
    default: return false;
    }
}

bool ptx_build_mma(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;
    const bool has_words = ptx_take(statement, "sync") && ptx_take(statement, "aligned") &&
                           ptx_take(statement, "row") && ptx_take(statement, "col");
    const uint32_t depth = depth_take(statement);

    ptx_take(statement, "kind::f8f6f4");
    i->flags |= ptx_take(statement, "satfinite") ? PTX_FLAG_FINITE : 0;
    const ptx_type d = ptx_take_type(statement);

    i->type = (uint8_t)ptx_take_type(statement);
    i->from_type = (uint8_t)ptx_take_type(statement);
    i->variant = (uint8_t)d;
    if (!has_words || !types_fit(i, d, ptx_take_type(statement), depth)) {
        return ptx_refuse(statement, "this shape and these types are not supported");
    }
    const uint32_t per_register = 4 * (32 / element_bits((ptx_type)i->type));
    const uint32_t sum_registers = d == PTX_F16 ? 2 : 4;

    i->space = (uint8_t)(2 * depth / per_register);
    i->rounding = (uint8_t)(depth / per_register);
    i->flow = PTX_FLOW_ALIGNED;
    i->execute = d == PTX_S32 ? execute_integer_mma : execute_mma;
    return ptx_operands_simple(statement, 3) &&
           ((i->destination_count == sum_registers &&
             i->source_count == i->space + i->rounding + sum_registers) ||
            ptx_refuse(statement, "fragments have other lengths"));
}
