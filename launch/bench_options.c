#include "launch/bench_options.h"

#include "launch/bench_report.h"
#include "launch/option_parser.h"

enum {
    MAX_SEQUENCES = 4096,
    MAX_NEW_TOKENS = KVSPAN_MAX_STEP_TOKENS / MAX_SEQUENCES
};

/* Keys of options, which have no letter. */
enum {
    KEY_Q_HEADS = 256,
    KEY_KV_HEADS,
    KEY_HEAD_DIM,
    KEY_VALUE_DIM,
    KEY_PAGE_TOKENS,
    KEY_LAYOUT,
    KEY_KV_DTYPE,
    KEY_CONTEXT,
    KEY_NEW,
    KEY_SEQUENCES,
    KEY_LENGTHS_FROM,
    KEY_WINDOW,
    KEY_SOFT_CAP,
    KEY_LAYERS,
    KEY_ROUNDS,
    KEY_DEVICE,
    KEY_THREADS,
    KEY_ISA,
    KEY_JSON,
    KEY_HELP
};

#define BIT(key) (1u << ((key)-KEY_Q_HEADS))

/* What the cases have no use for: asking it of them is refused. */
static const uint32_t append_refuses =
    BIT(KEY_LENGTHS_FROM) | BIT(KEY_WINDOW) | BIT(KEY_SOFT_CAP) | BIT(KEY_CONTEXT);
static const uint32_t ledger_refuses =
    ~(BIT(KEY_PAGE_TOKENS) | BIT(KEY_CONTEXT) | BIT(KEY_SEQUENCES) | BIT(KEY_ROUNDS) |
      BIT(KEY_JSON) | BIT(KEY_HELP));

static const struct argp_option known_options[] = {
    { NULL, 0, NULL, 0, "The model:", 1 },
    { "q-heads", KEY_Q_HEADS, "N", 0, "Query heads, a multiple of the kv heads (32)", 0 },
    { "kv-heads", KEY_KV_HEADS, "N", 0, "Key-value heads (8)", 0 },
    { "head-dim", KEY_HEAD_DIM, "N", 0, "Elements of a key (128)", 0 },
    { "value-dim", KEY_VALUE_DIM, "N", 0, "Elements of a value (as of a key)", 0 },
    { "kv-dtype", KEY_KV_DTYPE, "TYPE", 0,
      "Of the pages: bfloat16 (the default), float16, float32; int8, float8_e4m3, float8_e5m2 with a "
      "scale per token and head. Queries are bfloat16 over the last three",
      0 },
    { "window", KEY_WINDOW, "N", 0, "A query sees itself and N - 1 tokens before it (all)", 0 },
    { "soft-cap", KEY_SOFT_CAP, "C", 0, "C*tanh(s/C) on the logits (none)", 0 },
    { "layers", KEY_LAYERS, "N", 0,
      "Layers, attended one after the other (as many as hold 4 times the last level of cache)", 0 },

    { NULL, 0, NULL, 0, "The work:", 2 },
    { "sequences", KEY_SEQUENCES, "N", 0, "Sequences (1; 64 with --lengths-from; ledger: 256)", 0 },
    { "context", KEY_CONTEXT, "N", 0, "Tokens that a sequence has before (32768; ledger: 2000)",
      0 },
    { "lengths-from", KEY_LENGTHS_FROM, "FILE", 0,
      "Instead: sequence i has as many as request i of a recorded trace at its end", 0 },
    { "new", KEY_NEW, "N", 0, "New tokens of each sequence (1; append: 2048)", 0 },
    { "page-tokens", KEY_PAGE_TOKENS, "N", 0, "Tokens of a page (32)", 0 },
    { "layout", KEY_LAYOUT, "ORDER", 0,
      "How pages lie in memory: page-first, a page's layers side by side (the default), or "
      "layer-first, a layer's pages",
      0 },

    { NULL, 0, NULL, 0, "How:", 3 },
    { "device", KEY_DEVICE, "NAME", 0, KVSPAN_DEVICE_CHOICE_NAMES, 0 },
    { "threads", KEY_THREADS, "N", 0, KVSPAN_DEVICE_CHOICE_THREADS, 0 },
    { "isa", KEY_ISA, "NAME", 0, KVSPAN_DEVICE_CHOICE_ISAS, 0 },
    { "rounds", KEY_ROUNDS, "N", 0, "Rounds that count, after one that does not (15)", 0 },
    { "json", KEY_JSON, NULL, 0, "One JSON object on standard output, not lines", 0 },
    { "help", KEY_HELP, NULL, 0, "Print this", 0 },
    { 0 },
};

