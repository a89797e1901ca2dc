#include "launch/run_options.h"
#include "option_lists.h"
#include "support/suite.h"

static kvspan_status read_options(int argc, char **argv, void *options_out, kvspan_error *error)
{
    return kvspan_run_options_parse(argc, argv, options_out, error);
}

#define PARSE(options, ...) option_list_expect_read(read_options, OPTION_LIST(__VA_ARGS__), options)
#define REFUSE(first, second, ...)                                                                 \
    option_list_expect_refused(read_options, OPTION_LIST(__VA_ARGS__), sizeof(kvspan_run_options), \
                               first, second)

START_TEST(without_options_the_small_model_serves_a_made_workload)
{
    kvspan_run_options options = { 0 };
    const char *const none[] = { NULL };

    ck_assert_int_eq(option_list_read(read_options, none, &options, NULL), KVSPAN_OK);
    ck_assert_ptr_null(options.trace_path);
    ck_assert_str_eq(options.workload, "short");
    ck_assert_uint_eq(options.request_count, 64);
    ck_assert(options.scale == 1.0);
    ck_assert_ptr_null(options.model_path);
    ck_assert_uint_eq(options.layer_count, 0);
    ck_assert_uint_eq(options.q_heads, 0);
    ck_assert_uint_eq(options.kv_heads, 0);
    ck_assert_uint_eq(options.head_dim, 0);
    ck_assert_uint_eq(options.value_dim, 0);
    ck_assert_int_lt(options.window_tokens, 0);
    ck_assert_uint_eq(options.full_every, 0);
    ck_assert(options.soft_cap < 0);
    ck_assert_int_eq(options.dtype, 0);
    ck_assert_int_eq(options.kv_dtype, 0);
    ck_assert_ptr_null(options.mesh);
    ck_assert_ptr_null(options.partition_axis);
    ck_assert_int_eq(options.heads_policy, KVSPAN_HEADS_POLICY_DEFAULT);
    ck_assert_int_eq(options.gather, KVSPAN_GATHER_HEADS);
    ck_assert_uint_eq(options.page_tokens, 16);
    ck_assert_uint_eq(options.page_count, 0);
    ck_assert_uint_eq(options.slot_count, 64);
    ck_assert_uint_eq(options.memory_limit_bytes, 0);
    ck_assert(options.memory_utilization == 0.0);
    ck_assert_uint_eq(options.token_budget, 512);
    ck_assert_uint_eq(options.max_sequence_tokens, 0);
    ck_assert_uint_eq(options.seed, 0);
    ck_assert_uint_eq(options.deadline_ms, 60000);
    ck_assert_uint_eq(options.verify_rows, 0);
    ck_assert_ptr_null(options.device.name);
    ck_assert_ptr_null(options.compare.name);
    ck_assert_uint_eq(options.device.thread_count, 0);
    ck_assert_int_eq(options.flip_bit_rank, -1);
    ck_assert(!options.no_attention && !options.is_json && !options.is_progress);
    ck_assert(!options.is_help);
}
END_TEST

