/** @file
 * Built-in workloads: requests whose lengths are drawn from a published distribution, for runs
 * without a trace file. Seeded; the same requests on every machine.
 *
 * The distribution is that of the Azure LLM inference trace 2023, conversation (19,366 requests;
 * github.com/Azure/AzurePublicDataset, CC-BY-4.0), described in P. Patel et al., "Splitwise:
 * Efficient Generative LLM Inference Using Phase Splitting", ISCA 2024: median prompt 1020 tokens,
 * median output 129. Lengths are drawn by its quantiles, with straight lines between them, prompt
 * and output independently.
 */
#ifndef KVSPAN_LAUNCH_WORKLOAD_H
#define KVSPAN_LAUNCH_WORKLOAD_H

#include "launch/trace.h"

/* What the workloads are called, for help texts and messages. */
#define KVSPAN_WORKLOAD_NAMES "conversation, short"

/* Makes `count` requests, all arriving at 0 ms. Request i depends on name, seed and i alone.
 * ARGUMENT: no workload has that name (lists them), or count is not in [1,
 * KVSPAN_TRACE_MAX_REQUESTS]; MEMORY. The caller ends the trace with kvspan_trace_fini(). */
kvspan_status kvspan_workload_make(const char *name, uint64_t seed, uint64_t count,
                                   kvspan_trace *trace_out, kvspan_error *error);

#endif