static const char documentation[] =
    "Measures kvspan on this machine, and round by round in between what the machine can do at most: "
    "CASE is one of\n"
    "  attention   over pages; against reading as much memory, and against the peak of "
    "multiply-adds in f32 and in pairs of bf16, on as many threads; on a GPU against copies within its memory and against products of matrices in bf16 (mma.sync)\n"
    "  append      writing keys and values into pages; against memcpy of the same bytes, on a GPU against its own copies\n"
    "  ledger      a page taken and given back; the plan of a decode step\v"
    "Every figure is told as its median over the rounds and [least, most]; ratios are those of each "
    "round. With --threads 1 time is "
    "the thread's own time on a core, else time on the wall. A cache that fits into the CPU's own is not a fair case: see --layers.\n"
    "Examples:\n"
    "  kvspan bench attention --threads 1\n"
    "  kvspan bench attention --threads 1 --context 4096 --new 512\n"
    "  kvspan bench attention --lengths-from trace.csv --sequences 64 --json\n"
    "  kvspan bench append --kv-dtype int8\n"
    "  kvspan bench ledger\n"
    "\n"
    "Exit codes: 0 good, 2 usage, configuration, or memory or a GPU that failed, 5 input\n"
    "or output.";

static const kvspan_option_word case_words[] = { { "attention", KVSPAN_BENCH_ATTENTION },
                                                 { "append", KVSPAN_BENCH_APPEND },
                                                 { "ledger", KVSPAN_BENCH_LEDGER },
                                                 { NULL, 0 } };
static const kvspan_option_word layout_words[] = { { "page-first", KVSPAN_PAGE_FIRST },
                                                   { "layer-first", KVSPAN_LAYER_FIRST },
                                                   { NULL, 0 } };
static const kvspan_option_word dtype_words[] = { KVSPAN_OPTION_FLOAT_WORDS,
                                                  KVSPAN_OPTION_QUANTISED_WORDS,
                                                  { NULL, 0 } };

const char *kvspan_bench_options_layout_name(kvspan_layout layout)
{
    return layout_words[layout].word;
}

/* Zero stands for the default of the case. */
typedef struct parse_state {
    kvspan_bench_options options;
    uint32_t given; /* BIT() of each key */
} parse_state;

static kvspan_status parse_model(int key, const kvspan_option *given, kvspan_bench_options *options,
                                 kvspan_error *error)
{
    switch (key) {
    case KEY_Q_HEADS:
        return kvspan_option_count(given, 1, KVSPAN_MAX_HEADS, &options->q_heads, error);
    case KEY_KV_HEADS:
        return kvspan_option_count(given, 1, KVSPAN_MAX_HEADS, &options->kv_heads, error);
    case KEY_HEAD_DIM:
        return kvspan_option_count(given, 1, KVSPAN_MAX_DIM, &options->key_dim, error);
    case KEY_VALUE_DIM:
        return kvspan_option_count(given, 1, KVSPAN_MAX_DIM, &options->value_dim, error);
    case KEY_WINDOW:
        return kvspan_option_count(given, 1, KVSPAN_MAX_SEQUENCE_TOKENS, &options->window_tokens,
                                   error);
    case KEY_SOFT_CAP: return kvspan_option_real(given, 0, 1e6, 1, &options->soft_cap, error);
    case KEY_LAYERS:
        return kvspan_option_count(given, 1, KVSPAN_MAX_LAYERS, &options->layer_count, error);
    default: return kvspan_option_dtype(given, dtype_words, &options->kv_dtype, error);
    }
}

static kvspan_status parse_layout(const kvspan_option *given, kvspan_layout *layout_out,
                                  kvspan_error *error)
{
    int layout = 0;
    const kvspan_status status = kvspan_option_choice(given, layout_words, &layout, error);

    if (status == KVSPAN_OK) {
        *layout_out = (kvspan_layout)layout;
    }
    return status;
}

static kvspan_status parse_work(int key, const kvspan_option *given, kvspan_bench_options *options,
                                kvspan_error *error)
{
    switch (key) {
    case KEY_SEQUENCES:
        return kvspan_option_count(given, 1, MAX_SEQUENCES, &options->sequence_count, error);
    case KEY_CONTEXT:
        return kvspan_option_count(given, 1, KVSPAN_MAX_STEP_TOKENS, &options->context_tokens,
                                   error);
    case KEY_LENGTHS_FROM: options->lengths_path = given->text; return KVSPAN_OK;
    case KEY_LAYOUT: return parse_layout(given, &options->layout, error);
    case KEY_NEW: return kvspan_option_count(given, 1, MAX_NEW_TOKENS, &options->new_tokens, error);
    case KEY_ROUNDS:
        return kvspan_option_count(given, 1, KVSPAN_BENCH_MAX_ROUNDS, &options->rounds, error);
    default:
        return kvspan_option_count(given, 1, KVSPAN_MAX_PAGE_TOKENS, &options->page_tokens, error);
    }
}

