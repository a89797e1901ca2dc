#include "launch/engine.h"

#include <string.h>
#include <time.h>

#include "launch/progress.h"
#include "launch/stop_signals.h"

enum {
    NOTICE_STOP = 1, /* kvspan_cache_notify(): a signal came */
    /* How long a verdict on the coordinator may take to come around, once the deadline is over. */
    VERDICT_MS = 1000
};

typedef struct engine_loop {
    kvspan_session *session;
    kvspan_engine_result *result;
    kvspan_progress progress;
    bool is_over;
} engine_loop;

static uint64_t now_ns(void)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The coordinator's next step: the scheduler's, or an empty one whose rider ends the run. */
static kvspan_status plan(engine_loop *loop, kvspan_step **step_out, kvspan_error *error)
{
    static const char last[] = "last";
    kvspan_session *const session = loop->session;
    kvspan_ledger *const ledger = kvspan_cache_ledger(session->cache);
    kvspan_status status = KVSPAN_OK;

    *step_out = NULL;
    if (kvspan_cache_notices(session->cache) & NOTICE_STOP) {
        loop->result->was_stopped = 1;
    } else {
        status = kvspan_arrivals_plan(&session->arrivals, session->scheduler, step_out, error);
    }
    if (status == KVSPAN_OK && !*step_out) {
        status = kvspan_step_open(ledger, step_out, error);
        if (status == KVSPAN_OK) {
            status = kvspan_step_attach(*step_out, last, sizeof(last), error);
        }
    }
    return status;
}

/* A coordinator that works has always a step to send: one that does not is late. Unless it waits
 * for a rank itself: then its verdict is on the way. */
static kvspan_status begin(engine_loop *loop, kvspan_step *step, kvspan_step_view *view,
                           uint64_t last_epoch, kvspan_error *error)
{
    kvspan_session *const session = loop->session;
    const uint32_t coordinator = session->shard.coordinator_rank;
    kvspan_status status =
        kvspan_step_begin(session->cache, step, NULL, session->options->deadline_ms, view, error);

    if (status == KVSPAN_ERR_TIMEOUT) {
        status = kvspan_step_begin(session->cache, step, NULL, VERDICT_MS, view, error);
    }
    if (status == KVSPAN_ERR_TIMEOUT) {
        status = kvspan_fail_rank(error, KVSPAN_ERR_LATE, coordinator, last_epoch,
                                  "rank %u is late: the coordinator sent no step for %u ms, its "
                                  "last was epoch %llu",
                                  coordinator, session->options->deadline_ms + VERDICT_MS,
                                  (unsigned long long)last_epoch);
    }
    return status;
}

static void show_progress(engine_loop *loop, uint64_t at_ns)
{
    kvspan_session *const session = loop->session;
    kvspan_scheduler_counts scheduler;
    kvspan_ledger_counts ledger;
    kvspan_progress_state state;

    if (!kvspan_progress_is_due(&loop->progress, at_ns / 1000000u)) {
        return;
    }
    scheduler = kvspan_scheduler_count(session->scheduler);
    ledger = kvspan_ledger_count(kvspan_cache_ledger(session->cache));
    state = (kvspan_progress_state){ .requests_ended = scheduler.finished + scheduler.refused,
                                     .steps = scheduler.steps,
                                     .tokens = scheduler.tokens_appended,
                                     .pages_in_use = ledger.pages_in_use,
                                     .pages_total = ledger.pages_total };
    kvspan_progress_show(&loop->progress, &state, at_ns / 1000000u);
}

/* The coordinator's books of a step that has been done. */
static void record_step(engine_loop *loop, uint64_t start_ns)
{
    const uint64_t end_ns = now_ns();
    kvspan_tally *const tally = &loop->result->tally;

    kvspan_percentiles_add(&tally->step_us, (end_ns - start_ns) / 1000u);
    kvspan_percentiles_add(&tally->broadcast_bytes,
                           kvspan_cache_metrics(loop->session->cache).last_broadcast_bytes);
    show_progress(loop, end_ns);
}

static kvspan_status run_step(engine_loop *loop, kvspan_step_view *view, kvspan_error *error)
{
    kvspan_session *const session = loop->session;
    const uint64_t start_ns = now_ns();
    const uint64_t last_epoch = view->epoch;
    kvspan_step *step = NULL;
    kvspan_status status = KVSPAN_OK;

    if (kvspan_stop_signals_pending()) {
        kvspan_cache_notify(session->cache, NOTICE_STOP);
    }
    if (session->scheduler) {
        status = plan(loop, &step, error);
    }
    if (status == KVSPAN_OK) {
        status = begin(loop, step, view, last_epoch, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    loop->is_over = view->payload_bytes > 0;
    if (session->scheduler && !loop->is_over) {
        status = kvspan_scheduler_complete(session->scheduler, error);
    }
    if (status == KVSPAN_OK && session->model) {
        status = kvspan_model_step(session->model, view, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_step_end(session->cache, NULL, error);
    }
    if (status == KVSPAN_OK && session->scheduler && !loop->is_over) {
        record_step(loop, start_ns);
    }
    return status;
}

static kvspan_report_gpu gpu_of(const kvspan_device *device)
{
    const kvspan_device_description description = kvspan_device_describe(device);
    kvspan_report_gpu gpu = { .index = description.index };

    (void)snprintf(gpu.isa, sizeof(gpu.isa), "%s", description.isa);
    (void)snprintf(gpu.model, sizeof(gpu.model), "%s", description.model);
    return gpu;
}

static void take_result(engine_loop *loop, uint64_t start_ns)
{
    kvspan_session *const session = loop->session;
    kvspan_engine_result *const result = loop->result;

    result->seconds = (double)(now_ns() - start_ns) * 1e-9;
    result->exchange_bytes = kvspan_cache_metrics(session->cache).exchange_bytes;
    result->gpu = gpu_of(session->device);
    if (session->model) {
        result->model = kvspan_model_results(session->model);
    }
    if (session->scheduler) {
        const kvspan_scheduler_counts scheduler = kvspan_scheduler_count(session->scheduler);
        const kvspan_ledger_counts ledger =
            kvspan_ledger_count(kvspan_cache_ledger(session->cache));

        kvspan_tally_take(&result->tally, &scheduler, &ledger);
        result->sampled_rows = session->sample ? kvspan_sample_count(session->sample).rows : 0;
    }
}

kvspan_status kvspan_engine_run(kvspan_session *session, kvspan_engine_result *result_out,
                                kvspan_error *error)
{
    engine_loop loop = { .session = session, .result = result_out };
    kvspan_step_view view = { .epoch = 0 };
    const uint64_t start_ns = now_ns();
    kvspan_status status = KVSPAN_OK;

    memset(result_out, 0, sizeof(*result_out));
    if (session->scheduler && session->rank == 0) {
        kvspan_progress_init(&loop.progress, 2, session->options->is_progress, session->own.count);
    }
    while (status == KVSPAN_OK && !loop.is_over) {
        status = run_step(&loop, &view, error);
    }
    if (loop.progress.is_on) {
        kvspan_progress_end(&loop.progress);
    }
    if (status == KVSPAN_OK) {
        take_result(&loop, start_ns);
        status = kvspan_cache_check(session->cache, error);
    }
    return status;
}
