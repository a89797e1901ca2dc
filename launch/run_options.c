#include "launch/run_options.h"

#include "launch/option_parser.h"
#include "launch/trace.h"
#include "launch/workload.h"

enum {
    DEFAULT_MADE_REQUESTS = 64,
    MAX_VERIFY_ROWS = 1 << 20,
    DEFAULT_STEP_MS = 30,
    MAX_STEP_MS = 3600000,
    MAX_DEADLINE_MS = 3600000,
    MAX_RANKS = 1 << 20
};

/* Keys of options that have no letter. */
enum {
    KEY_TRACE = 256,
    KEY_WORKLOAD,
    KEY_REQUESTS,
    KEY_ARRIVALS,
    KEY_STEP_MS,
    KEY_SCALE,
    KEY_MODEL,
    KEY_LAYERS,
    KEY_Q_HEADS,
    KEY_KV_HEADS,
    KEY_HEAD_DIM,
    KEY_VALUE_DIM,
    KEY_WINDOW,
    KEY_FULL_EVERY,
    KEY_SOFT_CAP,
    KEY_DTYPE,
    KEY_KV_DTYPE,
    KEY_MESH,
    KEY_PARTITION,
    KEY_HEADS_POLICY,
    KEY_GATHER,
    KEY_EXCHANGE,
    KEY_PAGE_TOKENS,
    KEY_PAGES,
    KEY_SLOTS,
    KEY_MEMORY_LIMIT,
    KEY_UTILIZATION,
    KEY_TOKEN_BUDGET,
    KEY_MAX_SEQUENCE_TOKENS,
    KEY_SEED,
    KEY_DEVICE,
    KEY_THREADS,
    KEY_ISA,
    KEY_COMPARE,
    KEY_DEADLINE_MS,
    KEY_VERIFY,
    KEY_NO_ATTENTION,
    KEY_JSON,
    KEY_PROGRESS,
    KEY_FLIP_BIT,
    KEY_HELP
};