static kvspan_status take_option(void *context, int key, const kvspan_option *given,
                                 kvspan_error *error)
{
    parse_state *parse = context;
    kvspan_bench_options *options = &parse->options;

    parse->given |= BIT(key);
    switch (key) {
    case KEY_Q_HEADS:
    case KEY_KV_HEADS:
    case KEY_HEAD_DIM:
    case KEY_VALUE_DIM:
    case KEY_WINDOW:
    case KEY_SOFT_CAP:
    case KEY_LAYERS:
    case KEY_KV_DTYPE: return parse_model(key, given, options, error);
    case KEY_DEVICE: return kvspan_device_choice_name(given, &options->device, error);
    case KEY_THREADS: return kvspan_device_choice_threads(given, &options->device, error);
    case KEY_ISA: return kvspan_device_choice_isa(given, &options->device, error);
    case KEY_JSON: options->is_json = true; return KVSPAN_OK;
    case KEY_HELP: options->is_help = true; return KVSPAN_OK;
    default: return parse_work(key, given, options, error);
    }
}

static kvspan_status take_case(void *context, const char *text, kvspan_error *error)
{
    kvspan_bench_options *options = &((parse_state *)context)->options;
    const kvspan_option given = { .name = "CASE", .text = text };
    int what = 0;
    kvspan_status status;

    if (options->what != KVSPAN_BENCH_NONE) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "\"%.60s\" is a second case", text);
    }
    status = kvspan_option_choice(&given, case_words, &what, error);
    if (status != KVSPAN_OK) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "the case is \"%.60s\", not one of: attention, append, ledger", text);
    }
    options->what = (kvspan_bench_case)what;
    return KVSPAN_OK;
}

static const kvspan_option_parser parser = { .command = "kvspan bench",
                                             .options = known_options,
                                             .operand = "CASE",
                                             .documentation = documentation,
                                             .take = take_option,
                                             .take_operand = take_case };

static uint32_t choose(uint32_t given, uint32_t otherwise)
{
    return given > 0 ? given : otherwise;
}

static void fill_defaults(kvspan_bench_options *options)
{
    const bool is_append = options->what == KVSPAN_BENCH_APPEND;
    const bool is_ledger = options->what == KVSPAN_BENCH_LEDGER;
    const uint32_t sequences = options->lengths_path ? 64 : 1;

    options->kv_heads = choose(options->kv_heads, 8);
    options->q_heads = choose(options->q_heads, 32);
    options->key_dim = choose(options->key_dim, 128);
    options->value_dim = choose(options->value_dim, options->key_dim);
    options->page_tokens = choose(options->page_tokens, 32);
    options->rounds = choose(options->rounds, 15);
    options->sequence_count = choose(options->sequence_count, is_ledger ? 256 : sequences);
    options->new_tokens = choose(options->new_tokens, is_append ? 2048 : 1);
    options->context_tokens = choose(options->context_tokens, is_ledger ? 2000 : 32768);
    if (is_append || options->lengths_path) {
        options->context_tokens = 0;
    }
}

/* What only several options together can have wrong. */
static kvspan_status check_together(const parse_state *parse, kvspan_error *error)
{
    const kvspan_bench_options *const options = &parse->options;
    uint32_t refused = 0;

    if (options->what == KVSPAN_BENCH_NONE) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "the case is missing: attention, append or ledger");
    }
    if (options->what != KVSPAN_BENCH_ATTENTION) {
        refused =
            parse->given & (options->what == KVSPAN_BENCH_APPEND ? append_refuses : ledger_refuses);
    }
    for (int key = KEY_Q_HEADS; key <= KEY_HELP; key++) {
        if ((refused & BIT(key)) != 0) {
            return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "--%s has no meaning for this case",
                               kvspan_option_parser_name(&parser, key));
        }
    }
    if (options->lengths_path && (parse->given & BIT(KEY_CONTEXT)) != 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "--lengths-from \"%.60s\" and --context exclude each other",
                           options->lengths_path);
    }
    if (options->q_heads % options->kv_heads != 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "--q-heads is %u, not a multiple of --kv-heads %u", options->q_heads,
                           options->kv_heads);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_bench_options_parse(int argc, char **argv, kvspan_bench_options *options_out,
                                         kvspan_error *error)
{
    parse_state parse = { .options = { .kv_dtype = KVSPAN_BF16 } };
    kvspan_status status = kvspan_option_parser_read(&parser, argc, argv, &parse, error);

    if (status == KVSPAN_OK && !parse.options.is_help) {
        fill_defaults(&parse.options);
        status = check_together(&parse, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    *options_out = parse.options;
    return KVSPAN_OK;
}

void kvspan_bench_options_help(void)
{
    kvspan_option_parser_help(&parser);
}
