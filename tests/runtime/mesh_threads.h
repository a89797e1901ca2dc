/** @file
 * A mesh case with ranks as threads of the test.
 */
#ifndef KVSPAN_TESTS_MESH_THREADS_H
#define KVSPAN_TESTS_MESH_THREADS_H

#include "runtime/mesh_case.h"

/* One rank, 4 kv heads, 16 query heads, all that is computed gathered: what tests start from. */
mesh_case mesh_threads_case(void);

/* Runs all ranks; leaves the rows of all in `all`. Fails the test where a row is wrong, where ranks
 * have other bits for one, and where there is none. */
void mesh_threads_run(const mesh_case *mesh, mesh_rows *all);

#endif