static const struct argp_option known_options[] = {
    { NULL, 0, NULL, 0, "What is asked of the cache:", 1 },
    { "trace", KEY_TRACE, "FILE", 0,
      "Requests of a recorded trace, told by what is in it: Mooncake's JSON lines, Azure's CSV, or "
      "the JSON of an agent's session",
      0 },
    { "workload", KEY_WORKLOAD, "NAME", 0,
      "Without a trace: requests made up by published lengths, as conversation (the Azure LLM "
      "inference trace 2023, described in Splitwise, ISCA 2024; median prompt 1020 tokens, output "
      "129) or as short (1/16 of those; the default)",
      0 },
    { "requests", KEY_REQUESTS, "N", 0, "Only the first N of the trace; or how many are made (64)",
      0 },
    { "arrivals", KEY_ARRIVALS, NULL, 0,
      "Requests of a trace wait for the times recorded, by a clock that counts steps (all are there "
      "at once)",
      0 },
    { "step-ms", KEY_STEP_MS, "MS", 0, "What a step takes of that clock (30)", 0 },
    { "scale", KEY_SCALE, "S", 0, "Divide all lengths by S, to no less than 1 token (1)", 0 },
    { "seed", KEY_SEED, "N", 0, "Of made-up requests, of q, k and v, of the rows verified (0)", 0 },

    { NULL, 0, NULL, 0, "The model:", 2 },
    { "model", KEY_MODEL, "FILE", 0,
      "A Hugging Face config.json: layers, heads, dims, type, windows and soft cap are its, but for "
      "those given here (without it: those in brackets); sink logits are left out",
      0 },
    { "layers", KEY_LAYERS, "N", 0, "Layers, of a model's the first N (2)", 0 },
    { "q-heads", KEY_Q_HEADS, "N", 0, "Query heads, a multiple of the kv heads (16)", 0 },
    { "kv-heads", KEY_KV_HEADS, "N", 0, "Key-value heads (4)", 0 },
    { "head-dim", KEY_HEAD_DIM, "N", 0, "Elements of a head (64)", 0 },
    { "value-dim", KEY_VALUE_DIM, "N", 0, "Elements of a head's value (as --head-dim)", 0 },
    { "window", KEY_WINDOW, "N", 0,
      "A query sees itself and N - 1 tokens before, 0 = all, in the layers that slide: all but those "
      "of --full-every, or without it the model's, or all (0)",
      0 },
    { "full-every", KEY_FULL_EVERY, "K", 0, "Every K-th layer has no --window", 0 },
    { "soft-cap", KEY_SOFT_CAP, "C", 0, "Logits become C tanh(logit / C); 0 = they stay (0)", 0 },
    { "dtype", KEY_DTYPE, "TYPE", 0,
      "Of q, k, v: bfloat16 (the default where no model says), float16 or float32", 0 },
    { "kv-dtype", KEY_KV_DTYPE, "TYPE", 0,
      "Of the pages: same (the default), or quantised with a scale per token and head: int8, "
      "float8_e4m3 or float8_e5m2",
      0 },

    { NULL, 0, NULL, 0, "Who holds what:", 3 },
    { "mesh", KEY_MESH, "MESH", 0,
      "Axes and sizes, such as tp:4,sp:2 or dp:2,tp:2 (all ranks on tp)", 0 },
    { "partition", KEY_PARTITION, "JSON", 0,
      "Which axes shard what, such as '{\"kv_head_axis\": \"tp\"}'", 0 },
    { "heads-policy", KEY_HEADS_POLICY, "POLICY", 0,
      "More ranks than kv heads: refuse, replicate (the default), or split_sequence", 0 },
    { "gather", KEY_GATHER, "WHAT", 0,
      "Bring the results of all query heads to every rank: heads (the default); or none", 0 },

    { NULL, 0, NULL, 0, "Sizes:", 4 },
    { "page-tokens", KEY_PAGE_TOKENS, "N", 0, "Tokens of a page (16)", 0 },
    { "pages", KEY_PAGES, "N", 0,
      "Pages with page 0, which holds nothing (as many as fit; required by --no-attention)", 0 },
    { "slots", KEY_SLOTS, "N", 0, "Sequences that run at once (64)", 0 },
    { "memory-limit", KEY_MEMORY_LIMIT, "BYTES", 0,
      "Memory of a rank, such as 512M or 4GiB (the device's, shared fairly)", 0 },
    { "utilization", KEY_UTILIZATION, "U", 0, "Share of it for pages, between 0 and 1 (0.9)", 0 },
    { "token-budget", KEY_TOKEN_BUDGET, "N", 0, "New tokens of a step (512)", 0 },
    { "max-sequence-tokens", KEY_MAX_SEQUENCE_TOKENS, "N", 0,
      "Longer requests are refused (as long as the longest)", 0 },

    { NULL, 0, NULL, 0, "Where it runs:", 5 },
    { "device", KEY_DEVICE, "NAME", 0, KVSPAN_DEVICE_CHOICE_NAMES, 0 },
    { "threads", KEY_THREADS, "N", 0, KVSPAN_DEVICE_CHOICE_THREADS, 0 },
    { "isa", KEY_ISA, "NAME", 0, KVSPAN_DEVICE_CHOICE_ISAS, 0 },
    { "exchange", KEY_EXCHANGE, "HOW", 0,
      "How results travel between devices cuda: nccl (the default), or host", 0 },

    { NULL, 0, NULL, 0, "Checks and output:", 6 },
    { "compare", KEY_COMPARE, "NAME", 0,
      "Attend every row on a second device, too, such as reference, and tell the largest difference "
      "and where it is",
      0 },
    { "verify", KEY_VERIFY, "N", 0, "Check N rows of the results against float64 (0)", 0 },
    { "no-attention", KEY_NO_ATTENTION, NULL, 0, "Plan and broadcast only; no page memory", 0 },
    { "deadline-ms", KEY_DEADLINE_MS, "MS", 0, "Of every wait inside a step (60000)", 0 },
    { "json", KEY_JSON, NULL, 0, "One JSON object on standard output, not a summary", 0 },
    { "progress", KEY_PROGRESS, NULL, 0,
      "Tell on standard error how far it is, even if that is no terminal", 0 },
    { "help", KEY_HELP, NULL, 0, "Print this", 0 },
    { "test-flip-bit", KEY_FLIP_BIT, "RANK", OPTION_HIDDEN, NULL, 0 },
    { 0 },
};

