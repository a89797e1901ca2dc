#include "launch/bench_options.h"
#include "option_lists.h"
#include "support/suite.h"

static kvspan_status read_options(int argc, char **argv, void *options_out, kvspan_error *error)
{
    return kvspan_bench_options_parse(argc, argv, options_out, error);
}

#define PARSE(options, ...) option_list_expect_read(read_options, OPTION_LIST(__VA_ARGS__), options)
#define REFUSE(first, second, ...)                                     \
    option_list_expect_refused(read_options, OPTION_LIST(__VA_ARGS__), \
                               sizeof(kvspan_bench_options), first, second)

START_TEST(each_case_has_defaults_of_its_own)
{
    kvspan_bench_options options;

    PARSE(&options, "attention");
    ck_assert_int_eq(options.what, KVSPAN_BENCH_ATTENTION);
    ck_assert_uint_eq(options.q_heads, 32);
    ck_assert_uint_eq(options.kv_heads, 8);
    ck_assert_uint_eq(options.key_dim, 128);
    ck_assert_uint_eq(options.value_dim, 128);
    ck_assert_uint_eq(options.page_tokens, 32);
    ck_assert_int_eq(options.layout, KVSPAN_PAGE_FIRST);
    ck_assert_int_eq(options.kv_dtype, KVSPAN_BF16);
    ck_assert_uint_eq(options.context_tokens, 32768);
    ck_assert_uint_eq(options.new_tokens, 1);
    ck_assert_uint_eq(options.sequence_count, 1);
    ck_assert_uint_eq(options.window_tokens, 0);
    ck_assert(options.soft_cap == 0.0);
    ck_assert_uint_eq(options.layer_count, 0);
    ck_assert_uint_eq(options.rounds, 15);
    ck_assert_ptr_null(options.device.name);
    ck_assert_uint_eq(options.device.thread_count, 0);
    ck_assert_uint_eq(options.device.isa, KVSPAN_ISA_BEST);
    ck_assert(!options.is_json && !options.is_help);

    PARSE(&options, "attention", "--lengths-from", "trace.csv");
    ck_assert_uint_eq(options.sequence_count, 64);
    PARSE(&options, "append");
    ck_assert_int_eq(options.what, KVSPAN_BENCH_APPEND);
    ck_assert_uint_eq(options.context_tokens, 0);
    ck_assert_uint_eq(options.new_tokens, 2048);
    PARSE(&options, "ledger");
    ck_assert_int_eq(options.what, KVSPAN_BENCH_LEDGER);
    ck_assert_uint_eq(options.sequence_count, 256);
    ck_assert_uint_eq(options.context_tokens, 2000);
}
END_TEST

START_TEST(every_option_lands_in_its_place)
{
    kvspan_bench_options options;

    PARSE(&options, "--q-heads", "12", "--kv-heads", "3", "attention", "--head-dim", "192",
          "--value-dim", "96", "--page-tokens", "48", "--layout", "layer-first", "--kv-dtype",
          "int8", "--context", "77", "--new", "5", "--sequences", "9", "--window", "40",
          "--soft-cap", "30.5", "--layers", "6", "--rounds", "4", "--device", "cpu", "--threads",
          "3", "--isa", "avx512", "--json");
    ck_assert_uint_eq(options.q_heads, 12);
    ck_assert_uint_eq(options.kv_heads, 3);
    ck_assert_uint_eq(options.key_dim, 192);
    ck_assert_uint_eq(options.value_dim, 96);
    ck_assert_uint_eq(options.page_tokens, 48);
    ck_assert_int_eq(options.layout, KVSPAN_LAYER_FIRST);
    ck_assert_str_eq(kvspan_bench_options_layout_name(options.layout), "layer-first");
    ck_assert_int_eq(options.kv_dtype, KVSPAN_I8);
    ck_assert_uint_eq(options.context_tokens, 77);
    ck_assert_uint_eq(options.new_tokens, 5);
    ck_assert_uint_eq(options.sequence_count, 9);
    ck_assert_uint_eq(options.window_tokens, 40);
    ck_assert(options.soft_cap == 30.5);
    ck_assert_uint_eq(options.layer_count, 6);
    ck_assert_uint_eq(options.rounds, 4);
    ck_assert_str_eq(options.device.name, "cpu");
    ck_assert_uint_eq(options.device.thread_count, 3);
    ck_assert_uint_eq(options.device.isa, KVSPAN_ISA_AVX512);
    ck_assert(options.is_json);
    PARSE(&options, "--help");
    ck_assert(options.is_help);
    PARSE(&options, "attention", "--head-dim", "64");
    ck_assert_uint_eq(options.value_dim, 64);
}
END_TEST

START_TEST(what_is_wrong_is_named)
{
    REFUSE("case is missing", "ledger", "--json");
    REFUSE("\"walk\"", "attention, append, ledger", "walk");
    REFUSE("\"ledger\"", "second case", "append", "ledger");
    REFUSE("--context", "0, not in [1, ", "attention", "--context", "0");
    REFUSE("--rounds", "1001, not in [1, 1000]", "attention", "--rounds", "1001");
    REFUSE("--kv-dtype", "\"int4\"", "attention", "--kv-dtype", "int4");
    REFUSE("--isa", "avx2, avx512, avx512_vnni, avx512_bf16, amx", "attention", "--isa", "sse");
    REFUSE("--layout", "page-first, layer-first", "attention", "--layout", "flat");
    REFUSE("--device", "cpu, reference", "attention", "--device", "abacus");
    REFUSE("--threads", "0, not in [1, 1024]", "attention", "--threads", "0");
    REFUSE("--soft-cap", "-1", "attention", "--soft-cap", "-1");
    REFUSE("--q-heads is 9", "--kv-heads 4", "attention", "--q-heads", "9", "--kv-heads", "4");
    REFUSE("\"--nothing\"", "not known", "attention", "--nothing");
}
END_TEST

START_TEST(options_without_meaning_for_a_case_are_refused)
{
    REFUSE("--window", "no meaning", "append", "--window", "5");
    REFUSE("--context", "no meaning", "--context", "5", "append");
    REFUSE("--lengths-from", "no meaning", "append", "--lengths-from", "x");
    REFUSE("--isa", "no meaning", "ledger", "--isa", "avx2");
    REFUSE("--layout", "no meaning", "ledger", "--layout", "page-first");
    REFUSE("--q-heads", "no meaning", "ledger", "--q-heads", "8");
    REFUSE("--lengths-from", "--context exclude each other", "attention", "--context", "5",
           "--lengths-from", "x");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/bench_options");
    TCase *tests = tcase_create("bench_options");

    tcase_add_test(tests, each_case_has_defaults_of_its_own);
    tcase_add_test(tests, every_option_lands_in_its_place);
    tcase_add_test(tests, what_is_wrong_is_named);
    tcase_add_test(tests, options_without_meaning_for_a_case_are_refused);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
