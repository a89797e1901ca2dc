#include "launch/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/json.h"

enum {
    DIGEST_TEXT_BYTES = 33 /* 32 hex digits */
};

void kvspan_tally_take(kvspan_tally *tally, const kvspan_scheduler_counts *scheduler,
                       const kvspan_ledger_counts *ledger)
{
    tally->requests_finished = scheduler->finished;
    tally->requests_refused = scheduler->refused;
    tally->prompt_tokens = scheduler->prompt_tokens;
    tally->generated_tokens = scheduler->generated_tokens;
    tally->tokens_appended = scheduler->tokens_appended;
    tally->tokens_recomputed = scheduler->tokens_recomputed;
    tally->preemptions = scheduler->preemptions;
    tally->steps = scheduler->steps;
    tally->pages_total = ledger->pages_total;
    tally->pages_high_water = ledger->pages_high_water;
    tally->pages_in_use = ledger->pages_in_use;
}

void kvspan_tally_merge(kvspan_tally *tally, const kvspan_tally *other)
{
    tally->requests_finished += other->requests_finished;
    tally->requests_refused += other->requests_refused;
    tally->prompt_tokens += other->prompt_tokens;
    tally->generated_tokens += other->generated_tokens;
    tally->tokens_appended += other->tokens_appended;
    tally->tokens_recomputed += other->tokens_recomputed;
    tally->preemptions += other->preemptions;
    tally->steps += other->steps;
    tally->pages_total += other->pages_total;
    tally->pages_high_water += other->pages_high_water;
    tally->pages_in_use += other->pages_in_use;
    kvspan_percentiles_merge(&tally->step_us, &other->step_us);
    kvspan_percentiles_merge(&tally->broadcast_bytes, &other->broadcast_bytes);
}

static double tokens_per_second(const kvspan_report *report)
{
    return report->seconds > 0 ? (double)report->tally->tokens_appended / report->seconds : 0;
}

static void print_digest(kvspan_digest digest, char text_out[DIGEST_TEXT_BYTES])
{
    (void)snprintf(text_out, DIGEST_TEXT_BYTES, "%016" PRIx64 "%016" PRIx64, digest.high,
                   digest.low);
}

static kvspan_status finish(FILE *file, bool is_written, kvspan_error *error)
{
    if (!is_written || fflush(file) != 0) {
        return kvspan_fail(error, KVSPAN_ERR_IO, "the report cannot be written: %s",
                           strerror(errno));
    }
    return KVSPAN_OK;
}

static bool write_gpus(const kvspan_report *report, FILE *file)
{
    bool is_written = true;

    for (uint32_t i = 0; is_written && report->gpus && i < report->rank_count; i++) {
        const kvspan_report_gpu *const gpu = &report->gpus[i];

        is_written = fprintf(file, "gpu         rank %u: %u, %s, %s\n", i, gpu->index, gpu->isa,
                             gpu->model) > 0;
    }
    return is_written;
}

static bool write_work(const kvspan_report *report, FILE *file)
{
    const kvspan_tally *tally = report->tally;

    return fprintf(file, "requests    %" PRIu64 " finished, %" PRIu64 " refused\n",
                   tally->requests_finished, tally->requests_refused) > 0 &&
           fprintf(file, "tokens      %" PRIu64 " of prompts, %" PRIu64 " generated\n",
                   tally->prompt_tokens, tally->generated_tokens) > 0 &&
           fprintf(file,
                   "            %" PRIu64 " appended, %" PRIu64 " of them recomputed after %" PRIu64
                   " preemptions\n",
                   tally->tokens_appended, tally->tokens_recomputed, tally->preemptions) > 0 &&
           fprintf(file,
                   "pages       %" PRIu64 " in all, %" PRIu64 " at most, %" PRIu64
                   " still in use\n",
                   tally->pages_total, tally->pages_high_water, tally->pages_in_use) > 0;
}

static bool write_cost(const kvspan_report *report, FILE *file)
{
    const kvspan_tally *tally = report->tally;

    return fprintf(file, "time        %.3f s, %.0f tokens/s, %" PRIu64 " steps\n", report->seconds,
                   tokens_per_second(report), tally->steps) > 0 &&
           fprintf(file,
                   "a step      %" PRIu64 " us at the median, %" PRIu64
                   " us at the 99th percentile\n",
                   kvspan_percentiles_value(&tally->step_us, 50),
                   kvspan_percentiles_value(&tally->step_us, 99)) > 0 &&
           fprintf(file,
                   "broadcast   %" PRIu64 " bytes a step at the median, %" PRIu64
                   " at the 99th percentile\n",
                   kvspan_percentiles_value(&tally->broadcast_bytes, 50),
                   kvspan_percentiles_value(&tally->broadcast_bytes, 99)) > 0 &&
           fprintf(file, "exchange    %" PRIu64 " bytes\n", report->exchange_bytes) > 0;
}

kvspan_status kvspan_report_write_text(const kvspan_report *report, FILE *file, kvspan_error *error)
{
    char digest[DIGEST_TEXT_BYTES];
    bool is_written = fprintf(file, "kvspan %s   mesh %s, %u ranks\n", kvspan_version(),
                              report->mesh, report->rank_count) > 0 &&
                      fprintf(file, "device      %s, %s; exchanges by %s\n", report->device,
                              report->device_isa, report->exchanges) > 0 &&
                      write_gpus(report, file) && write_work(report, file) &&
                      write_cost(report, file);

    print_digest(report->output_digest, digest);
    is_written = is_written && fprintf(file, "output      digest %s\n", digest) > 0;
    if (report->verify_rows > 0) {
        is_written = is_written &&
                     fprintf(file,
                             "verified    %" PRIu64 " rows; the worst is off by %.3g, its bound is "
                             "%.3g: %s\n",
                             report->verify_rows, report->verify_max_error, report->verify_bound,
                             report->verify_worst) > 0;
    }
    if (report->compare_device) {
        is_written = is_written &&
                     fprintf(file,
                             "compared    %" PRIu64 " rows with device %s; the largest difference "
                             "is %.3g: %s\n",
                             report->compare_rows, report->compare_device,
                             report->compare_max_difference, report->compare_worst) > 0;
    }
    return finish(file, is_written, error);
}