START_TEST(every_option_lands_in_its_place)
{
    kvspan_run_options options = { 0 };

    PARSE(&options, "--trace", "a.jsonl", "--requests=65", "--scale", "6.5", "--layers", "3",
          "--q-heads", "8", "--kv-heads", "2", "--head-dim", "96", "--dtype", "float32", "--mesh",
          "tp:2,sp:2", "--partition", "{}", "--heads-policy", "split_sequence", "--gather", "none");
    ck_assert_str_eq(options.trace_path, "a.jsonl");
    ck_assert_uint_eq(options.request_count, 65);
    ck_assert(options.scale == 6.5);
    ck_assert_uint_eq(options.layer_count, 3);
    ck_assert_uint_eq(options.q_heads, 8);
    ck_assert_uint_eq(options.kv_heads, 2);
    ck_assert_uint_eq(options.head_dim, 96);
    ck_assert_int_eq(options.dtype, KVSPAN_F32);
    ck_assert_str_eq(options.mesh, "tp:2,sp:2");
    ck_assert_str_eq(options.partition_axis, "{}");
    ck_assert_int_eq(options.heads_policy, KVSPAN_HEADS_SPLIT_SEQUENCE);
    ck_assert_int_eq(options.gather, KVSPAN_GATHER_NONE);
    PARSE(&options, "--workload", "conversation", "--page-tokens", "32", "--pages", "120000",
          "--slots", "256", "--memory-limit", "3G", "--utilization", "0.5", "--token-budget",
          "2048", "--max-sequence-tokens", "4096", "--seed", "9", "--deadline-ms", "1500",
          "--verify", "200", "--json", "--progress", "--test-flip-bit", "3", "--device", "cpu",
          "--threads", "3", "--isa", "avx2", "--compare", "reference");
    ck_assert_str_eq(options.device.name, "cpu");
    ck_assert_uint_eq(options.device.thread_count, 3);
    ck_assert_uint_eq(options.device.isa, KVSPAN_ISA_AVX2);
    ck_assert_str_eq(options.compare.name, "reference");
    ck_assert_str_eq(options.workload, "conversation");
    ck_assert_uint_eq(options.page_tokens, 32);
    ck_assert_uint_eq(options.page_count, 120000);
    ck_assert_uint_eq(options.slot_count, 256);
    ck_assert_uint_eq(options.memory_limit_bytes, 3221225472u);
    ck_assert(options.memory_utilization == 0.5);
    ck_assert_uint_eq(options.token_budget, 2048);
    ck_assert_uint_eq(options.max_sequence_tokens, 4096);
    ck_assert_uint_eq(options.seed, 9);
    ck_assert_uint_eq(options.deadline_ms, 1500);
    ck_assert_uint_eq(options.verify_rows, 200);
    ck_assert_int_eq(options.flip_bit_rank, 3);
    ck_assert(options.is_json && options.is_progress && !options.no_attention);
    PARSE(&options, "--no-attention");
    ck_assert(options.no_attention);
    PARSE(&options, "--help");
    ck_assert(options.is_help);
}
END_TEST

START_TEST(every_option_of_a_model_lands_in_its_place)
{
    kvspan_run_options options = { 0 };

    PARSE(&options, "--model", "config.json", "--value-dim", "128", "--window", "4096",
          "--full-every", "6", "--soft-cap", "30.5", "--dtype", "float16", "--kv-dtype", "int8");
    ck_assert_str_eq(options.model_path, "config.json");
    ck_assert_uint_eq(options.value_dim, 128);
    ck_assert_int_eq(options.window_tokens, 4096);
    ck_assert_uint_eq(options.full_every, 6);
    ck_assert(options.soft_cap == 30.5);
    ck_assert_int_eq(options.dtype, KVSPAN_F16);
    ck_assert_int_eq(options.kv_dtype, KVSPAN_I8);
    PARSE(&options, "--kv-dtype", "float8_e4m3");
    ck_assert_int_eq(options.kv_dtype, KVSPAN_F8E4M3);
    PARSE(&options, "--kv-dtype", "float8_e5m2");
    ck_assert_int_eq(options.kv_dtype, KVSPAN_F8E5M2);
    PARSE(&options, "--kv-dtype", "same", "--window", "0", "--soft-cap", "0");
    ck_assert_int_eq(options.kv_dtype, 0);
    ck_assert_int_eq(options.window_tokens, 0);
    ck_assert(options.soft_cap == 0);
}
END_TEST

START_TEST(only_a_trace_has_arrivals_and_only_they_a_clock)
{
    kvspan_run_options options = { 0 };

    PARSE(&options, "--trace", "a");
    ck_assert(!options.honours_arrivals);
    PARSE(&options, "--trace", "a", "--arrivals");
    ck_assert(options.honours_arrivals);
    ck_assert_uint_eq(options.step_ms, 30);
    PARSE(&options, "--step-ms", "7", "--arrivals", "--trace", "a");
    ck_assert_uint_eq(options.step_ms, 7);
    REFUSE("--arrivals", "--trace", "--arrivals");
    REFUSE("--arrivals", "--trace", "--arrivals", "--workload", "short");
    REFUSE("--step-ms 7", "--arrivals", "--trace", "a", "--step-ms", "7");
    REFUSE("--step-ms is 0", "[1, 3600000]", "--trace", "a", "--arrivals", "--step-ms", "0");
}
END_TEST