static const char documentation[] =
    "Drives a paged KV cache, sharded over the ranks of an MPI job, through the requests of a trace "
    "or a made-up workload.\v"
    "Examples:\n"
    "  mpirun -n 4 kvspan run --verify 200\n"
    "  mpirun -n 4 kvspan run --trace trace.jsonl --requests 64 --scale 64 --mesh tp:2,sp:2\n"
    "  mpirun -n 2 kvspan run --model config.json --kv-dtype int8 --requests 8 --verify 50\n"
    "  mpirun -n 2 kvspan run --threads 1 --compare reference\n"
    "  mpirun -n 4 kvspan run --trace trace.jsonl --no-attention --pages 120000 \\\n"
    "      --page-tokens 32 --slots 256 --token-budget 2048 --json\n"
    "\n"
    "SIGINT, SIGTERM and SIGUSR1 end a run at the next step, with its summary.\n"
    "Exit codes: 0 good, 1 a check failed, 2 usage, configuration, or memory or a GPU\n"
    "that failed on this rank, 3 finished with requests refused, 4 a rank was late or\n"
    "failed, 5 input or output.";

static const kvspan_option_word dtype_words[] = { KVSPAN_OPTION_FLOAT_WORDS, { NULL, 0 } };
static const kvspan_option_word kv_dtype_words[] = { { "same", 0 },
                                                     KVSPAN_OPTION_QUANTISED_WORDS,
                                                     { NULL, 0 } };
static const kvspan_option_word policy_words[] = { { "refuse", KVSPAN_HEADS_REFUSE },
                                                   { "replicate", KVSPAN_HEADS_REPLICATE },
                                                   { "split_sequence",
                                                     KVSPAN_HEADS_SPLIT_SEQUENCE },
                                                   { NULL, 0 } };
static const kvspan_option_word gather_words[] = { { "none", KVSPAN_GATHER_NONE },
                                                   { "heads", KVSPAN_GATHER_HEADS },
                                                   { NULL, 0 } };

static const kvspan_option_word exchange_words[] = { { "nccl", KVSPAN_EXCHANGE_NCCL },
                                                     { "host", KVSPAN_EXCHANGE_HOST },
                                                     { NULL, 0 } };

static kvspan_status parse_requests(int key, const kvspan_option *given,
                                    kvspan_run_options *options, kvspan_error *error)
{
    switch (key) {
    case KEY_TRACE: options->trace_path = given->text; return KVSPAN_OK;
    case KEY_WORKLOAD: options->workload = given->text; return KVSPAN_OK;
    case KEY_REQUESTS:
        return kvspan_option_count64(given, 1, KVSPAN_TRACE_MAX_REQUESTS, &options->request_count,
                                     error);
    case KEY_ARRIVALS: options->honours_arrivals = true; return KVSPAN_OK;
    case KEY_STEP_MS: return kvspan_option_count(given, 1, MAX_STEP_MS, &options->step_ms, error);
    case KEY_SCALE: return kvspan_option_real(given, 1, 1e9, 0, &options->scale, error);
    default: return kvspan_option_count64(given, 0, INT64_MAX, &options->seed, error);
    }
}

