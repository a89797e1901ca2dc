#include "launch/run.h"

#include <inttypes.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <kvspan/mpi.h>

#include "launch/engine.h"
#include "launch/exit_codes.h"
#include "launch/stop_signals.h"

enum {
    /* A launcher kills the other ranks as soon as one has ended badly: they get this long to say
     * what they saw. */
    LINGER_MS = 300
};

/* What a run came to, over all ranks. */
typedef struct run_totals {
    kvspan_tally tally;
    kvspan_digest digest;
    uint64_t digest_rows;
    uint64_t exchange_bytes;
    uint64_t verified_rows;
    uint64_t sampled_rows;
    uint64_t failed_rows;
    uint64_t changed_tokens;
    double worst_ratio;
    kvspan_oracle_place worst;
    kvspan_oracle_verdict worst_verdict;
    kvspan_comparison_result comparison;
    bool was_stopped;
    double seconds;          /* of the slowest rank */
    kvspan_report_gpu *gpus; /* [rank_count] */
} run_totals;

/* ---- totals -----------------------------------------------------------------------------------
 */

static void add_model(run_totals *totals, const kvspan_model_result *model)
{
    totals->digest = kvspan_digest_add(totals->digest, model->digest);
    totals->digest_rows += model->rows;
    totals->changed_tokens += model->changed_tokens;
    totals->failed_rows += model->failed_rows;
    if (model->verified_rows > 0 &&
        (totals->verified_rows == 0 || !(model->worst_ratio <= totals->worst_ratio))) {
        totals->worst_ratio = model->worst_ratio;
        totals->worst = model->worst;
        totals->worst_verdict = model->worst_verdict;
    }
    totals->verified_rows += model->verified_rows;
    kvspan_comparison_merge(&totals->comparison, &model->comparison);
}

/* Collective: what all ranks brought home, on all ranks. */
static kvspan_status gather_totals(const kvspan_session *session, const kvspan_engine_result *mine,
                                   run_totals *totals, kvspan_error *error)
{
    kvspan_engine_result *const all = calloc(session->rank_count, sizeof(*all));
    kvspan_status status;

    totals->gpus = calloc(session->rank_count, sizeof(*totals->gpus));
    if (!all || !totals->gpus) {
        free(all);
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u ranks' results",
                           session->rank_count);
    }
    status = kvspan_comm_all_gather(session->comm, mine, sizeof(*mine), all,
                                    session->options->deadline_ms, error);
    for (uint32_t i = 0; status == KVSPAN_OK && i < session->rank_count; i++) {
        totals->gpus[i] = all[i].gpu;
        kvspan_tally_merge(&totals->tally, &all[i].tally);
        add_model(totals, &all[i].model);
        totals->exchange_bytes += all[i].exchange_bytes;
        totals->sampled_rows += all[i].sampled_rows;
        totals->was_stopped = totals->was_stopped || all[i].was_stopped;
        totals->seconds = all[i].seconds > totals->seconds ? all[i].seconds : totals->seconds;
    }
    free(all);
    return status;
}

/* ---- checks -----------------------------------------------------------------------------------
 */

static bool complain(bool is_wrong, const char *what, uint64_t found, uint64_t expected)
{
    if (is_wrong) {
        (void)fprintf(stderr, "kvspan: check failed: %s: %" PRIu64 ", expected %" PRIu64 "\n", what,
                      found, expected);
    }
    return is_wrong;
}

