#include "launch/bench_report.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/json.h"

static kvspan_bench_setting *new_setting(kvspan_bench_report *report, const char *key)
{
    assert(report->setting_count < KVSPAN_BENCH_MAX_SETTINGS);
    report->settings[report->setting_count].key = key;
    return &report->settings[report->setting_count++];
}

void kvspan_bench_report_set_text(kvspan_bench_report *report, const char *key, const char *text)
{
    assert(*text);
    (void)snprintf(new_setting(report, key)->text, KVSPAN_BENCH_TEXT_BYTES, "%s", text);
}

void kvspan_bench_report_set_number(kvspan_bench_report *report, const char *key, uint64_t number)
{
    new_setting(report, key)->number = number;
}

void kvspan_bench_report_add(kvspan_bench_report *report, const char *key, double value)
{
    kvspan_bench_figure *figure = report->figures;

    while (figure < report->figures + report->figure_count && strcmp(figure->key, key) != 0) {
        figure++;
    }
    if (figure == report->figures + report->figure_count) {
        assert(report->figure_count < KVSPAN_BENCH_MAX_FIGURES);
        report->figure_count++;
        figure->key = key;
    }
    assert(figure->count < KVSPAN_BENCH_MAX_ROUNDS);
    figure->values[figure->count++] = value;
}

void kvspan_bench_report_forget(kvspan_bench_report *report)
{
    memset(report->figures, 0, sizeof(report->figures));
    report->figure_count = 0;
}

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;

    return (a > b) - (a < b);
}

kvspan_bench_summary kvspan_bench_summarise(double *values, uint32_t count)
{
    assert(count > 0);
    qsort(values, count, sizeof(*values), compare);
    return (kvspan_bench_summary){ .median = (values[(count - 1) / 2] + values[count / 2]) / 2,
                                   .least = values[0],
                                   .most = values[count - 1] };
}

static bool write_text(kvspan_bench_report *report, FILE *file)
{
    bool is_written = true;

    for (uint32_t i = 0; is_written && i < report->setting_count; i++) {
        const kvspan_bench_setting *const setting = &report->settings[i];

        is_written = *setting->text
                         ? fprintf(file, "%-36s %s\n", setting->key, setting->text) > 0
                         : fprintf(file, "%-36s %" PRIu64 "\n", setting->key, setting->number) > 0;
    }
    for (uint32_t i = 0; is_written && i < report->figure_count; i++) {
        kvspan_bench_figure *const figure = &report->figures[i];
        const kvspan_bench_summary summary = kvspan_bench_summarise(figure->values, figure->count);

        is_written = fprintf(file, "%-36s %.4g [%.4g, %.4g]\n", figure->key, summary.median,
                             summary.least, summary.most) > 0;
    }
    return is_written;
}

static bool add_summary(kvspan_json *json, const char *key, const kvspan_bench_summary *summary)
{
    kvspan_json *const object = kvspan_json_object();
    const bool is_added = kvspan_json_add_real(object, "median", summary->median) &&
                          kvspan_json_add_real(object, "min", summary->least) &&
                          kvspan_json_add_real(object, "max", summary->most);

    if (!is_added) {
        kvspan_json_free(object);
        return false;
    }
    return kvspan_json_add(json, key, object);
}

static char *make_json(kvspan_bench_report *report)
{
    kvspan_json *const json = kvspan_json_object();
    bool is_added = json != NULL;
    char *text = NULL;

    for (uint32_t i = 0; is_added && i < report->setting_count; i++) {
        const kvspan_bench_setting *const setting = &report->settings[i];

        is_added = *setting->text
                       ? kvspan_json_add_text(json, setting->key, setting->text)
                       : kvspan_json_add_integer(json, setting->key, (int64_t)setting->number);
    }
    for (uint32_t i = 0; is_added && i < report->figure_count; i++) {
        kvspan_bench_figure *const figure = &report->figures[i];
        const kvspan_bench_summary summary = kvspan_bench_summarise(figure->values, figure->count);

        is_added = add_summary(json, figure->key, &summary);
    }
    if (is_added) {
        text = kvspan_json_write(json);
    }
    kvspan_json_free(json);
    return text;
}

kvspan_status kvspan_bench_report_write(kvspan_bench_report *report, bool is_json, FILE *file,
                                        kvspan_error *error)
{
    bool is_written;

    if (is_json) {
        char *const text = make_json(report);

        if (!text) {
            return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for the report");
        }
        is_written = fprintf(file, "%s\n", text) > 0;
        free(text);
    } else {
        is_written = write_text(report, file);
    }
    if (!is_written || fflush(file) != 0) {
        return kvspan_fail(error, KVSPAN_ERR_IO, "the report cannot be written: %s",
                           strerror(errno));
    }
    return KVSPAN_OK;
}
