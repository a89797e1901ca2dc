#include "launch/session.h"

#include <stdlib.h>
#include <string.h>

#include "launch/gpu.h"
#include "launch/node_rank.h"
#include "launch/trace_file.h"
#include "launch/workload.h"

/* What a rank tells the others about a phase of its own. */
typedef struct outcome {
    kvspan_status status;
    kvspan_error error;
} outcome;

/* Collective: the lowest failing rank's error on all. */
static kvspan_status agree(kvspan_session *session, kvspan_status status, const kvspan_error *local,
                           kvspan_error *error)
{
    outcome mine = { .status = status };
    outcome *const all = calloc(session->rank_count, sizeof(*all));
    kvspan_status result;

    if (!all) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u ranks' outcomes",
                           session->rank_count);
    }
    if (status != KVSPAN_OK) {
        mine.error = *local;
    }
    result = kvspan_comm_all_gather(session->comm, &mine, sizeof(mine), all,
                                    session->options->deadline_ms, error);
    for (uint32_t i = 0; result == KVSPAN_OK && i < session->rank_count; i++) {
        if (all[i].status != KVSPAN_OK) {
            *error = all[i].error;
            result = all[i].status;
        }
    }
    free(all);
    return result;
}

static kvspan_status read_requests(kvspan_session *session, kvspan_error *error)
{
    const kvspan_run_options *const options = session->options;
    kvspan_status status;

    status = options->trace_path
                 ? kvspan_trace_file_read(options->trace_path, options->request_count,
                                          &session->trace, error)
                 : kvspan_workload_make(options->workload, options->seed, options->request_count,
                                        &session->trace, error);
    if (status == KVSPAN_OK) {
        kvspan_trace_scale(&session->trace, options->scale);
    }
    return status;
}

static kvspan_cache_config config_of(const kvspan_session *session)
{
    const kvspan_run_options *const options = session->options;

    return (kvspan_cache_config){ .size = sizeof(kvspan_cache_config),
                                  .group_count = session->plays.group_count,
                                  .groups = session->plays.groups,
                                  .page_tokens = options->page_tokens,
                                  .slot_count = options->slot_count,
                                  .max_sequence_tokens = session->max_sequence_tokens,
                                  .max_step_tokens = options->token_budget,
                                  .page_count = options->page_count,
                                  .memory_limit_bytes = options->memory_limit_bytes,
                                  .memory_utilization = options->memory_utilization,
                                  .heads_policy = options->heads_policy,
                                  .mesh = options->mesh,
                                  .partition_axis = options->partition_axis,
                                  .deadline_ms = options->deadline_ms,
                                  .flags = options->no_attention ? KVSPAN_CACHE_NO_ARENA : 0 };
}

/* Whether the pages asked for hold a sequence of so many tokens, on ranks with plenty of memory. */
static kvspan_status does_fit(const kvspan_session *session, uint64_t tokens,
                              const uint64_t *plenty, bool *does_fit_out, kvspan_error *error)
{
    kvspan_cache_config config = config_of(session);
    kvspan_plan plan;
    kvspan_status status;

    config.max_sequence_tokens = tokens;
    status = kvspan_plan_capacity(&config, plenty, session->rank_count, &plan, error);
    *does_fit_out = status == KVSPAN_OK;
    return status == KVSPAN_ERR_NEVER_FITS ? KVSPAN_OK : status;
}

/* The longest sequence that fits, of those of at most `longest` tokens; at least 1. */
static kvspan_status find_longest_fit(const kvspan_session *session, uint64_t longest,
                                      const uint64_t *plenty, uint64_t *tokens_out,
                                      kvspan_error *error)
{
    uint64_t low = 1;
    uint64_t high = longest;
    bool fits = false;
    kvspan_status status = does_fit(session, longest, plenty, &fits, error);

    while (status == KVSPAN_OK && !fits && low < high) {
        const uint64_t middle = low + (high - low + 1) / 2;
        bool middle_fits = false;

        status = does_fit(session, middle, plenty, &middle_fits, error);
        low = middle_fits ? middle : low;
        high = middle_fits ? high : middle - 1;
    }
    if (status == KVSPAN_OK) {
        *tokens_out = fits ? longest : low;
    }
    return status;
}

