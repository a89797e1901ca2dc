#include "launch/stored_values.h"

#include <assert.h>
#include <math.h>

#include "launch/number_types.h"

/* A quotient of f32 numbers in f64, rounded to f32, is the quotient rounded once: 53 bits are more
 * than twice 24. */
static double divide(double dividend, double divisor)
{
    return kvspan_number_round(KVSPAN_F32, dividend / divisor);
}

void kvspan_stored_values_quantise(kvspan_dtype dtype, uint32_t dims, double *values)
{
    double largest = 0.0;
    double scale;

    for (uint32_t dim = 0; dim < dims; dim++) {
        largest = fmax(largest, fabs(values[dim]));
    }
    scale = divide(largest, kvspan_number_largest(dtype));
    for (uint32_t dim = 0; dim < dims; dim++) {
        values[dim] =
            scale == 0.0 ? 0.0 : kvspan_number_round(dtype, divide(values[dim], scale)) * scale;
    }
}

void kvspan_stored_values_read(const void *context, const kvspan_generate_place *place,
                               uint32_t dims, double *values_out)
{
    const kvspan_stored_values *const stored = context;
    float values[KVSPAN_MAX_DIM];

    assert(dims <= KVSPAN_MAX_DIM);
    kvspan_generate_vector(&stored->generate, place, dims, values);
    for (uint32_t dim = 0; dim < dims; dim++) {
        values_out[dim] = values[dim];
    }
    if (place->role != KVSPAN_GENERATE_Q && kvspan_dtype_bytes(stored->kv_dtype) == 1) {
        kvspan_stored_values_quantise(stored->kv_dtype, dims, values_out);
    }
}
