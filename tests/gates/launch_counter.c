#include "gates/launch_counter.h"

#include <stdlib.h>

#include "standin/cudart/launch_observer.h"

static void begin(void *context, ptx_launch *launch)
{
    launch_counter *counter = context;

    counter->by_instruction =
        calloc(ptx_kernel_instruction_count(launch->kernel), sizeof(*counter->by_instruction));
    launch->watched = counter->watched;
    launch->by_instruction = counter->by_instruction;
}

static void end(void *context, const ptx_launch *launch, const ptx_report *report)
{
    launch_counter *counter = context;

    if (counter->launch_count < LAUNCH_COUNTER_LAUNCHES && counter->by_instruction != NULL) {
        counted_launch *counted = &counter->launches[counter->launch_count++];

        *counted =
            (counted_launch){ .kernel = ptx_kernel_name(launch->kernel), .all = report->counts };
        (void)ptx_main_loop_count(launch->module, launch->kernel, counter->by_instruction,
                                  &counted->main_loop);
    }
    free(counter->by_instruction);
    counter->by_instruction = NULL;
}

void launch_counter_begin(launch_counter *counter, const void *watched, uint64_t watched_bytes)
{
    const uint64_t address = (uint64_t)(uintptr_t)watched;
    const launch_observer observer = { .begin = begin, .end = end, .context = counter };

    *counter = (launch_counter){ .watched = { address, address + watched_bytes } };
    launch_observe(&observer);
}

void launch_counter_end(void)
{
    launch_observe(NULL);
}
