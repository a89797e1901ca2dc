/** @file
 * Vectors of a plane as f32: quantised on the way in, dequantised on the way out.
 *
 * A plane with scales keeps one f32 scale per token and head: max |x| / L, with L the largest
 * number of the type (127, 448, 57344), and elements x / scale, rounded to nearest even. It reads
 * element · scale, in f32. A vector of zeros, or of numbers so small that the scale underflows, has
 * scale 0 and reads as zeros. ±infinity counts as ±FLT_MAX. NaN leaves the other elements of an
 * 8-bit float plane alone and reads as NaN; int8 has no NaN, so there the scale becomes NaN and the
 * whole vector reads as NaN: a NaN is never lost. A plane without scales has scale 1.
 */
#ifndef KVSPAN_KERNELS_REFERENCE_QUANTISE_H
#define KVSPAN_KERNELS_REFERENCE_QUANTISE_H

#include "kernels/reference/rows.h"

/* `dim` at most KVSPAN_MAX_DIM. */
void kvspan_quantise(kvspan_dtype dtype, const float *source, uint32_t dim,
                     const kvspan_plane_place *target);
void kvspan_dequantise(kvspan_dtype dtype, const kvspan_plane_place *source, uint32_t dim,
                       float *target);

#endif
