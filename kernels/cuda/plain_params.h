/** @file
 * The one argument of the plain kernels of attend_pages, which know tree masks too. For C and CUDA.
 */
#ifndef KVSPAN_KERNELS_CUDA_PLAIN_PARAMS_H
#define KVSPAN_KERNELS_CUDA_PLAIN_PARAMS_H

#include "kernels/cuda/attend_params.h"
#include "kernels/kernels.h"

/* Other kernels take the first member. */
typedef struct kvspan_plain_params {
    kvspan_attend_params attend;
    kvspan_tree_mask trees;
} kvspan_plain_params;

#endif
