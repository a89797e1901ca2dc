#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/ledger/changes.h"
#include "runtime/step/replica.h"

enum {
    SLOTS = 24,
    PAGES = 80,
    PAGE_TOKENS = 8,
    SEQUENCE_TOKENS = 150,
    STEP_TOKENS = 96,
    PAYLOAD = 40
};

static const kvspan_ledger_config config = {
    .size = sizeof(config),
    .page_count = PAGES,
    .slot_count = SLOTS,
    .page_tokens = PAGE_TOKENS / 2,
    .token_members = 2,
    .max_step_rows = 16,
    .max_step_tokens = STEP_TOKENS,
    .max_payload_bytes = PAYLOAD,
    .max_sequence_tokens = SEQUENCE_TOKENS,
};

static const kvspan_step_limits limits = {
    .group_count = 1,
    .slot_count = SLOTS,
    .column_count = (SEQUENCE_TOKENS + PAGE_TOKENS - 1) / PAGE_TOKENS,
    .page_count = PAGES,
    .page_tokens = PAGE_TOKENS,
    .max_rows = 16,
    .max_tokens = STEP_TOKENS,
    .max_payload_bytes = PAYLOAD,
    .max_sequence_tokens = SEQUENCE_TOKENS,
};

/* A coordinator's ledger and a rank that hears of it by messages alone. */
typedef struct pair {
    kvspan_ledger *ledger;
    kvspan_sequence sequences[SLOTS];
    uint64_t tags[SLOTS];
    uint64_t random;
    uint64_t refused; /* additions for which no page was free */
    uint64_t cancelled;
    kvspan_replica replica;
    kvspan_step_message message;
    kvspan_replica_result result;
} pair;

static uint32_t below(pair *it, uint32_t end)
{
    it->random = it->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(it->random >> 33) % end;
}

static void pair_init(pair *it, uint64_t seed)
{
    *it = (pair){ .random = seed };
    ck_assert_int_eq(kvspan_ledger_create(&config, &it->ledger, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_replica_init(&it->replica, &limits, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_step_message_init(&it->message, &limits, NULL), KVSPAN_OK);
    it->result.rows = calloc(limits.max_rows, sizeof(*it->result.rows));
    it->result.patches = calloc(kvspan_replica_max_patches(&limits), sizeof(*it->result.patches));
}

static void pair_fini(pair *it)
{
    free(it->result.rows);
    free(it->result.patches);
    kvspan_step_message_fini(&it->message);
    kvspan_replica_fini(&it->replica);
    kvspan_ledger_destroy(it->ledger);
}

static void create_one(pair *it)
{
    const kvspan_sequence_config sequence = { .size = sizeof(sequence), .tag = it->random };
    kvspan_sequence made = 0;

    if (kvspan_sequence_create(it->ledger, &sequence, &made, NULL, NULL) == KVSPAN_OK) {
        it->sequences[(uint32_t)made] = made;
        it->tags[(uint32_t)made] = sequence.tag;
    }
}

static void free_one(pair *it)
{
    const uint32_t slot = below(it, SLOTS);

    if (it->sequences[slot]) {
        ck_assert_int_eq(kvspan_sequence_free(it->ledger, it->sequences[slot], NULL), KVSPAN_OK);
        it->sequences[slot] = 0;
    }
}

/* Some sequences live too short for any rank to hear of them. */
static void change_sequences(pair *it)
{
    for (uint32_t i = below(it, 6); i > 0; i--) {
        create_one(it);
        if (below(it, 2)) {
            free_one(it);
        }
    }
}

static kvspan_step *open_step(pair *it)
{
    kvspan_step *step = NULL;

    ck_assert_int_eq(kvspan_step_open(it->ledger, &step, NULL), KVSPAN_OK);
    for (uint32_t i = below(it, 16); i > 0; i--) {
        const uint32_t slot = below(it, SLOTS);
        const kvspan_status status = kvspan_step_add(
            step, it->sequences[slot], 1 + below(it, below(it, 3) ? 3 : 40), NULL, NULL);

        it->refused += status == KVSPAN_ERR_NO_PAGES;
    }
    return step;
}

static void tell(pair *it, kvspan_step *step)
{
    unsigned char *bytes = malloc(kvspan_step_max_bytes(&limits));
    const kvspan_changes changes = kvspan_step_changes(step);
    kvspan_error error = { .status = KVSPAN_OK };
    size_t count = 0;

    ck_assert_int_eq(
        kvspan_step_encode(&changes, 4096, bytes, kvspan_step_max_bytes(&limits), &count, &error),
        KVSPAN_OK);
    kvspan_step_seal(step);
    ck_assert_msg(kvspan_step_decode(bytes, count, &limits, &it->message, &error) == KVSPAN_OK,
                  "%s", error.message);
    ck_assert_msg(kvspan_replica_apply(&it->replica, &it->message, &it->result, &error) ==
                      KVSPAN_OK,
                  "%s", error.message);
    free(bytes);
}

static bool is_equal_slot(const pair *it, uint32_t slot)
{
    const uint32_t *table = it->replica.tables + (size_t)slot * limits.column_count;
    uint32_t page_count = 0;
    const uint32_t *pages = kvspan_ledger_table(it->ledger, 0, slot, &page_count);

    if ((it->replica.is_live[slot] != 0) != (it->sequences[slot] != 0) ||
        it->replica.column_counts[slot] != page_count ||
        memcmp(table, pages, page_count * sizeof(*pages)) != 0) {
        return false;
    }
    return !it->sequences[slot] ||
           (it->replica.tags[slot] == it->tags[slot] &&
            it->replica.tokens[slot] == kvspan_sequence_tokens(it->ledger, it->sequences[slot]));
}

static void check_equal(const pair *it)
{
    ck_assert_uint_eq(it->replica.digest, kvspan_ledger_digest(it->ledger));
    ck_assert_uint_eq(it->replica.epoch, kvspan_ledger_count(it->ledger).epoch);
    ck_assert_int_eq(kvspan_replica_check(&it->replica, NULL), KVSPAN_OK);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        if (!is_equal_slot(it, slot)) {
            ck_abort_msg("slot %u differs", slot);
        }
    }
}

START_TEST(a_replica_holds_what_the_ledger_holds)
{
    uint64_t refused = 0;

    for (uint64_t seed = 1; seed <= 4; seed++) {
        pair it;

        pair_init(&it, seed);
        for (uint32_t i = 0; i < 1000; i++) {
            kvspan_step *step;

            change_sequences(&it);
            step = open_step(&it);
            if (below(&it, 10) == 0) {
                kvspan_step_cancel(step);
                it.cancelled++;
                continue;
            }
            tell(&it, step);
            check_equal(&it);
        }
        ck_assert_uint_gt(it.cancelled, 50);
        refused += it.refused;
        pair_fini(&it);
    }
    ck_assert_uint_gt(refused, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/step_ledger");
    TCase *ledger = tcase_create("ledger");

    tcase_add_test(ledger, a_replica_holds_what_the_ledger_holds);
    suite_add_tcase(suite, ledger);
    return suite_run(suite);
}
