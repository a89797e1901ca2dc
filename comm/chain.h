/** @file
 * The wait-for chain: whom this rank waits for, whom that rank waits for, and who is at the end.
 */
#ifndef KVSPAN_COMM_CHAIN_H
#define KVSPAN_COMM_CHAIN_H

#include "comm/state.h"

/* The edges of a wait: its requests, then the debtors, then the members of a condition. Edge i, if
 * it is still open: to which rank. */
uint32_t kvspan_chain_edge_count(const kvspan_comm *comm);
bool kvspan_chain_edge(const kvspan_comm *comm, uint32_t edge, uint32_t *rank_out);

/* This rank's chain, from what its peers answered. Outside a wait it ends at once: AWAKE. */
kvspan_chain kvspan_chain_of(const kvspan_comm *comm, uint64_t now_ns);

/* True once a wait is so far past its deadline that its chain can be believed; why_out then names
 * the late rank. Never takes longer than 1.5 s past the deadline. */
bool kvspan_chain_conclude(kvspan_comm *comm, uint64_t now_ns, kvspan_error *why_out);

#endif
