/** @file
 * What ranks agree on, on any transport: run as threads and under MPI.
 */
#ifndef KVSPAN_TESTS_COMM_AGREE_BODIES_H
#define KVSPAN_TESTS_COMM_AGREE_BODIES_H

#include "support/ranks.h"

/* context of these: NULL */
void body_broadcast_from_every_root(ranks_self *self);
void body_agree_on_the_lowest_failing_rank(ranks_self *self);
void body_agree_names_the_field_and_both_values(ranks_self *self);

#endif
