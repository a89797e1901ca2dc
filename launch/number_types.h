/** @file
 * The numbers that an element type has, told by precision and range alone: the oracle's own
 * arithmetic, which shares nothing with the library's conversions.
 *
 * A number of a type is ±m·2^(e - p) with a whole m < 2^p and e at least the type's lowest
 * exponent. So "the nearest" is a division by the step around a number, a rounding to a whole one,
 * ties to even, and a multiplication.
 */
#ifndef KVSPAN_LAUNCH_NUMBER_TYPES_H
#define KVSPAN_LAUNCH_NUMBER_TYPES_H

#include <kvspan/types.h>

/* The largest number of a type that a conversion gives. */
double kvspan_number_largest(kvspan_dtype dtype);

/* The distance of the numbers of a type around a magnitude: one unit in the last place. */
double kvspan_number_ulp(kvspan_dtype dtype, double magnitude);

/* The nearest number of a type, ties to even. Beyond the largest, 8-bit types saturate and the
 * others answer infinity. */
double kvspan_number_round(kvspan_dtype dtype, double value);

/* Element `index` of a row of bf16, f16 or f32. */
double kvspan_number_load(kvspan_dtype dtype, const void *row, uint32_t index);

#endif
