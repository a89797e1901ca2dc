/** @file
 * Groups of ranks, and collectives that move bytes among them. Bodies hold on any transport: they
 * run as threads and under MPI.
 */
#ifndef KVSPAN_TESTS_COMM_COLLECTIVE_BODIES_H
#define KVSPAN_TESTS_COMM_COLLECTIVE_BODIES_H

#include "comm/comm.h"
#include "support/ranks.h"

enum {
    BODY_MAX_RANKS = 64,
    BODY_PATIENCE_MS = 20000 /* for what must come */
};

/* A group of every `stride`-th rank, turned round by `turn`, with the memory of its list. False if
 * this rank is not in it. */
typedef struct body_group {
    kvspan_group group;
    uint32_t ranks[BODY_MAX_RANKS];
} body_group;

bool body_group_make(body_group *made, const ranks_self *self, uint32_t stride, uint32_t turn);

/* context of these: NULL */
void body_all_to_all(ranks_self *self);
void body_all_gather_of_parts(ranks_self *self);
void body_all_gather_of_records(ranks_self *self);

#endif
