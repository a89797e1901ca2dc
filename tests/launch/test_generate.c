#include "support/suite.h"

#include "launch/generate.h"
#include "launch/number_types.h"

#include <math.h>
#include <string.h>

enum {
    TOKENS = 7,
    HEADS = 5,
    MAX_DIM = 67,
    GUARD = 0x5a, /* in every byte that nobody may write */
    SAMPLES = 1 << 16
};

static const kvspan_dtype all_types[] = { KVSPAN_BF16, KVSPAN_F16, KVSPAN_F32 };

/* A tensor with room between tokens, between heads, and behind the end. */
typedef struct guarded {
    unsigned char bytes[TOKENS * HEADS * (MAX_DIM + 3) * 4 + 64];
    kvspan_tensor tensor;
} guarded;

static void guarded_init(guarded *block, kvspan_dtype dtype, uint32_t heads, uint32_t dim)
{
    memset(block->bytes, GUARD, sizeof(block->bytes));
    block->tensor = (kvspan_tensor){ .data = block->bytes,
                                     .dtype = dtype,
                                     .heads = heads,
                                     .dim = dim,
                                     .tokens = TOKENS,
                                     .token_stride = (int64_t)heads * (dim + 2) + 1,
                                     .head_stride = (int64_t)dim + 2 };
}

static size_t vector_offset(const kvspan_tensor *tensor, uint32_t token, uint32_t head)
{
    return kvspan_dtype_bytes(tensor->dtype) *
           (size_t)(token * tensor->token_stride + head * tensor->head_stride);
}

static uint32_t bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static float load(kvspan_dtype dtype, const unsigned char *address)
{
    return (float)kvspan_number_load(dtype, address, 0);
}

/* Computed by another program from the definition. */
START_TEST(values_are_the_same_on_every_machine)
{
    const struct {
        uint64_t seed;
        kvspan_generate_place place;
        uint32_t dim;
        uint32_t bits;
    } cases[] = {
        { 0, { KVSPAN_GENERATE_Q, 0, 0, 0, 0 }, 0, 0x3f9221b3 },
        { 1, { KVSPAN_GENERATE_K, 4, 5, 2, 3 }, 6, 0xbf47ec5e },
        { UINT64_MAX,
          { KVSPAN_GENERATE_V, 4095, 65535, UINT64_C(1) << 40, 2147483647 },
          1023,
          0x3e9212fa },
        { 7, { KVSPAN_GENERATE_Q, 1, 3, 12, 100 }, 2, 0x3ee883a8 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const kvspan_generate generate = { cases[i].seed, KVSPAN_F32 };

        ck_assert_uint_eq(bits_of(kvspan_generate_value(&generate, &cases[i].place, cases[i].dim)),
                          cases[i].bits);
    }
}
END_TEST

/* A vector of the tensor against single values; marks its bytes as written. */
static void check_vector(const kvspan_generate *generate, const kvspan_generate_place *place,
                         const guarded *filled, size_t offset, unsigned char *is_written)
{
    const uint32_t element_bytes = kvspan_dtype_bytes(generate->dtype);
    float vector[MAX_DIM];

    kvspan_generate_vector(generate, place, filled->tensor.dim, vector);
    for (uint32_t dim = 0; dim < filled->tensor.dim; dim++) {
        const uint32_t expected = bits_of(kvspan_generate_value(generate, place, dim));
        const size_t at = offset + (size_t)dim * element_bytes;

        ck_assert_uint_eq(bits_of(load(generate->dtype, filled->bytes + at)), expected);
        ck_assert_uint_eq(bits_of(vector[dim]), expected);
        memset(is_written + at, 1, element_bytes);
    }
}

static void check_fill(kvspan_dtype dtype, uint32_t dim)
{
    const kvspan_generate generate = { 42, dtype };
    const kvspan_row row = { .tag = 9, .position = 1000, .first_token = 2, .token_count = 4 };
    kvspan_generate_place place = { .role = KVSPAN_GENERATE_V, .layer = 3, .request = 9 };
    static guarded filled;
    static unsigned char is_written[sizeof(filled.bytes)];

    guarded_init(&filled, dtype, HEADS, dim);
    memset(is_written, 0, sizeof(is_written));
    kvspan_generate_fill(&generate, &row, place.role, place.layer, 11, &filled.tensor);
    for (uint32_t i = 0; i < row.token_count; i++) {
        for (uint32_t head = 0; head < HEADS; head++) {
            place.position = row.position + i;
            place.head = 11 + head;
            check_vector(&generate, &place, &filled, vector_offset(&filled.tensor, 2 + i, head),
                         is_written);
        }
    }
    for (size_t i = 0; i < sizeof(filled.bytes); i++) {
        ck_assert(is_written[i] || filled.bytes[i] == GUARD);
    }
}

START_TEST(fill_gives_each_element_its_value_and_touches_nothing_else)
{
    const uint32_t dims[] = { 1, 2, 3, 4, 5, 7, 8, 64, MAX_DIM };

    for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++) {
        for (size_t type = 0; type < 3; type++) {
            check_fill(all_types[type], dims[i]);
        }
    }
}
END_TEST