/* The longest request decides, unless the pages asked for cannot hold it: then it alone will be
 * refused, not the run. */
static kvspan_status choose_sequence_tokens(kvspan_session *session, kvspan_error *error)
{
    const uint64_t longest = kvspan_trace_longest(&session->trace);
    uint64_t *plenty;
    kvspan_status status;

    session->max_sequence_tokens = session->options->max_sequence_tokens;
    if (session->max_sequence_tokens > 0) {
        return KVSPAN_OK;
    }
    session->max_sequence_tokens = longest;
    if (session->options->page_count == 0) {
        return KVSPAN_OK;
    }
    plenty = calloc(session->rank_count, sizeof(*plenty));
    if (!plenty) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u ranks", session->rank_count);
    }
    for (uint32_t i = 0; i < session->rank_count; i++) {
        plenty[i] = UINT64_MAX;
    }
    status = find_longest_fit(session, longest, plenty, &session->max_sequence_tokens, error);
    free(plenty);
    return status;
}

/* Requests go to the step groups in turn. */
static kvspan_status take_requests(kvspan_session *session, kvspan_error *error)
{
    const kvspan_shard *const shard = &session->shard;
    const kvspan_trace *const trace = &session->trace;
    kvspan_trace *const own = &session->own;

    for (uint32_t i = shard->step_group; i < trace->count; i += shard->step_group_count) {
        const kvspan_request *const request = &trace->requests[i];
        const kvspan_status status = kvspan_trace_add(
            own, request->prompt_tokens, request->output_tokens, trace->arrivals_ms[i], error);

        if (status != KVSPAN_OK) {
            return status;
        }
        own->requests[own->count - 1].tag = request->tag;
    }
    return session->options->honours_arrivals ? kvspan_trace_sort(own, error) : KVSPAN_OK;
}

static kvspan_arrivals arrivals_of(const kvspan_session *session)
{
    const kvspan_run_options *const options = session->options;

    return (kvspan_arrivals){ .requests = session->own.requests,
                              .times_ms =
                                  options->honours_arrivals ? session->own.arrivals_ms : NULL,
                              .request_count = session->own.count,
                              .step_ms = options->step_ms };
}

static kvspan_scheduler_config scheduler_config_of(const kvspan_session *session)
{
    return (kvspan_scheduler_config){ .size = sizeof(kvspan_scheduler_config),
                                      .token_budget = session->options->token_budget,
                                      .page_tokens =
                                          (uint32_t)kvspan_cache_plan(session->cache).page_tokens,
                                      .request_count = session->own.count + 1,
                                      .max_sequence_tokens = session->max_sequence_tokens };
}

/* Each step group checks its part of the rows asked for. */
static kvspan_status choose_sample(kvspan_session *session, kvspan_error *error)
{
    const kvspan_run_options *const options = session->options;
    const kvspan_shard *const shard = &session->shard;
    const uint64_t groups = shard->step_group_count;
    kvspan_sample_config config = {
        .rehearsal = { .ledger = { .size = sizeof(kvspan_ledger_config),
                                   .group_count = session->plays.group_count,
                                   .page_count =
                                       (uint32_t)kvspan_cache_plan(session->cache).page_count,
                                   .slot_count = options->slot_count,
                                   .page_tokens = options->page_tokens,
                                   .token_members = shard->tokens.member_count,
                                   .max_step_tokens = options->token_budget,
                                   .max_sequence_tokens = session->max_sequence_tokens },
                       .scheduler = scheduler_config_of(session),
                       .arrivals = arrivals_of(session) },
        .seed = options->seed,
        .row_count = (options->verify_rows + groups - 1) / groups,
        .layer_count = session->plays.shape.layer_count,
        .q_heads = session->plays.shape.q_heads,
        .head_parts = shard->head_member_count,
        .page_tokens = options->page_tokens
    };

    if (options->verify_rows == 0 || options->no_attention) {
        return KVSPAN_OK;
    }
    for (uint32_t i = 0; i < session->plays.group_count; i++) {
        config.rehearsal.ledger.group_windows[i] = session->plays.groups[i].window_tokens;
    }
    return kvspan_sample_create(&config, &session->sample, error);
}

