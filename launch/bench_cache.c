#include "launch/bench_cache.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "launch/bench_numbers.h"
#include "launch/calibrate.h"
#include "launch/trace_file.h"

enum {
    FILL_TOKENS = 2048, /* that a step appends while the contexts are filled */
    CACHE_MULTIPLE = 4, /* of the CPU's last level of cache, so that pages are read from memory */
    TIMEOUT_MS = 10000
};

/* ---- sizes ------------------------------------------------------------------------------------
 */

static bool has_scales(kvspan_dtype dtype)
{
    return kvspan_dtype_bytes(dtype) == 1;
}

/* Of q, and of k and v as the caller has them. */
static kvspan_dtype caller_dtype(const kvspan_bench_options *options)
{
    return has_scales(options->kv_dtype) ? KVSPAN_BF16 : options->kv_dtype;
}

/* Of one token in one layer. */
static double token_bytes(const kvspan_bench_options *options)
{
    const uint32_t scale_bytes = has_scales(options->kv_dtype) ? sizeof(float) : 0;
    const uint32_t dims = options->key_dim + options->value_dim;

    return (double)options->kv_heads *
           ((double)dims * kvspan_dtype_bytes(options->kv_dtype) + 2 * scale_bytes);
}

double kvspan_bench_cache_seen_bytes(const kvspan_bench_cache *bench)
{
    return token_bytes(bench->options) * (double)bench->seen_tokens * bench->group.layer_count;
}

double kvspan_bench_cache_new_bytes(const kvspan_bench_cache *bench)
{
    return token_bytes(bench->options) * bench->step_tokens * bench->group.layer_count;
}

double kvspan_bench_cache_operations(const kvspan_bench_cache *bench)
{
    const kvspan_bench_options *const options = bench->options;

    return 2.0 * (options->key_dim + options->value_dim) * options->q_heads * bench->seen_pairs *
           bench->group.layer_count;
}

static kvspan_status read_contexts(kvspan_bench_cache *bench, kvspan_error *error)
{
    kvspan_trace trace = { 0 };
    const kvspan_status status =
        kvspan_trace_file_read(bench->options->lengths_path, bench->sequence_count, &trace, error);

    if (status == KVSPAN_OK) {
        bench->sequence_count = trace.count;
        for (uint32_t i = 0; i < trace.count; i++) {
            bench->contexts[i] =
                trace.requests[i].prompt_tokens + trace.requests[i].output_tokens - 1;
        }
        kvspan_trace_fini(&trace);
    }
    return status;
}

static kvspan_status choose_contexts(kvspan_bench_cache *bench, kvspan_error *error)
{
    const kvspan_bench_options *const options = bench->options;

    bench->sequence_count = options->sequence_count;
    bench->contexts = calloc(options->sequence_count, sizeof(*bench->contexts));
    bench->sequences = calloc(options->sequence_count, sizeof(*bench->sequences));
    if (!bench->contexts || !bench->sequences) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u sequences",
                           options->sequence_count);
    }
    if (options->lengths_path) {
        return read_contexts(bench, error);
    }
    for (uint32_t i = 0; i < options->sequence_count; i++) {
        bench->contexts[i] = options->context_tokens;
    }
    return KVSPAN_OK;
}

/* What a new token at `position` sees. */
static uint64_t seen_at(const kvspan_bench_options *options, uint64_t position)
{
    const uint64_t window = options->window_tokens;

    return window > 0 && position + 1 > window ? window : position + 1;
}

static kvspan_status measure_work(kvspan_bench_cache *bench, kvspan_error *error)
{
    const kvspan_bench_options *const options = bench->options;

    bench->step_tokens = options->new_tokens * bench->sequence_count;
    bench->page_count = 1;
    for (uint32_t i = 0; i < bench->sequence_count; i++) {
        const uint64_t context = bench->contexts[i];

        bench->page_count +=
            (context + options->new_tokens + options->page_tokens - 1) / options->page_tokens;
        bench->seen_tokens += seen_at(options, context) + options->new_tokens - 1;
        for (uint32_t token = 0; token < options->new_tokens; token++) {
            bench->seen_pairs += (double)seen_at(options, context + token);
        }
    }
    return bench->page_count <= KVSPAN_MAX_PAGES
               ? KVSPAN_OK
               : kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%" PRIu64 " pages are needed, at most %d",
                             bench->page_count, KVSPAN_MAX_PAGES);
}