START_TEST(a_trace_is_read_whole_unless_told)
{
    kvspan_run_options options = { 0 };

    PARSE(&options, "--trace", "a");
    ck_assert_uint_eq(options.request_count, 0);
    ck_assert_ptr_null(options.workload);
}
END_TEST

START_TEST(bytes_may_have_suffixes)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = { { "1", 1 },
                  { "7K", 7168 },
                  { "7k", 7168 },
                  { "7KiB", 7168 },
                  { "512M", 536870912 },
                  { "2GiB", 2147483648 },
                  { "3T", 3298534883328 },
                  { "9223372036854775807", INT64_MAX },
                  { "8191T", (uint64_t)8191 * 1099511627776 } };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kvspan_run_options options = { 0 };

        PARSE(&options, "--memory-limit", cases[i].text);
        ck_assert_uint_eq(options.memory_limit_bytes, cases[i].bytes);
    }
    REFUSE("--memory-limit is \"7Q\"", "K, M, G or T", "--memory-limit", "7Q");
    REFUSE("--memory-limit is \"7KB\"", "K, M, G or T", "--memory-limit", "7KB");
    REFUSE("--memory-limit is \"7GiBx\"", "K, M, G or T", "--memory-limit", "7GiBx");
    REFUSE("--memory-limit is \"G\"", "not a whole number", "--memory-limit", "G");
    REFUSE("--memory-limit is 0", "[1, 9223372036854775807]", "--memory-limit", "0");
    REFUSE("--memory-limit is -1G", "[1, 9223372036854775807]", "--memory-limit", "-1G");
    REFUSE("--memory-limit is 8388608T", "[1, 9223372036854775807]", "--memory-limit", "8388608T");
}
END_TEST

START_TEST(numbers_out_of_range_are_refused_with_their_limits)
{
    REFUSE("--layers is 0", "[1, 4096]", "--layers", "0");
    REFUSE("--layers is 4097", "[1, 4096]", "--layers", "4097");
    REFUSE("--head-dim is 1025", "[1, 1024]", "--head-dim", "1025");
    REFUSE("--value-dim is 1025", "[1, 1024]", "--value-dim", "1025");
    REFUSE("--window is -1", "[0, 2147483647]", "--window", "-1");
    REFUSE("--full-every is 0", "[1, 4096]", "--full-every", "0", "--window", "5");
    REFUSE("--soft-cap is -2", "between 0 and", "--soft-cap", "-2");
    REFUSE("--page-tokens is 65537", "[1, 65536]", "--page-tokens", "65537");
    REFUSE("--pages is 1,", "[2, 2147483647]", "--pages", "1");
    REFUSE("--pages is -5", "[2, 2147483647]", "--pages", "-5");
    REFUSE("--pages is 4294967298", "[2, 2147483647]", "--pages", "4294967298");
    REFUSE("--slots is 65537", "[1, 65536]", "--slots", "65537");
    REFUSE("--token-budget is 16777217", "[1, 16777216]", "--token-budget", "16777217");
    REFUSE("--max-sequence-tokens is 2147483648", "[1, 2147483647]", "--max-sequence-tokens",
           "2147483648");
    REFUSE("--requests is 0", "[1, ", "--requests", "0");
    REFUSE("--seed is -1", "[0, ", "--seed", "-1");
    REFUSE("--seed is 9223372036854775808", "64 bits", "--seed", "9223372036854775808");
    REFUSE("--seed is -9223372036854775809", "64 bits", "--seed", "-9223372036854775809");
    REFUSE("--verify is -1", "[0, ", "--verify", "-1");
    REFUSE("--deadline-ms is 0", "[1, ", "--deadline-ms", "0");
    REFUSE("--scale is 0.5", "between 1 and", "--scale", "0.5");
    REFUSE("--utilization is 0,", "strictly between 0 and 1", "--utilization", "0");
    REFUSE("--utilization is 1,", "strictly between 0 and 1", "--utilization", "1");
}
END_TEST

