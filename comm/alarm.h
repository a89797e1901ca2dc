/** @file
 * The alarm channel: probes that follow the wait-for chain, their answers, and verdicts.
 *
 * A rank that waits past its deadline, or that waits and is probed, probes the ranks it waits for;
 * each answer carries the chain of its sender, so the end of the chain travels back. Whoever is
 * past its deadline and sees the end gives the verdict to all its peers, who pass it on once.
 * Alarms need no memory beyond their peers': one probe, one answer and one verdict under way each.
 */
#ifndef KVSPAN_COMM_ALARM_H
#define KVSPAN_COMM_ALARM_H

#include "comm/state.h"

/* A wait begins or ends: what came before it says nothing about its peers. */
void kvspan_alarm_begin_wait(kvspan_comm *comm, kvspan_wait *wait);
void kvspan_alarm_end_wait(kvspan_comm *comm);

/* Receives, answers and sends what is due; concludes if the wait is past its deadline. Returns the
 * verdict, if there is one now. */
kvspan_status kvspan_alarm_serve(kvspan_comm *comm, uint64_t now_ns, kvspan_error *error);

#endif
