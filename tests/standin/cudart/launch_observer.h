/** @file
 * Watching what the libcudart stand-in launches: how a program counts what its kernels do. Exported
 * by the stand-in libcudart.so.
 */
#ifndef KVSPAN_STANDIN_LAUNCH_OBSERVER_H
#define KVSPAN_STANDIN_LAUNCH_OBSERVER_H

#include "standin/ptx/ptx.h"

typedef struct launch_observer {
    /* Before a launch: may ask for what is to be counted (watched, by_instruction). */
    void (*begin)(void *context, ptx_launch *launch);
    /* After it. Neither may call the CUDA runtime. */
    void (*end)(void *context, const ptx_launch *launch, const ptx_report *report);
    void *context;
} launch_observer;

/* From now on, on all devices; NULL: nobody watches any more. Not while anything runs. */
void launch_observe(const launch_observer *observer);

#endif