/* All checks, each with a line on standard error if it fails. */
static bool checks_fail(const kvspan_session *session, const run_totals *totals)
{
    const kvspan_tally *const tally = &totals->tally;
    const uint64_t tokens = tally->tokens_appended - tally->tokens_recomputed;
    const uint64_t finished_tokens =
        tally->prompt_tokens + tally->generated_tokens - tally->requests_finished;
    const uint64_t rows = tokens * session->plays.shape.layer_count * session->plays.shape.q_heads;
    bool fails =
        complain(totals->failed_rows > 0, "rows beyond their bound", totals->failed_rows, 0);

    fails |=
        complain(totals->comparison.failed_rows > 0, "rows that differ from those compared with",
                 totals->comparison.failed_rows, 0);
    fails |= complain(totals->changed_tokens > 0, "recomputed tokens with other bytes",
                      totals->changed_tokens, 0);
    if (totals->was_stopped) {
        return fails;
    }
    fails |=
        complain(tokens != finished_tokens, "tokens of finished requests", tokens, finished_tokens);
    fails |= complain(tally->pages_in_use > 0, "pages in use at the end", tally->pages_in_use, 0);
    fails |= complain(totals->verified_rows < totals->sampled_rows, "sampled rows verified",
                      totals->verified_rows, totals->sampled_rows);
    if (session->model) {
        fails |=
            complain(totals->digest_rows != rows, "rows in the digest", totals->digest_rows, rows);
    }
    return fails;
}

/* ---- report -----------------------------------------------------------------------------------
 */

static void describe_worst(const run_totals *totals, char *text, size_t text_bytes)
{
    const kvspan_oracle_place *const place = &totals->worst;
    const kvspan_oracle_verdict *const verdict = &totals->worst_verdict;

    text[0] = '\0';
    if (totals->verified_rows > 0) {
        (void)snprintf(text, text_bytes,
                       "request %" PRIu64 " position %" PRIu64
                       " layer %u head %u dim %u: %.9g, expected %.9g",
                       place->request, place->position, place->layer, place->q_head,
                       verdict->worst_dim, verdict->actual, verdict->expected);
    }
}

static void describe_difference(const kvspan_comparison_result *comparison, char *text,
                                size_t text_bytes)
{
    const kvspan_oracle_place *const place = &comparison->worst;

    text[0] = '\0';
    if (comparison->rows > 0) {
        (void)snprintf(text, text_bytes,
                       "request %" PRIu64 " position %" PRIu64
                       " layer %u head %u dim %u: %.9g, compared with %.9g",
                       place->request, place->position, place->layer, place->q_head,
                       comparison->worst_dim, comparison->actual, comparison->expected);
    }
}

static kvspan_status write_report(const kvspan_session *session, const run_totals *totals,
                                  kvspan_error *error)
{
    char worst[200];
    char difference[200];
    char mesh[24];
    const kvspan_run_options *const options = session->options;
    const kvspan_device_description device = kvspan_device_describe(session->device);
    const bool is_gpu = kvspan_device_choice_is_gpu(&options->device);
    const bool has_nccl = is_gpu && options->exchange == KVSPAN_EXCHANGE_NCCL;
    kvspan_report report = { .tally = &totals->tally,
                             .seconds = totals->seconds,
                             .exchange_bytes = totals->exchange_bytes,
                             .output_digest = totals->digest,
                             .verify_rows = totals->verified_rows,
                             .verify_max_error = totals->worst_verdict.max_error,
                             .verify_bound = totals->worst_verdict.bound,
                             .verify_worst = worst,
                             .compare_device = session->options->compare.name,
                             .compare_rows = totals->comparison.rows,
                             .compare_max_difference = totals->comparison.max_difference,
                             .compare_worst = difference,
                             .mesh = session->options->mesh,
                             .rank_count = session->rank_count,
                             .device = device.name,
                             .device_isa = device.isa,
                             .gpus = is_gpu ? totals->gpus : NULL,
                             .exchanges = has_nccl ? "nccl" : "host" };

    describe_worst(totals, worst, sizeof(worst));
    describe_difference(&totals->comparison, difference, sizeof(difference));
    if (!report.mesh) {
        (void)snprintf(mesh, sizeof(mesh), "tp:%u", session->rank_count);
        report.mesh = mesh;
    }
    return session->options->is_json ? kvspan_report_write_json(&report, stdout, error)
                                     : kvspan_report_write_text(&report, stdout, error);
}

/* ---- the run ----------------------------------------------------------------------------------
 */