static uint32_t choose_layers(const kvspan_bench_cache *bench)
{
    const kvspan_bench_options *const options = bench->options;
    const double wanted = (double)(CACHE_MULTIPLE * kvspan_calibrate_cache_bytes());
    const double tokens = options->what == KVSPAN_BENCH_APPEND ? (double)bench->step_tokens
                                                               : (double)bench->seen_tokens;
    const double layers = wanted / (token_bytes(options) * tokens);

    if (options->layer_count > 0) {
        return options->layer_count;
    }
    return layers < KVSPAN_MAX_LAYERS - 1 ? (uint32_t)layers + 1 : KVSPAN_MAX_LAYERS;
}

/* ---- init -------------------------------------------------------------------------------------
 */

static kvspan_layer_group make_group(const kvspan_bench_cache *bench)
{
    const kvspan_bench_options *const options = bench->options;
    const kvspan_plane keys = { .role = KVSPAN_KEY,
                                .heads = options->kv_heads,
                                .dim = options->key_dim,
                                .dtype = options->kv_dtype,
                                .scale_tokens = has_scales(options->kv_dtype) };
    kvspan_plane values = keys;

    values.role = KVSPAN_VALUE;
    values.dim = options->value_dim;
    return (kvspan_layer_group){ .layer_count = choose_layers(bench),
                                 .q_heads = options->q_heads,
                                 .window_tokens = options->window_tokens,
                                 .plane_count = 2,
                                 .planes = { keys, values } };
}

static uint32_t most_step_tokens(const kvspan_bench_cache *bench)
{
    return bench->step_tokens > FILL_TOKENS ? bench->step_tokens : FILL_TOKENS;
}

static kvspan_status open_cache(kvspan_bench_cache *bench, kvspan_error *error)
{
    kvspan_cache_config config = { .size = sizeof(config),
                                   .group_count = 1,
                                   .groups = &bench->group,
                                   .page_tokens = bench->options->page_tokens,
                                   .layout = bench->options->layout,
                                   .slot_count = bench->sequence_count,
                                   .max_step_tokens = most_step_tokens(bench),
                                   .page_count = (uint32_t)bench->page_count };

    for (uint32_t i = 0; i < bench->sequence_count; i++) {
        const uint64_t tokens = bench->contexts[i] + bench->options->new_tokens;

        config.max_sequence_tokens =
            tokens > config.max_sequence_tokens ? tokens : config.max_sequence_tokens;
    }
    return kvspan_cache_create(&config, bench->device, NULL, &bench->cache, error);
}

static kvspan_tensor make_tensor(const kvspan_bench_cache *bench, uint32_t heads, uint32_t dim,
                                 unsigned char **next)
{
    const kvspan_tensor tensor = { .data = *next,
                                   .dtype = caller_dtype(bench->options),
                                   .heads = heads,
                                   .dim = dim,
                                   .token_stride = (int64_t)heads * dim,
                                   .head_stride = dim };

    *next += (uint64_t)most_step_tokens(bench) * heads * dim * kvspan_dtype_bytes(tensor.dtype);
    return tensor;
}

