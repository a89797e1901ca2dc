#include "launch/bench.h"

#include <stdlib.h>

#include <kvspan/ledger.h>
#include <kvspan/prefix_key.h>

#include "launch/calibrate.h"

enum {
    PAGES_AT_ONCE = 500, /* that one row takes, and its sequence's end gives back */
    PAGE_TURNS = 100,
    DECODE_STEPS = 64,
    PROMPT_TOKENS = 131072 /* of a long prompt, whose pages get keys */
};

/* A ledger without a cache, and its sequences. */
typedef struct bench_book {
    kvspan_ledger *ledger;
    kvspan_sequence *sequences;
    uint32_t sequence_count;
    uint32_t page_tokens;
    uint32_t *prompt;    /* [PROMPT_TOKENS] */
    kvspan_digest *keys; /* [PROMPT_TOKENS] */
} bench_book;

/* Steps are seconds apart in a model: here they end as soon as they are planned. */
static kvspan_status append(const bench_book *book, const kvspan_sequence *sequences,
                            uint32_t count, uint32_t tokens, kvspan_error *error)
{
    kvspan_step *step = NULL;
    kvspan_status status = kvspan_step_open(book->ledger, &step, error);

    for (uint32_t i = 0; status == KVSPAN_OK && i < count; i++) {
        status = kvspan_step_add(step, sequences[i], tokens, NULL, error);
    }
    return status == KVSPAN_OK ? kvspan_step_rehearse(step, error) : status;
}

static kvspan_status take_and_give(const bench_book *book, kvspan_error *error)
{
    const kvspan_sequence_config config = { .size = sizeof(config), .tag = book->sequence_count };
    kvspan_sequence sequence = 0;
    kvspan_status status = kvspan_sequence_create(book->ledger, &config, &sequence, NULL, error);

    if (status == KVSPAN_OK) {
        status = append(book, &sequence, 1, PAGES_AT_ONCE * book->page_tokens, error);
    }
    return status == KVSPAN_OK ? kvspan_sequence_free(book->ledger, sequence, error) : status;
}

static kvspan_status run_round(const bench_book *book, kvspan_bench_report *report,
                               kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;
    double start = kvspan_calibrate_seconds(1);

    for (uint32_t i = 0; status == KVSPAN_OK && i < PAGE_TURNS; i++) {
        status = take_and_give(book, error);
    }
    if (status == KVSPAN_OK) {
        kvspan_bench_report_add(report, "nanoseconds_per_page",
                                (kvspan_calibrate_seconds(1) - start) * 1e9 / PAGE_TURNS /
                                    PAGES_AT_ONCE);
    }
    start = kvspan_calibrate_seconds(1);
    for (uint32_t i = 0; status == KVSPAN_OK && i < DECODE_STEPS; i++) {
        status = append(book, book->sequences, book->sequence_count, 1, error);
    }
    if (status == KVSPAN_OK) {
        kvspan_bench_report_add(report, "microseconds_per_decode_step",
                                (kvspan_calibrate_seconds(1) - start) * 1e6 / DECODE_STEPS);
        start = kvspan_calibrate_seconds(1);
        status = kvspan_prefix_keys(NULL, book->prompt, PROMPT_TOKENS, book->page_tokens,
                                    book->keys, error);
    }
    if (status == KVSPAN_OK) {
        kvspan_bench_report_add(report, "prefix_key_gigatokens_per_second",
                                PROMPT_TOKENS / (kvspan_calibrate_seconds(1) - start) / 1e9);
    }
    return status;
}

/* Sequences with their contexts in pages. */
static kvspan_status fill(bench_book *book, uint32_t context_tokens, kvspan_error *error)
{
    for (uint32_t i = 0; i < book->sequence_count; i++) {
        const kvspan_sequence_config config = { .size = sizeof(config), .tag = i };
        kvspan_status status =
            kvspan_sequence_create(book->ledger, &config, &book->sequences[i], NULL, error);

        if (status == KVSPAN_OK) {
            status = append(book, &book->sequences[i], 1, context_tokens, error);
        }
        if (status != KVSPAN_OK) {
            return status;
        }
    }
    return KVSPAN_OK;
}

/* Every page there will be, with room to spare. */
static kvspan_status open_book(bench_book *book, const kvspan_bench_options *options,
                               kvspan_error *error)
{
    const uint64_t tokens =
        options->context_tokens + (uint64_t)(options->rounds + 1) * DECODE_STEPS;
    const uint64_t taken_tokens = (uint64_t)PAGES_AT_ONCE * options->page_tokens;
    const uint64_t most_tokens = tokens > taken_tokens ? tokens : taken_tokens;
    const uint64_t pages = (tokens / options->page_tokens + 1) * options->sequence_count +
                           2 * (uint64_t)PAGES_AT_ONCE + 1;
    const kvspan_ledger_config config = { .size = sizeof(config),
                                          .page_count = (uint32_t)pages,
                                          .slot_count = options->sequence_count + 2,
                                          .page_tokens = options->page_tokens,
                                          .max_step_tokens = (uint32_t)most_tokens,
                                          .max_sequence_tokens = most_tokens };

    if (pages > KVSPAN_MAX_PAGES || most_tokens > KVSPAN_MAX_STEP_TOKENS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "%llu pages and %llu tokens at once are needed, at most %d and %d",
                           (unsigned long long)pages, (unsigned long long)most_tokens,
                           KVSPAN_MAX_PAGES, KVSPAN_MAX_STEP_TOKENS);
    }
    return kvspan_ledger_create(&config, &book->ledger, error);
}

kvspan_status kvspan_bench_ledger(const kvspan_bench_options *options, kvspan_bench_report *report,
                                  kvspan_error *error)
{
    bench_book book = { .sequences = calloc(options->sequence_count, sizeof(kvspan_sequence)),
                        .sequence_count = options->sequence_count,
                        .page_tokens = options->page_tokens,
                        .prompt = calloc(PROMPT_TOKENS, sizeof(*book.prompt)),
                        .keys = calloc(PROMPT_TOKENS, sizeof(*book.keys)) };
    kvspan_status status;

    if (!book.sequences || !book.prompt || !book.keys) {
        status = kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u sequences and a prompt",
                             options->sequence_count);
        goto err_free_book;
    }
    for (uint32_t i = 0; i < PROMPT_TOKENS; i++) {
        book.prompt[i] = i * 2654435761u % 128256; /* ids as of a vocabulary */
    }
    kvspan_bench_report_set_number(report, "sequences", options->sequence_count);
    kvspan_bench_report_set_number(report, "context_tokens", options->context_tokens);
    kvspan_bench_report_set_number(report, "page_tokens", options->page_tokens);
    kvspan_bench_report_set_number(report, "pages_at_once", PAGES_AT_ONCE);
    kvspan_bench_report_set_number(report, "rounds", options->rounds);
    status = open_book(&book, options, error);
    if (status == KVSPAN_OK) {
        status = fill(&book, options->context_tokens, error);
    }
    if (status == KVSPAN_OK) {
        status = run_round(&book, report, error);
        kvspan_bench_report_forget(report);
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < options->rounds; i++) {
        status = run_round(&book, report, error);
    }
    kvspan_ledger_destroy(book.ledger);
err_free_book:
    free(book.keys);
    free(book.prompt);
    free(book.sequences);
    return status;
}
