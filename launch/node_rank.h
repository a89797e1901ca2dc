/** @file
 * Which of the ranks of its own machine a rank is.
 */
#ifndef KVSPAN_LAUNCH_NODE_RANK_H
#define KVSPAN_LAUNCH_NODE_RANK_H

#include <kvspan/comm.h>

/* Ranks of the same host name are counted. Collective over the communicator. MEMORY, and what
 * kvspan_comm_all_gather() answers. */
kvspan_status kvspan_node_rank(kvspan_comm *comm, uint32_t timeout_ms, uint32_t *rank_out,
                               kvspan_error *error);

#endif
