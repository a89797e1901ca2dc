/** @file
 * One message, and one message down a tree, within a deadline that several steps share. On the
 * agreement channel.
 */
#ifndef KVSPAN_COMM_BROADCAST_H
#define KVSPAN_COMM_BROADCAST_H

#include "comm/comm.h"
#include "comm/tree.h"

kvspan_status kvspan_wait_until(kvspan_comm *comm, kvspan_request *requests, uint32_t count,
                                uint64_t deadline_ns, kvspan_error *error);

kvspan_status kvspan_send_until(kvspan_comm *comm, uint32_t to, const void *data, size_t bytes,
                                uint64_t deadline_ns, kvspan_error *error);

/* data: read at the root, written elsewhere. */
kvspan_status kvspan_broadcast_until(kvspan_comm *comm, const kvspan_tree *tree, void *data,
                                     size_t bytes, uint64_t deadline_ns, kvspan_error *error);

#endif
