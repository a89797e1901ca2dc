/** @file
 * The engine's loop on one rank: plan, begin, attend, end, until nothing is left or a signal asks
 * to stop. The coordinator's rider says when a step is the last.
 */
#ifndef KVSPAN_LAUNCH_ENGINE_H
#define KVSPAN_LAUNCH_ENGINE_H

#include "launch/report.h"
#include "launch/session.h"

/* What one rank brings home. A plain struct without pointers: ranks can send it. */
typedef struct kvspan_engine_result {
    kvspan_tally tally; /* the coordinator's; zero on other ranks */
    kvspan_model_result model;
    uint64_t exchange_bytes;
    uint64_t sampled_rows; /* chosen to be verified, on the coordinator */
    uint32_t was_stopped;  /* by a signal */
    kvspan_report_gpu gpu; /* if the device is one */
    double seconds;
} kvspan_engine_result;

/* Collective over the step group. LATE also where the coordinator sends no step for the deadline.
 */
kvspan_status kvspan_engine_run(kvspan_session *session, kvspan_engine_result *result_out,
                                kvspan_error *error);

#endif
