/** @file
 * The main job: drives a cache through a workload on all ranks.
 */
#ifndef KVSPAN_LAUNCH_RUN_H
#define KVSPAN_LAUNCH_RUN_H

#include "launch/run_options.h"

/* Initialises MPI, runs, reports, finalises MPI. Collective over all processes of the job. Returns
 * a kvspan_exit_code. */
int kvspan_run(const kvspan_run_options *options);

#endif
