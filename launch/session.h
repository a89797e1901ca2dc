/** @file
 * Everything one rank needs for a run, made from its options: requests, peers, cache, model,
 * scheduler.
 */
#ifndef KVSPAN_LAUNCH_SESSION_H
#define KVSPAN_LAUNCH_SESSION_H

#include <kvspan/comm.h>
#include <kvspan/device.h>

#include "launch/arrivals.h"
#include "launch/model.h"
#include "launch/run_model.h"
#include "launch/trace.h"

typedef struct kvspan_session {
    const kvspan_run_options *options;
    kvspan_comm *comm;
    uint32_t rank;
    uint32_t rank_count;
    uint32_t node_rank;       /* among the ranks of this machine */
    kvspan_trace trace;       /* of all step groups, tags are indices */
    kvspan_trace own;         /* of this step group in the order of submission, tags of the trace */
    kvspan_arrivals arrivals; /* of the same; the coordinator's clock */
    kvspan_run_model plays;   /* what kind of model */
    uint64_t max_sequence_tokens;
    kvspan_device *device;
    kvspan_cache *cache;
    kvspan_shard shard;
    kvspan_sample *sample;       /* NULL unless rows are verified */
    kvspan_scheduler *scheduler; /* on the coordinator */
    kvspan_model *model;         /* NULL without attention */
} kvspan_session;

/* Collective over the communicator; every rank gets the lowest failing rank's error. options and
 * comm outlive the session. */
kvspan_status kvspan_session_init(kvspan_session *session, const kvspan_run_options *options,
                                  kvspan_comm *comm, kvspan_error *error);
void kvspan_session_fini(kvspan_session *session);

#endif
