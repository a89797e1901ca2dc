/** @file
 * min and max of floating-point numbers. Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_EXTREME_H
#define KVSPAN_STANDIN_PTX_EXTREME_H

#include "standin/ptx/builders.h"

/* .NaN and .xorsign.abs; false: refused. */
bool ptx_take_extreme_flags(ptx_statement *statement);

/* NaN loses unless PTX_FLAG_NAN; -0 is less than +0. PTX_FLAG_XOR_SIGN: of the magnitudes, with the
 * product's sign. */
double ptx_extreme(double x, double y, bool is_minimum, uint32_t flags);

#endif