static bool add_work(const kvspan_tally *tally, kvspan_json *json)
{
    return kvspan_json_add_integer(json, "requests_finished", (int64_t)tally->requests_finished) &&
           kvspan_json_add_integer(json, "requests_refused", (int64_t)tally->requests_refused) &&
           kvspan_json_add_integer(json, "prompt_tokens", (int64_t)tally->prompt_tokens) &&
           kvspan_json_add_integer(json, "generated_tokens", (int64_t)tally->generated_tokens) &&
           kvspan_json_add_integer(json, "tokens_appended", (int64_t)tally->tokens_appended) &&
           kvspan_json_add_integer(json, "tokens_recomputed", (int64_t)tally->tokens_recomputed) &&
           kvspan_json_add_integer(json, "steps", (int64_t)tally->steps);
}

static bool add_percentile(kvspan_json *json, const char *key,
                           const kvspan_percentiles *percentiles, double percent)
{
    return kvspan_json_add_integer(json, key,
                                   (int64_t)kvspan_percentiles_value(percentiles, percent));
}

static bool add_time(const kvspan_report *report, kvspan_json *json)
{
    const kvspan_percentiles *step_us = &report->tally->step_us;

    return kvspan_json_add_real(json, "seconds", report->seconds) &&
           kvspan_json_add_real(json, "tokens_per_second", tokens_per_second(report)) &&
           add_percentile(json, "step_us_p50", step_us, 50) &&
           add_percentile(json, "step_us_p99", step_us, 99);
}

static bool add_memory_and_bytes(const kvspan_report *report, kvspan_json *json)
{
    const kvspan_tally *tally = report->tally;
    const kvspan_percentiles *bytes = &tally->broadcast_bytes;

    return kvspan_json_add_integer(json, "pages_total", (int64_t)tally->pages_total) &&
           kvspan_json_add_integer(json, "pages_high_water", (int64_t)tally->pages_high_water) &&
           kvspan_json_add_integer(json, "pages_in_use", (int64_t)tally->pages_in_use) &&
           kvspan_json_add_integer(json, "preemptions", (int64_t)tally->preemptions) &&
           add_percentile(json, "broadcast_bytes_p50", bytes, 50) &&
           add_percentile(json, "broadcast_bytes_p99", bytes, 99) &&
           kvspan_json_add_integer(json, "exchange_bytes", (int64_t)report->exchange_bytes);
}

static bool append_gpu(kvspan_json *array, const kvspan_report_gpu *gpu)
{
    kvspan_json *const object = kvspan_json_object();

    if (!kvspan_json_add_integer(object, "index", gpu->index) ||
        !kvspan_json_add_text(object, "isa", gpu->isa) ||
        !kvspan_json_add_text(object, "model", gpu->model)) {
        kvspan_json_free(object);
        return false;
    }
    return kvspan_json_append(array, object);
}

/* One for each rank, in their order; none of other devices. */
static bool add_gpus(const kvspan_report *report, kvspan_json *json)
{
    kvspan_json *const array = kvspan_json_array();
    bool is_added = array != NULL;

    for (uint32_t i = 0; is_added && report->gpus && i < report->rank_count; i++) {
        is_added = append_gpu(array, &report->gpus[i]);
    }
    if (!is_added) {
        kvspan_json_free(array);
        return false;
    }
    return kvspan_json_add(json, "gpus", array);
}

static bool add_output(const kvspan_report *report, kvspan_json *json)
{
    char digest[DIGEST_TEXT_BYTES];

    print_digest(report->output_digest, digest);
    return kvspan_json_add_text(json, "output_digest", digest) &&
           kvspan_json_add_integer(json, "verify_rows", (int64_t)report->verify_rows) &&
           kvspan_json_add_real(json, "verify_max_error", report->verify_max_error) &&
           kvspan_json_add_real(json, "verify_bound", report->verify_bound) &&
           kvspan_json_add_text(json, "verify_worst", report->verify_worst) &&
           kvspan_json_add_integer(json, "compare_rows", (int64_t)report->compare_rows) &&
           kvspan_json_add_real(json, "compare_max_difference", report->compare_max_difference) &&
           kvspan_json_add_text(json, "compare_worst", report->compare_worst) &&
           kvspan_json_add_text(json, "mesh", report->mesh) &&
           kvspan_json_add_integer(json, "ranks", report->rank_count) &&
           kvspan_json_add_text(json, "device", report->device) &&
           kvspan_json_add_text(json, "device_isa", report->device_isa) && add_gpus(report, json) &&
           kvspan_json_add_text(json, "exchanges", report->exchanges) &&
           kvspan_json_add_text(json, "version", kvspan_version());
}

kvspan_status kvspan_report_write_json(const kvspan_report *report, FILE *file, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;
    kvspan_json *json = kvspan_json_object();
    char *text = NULL;

    if (add_work(report->tally, json) && add_time(report, json) &&
        add_memory_and_bytes(report, json) && add_output(report, json)) {
        text = kvspan_json_write(json);
    }
    if (text) {
        status = finish(file, fprintf(file, "%s\n", text) > 0, error);
    } else {
        status = kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for the report");
    }
    free(text);
    kvspan_json_free(json);
    return status;
}
