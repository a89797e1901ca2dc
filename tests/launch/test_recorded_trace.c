#include "launch/trace_file.h"
#include "launch/workload.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    AZURE_REQUESTS = 19366,
    MADE_REQUESTS = 50000
};

/* The path of a file of real data, NULL if there is none. */
static const char *data_path(const char *name, char path[4096])
{
    const char *folder = getenv("KVSPAN_TEST_DATA");

    if (!folder) {
        return NULL;
    }
    (void)snprintf(path, 4096, "%s/traces/%s", folder, name);
    return path;
}

START_TEST(the_recorded_hour_has_the_sums_that_others_counted)
{
    kvspan_trace trace = { 0 };
    kvspan_error error = { 0 };
    char path[4096];
    uint64_t prompts = 0;
    uint64_t outputs = 0;

    ck_assert_msg(kvspan_trace_file_read(data_path("mooncake_fast25_conversation.jsonl", path), 0,
                                         &trace, &error) == KVSPAN_OK,
                  "%s", error.message);
    for (uint32_t i = 0; i < trace.count; i++) {
        prompts += trace.requests[i].prompt_tokens;
        outputs += trace.requests[i].output_tokens;
    }
    ck_assert_uint_eq(trace.count, 12031);
    ck_assert_uint_eq(prompts, 144793823);
    ck_assert_uint_eq(outputs, 4122048);
    ck_assert_uint_eq(trace.requests[0].prompt_tokens, 6758);
    ck_assert_uint_eq(trace.requests[0].output_tokens, 500);
    kvspan_trace_fini(&trace);
}
END_TEST

/* Counted and summed by a script of its own from the files, arrivals in whole milliseconds. */
typedef struct recorded_sums {
    const char *name;
    uint32_t requests;
    uint64_t prompt_tokens;
    uint64_t output_tokens;
    uint64_t arrivals_ms;
    uint64_t last_arrival_ms;
} recorded_sums;

static const recorded_sums all_sums[] = {
    { "azure2023_conv.csv", 19366, 22361870, 4088665, 33473342048, 3501722 },
    { "agentic/trace_0026.json", 3, 52760, 5294, 240000, 146000 },
    { "agentic/trace_0066.json", 6, 793833, 1295, 273000, 92000 },
    { "agentic/trace_0110.json", 21, 2037166, 8459, 48017000, 4897000 },
    { "agentic/trace_0277.json", 53, 2576410, 31862, 19622530, 1002533 },
};

static void expect_sums(const recorded_sums *expected)
{
    recorded_sums found = { .name = expected->name };
    kvspan_trace trace = { 0 };
    kvspan_error error = { 0 };
    char path[4096];

    ck_assert_msg(kvspan_trace_file_read(data_path(expected->name, path), 0, &trace, &error) ==
                      KVSPAN_OK,
                  "%s", error.message);
    found.requests = trace.count;
    for (uint32_t i = 0; i < trace.count; i++) {
        ck_assert_uint_le(found.last_arrival_ms, trace.arrivals_ms[i]);
        found.prompt_tokens += trace.requests[i].prompt_tokens;
        found.output_tokens += trace.requests[i].output_tokens;
        found.arrivals_ms += trace.arrivals_ms[i];
        found.last_arrival_ms = trace.arrivals_ms[i];
    }
    kvspan_trace_fini(&trace);
    ck_assert_uint_eq(found.requests, expected->requests);
    ck_assert_uint_eq(found.prompt_tokens, expected->prompt_tokens);
    ck_assert_uint_eq(found.output_tokens, expected->output_tokens);
    ck_assert_uint_eq(found.arrivals_ms, expected->arrivals_ms);
    ck_assert_uint_eq(found.last_arrival_ms, expected->last_arrival_ms);
}

START_TEST(recorded_files_of_other_formats_have_the_sums_of_their_columns)
{
    for (size_t i = 0; i < sizeof(all_sums) / sizeof(all_sums[0]); i++) {
        expect_sums(&all_sums[i]);
    }
}
END_TEST