START_TEST(a_shard_has_just_its_part_of_the_whole)
{
    const kvspan_row all = { .tag = 3, .position = 50, .first_token = 0, .token_count = TOKENS };
    const kvspan_row part = { .tag = 3, .position = 52, .first_token = 0, .token_count = 3 };

    for (size_t i = 0; i < 3; i++) {
        const kvspan_generate generate = { 5, all_types[i] };
        static guarded whole;
        static guarded shard;

        guarded_init(&whole, all_types[i], HEADS, 19);
        guarded_init(&shard, all_types[i], 2, 19);
        kvspan_generate_fill(&generate, &all, KVSPAN_GENERATE_K, 1, 0, &whole.tensor);
        kvspan_generate_fill(&generate, &part, KVSPAN_GENERATE_K, 1, 3, &shard.tensor);
        for (uint32_t token = 0; token < 3; token++) {
            for (uint32_t head = 0; head < 2; head++) {
                ck_assert_mem_eq(shard.bytes + vector_offset(&shard.tensor, token, head),
                                 whole.bytes + vector_offset(&whole.tensor, 2 + token, 3 + head),
                                 19 * (size_t)kvspan_dtype_bytes(all_types[i]));
            }
        }
    }
}
END_TEST

START_TEST(a_bf16_value_is_the_f32_value_to_nearest)
{
    const kvspan_generate exact = { 8, KVSPAN_F32 };
    const kvspan_generate rounded = { 8, KVSPAN_BF16 };
    const kvspan_generate_place place = { KVSPAN_GENERATE_Q, 0, 0, 0, 0 };
    uint32_t changed = 0;

    for (uint32_t dim = 0; dim < SAMPLES; dim++) {
        const float value = kvspan_generate_value(&exact, &place, dim);
        const float half = kvspan_generate_value(&rounded, &place, dim);
        int exponent;

        (void)frexpf(value, &exponent);
        ck_assert_uint_eq(bits_of(half) & 0xffff, 0);
        ck_assert_float_le(fabsf(half - value), ldexpf(0.5f, exponent - 8));
        changed += half != value;
    }
    ck_assert_uint_gt(changed, SAMPLES / 2);
}
END_TEST

START_TEST(a_f16_value_is_the_f32_value_to_nearest_below_its_normal_numbers_too)
{
    enum {
        MANY_TOKENS = 512,
        DIM = 1024
    };
    const kvspan_generate exact = { 8, KVSPAN_F32 };
    const kvspan_generate rounded = { 8, KVSPAN_F16 };
    const kvspan_row row = { .token_count = MANY_TOKENS };
    static uint16_t halves[MANY_TOKENS * DIM];
    const kvspan_tensor tensor = { .data = halves,
                                   .dtype = KVSPAN_F16,
                                   .heads = 1,
                                   .dim = DIM,
                                   .tokens = MANY_TOKENS,
                                   .token_stride = DIM,
                                   .head_stride = DIM };
    uint32_t small = 0;

    kvspan_generate_fill(&rounded, &row, KVSPAN_GENERATE_K, 0, 0, &tensor);
    for (uint32_t i = 0; i < MANY_TOKENS * DIM; i++) {
        const kvspan_generate_place place = { .role = KVSPAN_GENERATE_K, .position = i / DIM };
        const float value = kvspan_generate_value(&exact, &place, i % DIM);
        const double half = kvspan_number_load(KVSPAN_F16, halves, i);
        int exponent;

        (void)frexpf(value, &exponent);
        exponent = exponent > -13 ? exponent : -13;
        ck_assert_double_le(fabs(half - (double)value), ldexp(0.5, exponent - 11));
        small += fabsf(value) < 0x1p-14f;
    }
    ck_assert_uint_gt(small, 0);
}
END_TEST

