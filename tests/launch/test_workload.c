#include "launch/workload.h"
#include "support/suite.h"

#include <string.h>

/* Fails the test unless the workload is made. */
static kvspan_trace make(const char *name, uint64_t seed, uint64_t count)
{
    kvspan_trace trace = { 0 };
    kvspan_error error = { 0 };

    ck_assert_msg(kvspan_workload_make(name, seed, count, &trace, &error) == KVSPAN_OK, "%s",
                  error.message);
    ck_assert_uint_eq(trace.count, count);
    return trace;
}

static bool is_equal(const kvspan_trace *a, const kvspan_trace *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (a->requests[i].prompt_tokens != b->requests[i].prompt_tokens ||
            a->requests[i].output_tokens != b->requests[i].output_tokens) {
            return false;
        }
    }
    return true;
}

START_TEST(a_seed_gives_the_same_requests_however_many_are_made)
{
    kvspan_trace few = make("conversation", 7, 10);
    kvspan_trace many = make("conversation", 7, 1000);
    kvspan_trace other = make("conversation", 8, 10);

    ck_assert(is_equal(&few, &many, 10));
    ck_assert(!is_equal(&few, &other, 10));
    kvspan_trace_fini(&few);
    kvspan_trace_fini(&many);
    kvspan_trace_fini(&other);
}
END_TEST

/* Written down once, so that every machine and every version makes the same requests. */
START_TEST(the_first_requests_of_seed_0_are_these)
{
    static const uint64_t prompts[4] = { 400, 1131, 1104, 290 };
    static const uint64_t outputs[4] = { 285, 101, 398, 397 };
    kvspan_trace trace = make("conversation", 0, 4);

    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(trace.requests[i].prompt_tokens, prompts[i]);
        ck_assert_uint_eq(trace.requests[i].output_tokens, outputs[i]);
        ck_assert_uint_eq(trace.requests[i].tag, i);
        ck_assert_uint_eq(trace.arrivals_ms[i], 0);
    }
    kvspan_trace_fini(&trace);
}
END_TEST

/* Published medians: 1020 and 129. */
START_TEST(half_of_the_requests_are_below_the_published_medians)
{
    enum {
        COUNT = 40000
    };
    kvspan_trace trace = make("conversation", 11, COUNT);
    uint32_t short_prompts = 0;
    uint32_t short_outputs = 0;
    uint64_t longest = 0;

    for (uint32_t i = 0; i < COUNT; i++) {
        short_prompts += trace.requests[i].prompt_tokens < 1020;
        short_outputs += trace.requests[i].output_tokens < 129;
        longest =
            trace.requests[i].prompt_tokens > longest ? trace.requests[i].prompt_tokens : longest;
    }
    /* Standard deviation 100: five of them. */
    ck_assert_uint_ge(short_prompts, COUNT / 2 - 500);
    ck_assert_uint_le(short_prompts, COUNT / 2 + 500);
    ck_assert_uint_ge(short_outputs, COUNT / 2 - 500);
    ck_assert_uint_le(short_outputs, COUNT / 2 + 500);
    ck_assert_uint_gt(longest, 6212);
    ck_assert_uint_lt(longest, 14050);
    kvspan_trace_fini(&trace);
}
END_TEST

START_TEST(prompts_and_outputs_are_drawn_apart)
{
    enum {
        COUNT = 40000
    };
    kvspan_trace trace = make("conversation", 5, COUNT);
    uint32_t both_short = 0;

    for (uint32_t i = 0; i < COUNT; i++) {
        both_short +=
            trace.requests[i].prompt_tokens < 1020 && trace.requests[i].output_tokens < 129;
    }
    /* A quarter; standard deviation 87. */
    ck_assert_uint_ge(both_short, COUNT / 4 - 450);
    ck_assert_uint_le(both_short, COUNT / 4 + 450);
    kvspan_trace_fini(&trace);
}
END_TEST

START_TEST(short_requests_are_a_sixteenth_and_never_empty)
{
    kvspan_trace whole = make("conversation", 2, 2000);
    kvspan_trace part = make("short", 2, 2000);

    for (uint32_t i = 0; i < 2000; i++) {
        const uint64_t output = whole.requests[i].output_tokens / 16;

        if (part.requests[i].prompt_tokens < 1 ||
            part.requests[i].output_tokens != (output > 0 ? output : 1)) {
            ck_abort_msg("request %u", i);
        }
    }
    kvspan_trace_fini(&whole);
    kvspan_trace_fini(&part);
}
END_TEST

START_TEST(an_unknown_name_and_a_count_of_none_are_refused)
{
    kvspan_trace trace = { 0 };
    kvspan_error error = { 0 };

    ck_assert_int_eq(kvspan_workload_make("chat", 0, 1, &trace, &error), KVSPAN_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "\"chat\""));
    ck_assert_ptr_nonnull(strstr(error.message, KVSPAN_WORKLOAD_NAMES));
    ck_assert_int_eq(kvspan_workload_make("short", 0, 0, &trace, NULL), KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(kvspan_workload_make("short", 0, UINT64_MAX, &trace, NULL),
                     KVSPAN_ERR_ARGUMENT);
    ck_assert_ptr_null(trace.requests);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/workload");
    TCase *lengths = tcase_create("lengths");

    tcase_add_test(lengths, a_seed_gives_the_same_requests_however_many_are_made);
    tcase_add_test(lengths, the_first_requests_of_seed_0_are_these);
    tcase_add_test(lengths, half_of_the_requests_are_below_the_published_medians);
    tcase_add_test(lengths, prompts_and_outputs_are_drawn_apart);
    tcase_add_test(lengths, short_requests_are_a_sixteenth_and_never_empty);
    tcase_add_test(lengths, an_unknown_name_and_a_count_of_none_are_refused);
    suite_add_tcase(suite, lengths);
    return suite_run(suite);
}