static int compare(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* Reads the two columns of lengths and sorts each. */
static void read_azure(uint64_t *prompts, uint64_t *outputs)
{
    char path[4096];
    char line[256];
    FILE *file = fopen(data_path("azure2023_conv.csv", path), "r");
    size_t count = 0;

    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file)); /* the header */
    while (fgets(line, sizeof(line), file)) {
        char *comma = strchr(line, ',');
        char *rest = NULL;

        if (!comma || count == AZURE_REQUESTS) {
            ck_abort_msg("not the file that was expected: %s", line);
        }
        prompts[count] = strtoull(comma + 1, &rest, 10);
        outputs[count] = strtoull(rest + 1, NULL, 10);
        count++;
    }
    ck_assert_uint_eq(count, AZURE_REQUESTS);
    (void)fclose(file);
    qsort(prompts, count, sizeof(prompts[0]), compare);
    qsort(outputs, count, sizeof(outputs[0]), compare);
}

static double mean_of(const uint64_t *lengths, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += (double)lengths[i];
    }
    return sum / (double)count;
}

/* Largest distance between the two distribution functions (Kolmogorov and Smirnov). Both sorted. */
static double distance_of(const uint64_t *a, size_t a_count, const uint64_t *b, size_t b_count)
{
    double largest = 0;
    size_t i = 0;
    size_t j = 0;

    while (i < a_count && j < b_count) {
        const uint64_t value = a[i] < b[j] ? a[i] : b[j];
        double distance;

        while (i < a_count && a[i] == value) {
            i++;
        }
        while (j < b_count && b[j] == value) {
            j++;
        }
        distance = (double)i / (double)a_count - (double)j / (double)b_count;
        distance = distance < 0 ? -distance : distance;
        largest = distance > largest ? distance : largest;
    }
    return largest;
}

static void expect_alike(const char *what, uint64_t *made, const uint64_t *real)
{
    const double made_mean = mean_of(made, MADE_REQUESTS);
    const double real_mean = mean_of(real, AZURE_REQUESTS);
    double distance;

    qsort(made, MADE_REQUESTS, sizeof(made[0]), compare);
    distance = distance_of(made, MADE_REQUESTS, real, AZURE_REQUESTS);
    printf("%s: mean %.1f for %.1f, distribution functions at most %.3f apart\n", what, made_mean,
           real_mean, distance);
    ck_assert(made_mean > 0.95 * real_mean);
    ck_assert(made_mean < 1.05 * real_mean);
    ck_assert(distance < 0.1); /* the steps of the table of quantiles */
}

START_TEST(made_conversations_are_as_long_as_recorded_ones)
{
    static uint64_t prompts[AZURE_REQUESTS];
    static uint64_t outputs[AZURE_REQUESTS];
    static uint64_t made_prompts[MADE_REQUESTS];
    static uint64_t made_outputs[MADE_REQUESTS];
    kvspan_trace trace = { 0 };

    read_azure(prompts, outputs);
    ck_assert_int_eq(kvspan_workload_make("conversation", 3, MADE_REQUESTS, &trace, NULL),
                     KVSPAN_OK);
    for (uint32_t i = 0; i < MADE_REQUESTS; i++) {
        made_prompts[i] = trace.requests[i].prompt_tokens;
        made_outputs[i] = trace.requests[i].output_tokens;
    }
    expect_alike("prompts", made_prompts, prompts);
    expect_alike("outputs", made_outputs, outputs);
    kvspan_trace_fini(&trace);
}
END_TEST

int main(void)
{
    Suite *suite = NULL;
    TCase *recorded = NULL;

    if (!getenv("KVSPAN_TEST_DATA")) {
        printf("KVSPAN_TEST_DATA is not set: skipped\n");
        return TEST_SKIPPED;
    }
    suite = suite_create("launch/recorded_trace");
    recorded = tcase_create("recorded");
    tcase_add_test(recorded, the_recorded_hour_has_the_sums_that_others_counted);
    tcase_add_test(recorded, recorded_files_of_other_formats_have_the_sums_of_their_columns);
    tcase_add_test(recorded, made_conversations_are_as_long_as_recorded_ones);
    suite_add_tcase(suite, recorded);
    return suite_run(suite);
}
