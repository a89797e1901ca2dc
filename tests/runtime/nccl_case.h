/** @file
 * What suites of NCCL between processes start from: a small cache, and the rows of a small mesh.
 */
#ifndef KVSPAN_TESTS_NCCL_CASE_H
#define KVSPAN_TESTS_NCCL_CASE_H

#include "runtime/mesh_case.h"
#include "support/ranks.h"

enum {
    NCCL_CASE_WAIT_MS = 20000 /* the deadline */
};

/* A cache of one layer. mesh NULL: the cache's default. */
kvspan_status nccl_case_open_cache(mesh_open open, const char *mesh, kvspan_comm *comm,
                                   kvspan_device **device_out, kvspan_cache **cache_out,
                                   kvspan_error *error);

/* Runs a mesh case of 2 kv heads and 4 query heads; notes what is wrong with its rows. */
void nccl_case_check_rows(ranks_self *self, mesh_open open, const char *mesh, int has_sinks);

#endif
