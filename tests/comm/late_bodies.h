/** @file
 * Ways to wait for a rank that never comes. The silent rank and the scenario are the context.
 */
#ifndef KVSPAN_TESTS_COMM_LATE_BODIES_H
#define KVSPAN_TESTS_COMM_LATE_BODIES_H

#include <stdbool.h>

#include "support/ranks.h"

/* How the others come to wait. */
typedef enum late_scenario {
    LATE_TREE,      /* an agreement: up and down the tree */
    LATE_CHAIN,     /* each waits for its right neighbour alone, the silent rank at the end */
    LATE_EXCHANGE,  /* all wait for all, with messages that need their receiver */
    LATE_BROADCAST, /* the silent rank got the message and passes nothing on */
    LATE_IDLE,      /* as LATE_CHAIN, but every second rank has no deadline */
    LATE_SCENARIO_END
} late_scenario;

typedef struct late_case {
    late_scenario scenario;
    uint32_t silent;
    uint32_t deadline_ms;
    uint32_t margin_ms; /* all survivors end within deadline + margin */
    /* Threads: counts the survivors that are through; the silent rank stays away so long. */
    uint32_t *survivors_done;
    /* Processes: the silent one stops itself; a survivor wakes it, once it is through and this time
     * has passed. 0: not this survivor's to do. */
    bool is_stopped;
    uint32_t wake_after_ms;
    int silent_process;
} late_case;

/* context: late_case. Everybody hears of everybody in epoch 17; in epoch 18 one rank is silent. */
void body_late(ranks_self *self);

#endif