static kvspan_status parse_model(int key, const kvspan_option *given, kvspan_run_options *options,
                                 kvspan_error *error)
{
    switch (key) {
    case KEY_MODEL: options->model_path = given->text; return KVSPAN_OK;
    case KEY_LAYERS:
        return kvspan_option_count(given, 1, KVSPAN_MAX_LAYERS, &options->layer_count, error);
    case KEY_Q_HEADS:
        return kvspan_option_count(given, 1, KVSPAN_MAX_HEADS, &options->q_heads, error);
    case KEY_KV_HEADS:
        return kvspan_option_count(given, 1, KVSPAN_MAX_HEADS, &options->kv_heads, error);
    case KEY_HEAD_DIM:
        return kvspan_option_count(given, 1, KVSPAN_MAX_DIM, &options->head_dim, error);
    case KEY_VALUE_DIM:
        return kvspan_option_count(given, 1, KVSPAN_MAX_DIM, &options->value_dim, error);
    case KEY_WINDOW:
        return kvspan_option_integer(given, 0, KVSPAN_MAX_SEQUENCE_TOKENS, &options->window_tokens,
                                     error);
    case KEY_FULL_EVERY:
        return kvspan_option_count(given, 1, KVSPAN_MAX_LAYERS, &options->full_every, error);
    case KEY_SOFT_CAP: return kvspan_option_real(given, 0, 1e6, 0, &options->soft_cap, error);
    case KEY_DTYPE: return kvspan_option_dtype(given, dtype_words, &options->dtype, error);
    default: return kvspan_option_dtype(given, kv_dtype_words, &options->kv_dtype, error);
    }
}

static kvspan_status parse_placement(int key, const kvspan_option *given,
                                     kvspan_run_options *options, kvspan_error *error)
{
    int choice = 0;
    kvspan_status status;

    switch (key) {
    case KEY_MESH: options->mesh = given->text; return KVSPAN_OK;
    case KEY_PARTITION: options->partition_axis = given->text; return KVSPAN_OK;
    case KEY_HEADS_POLICY:
        status = kvspan_option_choice(given, policy_words, &choice, error);
        options->heads_policy =
            status == KVSPAN_OK ? (kvspan_heads_policy)choice : options->heads_policy;
        return status;
    case KEY_EXCHANGE:
        status = kvspan_option_choice(given, exchange_words, &choice, error);
        options->exchange =
            status == KVSPAN_OK ? (kvspan_exchange_choice)choice : options->exchange;
        return status;
    default:
        status = kvspan_option_choice(given, gather_words, &choice, error);
        options->gather = status == KVSPAN_OK ? (kvspan_gather)choice : options->gather;
        return status;
    }
}

static kvspan_status parse_size(int key, const kvspan_option *given, kvspan_run_options *options,
                                kvspan_error *error)
{
    switch (key) {
    case KEY_PAGE_TOKENS:
        return kvspan_option_count(given, 1, KVSPAN_MAX_PAGE_TOKENS, &options->page_tokens, error);
    case KEY_PAGES:
        return kvspan_option_count(given, 2, KVSPAN_MAX_PAGES, &options->page_count, error);
    case KEY_SLOTS:
        return kvspan_option_count(given, 1, KVSPAN_MAX_SLOTS, &options->slot_count, error);
    case KEY_MEMORY_LIMIT: return kvspan_option_bytes(given, &options->memory_limit_bytes, error);
    case KEY_UTILIZATION:
        return kvspan_option_real(given, 0, 1, 1, &options->memory_utilization, error);
    case KEY_TOKEN_BUDGET:
        return kvspan_option_count(given, 1, KVSPAN_MAX_STEP_TOKENS, &options->token_budget, error);
    default:
        return kvspan_option_count64(given, 1, KVSPAN_MAX_SEQUENCE_TOKENS,
                                     &options->max_sequence_tokens, error);
    }
}

static kvspan_status parse_check(int key, const kvspan_option *given, kvspan_run_options *options,
                                 kvspan_error *error)
{
    switch (key) {
    case KEY_COMPARE: return kvspan_device_choice_name(given, &options->compare, error);
    case KEY_VERIFY:
        return kvspan_option_count64(given, 0, MAX_VERIFY_ROWS, &options->verify_rows, error);
    case KEY_DEADLINE_MS:
        return kvspan_option_count(given, 1, MAX_DEADLINE_MS, &options->deadline_ms, error);
    case KEY_FLIP_BIT:
        return kvspan_option_integer(given, 0, MAX_RANKS, &options->flip_bit_rank, error);
    case KEY_NO_ATTENTION: options->no_attention = true; return KVSPAN_OK;
    case KEY_JSON: options->is_json = true; return KVSPAN_OK;
    case KEY_PROGRESS: options->is_progress = true; return KVSPAN_OK;
    default: options->is_help = true; return KVSPAN_OK;
    }
}