static kvspan_status create_scheduler(kvspan_session *session, kvspan_error *error)
{
    const kvspan_scheduler_config config = scheduler_config_of(session);
    kvspan_ledger *const ledger = kvspan_cache_ledger(session->cache);

    if (!ledger) {
        return KVSPAN_OK;
    }
    session->arrivals = arrivals_of(session);
    return kvspan_scheduler_create(ledger, &config, &session->scheduler, error);
}

static kvspan_status create_model(kvspan_session *session, kvspan_error *error)
{
    const kvspan_run_options *const options = session->options;
    const kvspan_model_settings settings = {
        .model = &session->plays,
        .seed = options->seed,
        .max_step_tokens = options->token_budget,
        .request_count = session->trace.count,
        .requests = session->trace.requests,
        .gathers_heads = options->gather == KVSPAN_GATHER_HEADS,
        .sample = session->sample,
        .compare = options->compare.name ? &options->compare : NULL,
        .slot_count = options->slot_count,
        .max_sequence_tokens = session->max_sequence_tokens,
        .flips_bit = options->flip_bit_rank == (int64_t)session->rank
    };

    if (options->no_attention) {
        return KVSPAN_OK;
    }
    return kvspan_model_create(&settings, session->cache, session->device, &session->model, error);
}

/* What follows from the requests and the cache, without peers. */
static kvspan_status prepare_work(kvspan_session *session, kvspan_error *error)
{
    kvspan_status status = take_requests(session, error);

    if (status == KVSPAN_OK) {
        status = choose_sample(session, error);
    }
    if (status == KVSPAN_OK) {
        status = create_scheduler(session, error);
    }
    if (status == KVSPAN_OK) {
        status = create_model(session, error);
    }
    return status;
}

static kvspan_status open_cache(kvspan_session *session, kvspan_error *error)
{
    const kvspan_cache_config config = config_of(session);
    const kvspan_status status =
        kvspan_cache_create(&config, session->device, session->comm, &session->cache, error);

    return status == KVSPAN_OK ? kvspan_cache_shard(session->cache, 0, &session->shard, error)
                               : status;
}

static kvspan_status open_device(kvspan_session *session, kvspan_error *error)
{
    const kvspan_run_options *const options = session->options;
    const kvspan_status status =
        kvspan_device_choice_open(&options->device, session->node_rank, &session->device, error);

    return status == KVSPAN_OK && kvspan_device_choice_is_gpu(&options->device) &&
                   options->exchange == KVSPAN_EXCHANGE_NCCL
               ? kvspan_gpu_use_nccl(session->comm, error)
               : status;
}

kvspan_status kvspan_session_init(kvspan_session *session, const kvspan_run_options *options,
                                  kvspan_comm *comm, kvspan_error *error)
{
    kvspan_error local;
    kvspan_status status;

    memset(session, 0, sizeof(*session));
    session->options = options;
    session->comm = comm;
    session->rank = kvspan_comm_rank(comm);
    session->rank_count = kvspan_comm_rank_count(comm);
    status = kvspan_node_rank(comm, options->deadline_ms, &session->node_rank, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    status = kvspan_run_model_choose(options, &session->plays, &local);
    if (status == KVSPAN_OK) {
        status = read_requests(session, &local);
    }
    if (status == KVSPAN_OK) {
        status = choose_sequence_tokens(session, &local);
    }
    if (status == KVSPAN_OK) {
        status = open_device(session, &local);
    }
    status = agree(session, status, &local, error);
    if (status == KVSPAN_OK) {
        status = open_cache(session, error);
    }
    if (status == KVSPAN_OK) {
        status = prepare_work(session, &local);
        status = agree(session, status, &local, error);
    }
    if (status != KVSPAN_OK) {
        kvspan_session_fini(session);
    }
    return status;
}

void kvspan_session_fini(kvspan_session *session)
{
    kvspan_model_destroy(session->model);
    kvspan_scheduler_destroy(session->scheduler);
    kvspan_sample_destroy(session->sample);
    kvspan_cache_destroy(session->cache);
    kvspan_device_close(session->device);
    kvspan_trace_fini(&session->own);
    kvspan_trace_fini(&session->trace);
    memset(session, 0, sizeof(*session));
}
