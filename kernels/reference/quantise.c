#include "kernels/reference/quantise.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

static float largest_of(kvspan_dtype dtype)
{
    switch (dtype) {
    case KVSPAN_I8: return 127.0f;
    case KVSPAN_F8E4M3: return 448.0f;
    case KVSPAN_F8E5M2: return 57344.0f;
    case KVSPAN_BF16:
    case KVSPAN_F16:
    case KVSPAN_F32: break;
    }
    assert(!"a type that has scales");
    return 1.0f;
}

static float choose_scale(kvspan_dtype dtype, const float *source, uint32_t dim)
{
    float largest = 0.0f;
    bool has_nan = false;

    for (size_t i = 0; i < dim; i++) {
        if (isnan(source[i])) {
            has_nan = true;
        } else {
            largest = fmaxf(largest, fminf(fabsf(source[i]), FLT_MAX));
        }
    }
    if (has_nan && dtype == KVSPAN_I8) {
        return NAN;
    }
    return largest / largest_of(dtype);
}

void kvspan_quantise(kvspan_dtype dtype, const float *source, uint32_t dim,
                     const kvspan_plane_place *target)
{
    float scaled[KVSPAN_MAX_DIM];
    float scale;

    assert(dim <= KVSPAN_MAX_DIM);
    if (!target->scale) {
        kvspan_row_store(dtype, source, dim, target->elements);
        return;
    }
    scale = choose_scale(dtype, source, dim);
    for (size_t i = 0; i < dim; i++) {
        /* 0 / 0 would make a NaN of a zero; a NaN stays one. */
        scaled[i] = scale == 0.0f && !isnan(source[i]) ? 0.0f : source[i] / scale;
    }
    kvspan_row_store(dtype, scaled, dim, target->elements);
    memcpy(target->scale, &scale, sizeof(scale));
}

void kvspan_dequantise(kvspan_dtype dtype, const kvspan_plane_place *source, uint32_t dim,
                       float *target)
{
    float scale;

    kvspan_row_load(dtype, source->elements, dim, target);
    if (!source->scale) {
        return;
    }
    memcpy(&scale, source->scale, sizeof(scale));
    for (size_t i = 0; i < dim; i++) {
        target[i] *= scale;
    }
}
