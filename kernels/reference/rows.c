#include "kernels/reference/rows.h"

#include <assert.h>
#include <string.h>

#include "kernels/number_formats.h"

static uint16_t load_half(const unsigned char *source, size_t index)
{
    uint16_t value;

    memcpy(&value, source + index * sizeof(value), sizeof(value));
    return value;
}

static void store_half(unsigned char *target, size_t index, uint16_t value)
{
    memcpy(target + index * sizeof(value), &value, sizeof(value));
}

void kvspan_row_load(kvspan_dtype dtype, const void *source, uint32_t dim, float *target)
{
    const unsigned char *const bytes = source;

    switch (dtype) {
    case KVSPAN_F32: memcpy(target, bytes, dim * sizeof(float)); return;
    case KVSPAN_BF16:
        for (size_t i = 0; i < dim; i++) {
            target[i] = kvspan_f32_from_bf16(load_half(bytes, i));
        }
        return;
    case KVSPAN_F16:
        for (size_t i = 0; i < dim; i++) {
            target[i] = kvspan_f32_from_f16(load_half(bytes, i));
        }
        return;
    case KVSPAN_F8E4M3:
        for (size_t i = 0; i < dim; i++) {
            target[i] = kvspan_f32_from_e4m3(bytes[i]);
        }
        return;
    case KVSPAN_F8E5M2:
        for (size_t i = 0; i < dim; i++) {
            target[i] = kvspan_f32_from_e5m2(bytes[i]);
        }
        return;
    case KVSPAN_I8:
        for (size_t i = 0; i < dim; i++) {
            target[i] = (float)(int8_t)bytes[i];
        }
        return;
    }
    assert(!"an element type");
}

void kvspan_row_store(kvspan_dtype dtype, const float *source, uint32_t dim, void *target)
{
    unsigned char *const bytes = target;

    switch (dtype) {
    case KVSPAN_F32: memcpy(bytes, source, dim * sizeof(float)); return;
    case KVSPAN_BF16:
        for (size_t i = 0; i < dim; i++) {
            store_half(bytes, i, kvspan_bf16_from_f32(source[i]));
        }
        return;
    case KVSPAN_F16:
        for (size_t i = 0; i < dim; i++) {
            store_half(bytes, i, kvspan_f16_from_f32(source[i]));
        }
        return;
    case KVSPAN_F8E4M3:
        for (size_t i = 0; i < dim; i++) {
            bytes[i] = kvspan_e4m3_from_f32(source[i]);
        }
        return;
    case KVSPAN_F8E5M2:
        for (size_t i = 0; i < dim; i++) {
            bytes[i] = kvspan_e5m2_from_f32(source[i]);
        }
        return;
    case KVSPAN_I8:
        for (size_t i = 0; i < dim; i++) {
            bytes[i] = (unsigned char)kvspan_i8_from_f32(source[i]);
        }
        return;
    }
    assert(!"an element type");
}
