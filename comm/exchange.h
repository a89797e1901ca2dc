/** @file
 * Bulk exchanges of host memory over a group: all-gather(v) and all-to-all(v), pairwise, with a
 * deadline. Counts are bytes; a rank with count 0 still takes part and sends nothing.
 */
#ifndef KVSPAN_COMM_EXCHANGE_H
#define KVSPAN_COMM_EXCHANGE_H

#include "comm/comm.h"

/* Plain data for one exchange at a time; requests are taken at create. */
typedef struct kvspan_exchange {
    kvspan_comm *comm;
    kvspan_request *requests; /* [2 · max_members] */
    uint32_t max_members;
} kvspan_exchange;

kvspan_status kvspan_exchange_init(kvspan_exchange *exchange, kvspan_comm *comm,
                                   uint32_t max_members, kvspan_error *error);
void kvspan_exchange_fini(kvspan_exchange *exchange);

/* Part of member i: all + offsets[i], counts[i] bytes. This rank's own part is in place already. */
kvspan_status kvspan_exchange_all_gather(kvspan_exchange *exchange, const kvspan_group *group,
                                         unsigned char *all, const uint64_t *offsets,
                                         const uint64_t *counts, uint32_t timeout_ms,
                                         kvspan_error *error);

/* Sends send + send_offsets[i] (send_counts[i] bytes) to member i and receives its part at receive
 * + receive_offsets[i]; the own part is copied. Buffers must not overlap. */
kvspan_status kvspan_exchange_all_to_all(kvspan_exchange *exchange, const kvspan_group *group,
                                         const unsigned char *send, const uint64_t *send_offsets,
                                         const uint64_t *send_counts, unsigned char *receive,
                                         const uint64_t *receive_offsets,
                                         const uint64_t *receive_counts, uint32_t timeout_ms,
                                         kvspan_error *error);

#endif