/* A rank that cannot go on says so, gives the others time to do the same, and leaves without the
 * collective end that a late rank would keep it in. */
_Noreturn static void leave(uint32_t rank, const kvspan_error *error)
{
    const struct timespec linger = { .tv_nsec = LINGER_MS * 1000000L };

    (void)fprintf(stderr, "kvspan: rank %u: %s: %s\n", rank, kvspan_status_name(error->status),
                  error->message);
    (void)fflush(NULL);
    (void)nanosleep(&linger, NULL);
    _exit(kvspan_exit_code_of(error->status));
}

/* All ranks know of it and come back together: one line is enough. */
static kvspan_exit_code refuse(uint32_t rank, const kvspan_error *error)
{
    if (rank == 0) {
        (void)fprintf(stderr, "kvspan: %s: %s\n", kvspan_status_name(error->status),
                      error->message);
    }
    return kvspan_exit_code_of(error->status);
}

static bool is_about_peers(kvspan_status status)
{
    return kvspan_exit_code_of(status) == KVSPAN_EXIT_PEER;
}

static kvspan_exit_code conclude(const kvspan_session *session, const run_totals *totals)
{
    kvspan_error error;
    kvspan_exit_code code =
        totals->tally.requests_refused > 0 ? KVSPAN_EXIT_REFUSALS : KVSPAN_EXIT_GOOD;

    if (session->rank != 0) {
        return code;
    }
    if (write_report(session, totals, &error) != KVSPAN_OK) {
        return refuse(session->rank, &error);
    }
    return checks_fail(session, totals) ? KVSPAN_EXIT_CHECK_FAILED : code;
}

static kvspan_exit_code run_session(kvspan_session *session)
{
    kvspan_engine_result *const result = calloc(1, sizeof(*result));
    run_totals *const totals = calloc(1, sizeof(*totals));
    kvspan_exit_code code = KVSPAN_EXIT_GOOD;
    kvspan_error error;
    kvspan_status status;

    if (!result || !totals) {
        (void)kvspan_fail(&error, KVSPAN_ERR_MEMORY, "no memory for the results");
        leave(session->rank, &error);
    }
    status = kvspan_engine_run(session, result, &error);
    if (status == KVSPAN_OK) {
        status = gather_totals(session, result, totals, &error);
    }
    if (status != KVSPAN_OK) {
        leave(session->rank, &error);
    }
    code = conclude(session, totals);
    free(result);
    free(totals->gpus);
    free(totals);
    return code;
}

static kvspan_exit_code run_on(kvspan_comm *comm, const kvspan_run_options *options)
{
    const uint32_t rank = kvspan_comm_rank(comm);
    kvspan_session session;
    kvspan_exit_code code;
    kvspan_error error;
    /* First of all: a signal that comes during the set-up ends the run at its first step. */
    kvspan_status status = kvspan_stop_signals_install(&error);

    if (status == KVSPAN_OK) {
        status = kvspan_session_init(&session, options, comm, &error);
    }
    if (is_about_peers(status)) {
        leave(rank, &error);
    }
    if (status != KVSPAN_OK) {
        return refuse(rank, &error);
    }
    code = run_session(&session);
    kvspan_session_fini(&session);
    return code;
}

int kvspan_run(const kvspan_run_options *options)
{
    kvspan_comm *comm = NULL;
    kvspan_exit_code code = KVSPAN_EXIT_PEER;
    kvspan_error error;
    int provided = 0;

    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
        (void)fprintf(stderr, "kvspan: MPI_Init_thread failed\n");
        return code;
    }
    if (kvspan_comm_create_mpi(MPI_COMM_WORLD, options->deadline_ms, &comm, &error) == KVSPAN_OK) {
        code = run_on(comm, options);
        kvspan_comm_destroy(comm);
    } else {
        (void)fprintf(stderr, "kvspan: %s: %s\n", kvspan_status_name(error.status), error.message);
    }
    (void)MPI_Finalize();
    return code;
}
