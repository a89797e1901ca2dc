#include "support/oracle.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* A number is significand · 2^exponent with the significand in [1/2, 1), as frexp() has it. */
typedef struct number_format {
    int significant_bits; /* with the implicit one */
    int lowest_exponent;  /* of the smallest normal number */
    double largest;       /* finite */
    bool saturates;
} number_format;

static number_format format_of(kvspan_dtype dtype)
{
    switch (dtype) {
    case KVSPAN_BF16: return (number_format){ 8, -125, 0x1.fep127, false };
    case KVSPAN_F16: return (number_format){ 11, -13, 65504.0, false };
    case KVSPAN_F32: return (number_format){ 24, -125, 0x1.fffffep127, false };
    case KVSPAN_F8E4M3: return (number_format){ 4, -5, 448.0, true };
    case KVSPAN_F8E5M2: return (number_format){ 3, -13, 57344.0, true };
    case KVSPAN_I8: return (number_format){ 7, 7, 127.0, true };
    }
    assert(!"an element type");
    return (number_format){ 0 };
}

double oracle_ulp(kvspan_dtype dtype, double value)
{
    const number_format format = format_of(dtype);
    int exponent = format.lowest_exponent;

    if (value != 0.0) {
        (void)frexp(value, &exponent);
    }
    if (exponent < format.lowest_exponent || dtype == KVSPAN_I8) {
        exponent = format.lowest_exponent;
    }
    return ldexp(1.0, exponent - format.significant_bits);
}

double oracle_round(kvspan_dtype dtype, double value)
{
    const number_format format = format_of(dtype);
    double rounded = value;

    if (isfinite(value)) {
        const double ulp = oracle_ulp(dtype, value);

        rounded = nearbyint(value / ulp) * ulp;
    }
    if (fabs(rounded) > format.largest) {
        rounded = copysign(format.saturates ? format.largest : (double)INFINITY, value);
    }
    return rounded;
}

static double load_small(kvspan_dtype dtype, uint32_t magnitude)
{
    const number_format format = format_of(dtype);
    const uint32_t hidden = 1u << (format.significant_bits - 1);
    const uint32_t exponent = magnitude / hidden;
    const uint32_t mantissa = magnitude % hidden;
    const int unit = format.lowest_exponent - format.significant_bits;
    const double value = exponent == 0
                             ? ldexp((double)mantissa, unit)
                             : ldexp((double)(hidden + mantissa), unit + (int)exponent - 1);

    if (value <= format.largest) {
        return value;
    }
    return mantissa == 0 && dtype != KVSPAN_F8E4M3 ? (double)INFINITY : (double)NAN;
}

double oracle_load(kvspan_dtype dtype, const void *address)
{
    const unsigned char *const bytes = address;
    uint16_t bits;
    float wide;

    switch (dtype) {
    case KVSPAN_F32: memcpy(&wide, address, sizeof(wide)); return (double)wide;
    case KVSPAN_I8: return bytes[0] < 128 ? bytes[0] : bytes[0] - 256.0;
    case KVSPAN_F8E4M3:
    case KVSPAN_F8E5M2:
        return bytes[0] < 128 ? load_small(dtype, bytes[0]) : -load_small(dtype, bytes[0] - 128u);
    case KVSPAN_BF16:
    case KVSPAN_F16: break;
    }
    memcpy(&bits, address, sizeof(bits));
    return bits < 32768 ? load_small(dtype, bits) : -load_small(dtype, bits - 32768u);
}

/* The code of a number of the type, not negative. */
static uint32_t code_of(kvspan_dtype dtype, double rounded)
{
    const number_format format = format_of(dtype);
    const double hidden = ldexp(1.0, format.significant_bits - 1);
    int exponent;
    const double significand = frexp(rounded, &exponent);

    if (isnan(rounded)) {
        return dtype == KVSPAN_BF16 ? 0x7fc0 : dtype == KVSPAN_F16 ? 0x7e00 : 0x7f;
    }
    if (rounded == 0.0 || exponent < format.lowest_exponent) {
        return (uint32_t)ldexp(rounded, format.significant_bits - format.lowest_exponent);
    }
    return (uint32_t)((exponent - format.lowest_exponent) * hidden + significand * 2.0 * hidden);
}

void oracle_store(kvspan_dtype dtype, void *address, double value)
{
    const double rounded = oracle_round(dtype, value);
    const float wide = (float)rounded;
    const uint32_t sign = signbit(rounded) ? 1 : 0;
    uint16_t half;
    unsigned char byte;

    assert(!isinf(rounded));
    switch (dtype) {
    case KVSPAN_F32: memcpy(address, &wide, sizeof(wide)); return;
    case KVSPAN_I8: byte = (unsigned char)(int)rounded; break;
    case KVSPAN_F8E4M3:
    case KVSPAN_F8E5M2: byte = (unsigned char)(code_of(dtype, fabs(rounded)) + sign * 128); break;
    default:
        half = (uint16_t)(code_of(dtype, fabs(rounded)) + sign * 32768);
        memcpy(address, &half, sizeof(half));
        return;
    }
    memcpy(address, &byte, sizeof(byte));
}