static kvspan_status take_tensors(kvspan_bench_cache *bench, kvspan_error *error)
{
    const kvspan_bench_options *const options = bench->options;
    const uint64_t dims = (uint64_t)options->key_dim + options->value_dim;
    const uint64_t elements = dims * ((uint64_t)options->q_heads + options->kv_heads);
    const uint64_t bytes =
        elements * most_step_tokens(bench) * kvspan_dtype_bytes(caller_dtype(options));
    unsigned char *next = NULL;
    const kvspan_status status =
        kvspan_step_tensors_init(&bench->memory, bench->device, bytes, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    next = bench->memory.host;
    bench->q = make_tensor(bench, options->q_heads, options->key_dim, &next);
    bench->planes[0] = make_tensor(bench, options->kv_heads, options->key_dim, &next);
    bench->planes[1] = make_tensor(bench, options->kv_heads, options->value_dim, &next);
    bench->out = make_tensor(bench, options->q_heads, options->value_dim, &next);
    return KVSPAN_OK;
}

static void fill_tensor(kvspan_tensor *tensor, uint64_t seed, uint32_t tokens)
{
    tensor->tokens = tokens;
    kvspan_bench_numbers_fill(tensor->dtype, seed, (uint64_t)tokens * tensor->heads * tensor->dim,
                              tensor->data);
}

static kvspan_status upload(const kvspan_bench_cache *bench, kvspan_error *error)
{
    kvspan_status status = kvspan_step_tensors_upload(&bench->memory, &bench->q, error);

    for (uint32_t i = 0; status == KVSPAN_OK && i < 2; i++) {
        status = kvspan_step_tensors_upload(&bench->memory, &bench->planes[i], error);
    }
    return status;
}

/* Makes q, k and v of a step that is open, and begins it. */
static kvspan_status begin(kvspan_bench_cache *bench, kvspan_step *step, uint64_t seed,
                           kvspan_error *error)
{
    kvspan_step_view view;
    const kvspan_status status =
        kvspan_step_begin(bench->cache, step, NULL, TIMEOUT_MS, &view, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    fill_tensor(&bench->q, 3 * seed, view.token_count);
    fill_tensor(&bench->planes[0], 3 * seed + 1, view.token_count);
    fill_tensor(&bench->planes[1], 3 * seed + 2, view.token_count);
    bench->out.tokens = view.token_count;
    return upload(bench, error);
}

static kvspan_status fill_context(kvspan_bench_cache *bench, uint32_t index, kvspan_error *error)
{
    kvspan_ledger *const ledger = kvspan_cache_ledger(bench->cache);
    uint64_t left = bench->contexts[index];
    kvspan_status status = KVSPAN_OK;

    while (status == KVSPAN_OK && left > 0) {
        const uint32_t tokens = left < FILL_TOKENS ? (uint32_t)left : FILL_TOKENS;
        kvspan_step *step = NULL;

        status = kvspan_step_open(ledger, &step, error);
        if (status == KVSPAN_OK) {
            status = kvspan_step_add(step, bench->sequences[index], tokens, NULL, error);
        }
        if (status == KVSPAN_OK) {
            status = begin(bench, step, 1 + index + left, error);
        }
        if (status == KVSPAN_OK) {
            status = kvspan_bench_cache_append(bench, error);
        }
        if (status == KVSPAN_OK) {
            status = kvspan_step_end(bench->cache, NULL, error);
        }
        left -= tokens;
    }
    return status;
}

static kvspan_status fill_contexts(kvspan_bench_cache *bench, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; status == KVSPAN_OK && i < bench->sequence_count; i++) {
        const kvspan_sequence_config config = { .size = sizeof(config), .tag = i };

        status = kvspan_sequence_create(kvspan_cache_ledger(bench->cache), &config,
                                        &bench->sequences[i], NULL, error);
        if (status == KVSPAN_OK) {
            status = fill_context(bench, i, error);
        }
    }
    return status;
}

static kvspan_status begin_step(kvspan_bench_cache *bench, kvspan_error *error)
{
    kvspan_step *step = NULL;
    kvspan_status status = kvspan_step_open(kvspan_cache_ledger(bench->cache), &step, error);

    for (uint32_t i = 0; status == KVSPAN_OK && i < bench->sequence_count; i++) {
        status =
            kvspan_step_add(step, bench->sequences[i], bench->options->new_tokens, NULL, error);
    }
    if (status == KVSPAN_OK) {
        status = begin(bench, step, 0, error);
    }
    return status == KVSPAN_OK ? kvspan_bench_cache_append(bench, error) : status;
}

kvspan_status kvspan_bench_cache_init(kvspan_bench_cache *bench,
                                      const kvspan_bench_options *options, kvspan_error *error)
{
    kvspan_status status;

    *bench = (kvspan_bench_cache){ .options = options };
    status = choose_contexts(bench, error);
    if (status == KVSPAN_OK) {
        status = measure_work(bench, error);
    }
    if (status == KVSPAN_OK) {
        bench->group = make_group(bench);
        status = kvspan_device_choice_open(&options->device, 0, &bench->device, error);
    }
    if (status == KVSPAN_OK) {
        bench->description = kvspan_device_describe(bench->device);
        status = open_cache(bench, error);
    }
    if (status == KVSPAN_OK) {
        status = take_tensors(bench, error);
    }
    if (status == KVSPAN_OK) {
        status = fill_contexts(bench, error);
    }
    if (status == KVSPAN_OK) {
        status = begin_step(bench, error);
    }
    if (status != KVSPAN_OK) {
        kvspan_bench_cache_fini(bench);
    }
    return status;
}

void kvspan_bench_cache_fini(kvspan_bench_cache *bench)
{
    kvspan_cache_destroy(bench->cache);
    kvspan_step_tensors_fini(&bench->memory);
    kvspan_device_close(bench->device);
    free(bench->sequences);
    free(bench->contexts);
    memset(bench, 0, sizeof(*bench));
}

/* ---- work -------------------------------------------------------------------------------------
 */

kvspan_status kvspan_bench_cache_append(kvspan_bench_cache *bench, kvspan_error *error)
{
    const kvspan_tensor planes[2] = {
        kvspan_step_tensors_on_device(&bench->memory, &bench->planes[0]),
        kvspan_step_tensors_on_device(&bench->memory, &bench->planes[1])
    };
    kvspan_status status = KVSPAN_OK;

    for (uint32_t layer = 0; status == KVSPAN_OK && layer < bench->group.layer_count; layer++) {
        status = kvspan_cache_append(bench->cache, layer, planes, NULL, error);
    }
    return status == KVSPAN_OK ? kvspan_step_tensors_wait(&bench->memory, bench->cache, error)
                               : status;
}

kvspan_status kvspan_bench_cache_attend(kvspan_bench_cache *bench, kvspan_error *error)
{
    const kvspan_attention attention = { .size = sizeof(attention),
                                         .soft_cap = (float)bench->options->soft_cap };
    const kvspan_tensor q = kvspan_step_tensors_on_device(&bench->memory, &bench->q);
    kvspan_tensor out = kvspan_step_tensors_on_device(&bench->memory, &bench->out);
    kvspan_status status = KVSPAN_OK;

    for (uint32_t layer = 0; status == KVSPAN_OK && layer < bench->group.layer_count; layer++) {
        status = kvspan_cache_attend(bench->cache, layer, &q, &attention, &out, NULL, error);
    }
    return status == KVSPAN_OK ? kvspan_step_tensors_wait(&bench->memory, bench->cache, error)
                               : status;
}

void kvspan_bench_cache_describe(const kvspan_bench_cache *bench, kvspan_bench_report *report)
{
    const kvspan_bench_options *const options = bench->options;
    uint64_t tokens = 0;

    for (uint32_t i = 0; i < bench->sequence_count; i++) {
        tokens += bench->contexts[i];
    }
    kvspan_bench_report_set_text(report, "device", bench->description.name);
    kvspan_bench_report_set_text(report, "isa", bench->description.isa);
    if (*bench->description.model) {
        kvspan_bench_report_set_text(report, "device_model", bench->description.model);
        kvspan_bench_report_set_number(report, "device_index", bench->description.index);
    }
    kvspan_bench_report_set_number(report, "threads", bench->description.thread_count);
    kvspan_bench_report_set_text(report, "clock",
                                 kvspan_calibrate_clock_name(bench->description.thread_count));
    kvspan_bench_report_set_number(report, "q_heads", options->q_heads);
    kvspan_bench_report_set_number(report, "kv_heads", options->kv_heads);
    kvspan_bench_report_set_number(report, "head_dim", options->key_dim);
    kvspan_bench_report_set_number(report, "value_dim", options->value_dim);
    kvspan_bench_report_set_text(report, "kv_dtype", kvspan_dtype_name(options->kv_dtype));
    kvspan_bench_report_set_number(report, "page_tokens", options->page_tokens);
    kvspan_bench_report_set_text(report, "layout",
                                 kvspan_bench_options_layout_name(options->layout));
    kvspan_bench_report_set_number(report, "window_tokens", options->window_tokens);
    kvspan_bench_report_set_number(report, "layers", bench->group.layer_count);
    kvspan_bench_report_set_number(report, "sequences", bench->sequence_count);
    kvspan_bench_report_set_number(report, "context_tokens", tokens);
    kvspan_bench_report_set_number(report, "new_tokens", bench->step_tokens);
}