START_TEST(what_is_no_number_is_refused)
{
    REFUSE("--pages is \"\"", "not a whole number", "--pages", "");
    REFUSE("--pages is \"x\"", "not a whole number", "--pages", "x");
    REFUSE("--pages is \"12x\"", "not a whole number", "--pages", "12x");
    REFUSE("--pages is \"1.5\"", "not a whole number", "--pages", "1.5");
    REFUSE("--pages is \" 12\"", "not a whole number", "--pages", " 12");
    REFUSE("--pages is \"+12\"", "not a whole number", "--pages", "+12");
    REFUSE("--pages is \"-\"", "not a whole number", "--pages", "-");
    REFUSE("--pages is \"0x10\"", "not a whole number", "--pages", "0x10");
    REFUSE("--scale is \"\"", "not a number", "--scale", "");
    REFUSE("--scale is \"nan\"", "not a number", "--scale", "nan");
    REFUSE("--scale is \"inf\"", "not a number", "--scale", "inf");
    REFUSE("--scale is \"2x\"", "not a number", "--scale", "2x");
}
END_TEST

START_TEST(a_word_that_is_no_choice_is_refused_with_the_choices)
{
    REFUSE("--dtype is \"int4\"", "bfloat16, bf16, float16, f16, float32, f32", "--dtype", "int4");
    REFUSE("--dtype is \"int8\"", "bfloat16", "--dtype", "int8");
    REFUSE("--kv-dtype is \"fp8\"", "same, int8, float8_e4m3, float8_e5m2", "--kv-dtype", "fp8");
    REFUSE("--heads-policy is \"x\"", "refuse, replicate, split_sequence", "--heads-policy", "x");
    REFUSE("--gather is \"all\"", "none, heads", "--gather", "all");
}
END_TEST

START_TEST(what_is_no_option_is_named)
{
    REFUSE("\"--page\"", "not clear", "--layers", "3", "--page", "7");
    REFUSE("\"--nothing\"", "not known", "--nothing");
    REFUSE("\"-x\"", "not known", "-x");
    REFUSE("\"--pages\"", "value", "--pages");
    REFUSE("\"--json=1\"", "value", "--json=1");
    REFUSE("\"trace.jsonl\"", "not an option", "--json", "trace.jsonl");
}
END_TEST

START_TEST(options_that_contradict_each_other_are_refused)
{
    REFUSE("--trace \"a\"", "--workload \"short\"", "--trace", "a", "--workload", "short");
    REFUSE("--full-every 6", "--window", "--full-every", "6");
    REFUSE("--compare reference", "--no-attention", "--compare", "reference", "--no-attention");
    REFUSE("--compare", "cpu, reference", "--compare", "abacus");
    REFUSE("--verify 5", "--no-attention", "--verify", "5", "--no-attention");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/run_options");
    TCase *accepted = tcase_create("accepted");
    TCase *refused = tcase_create("refused");

    tcase_add_test(accepted, without_options_the_small_model_serves_a_made_workload);
    tcase_add_test(accepted, every_option_lands_in_its_place);
    tcase_add_test(accepted, every_option_of_a_model_lands_in_its_place);
    tcase_add_test(accepted, only_a_trace_has_arrivals_and_only_they_a_clock);
    tcase_add_test(accepted, a_trace_is_read_whole_unless_told);
    tcase_add_test(accepted, bytes_may_have_suffixes);
    tcase_add_test(refused, numbers_out_of_range_are_refused_with_their_limits);
    tcase_add_test(refused, what_is_no_number_is_refused);
    tcase_add_test(refused, a_word_that_is_no_choice_is_refused_with_the_choices);
    tcase_add_test(refused, what_is_no_option_is_named);
    tcase_add_test(refused, options_that_contradict_each_other_are_refused);
    suite_add_tcase(suite, accepted);
    suite_add_tcase(suite, refused);
    return suite_run(suite);
}
