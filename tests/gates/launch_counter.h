/** @file
 * Counts what launches do on the interpreter of the stand-ins.
 */
#ifndef KVSPAN_GATES_LAUNCH_COUNTER_H
#define KVSPAN_GATES_LAUNCH_COUNTER_H

#include "standin/ptx/ptx.h"

enum {
    LAUNCH_COUNTER_LAUNCHES = 4
};

typedef struct counted_launch {
    const char *kernel; /* mangled; lives as long as the process */
    ptx_counts all;
    ptx_counts main_loop; /* zeros where there is none */
} counted_launch;

typedef struct launch_counter {
    ptx_range watched; /* device memory whose reads are counted apart */
    uint32_t launch_count;
    counted_launch launches[LAUNCH_COUNTER_LAUNCHES]; /* the first ones */
    ptx_counts *by_instruction;                       /* of the launch that runs */
} launch_counter;

/* The counter has to stay where it is until the end. */
void launch_counter_begin(launch_counter *counter, const void *watched, uint64_t watched_bytes);
void launch_counter_end(void);

#endif
