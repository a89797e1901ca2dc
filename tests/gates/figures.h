/** @file
 * The figures of a kernel that limits are set on (docs/gates.md says what each predicts).
 */
#ifndef KVSPAN_GATES_FIGURES_H
#define KVSPAN_GATES_FIGURES_H

#include "gates/loop_finder.h"

/* What a launch adds to the code. */
typedef struct launch_shape {
    uint32_t block_threads; /* 0: the most that the code allows */
    uint32_t dynamic_shared_bytes;
} launch_shape;

typedef struct kernel_figures {
    const kernel_code *kernel;
    uint32_t block_threads;
    uint32_t shared_bytes; /* static and dynamic, per block */
    uint32_t blocks;       /* per multiprocessor; 0 if unknown or none fits */
    uint32_t indirect_branches;
    opcode_census all; /* the kernel and the functions in it */
    loop_list loops;
    const code_loop *main; /* NULL without one */
    /* Of the main loop; 0 where it has no copies or no products. */
    uint32_t copies;         /* of 16 bytes per thread, or as many loads */
    double instructions_512; /* warp instructions per 512 bytes copied */
    double path_512;
    double mma_ratio; /* instructions per 8 matrix products */
    double path_mma_ratio;
    double flight_bytes; /* that the copies of one multiprocessor can have under way */
} kernel_figures;

bool kernel_figures_init(kernel_figures *figures, const kernel_code *kernel,
                         const launch_shape *launch, gate_error *error);
void kernel_figures_fini(kernel_figures *figures);

#endif
