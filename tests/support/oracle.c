#include "support/oracle.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Significant bits and the exponent of the smallest gap. */
static int significant_bits(kvspan_dtype dtype)
{
    assert(dtype == KVSPAN_BF16 || dtype == KVSPAN_F32);
    return dtype == KVSPAN_BF16 ? 8 : 24;
}

double oracle_ulp(kvspan_dtype dtype, double value)
{
    const int bits = significant_bits(dtype);
    int exponent = -200;

    if (value != 0.0) {
        (void)frexp(value, &exponent);
    }
    return ldexp(1.0, exponent < -125 ? -125 - bits : exponent - bits);
}

double oracle_round(kvspan_dtype dtype, double value)
{
    const double ulp = oracle_ulp(dtype, value);
    double rounded;

    if (!isfinite(value)) {
        return value;
    }
    rounded = nearbyint(value / ulp) * ulp;
    return fabs(rounded) >= 0x1p128 ? copysign(INFINITY, value) : rounded;
}

double oracle_load(kvspan_dtype dtype, const void *address)
{
    uint16_t bits;
    float wide;
    int exponent;
    double magnitude;

    if (dtype == KVSPAN_F32) {
        memcpy(&wide, address, sizeof(wide));
        return (double)wide;
    }
    memcpy(&bits, address, sizeof(bits));
    exponent = bits / 128 % 256;
    magnitude = bits % 128;
    if (exponent == 255) {
        magnitude = magnitude == 0.0 ? (double)INFINITY : (double)NAN;
    } else if (exponent == 0) {
        magnitude = ldexp(magnitude, -133);
    } else {
        magnitude = ldexp(magnitude + 128.0, exponent - 134);
    }
    return bits < 32768 ? magnitude : -magnitude;
}

void oracle_store(kvspan_dtype dtype, void *address, double value)
{
    const double rounded = oracle_round(dtype, value);
    const float wide = (float)rounded;
    int exponent;
    double mantissa;
    uint16_t bits;

    assert(!isinf(rounded));
    if (dtype == KVSPAN_F32) {
        memcpy(address, &wide, sizeof(wide));
        return;
    }
    mantissa = frexp(fabs(rounded), &exponent);
    if (isnan(rounded)) {
        bits = 0x7fc0;
    } else if (rounded == 0.0 || exponent < -125) {
        bits = (uint16_t)ldexp(fabs(rounded), 133);
    } else {
        bits = (uint16_t)((exponent + 126) * 128 + (int)(mantissa * 256.0) - 128);
    }
    bits = (uint16_t)(bits + (signbit(rounded) ? 32768 : 0));
    memcpy(address, &bits, sizeof(bits));
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

void oracle_attend_naive(const oracle_query *query, kvspan_dtype plane_dtype,
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
        weight = (float)oracle_round(plane_dtype, (double)weight);
        for (size_t i = 0; i < query->value_dim; i++) {
            sums[i] += weight * (float)query->values[position * query->value_stride + i];
        }
    }
    for (size_t i = 0; i < query->value_dim; i++) {
        out[i] = sum > 0.0f ? oracle_round(out_dtype, (double)(sums[i] / sum)) : 0.0;
    }
}

oracle_verdict oracle_judge(const oracle_query *query, kvspan_dtype plane_dtype,
                            kvspan_dtype out_dtype, const double *got)
{
    double exact[KVSPAN_MAX_DIM];
    double naive[KVSPAN_MAX_DIM];
    double largest = 0.0;
    oracle_verdict verdict = { 0 };

    (void)oracle_attend(query, exact);
    oracle_attend_naive(query, plane_dtype, out_dtype, naive);
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
