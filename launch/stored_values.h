/** @file
 * What pages must hold of a run: the generated keys and values, and where planes are of an 8-bit
 * type, what is left of them. Worked out here from the definition in <kvspan/types.h>, so that a
 * wrong quantiser shows as an error of the results instead of being allowed for.
 *
 * Of a vector x of a type whose largest number is L: scale = max |x| / L, elements the nearest
 * numbers of the type to x / scale, both quotients rounded to f32; 0 of a vector of zeros. What is
 * read back is element · scale.
 */
#ifndef KVSPAN_LAUNCH_STORED_VALUES_H
#define KVSPAN_LAUNCH_STORED_VALUES_H

#include "launch/generate.h"

typedef struct kvspan_stored_values {
    kvspan_generate generate;
    kvspan_dtype kv_dtype; /* of both planes: that of generate, or an 8-bit type */
} kvspan_stored_values;

/* Replaces finite numbers, [dims], by what a plane of an 8-bit type holds of them. */
void kvspan_stored_values_quantise(kvspan_dtype dtype, uint32_t dims, double *values);

/* An oracle's read: context is a kvspan_stored_values. */
void kvspan_stored_values_read(const void *context, const kvspan_generate_place *place,
                               uint32_t dims, double *values_out);

#endif
