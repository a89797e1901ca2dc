/** @file
 * The peers whose alarms a rank listens to: O(log ranks) neighbours and the members of its groups.
 */
#ifndef KVSPAN_COMM_WATCH_H
#define KVSPAN_COMM_WATCH_H

#include "comm/state.h"

/* Watches the ranks at distance ±2^k. On failure kvspan_watch_end() ends what was begun. */
kvspan_status kvspan_watch_neighbours(kvspan_comm *comm, kvspan_error *error);

/* Cancels all alarms and frees the peers. Memory that the transport keeps is left to it. */
void kvspan_watch_end(kvspan_comm *comm);

/* NULL if the rank is not watched. */
kvspan_peer *kvspan_watch_find(const kvspan_comm *comm, uint32_t rank);

#endif
