/** @file
 * What the ledger costs: ns per page taken and given back, of a pool in ascending and in random
 * order; µs per decode step of 256 sequences. Prints medians of rounds.
 */
#include <kvspan/ledger.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/ledger/changes.h"
#include "runtime/ledger/page_pool.h"

enum {
    ROUNDS = 101,
    PAGES = 120000,
    PAGES_AT_ONCE = 500,
    TAKES = 200,
    SEQUENCES = 256,
    STEPS = 64,
    FIRST_TOKENS = 2000
};

static double now_ns(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare_doubles(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;

    return (a > b) - (a < b);
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof(values[0]), compare_doubles);
    return values[ROUNDS / 2];
}

static void require(kvspan_status status, const kvspan_error *error)
{
    if (status != KVSPAN_OK) {
        (void)fprintf(stderr, "%s: %s\n", kvspan_status_name(status), error->message);
        exit(EXIT_FAILURE);
    }
}

/* Gives every page back in an order that no cache foresees. */
static void shuffle_queue(kvspan_page_pool *pool)
{
    static uint32_t pages[PAGES];
    const uint32_t count = pool->free_count;
    kvspan_error error = { 0 };
    uint64_t random = 1;

    require(kvspan_page_pool_take(pool, count, 0, 0, pages, &error), &error);
    for (uint32_t i = count - 1; i > 0; i--) {
        const uint32_t page = pages[i];
        uint32_t other = 0;

        random = random * 6364136223846793005u + 1442695040888963407u;
        other = (uint32_t)((random >> 33) % (i + 1));
        pages[i] = pages[other];
        pages[other] = page;
    }
    require(kvspan_page_pool_give(pool, pages, count, &error), &error);
}

static double page_ns(bool is_shuffled)
{
    static uint32_t queue[PAGES];
    static kvspan_page_record records[PAGES];
    static uint32_t pages[PAGES_AT_ONCE];
    static double rounds[ROUNDS];
    kvspan_error error = { 0 };
    kvspan_page_pool pool;

    kvspan_page_pool_init(&pool, PAGES, queue, records);
    if (is_shuffled) {
        shuffle_queue(&pool);
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const double start = now_ns();

        for (uint32_t i = 0; i < TAKES; i++) {
            require(kvspan_page_pool_take(&pool, PAGES_AT_ONCE, i, i, pages, &error), &error);
            require(kvspan_page_pool_give(&pool, pages, PAGES_AT_ONCE, &error), &error);
        }
        rounds[round] = (now_ns() - start) / TAKES / PAGES_AT_ONCE;
    }
    return median(rounds);
}

static void decode_step(kvspan_ledger *ledger, const kvspan_sequence *sequences, uint32_t tokens)
{
    kvspan_error error = { 0 };
    kvspan_step *step = NULL;

    require(kvspan_step_open(ledger, &step, &error), &error);
    for (uint32_t i = 0; i < SEQUENCES; i++) {
        require(kvspan_step_add(step, sequences[i], tokens, NULL, &error), &error);
    }
    (void)kvspan_step_changes(step);
    kvspan_step_seal(step);
}

static double step_us(void)
{
    const kvspan_ledger_config config = { .size = sizeof(config),
                                          .page_count = PAGES,
                                          .slot_count = SEQUENCES,
                                          .page_tokens = 32,
                                          .max_step_tokens = SEQUENCES * FIRST_TOKENS,
                                          .max_sequence_tokens = 131072 };
    static kvspan_sequence sequences[SEQUENCES];
    static double rounds[ROUNDS];
    kvspan_error error = { 0 };
    kvspan_ledger *ledger = NULL;

    require(kvspan_ledger_create(&config, &ledger, &error), &error);
    for (uint32_t i = 0; i < SEQUENCES; i++) {
        const kvspan_sequence_config sequence = { .size = sizeof(sequence), .tag = i };

        require(kvspan_sequence_create(ledger, &sequence, &sequences[i], NULL, &error), &error);
    }
    decode_step(ledger, sequences, FIRST_TOKENS);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const double start = now_ns();

        for (uint32_t i = 0; i < STEPS; i++) {
            decode_step(ledger, sequences, 1);
        }
        rounds[round] = (now_ns() - start) / STEPS / 1000;
    }
    kvspan_ledger_destroy(ledger);
    return median(rounds);
}

int main(void)
{
    printf("page taken and given back, ascending: %.2f ns\n", page_ns(false));
    printf("page taken and given back, shuffled: %.2f ns\n", page_ns(true));
    printf("decode step of %d sequences: %.2f us\n", SEQUENCES, step_us());
    return EXIT_SUCCESS;
}
