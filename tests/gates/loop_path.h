/** @file
 * The cheapest full turn of a loop: of all ways from its head back, those with most matrix
 * products, of these those with most wide copies, of these one with fewest instructions.
 */
#ifndef KVSPAN_GATES_LOOP_PATH_H
#define KVSPAN_GATES_LOOP_PATH_H

#include "gates/loop_finder.h"

/* Counts loop->path. */
bool loop_path_find(code_loop *loop, const kernel_code *kernel, const flow_graph *graph,
                    gate_error *error);

#endif
