#include "launch/generate.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "launch/number_types.h"

enum {
    LANE_COUNT = 4, /* elements of one mix */
    LANE_BITS = 16
};

/* An odd constant whose multiples are spread evenly: 2^64 / golden ratio. */
static const uint64_t golden_ratio = 0x9e3779b97f4a7c15u;

/* √3 / 2^16: the odd numbers in (-2^16, 2^16) times this have variance 1. */
static const float lane_scale = 1.7320508075688772f / 65536.0f;

uint64_t kvspan_generate_mix(uint64_t word)
{
    word ^= word >> 30;
    word *= 0xbf58476d1ce4e5b9u;
    word ^= word >> 27;
    word *= 0x94d049bb133111ebu;
    return word ^ (word >> 31);
}

static uint64_t chain(uint64_t key, uint64_t coordinate)
{
    return kvspan_generate_mix((key ^ coordinate) + golden_ratio);
}

static uint64_t token_key(uint64_t seed, uint64_t request, uint64_t position)
{
    return chain(chain(chain(0, seed), request), position);
}

static uint64_t vector_key(uint64_t token, kvspan_generate_role role, uint32_t layer, uint32_t head)
{
    assert(layer < (1u << 30));
    return chain(token, (uint64_t)role << 62 | (uint64_t)layer << 32 | head);
}

/* Elements 4·block … 4·block + 3 of a vector, 16 bits each. */
static uint64_t block_bits(uint64_t key, uint32_t block)
{
    return kvspan_generate_mix(key + (block + (uint64_t)1) * golden_ratio);
}

static float lane_value(uint64_t bits, uint32_t lane)
{
    const int32_t odd = 2 * (int32_t)(bits >> (lane * LANE_BITS) & 0xffff) - 65535;

    return (float)odd * lane_scale;
}

static uint16_t round_to_bf16(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

/* Of a magnitude below 2. The numbers below 2^-14 are multiples of 2^-24. */
static uint16_t round_to_f16(float value)
{
    const uint16_t sign = signbit(value) ? 0x8000 : 0;
    const float magnitude = fabsf(value);
    uint32_t bits;

    if (magnitude < 0x1p-14f) {
        return (uint16_t)(sign | (uint16_t)nearbyintf(magnitude * 0x1p24f));
    }
    memcpy(&bits, &magnitude, sizeof(bits));
    bits -= (uint32_t)(127 - 15) << 23;
    return (uint16_t)(sign | (bits + 0xfffu + (bits >> 13 & 1)) >> 13);
}

float kvspan_generate_value(const kvspan_generate *generate, const kvspan_generate_place *place,
                            uint32_t dim)
{
    const uint64_t token = token_key(generate->seed, place->request, place->position);
    const uint64_t key = vector_key(token, place->role, place->layer, place->head);
    const float value = lane_value(block_bits(key, dim / LANE_COUNT), dim % LANE_COUNT);

    return (float)kvspan_number_round(generate->dtype, value);
}

static void fill_f32(uint64_t key, uint32_t dims, float *values_out)
{
    const uint32_t block_count = dims / LANE_COUNT;

    for (uint32_t block = 0; block < block_count; block++) {
        const uint64_t bits = block_bits(key, block);

        for (uint32_t lane = 0; lane < LANE_COUNT; lane++) {
            values_out[block * LANE_COUNT + lane] = lane_value(bits, lane);
        }
    }
    for (uint32_t dim = block_count * LANE_COUNT; dim < dims; dim++) {
        values_out[dim] = lane_value(block_bits(key, block_count), dim % LANE_COUNT);
    }
}

static void fill_halves(kvspan_dtype dtype, uint64_t key, uint32_t dims, uint16_t *halves_out)
{
    float values[KVSPAN_MAX_DIM];

    assert(dims <= KVSPAN_MAX_DIM);
    fill_f32(key, dims, values);
    for (uint32_t dim = 0; dim < dims; dim++) {
        halves_out[dim] =
            dtype == KVSPAN_BF16 ? round_to_bf16(values[dim]) : round_to_f16(values[dim]);
    }
}

void kvspan_generate_vector(const kvspan_generate *generate, const kvspan_generate_place *place,
                            uint32_t dims, float *values_out)
{
    const uint64_t token = token_key(generate->seed, place->request, place->position);

    fill_f32(vector_key(token, place->role, place->layer, place->head), dims, values_out);
    for (uint32_t dim = 0; dim < dims; dim++) {
        values_out[dim] = (float)kvspan_number_round(generate->dtype, values_out[dim]);
    }
}

void kvspan_generate_fill(const kvspan_generate *generate, const kvspan_row *row,
                          kvspan_generate_role role, uint32_t layer, uint32_t head_first,
                          const kvspan_tensor *tensor)
{
    assert(tensor->dtype == generate->dtype);
    assert(kvspan_dtype_bytes(tensor->dtype) >= 2);
    assert((uint64_t)row->first_token + row->token_count <= tensor->tokens);

    for (uint32_t i = 0; i < row->token_count; i++) {
        const uint64_t token = token_key(generate->seed, row->tag, row->position + i);

        for (uint32_t head = 0; head < tensor->heads; head++) {
            const uint64_t key = vector_key(token, role, layer, head_first + head);
            const int64_t offset = ((int64_t)row->first_token + i) * tensor->token_stride +
                                   (int64_t)head * tensor->head_stride;

            if (tensor->dtype == KVSPAN_F32) {
                fill_f32(key, tensor->dim, (float *)tensor->data + offset);
            } else {
                fill_halves(tensor->dtype, key, tensor->dim, (uint16_t *)tensor->data + offset);
            }
        }
    }
}
