/** @file
 * What marks header-only arithmetic that kernels of a GPU share with the host.
 */
#ifndef KVSPAN_KERNELS_DEVICE_CODE_H
#define KVSPAN_KERNELS_DEVICE_CODE_H

#include <stdint.h>

#ifdef __CUDACC__
#    define KVSPAN_DEVICE_CODE __host__ __device__
#else
#    define KVSPAN_DEVICE_CODE
#endif

#endif
