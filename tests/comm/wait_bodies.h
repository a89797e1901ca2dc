/** @file
 * How waits end that do not end well, on any transport: run as threads and under MPI.
 */
#ifndef KVSPAN_TESTS_COMM_WAIT_BODIES_H
#define KVSPAN_TESTS_COMM_WAIT_BODIES_H

#include "support/ranks.h"

/* context of these: NULL */
void body_timeout_leaves_the_receive_usable(ranks_self *self);
void body_raise_reaches_everyone(ranks_self *self);
void body_long_message_is_refused(ranks_self *self);

#endif