START_TEST(values_have_mean_zero_and_variance_one)
{
    for (size_t i = 0; i < 3; i++) {
        const kvspan_generate generate = { 1234, all_types[i] };
        double sum = 0.0;
        double squares = 0.0;

        for (uint32_t sample = 0; sample < SAMPLES; sample++) {
            const kvspan_generate_place place = { KVSPAN_GENERATE_K, 1, 2, sample % 17,
                                                  sample / 17 };
            const double value = kvspan_generate_value(&generate, &place, sample % 64);

            ck_assert_double_le(fabs(value), 1.7421875); /* √3 rounded up to bf16 */
            sum += value;
            squares += value * value;
        }
        /* Five standard deviations: 1/√n of the mean, √(4/5n) of the mean square. */
        ck_assert_double_le(fabs(sum / SAMPLES), 5.0 / sqrt(SAMPLES));
        ck_assert_double_le(fabs(squares / SAMPLES - 1.0), 5.0 * sqrt(0.8 / SAMPLES));
    }
}
END_TEST

/* Coordinate 0 … 6 of `place` and `dim`, one further. */
static float neighbour(kvspan_generate generate, kvspan_generate_place place, uint32_t dim,
                       int coordinate)
{
    switch (coordinate) {
    case 0: generate.seed++; break;
    case 1: place.role = (kvspan_generate_role)((place.role + 1) % 3); break;
    case 2: place.layer++; break;
    case 3: place.head++; break;
    case 4: place.request++; break;
    case 5: place.position++; break;
    default: dim++; break;
    }
    return kvspan_generate_value(&generate, &place, dim);
}

START_TEST(neighbours_along_every_coordinate_are_uncorrelated)
{
    for (int coordinate = 0; coordinate < 7; coordinate++) {
        double products = 0.0;
        uint32_t equal = 0;

        for (uint32_t sample = 0; sample < SAMPLES; sample++) {
            const kvspan_generate generate = { sample % 2, KVSPAN_F32 };
            const kvspan_generate_place place = { (kvspan_generate_role)(sample % 3), sample % 5,
                                                  sample % 7, sample % 11, sample / 8 };
            const uint32_t dim = sample % 8;
            const float here = kvspan_generate_value(&generate, &place, dim);
            const float there = neighbour(generate, place, dim, coordinate);

            products += (double)here * (double)there;
            equal += here == there;
        }
        ck_assert_msg(fabs(products / SAMPLES) <= 5.0 / sqrt(SAMPLES), "coordinate %d: %g",
                      coordinate, products / SAMPLES);
        ck_assert_uint_le(equal, 10); /* one is expected: there are 2^16 values */
    }
}
END_TEST

START_TEST(coordinates_do_not_stand_for_each_other)
{
    const kvspan_generate generate = { 0, KVSPAN_F32 };
    const kvspan_generate_place places[] = {
        { KVSPAN_GENERATE_Q, 0, 0, 0, 1 }, { KVSPAN_GENERATE_Q, 0, 0, 1, 0 },
        { KVSPAN_GENERATE_Q, 0, 1, 0, 0 }, { KVSPAN_GENERATE_Q, 1, 0, 0, 0 },
        { KVSPAN_GENERATE_K, 0, 0, 0, 0 },
    };
    float vectors[5][16];

    for (size_t i = 0; i < 5; i++) {
        kvspan_generate_vector(&generate, &places[i], 16, vectors[i]);
        for (size_t j = 0; j < i; j++) {
            for (size_t dim = 0; dim < 16; dim++) {
                ck_assert_float_ne(vectors[i][dim], vectors[j][dim]);
            }
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/generate");
    TCase *unit = tcase_create("unit");

    tcase_add_test(unit, values_are_the_same_on_every_machine);
    tcase_add_test(unit, fill_gives_each_element_its_value_and_touches_nothing_else);
    tcase_add_test(unit, a_shard_has_just_its_part_of_the_whole);
    tcase_add_test(unit, a_bf16_value_is_the_f32_value_to_nearest);
    tcase_add_test(unit, a_f16_value_is_the_f32_value_to_nearest_below_its_normal_numbers_too);
    tcase_add_test(unit, values_have_mean_zero_and_variance_one);
    tcase_add_test(unit, neighbours_along_every_coordinate_are_uncorrelated);
    tcase_add_test(unit, coordinates_do_not_stand_for_each_other);
    suite_add_tcase(suite, unit);
    return suite_run(suite);
}