static kvspan_status take_option(void *context, int key, const kvspan_option *given,
                                 kvspan_error *error)
{
    kvspan_run_options *options = context;

    switch (key) {
    case KEY_TRACE:
    case KEY_WORKLOAD:
    case KEY_REQUESTS:
    case KEY_ARRIVALS:
    case KEY_STEP_MS:
    case KEY_SCALE:
    case KEY_SEED: return parse_requests(key, given, options, error);
    case KEY_MODEL:
    case KEY_LAYERS:
    case KEY_Q_HEADS:
    case KEY_KV_HEADS:
    case KEY_HEAD_DIM:
    case KEY_VALUE_DIM:
    case KEY_WINDOW:
    case KEY_FULL_EVERY:
    case KEY_SOFT_CAP:
    case KEY_DTYPE:
    case KEY_KV_DTYPE: return parse_model(key, given, options, error);
    case KEY_MESH:
    case KEY_PARTITION:
    case KEY_HEADS_POLICY:
    case KEY_EXCHANGE:
    case KEY_GATHER: return parse_placement(key, given, options, error);
    case KEY_DEVICE: return kvspan_device_choice_name(given, &options->device, error);
    case KEY_THREADS: return kvspan_device_choice_threads(given, &options->device, error);
    case KEY_ISA: return kvspan_device_choice_isa(given, &options->device, error);
    case KEY_COMPARE:
    case KEY_VERIFY:
    case KEY_DEADLINE_MS:
    case KEY_FLIP_BIT:
    case KEY_NO_ATTENTION:
    case KEY_JSON:
    case KEY_PROGRESS:
    case KEY_HELP: return parse_check(key, given, options, error);
    default: return parse_size(key, given, options, error);
    }
}

static const kvspan_option_parser parser = { .command = "kvspan run",
                                             .options = known_options,
                                             .documentation = documentation,
                                             .take = take_option };

/* What only several options together can have wrong. */
static kvspan_status check_together(const kvspan_run_options *options, kvspan_error *error)
{
    if (options->trace_path && options->workload) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "--trace \"%.60s\" and --workload \"%.40s\" exclude each other",
                           options->trace_path, options->workload);
    }
    if (options->honours_arrivals && !options->trace_path) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "--arrivals needs a --trace: made-up requests have no times");
    }
    if (options->step_ms > 0 && !options->honours_arrivals) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "--step-ms %u is of the clock that only --arrivals has",
                           options->step_ms);
    }
    if (options->full_every > 0 && options->window_tokens < 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "--full-every %u leaves layers to a --window, and none is given",
                           options->full_every);
    }
    if (options->no_attention && options->compare.name) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "--compare %s has nothing to compare with --no-attention",
                           options->compare.name);
    }
    if (options->no_attention && options->verify_rows > 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "--verify %llu has nothing to check with --no-attention",
                           (unsigned long long)options->verify_rows);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_run_options_parse(int argc, char **argv, kvspan_run_options *options_out,
                                       kvspan_error *error)
{
    kvspan_run_options options = { .scale = 1,
                                   .window_tokens = -1,
                                   .soft_cap = -1,
                                   .gather = KVSPAN_GATHER_HEADS,
                                   .page_tokens = 16,
                                   .slot_count = 64,
                                   .token_budget = 512,
                                   .deadline_ms = 60000,
                                   .flip_bit_rank = -1 };
    kvspan_status status = kvspan_option_parser_read(&parser, argc, argv, &options, error);

    if (status == KVSPAN_OK && !options.is_help) {
        status = check_together(&options, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    if (!options.trace_path && !options.workload) {
        options.workload = "short";
    }
    if (!options.trace_path && options.request_count == 0) {
        options.request_count = DEFAULT_MADE_REQUESTS;
    }
    if (options.honours_arrivals && options.step_ms == 0) {
        options.step_ms = DEFAULT_STEP_MS;
    }
    *options_out = options;
    return KVSPAN_OK;
}

void kvspan_run_options_help(void)
{
    kvspan_option_parser_help(&parser);
}