void oracle_quantise(kvspan_dtype dtype, double *vector, uint32_t dim, void *elements, void *scale)
{
    unsigned char *const bytes = elements;
    const size_t item_bytes = kvspan_dtype_bytes(dtype);
    double largest = 0.0;
    float unit = 1.0f;

    for (uint32_t i = 0; i < dim; i++) {
        largest = fmax(largest, fabs(vector[i]));
    }
    if (scale) {
        unit = (float)(largest / format_of(dtype).largest);
        memcpy(scale, &unit, sizeof(unit));
    }
    for (uint32_t i = 0; i < dim; i++) {
        /* The contract divides in f32. */
        oracle_store(dtype, bytes + i * item_bytes,
                     unit == 0.0f ? 0.0 : (double)(float)(vector[i] / (double)unit));
        vector[i] = oracle_load(dtype, bytes + i * item_bytes) * (double)unit;
    }
}

oracle_place oracle_find(uint32_t page_tokens, uint32_t member_count, uint64_t position)
{
    oracle_place place = { .member = 0, .column = 0, .offset = 0 };

    /* Deal out the stretches one by one. */
    for (; position >= page_tokens; position -= page_tokens) {
        place.member++;
        if (place.member == member_count) {
            place.member = 0;
            place.column++;
        }
    }
    place.offset = (uint32_t)position;
    return place;
}

static bool sees(const oracle_query *query, uint64_t position)
{
    if (query->window != 0 && position + query->window <= query->position) {
        return false;
    }
    if (query->tree && position >= query->tree_position &&
        !query->tree[position - query->tree_position]) {
        return false;
    }
    return query->member == ORACLE_ALL_MEMBERS ||
           oracle_find(query->page_tokens, query->member_count, position).member ==
               (uint32_t)query->member;
}

static double exact_logit(const oracle_query *query, uint64_t position)
{
    const double *key = query->keys + position * query->key_stride;
    const double cap = (double)query->soft_cap;
    double dot = 0.0;

    for (size_t i = 0; i < query->key_dim; i++) {
        dot += query->query[i] * key[i];
    }
    dot *= (double)query->scale;
    return cap == 0.0 ? dot : cap * tanh(dot / cap);
}

double oracle_attend(const oracle_query *query, double *out)
{
    double maximum = -(double)INFINITY;
    double sum = 0.0;

    memset(out, 0, query->value_dim * sizeof(*out));
    for (uint64_t position = 0; position <= query->position; position++) {
        if (sees(query, position)) {
            maximum = fmax(maximum, exact_logit(query, position));
        }
    }
    for (uint64_t position = 0; position <= query->position; position++) {
        double weight;

        if (!sees(query, position)) {
            continue;
        }
        weight = exp(exact_logit(query, position) - maximum);
        sum += weight;
        for (size_t i = 0; i < query->value_dim; i++) {
            out[i] += weight * query->values[position * query->value_stride + i];
        }
    }
    for (size_t i = 0; i < query->value_dim && sum > 0.0; i++) {
        out[i] /= sum;
    }
    return sum > 0.0 ? maximum + log(sum) : -(double)INFINITY;
}

static float naive_logit(const oracle_query *query, uint64_t position)
{
    const double *key = query->keys + position * query->key_stride;
    float dot = 0.0f;

    for (size_t i = 0; i < query->key_dim; i++) {
        dot += (float)query->query[i] * (float)key[i];
    }
    dot *= query->scale;
    return query->soft_cap == 0.0f ? dot : query->soft_cap * tanhf(dot / query->soft_cap);
}

void oracle_attend_naive(const oracle_query *query, kvspan_dtype tensor_dtype,
                         kvspan_dtype out_dtype, double *out)
{
    float sums[KVSPAN_MAX_DIM] = { 0 };
    float maximum = -INFINITY;
    float sum = 0.0f;

    for (uint64_t position = 0; position <= query->position; position++) {
        if (sees(query, position)) {
            maximum = fmaxf(maximum, naive_logit(query, position));
        }
    }
    for (uint64_t position = 0; position <= query->position; position++) {
        float weight;

        if (!sees(query, position)) {
            continue;
        }
        weight = expf(naive_logit(query, position) - maximum);
        sum += weight;
        weight = (float)oracle_round(tensor_dtype, (double)weight);
        for (size_t i = 0; i < query->value_dim; i++) {
            sums[i] += weight * (float)query->values[position * query->value_stride + i];
        }
    }
    for (size_t i = 0; i < query->value_dim; i++) {
        out[i] = sum > 0.0f ? oracle_round(out_dtype, (double)(sums[i] / sum)) : 0.0;
    }
}

oracle_verdict oracle_judge(const oracle_query *query, kvspan_dtype tensor_dtype,
                            kvspan_dtype out_dtype, const double *got)
{
    double exact[KVSPAN_MAX_DIM];
    double naive[KVSPAN_MAX_DIM];
    double largest = 0.0;
    oracle_verdict verdict = { 0 };

    (void)oracle_attend(query, exact);
    oracle_attend_naive(query, tensor_dtype, out_dtype, naive);
    for (size_t i = 0; i < query->value_dim; i++) {
        const double error = fabs(got[i] - exact[i]);

        /* fmax lets NaN pass. */
        verdict.error = fmax(verdict.error, isnan(error) ? (double)INFINITY : error);
        verdict.naive_error = fmax(verdict.naive_error, fabs(naive[i] - exact[i]));
        largest = fmax(largest, fabs(exact[i]));
    }
    verdict.ulp = oracle_ulp(out_dtype, largest);
    return verdict;
}
