/** @file
 * Arithmetic of the host in each rounding mode. Internal.
 *
 * Modes: 0 to the nearest even number, 1 to zero, 2 down, 3 up.
 */
#ifndef KVSPAN_STANDIN_PTX_ROUNDING_H
#define KVSPAN_STANDIN_PTX_ROUNDING_H

#include <stdint.h>

float ptx_add_f32(float x, float y, uint32_t mode);
float ptx_mul_f32(float x, float y, uint32_t mode);
float ptx_fma_f32(float x, float y, float z, uint32_t mode);
float ptx_div_f32(float x, float y, uint32_t mode);
float ptx_sqrt_f32(float x, uint32_t mode);
double ptx_add_f64(double x, double y, uint32_t mode);
double ptx_mul_f64(double x, double y, uint32_t mode);
double ptx_fma_f64(double x, double y, double z, uint32_t mode);
double ptx_div_f64(double x, double y, uint32_t mode);
double ptx_sqrt_f64(double x, uint32_t mode);

/* To an integer, and to narrower numbers. */
double ptx_integral(double x, uint32_t mode);
float ptx_float_of_double(double x, uint32_t mode);
float ptx_float_of_s64(int64_t x, uint32_t mode);
float ptx_float_of_u64(uint64_t x, uint32_t mode);
double ptx_double_of_s64(int64_t x, uint32_t mode);
double ptx_double_of_u64(uint64_t x, uint32_t mode);

#endif
