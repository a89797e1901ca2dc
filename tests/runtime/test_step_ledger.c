#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/ledger/changes.h"
#include "runtime/step/replica.h"

enum {
    SLOTS = 24,
    GROUPS = 3,
    COLUMNS = 19, /* of SEQUENCE_TOKENS */
    PAGES = 160,
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
    .group_count = GROUPS,
    .group_windows = { 0, 20, 1 },
};

static const kvspan_step_limits limits = {
    .group_count = GROUPS,
    .slot_count = SLOTS,
    .column_count = COLUMNS,
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
    uint64_t forks;
    uint64_t cuts;
    uint64_t copies;
    uint64_t windows;
    uint64_t serial;                         /* of the last token */
    uint64_t texts[SLOTS][SEQUENCE_TOKENS];  /* what each sequence should read */
    uint64_t memory[PAGES][PAGE_TOKENS];     /* what a rank's pages hold */
    uint32_t device[GROUPS][SLOTS][COLUMNS]; /* a table that only patches change */
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
    it->result.copies = calloc(kvspan_step_max_page_runs(&limits), sizeof(*it->result.copies));
}

static void pair_fini(pair *it)
{
    free(it->result.rows);
    free(it->result.patches);
    free(it->result.copies);
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

    if (kvspan_sequence_free(it->ledger, it->sequences[slot], NULL) == KVSPAN_OK) {
        it->sequences[slot] = 0;
    }
}

static void fork_one(pair *it)
{
    const uint32_t parent = below(it, SLOTS);
    const uint64_t tokens = kvspan_sequence_tokens(it->ledger, it->sequences[parent]);
    const uint64_t position = tokens - below(it, (uint32_t)tokens + 1) / (1 + below(it, 20));
    const uint64_t tag = it->random;
    kvspan_sequence child = 0;

    if (kvspan_sequence_fork(it->ledger, it->sequences[parent], position, tag, &child, NULL) ==
        KVSPAN_OK) {
        it->sequences[(uint32_t)child] = child;
        it->tags[(uint32_t)child] = tag;
        memcpy(it->texts[(uint32_t)child], it->texts[parent], position * sizeof(uint64_t));
        it->forks += position > 0;
    }
}

static void cut_one(pair *it)
{
    const kvspan_sequence sequence = it->sequences[below(it, SLOTS)];
    const uint64_t tokens = kvspan_sequence_tokens(it->ledger, sequence);
    const uint64_t left = tokens - below(it, (uint32_t)tokens + 1) / (1 + below(it, 20));

    it->cuts += kvspan_sequence_truncate(it->ledger, sequence, left, NULL) == KVSPAN_OK;
}

static void commit_one(pair *it)
{
    const kvspan_sequence sequence = it->sequences[below(it, SLOTS)];
    const uint64_t tokens = kvspan_sequence_tokens(it->ledger, sequence);
    const uint64_t committed = kvspan_sequence_committed(it->ledger, sequence);

    if (tokens > committed) {
        ck_assert_int_eq(kvspan_sequence_commit(it->ledger, sequence, NULL,
                                                1 + below(it, (uint32_t)(tokens - committed)), NULL,
                                                NULL),
                         KVSPAN_OK);
    }
}

/* Refused where a sequence has a row in the open step. */
static void change_one(pair *it)
{
    switch (below(it, 8)) {
    case 0:
    case 1: create_one(it); break;
    case 2:
    case 3: fork_one(it); break;
    case 4: cut_one(it); break;
    case 5:
        commit_one(it);
        commit_one(it);
        break;
    default: free_one(it); break;
    }
}

/* Some sequences live too short for any rank to hear of them. */
static void change_sequences(pair *it)
{
    for (uint32_t i = below(it, 9); i > 0; i--) {
        change_one(it);
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
        if (status == KVSPAN_ERR_NO_PAGES) {
            free_one(it);
        }
        if (below(it, 4) == 0) {
            change_one(it);
        }
    }
    return step;
}

/* What a rank does with the result of a step: patches, copies, then its rows' tokens. */
static void obey(pair *it)
{
    for (uint32_t i = 0; i < it->result.patch_count; i++) {
        const kvspan_replica_patch *patch = &it->result.patches[i];

        it->device[patch->group][patch->slot][patch->column] = patch->page;
    }
    for (uint32_t i = 0; i < it->result.copy_count; i++) {
        memcpy(it->memory[it->result.copies[i].target], it->memory[it->result.copies[i].source],
               sizeof(it->memory[0]));
    }
    for (uint32_t i = 0; i < it->result.row_count; i++) {
        const kvspan_row *row = &it->result.rows[i];

        for (uint64_t p = row->position; p < row->position + row->token_count; p++) {
            it->texts[row->slot][p] = ++it->serial;
            for (uint32_t group = 0; group < GROUPS; group++) {
                const uint32_t page = it->device[group][row->slot][p / PAGE_TOKENS];

                it->memory[page][p % PAGE_TOKENS] = it->serial * GROUPS + group;
            }
        }
    }
    it->copies += it->result.copy_count;
}

/* A query behind the last token of a sequence sees this sequence's own tokens. */
static bool reads_its_own(const pair *it, uint32_t slot, uint32_t group)
{
    const uint32_t window = config.group_windows[group];
    const uint64_t tokens = kvspan_sequence_tokens(it->ledger, it->sequences[slot]);
    const uint64_t first = window == 0 || tokens < window ? 0 : tokens - window + 1;

    for (uint64_t p = first; p < tokens; p++) {
        const uint32_t page = it->device[group][slot][p / PAGE_TOKENS];

        if (page == 0 || it->memory[page][p % PAGE_TOKENS] != it->texts[slot][p] * GROUPS + group) {
            return false;
        }
    }
    return true;
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
    it->windows += changes.window_count;
    kvspan_step_seal(step);
    ck_assert_msg(kvspan_step_decode(bytes, count, &limits, &it->message, &error) == KVSPAN_OK,
                  "%s", error.message);
    ck_assert_msg(kvspan_replica_apply(&it->replica, &it->message, &it->result, &error) ==
                      KVSPAN_OK,
                  "%s", error.message);
    obey(it);
    free(bytes);
}

static bool is_equal_row(const pair *it, uint32_t group, uint32_t slot)
{
    const uint32_t row = group * SLOTS + slot;
    const uint32_t *table = it->replica.tables + (size_t)row * limits.column_count;
    uint32_t page_count = 0;

    (void)kvspan_ledger_table(it->ledger, group, slot, &page_count);
    return it->replica.column_counts[row] == page_count &&
           memcmp(table, it->device[group][slot], sizeof(it->device[group][slot])) == 0 &&
           (!it->sequences[slot] || reads_its_own(it, slot, group));
}

static bool is_equal_slot(const pair *it, uint32_t slot)
{
    for (uint32_t group = 0; group < GROUPS; group++) {
        if (!is_equal_row(it, group, slot)) {
            return false;
        }
    }
    return (it->replica.is_live[slot] != 0) == (it->sequences[slot] != 0) &&
           (!it->sequences[slot] ||
            (it->replica.tags[slot] == it->tags[slot] &&
             it->replica.tokens[slot] == kvspan_sequence_tokens(it->ledger, it->sequences[slot])));
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

/* Windows that a seal lets slide are the next step's to tell, so a step is told twice: once more
 * without rows before tables and digests are compared. */
static void tell_the_rest(pair *it)
{
    kvspan_step *step = NULL;

    ck_assert_int_eq(kvspan_step_open(it->ledger, &step, NULL), KVSPAN_OK);
    tell(it, step);
}

static void run_program(pair *it)
{
    kvspan_error error = { .status = KVSPAN_OK };

    for (uint32_t i = 0; i < 1000; i++) {
        kvspan_step *step = NULL;

        change_sequences(it);
        step = open_step(it);
        if (below(it, 10) == 0) {
            kvspan_step_cancel(step);
            it->cancelled++;
            continue;
        }
        ck_assert_msg(kvspan_ledger_check(it->ledger, &error) == KVSPAN_OK, "%s", error.message);
        tell(it, step);
        if (below(it, 3) == 0) {
            tell_the_rest(it);
            check_equal(it);
        }
    }
}

START_TEST(a_replica_holds_what_the_ledger_holds_and_sequences_read_their_own_tokens)
{
    static pair it;
    const uint64_t seed = (uint64_t)_i + 1;

    printf("seed %d\n", _i + 1);
    pair_init(&it, seed);
    run_program(&it);
    printf("%lu refused, %lu cancelled, %lu forks, %lu cuts, %lu copies, %lu windows\n",
           (unsigned long)it.refused, (unsigned long)it.cancelled, (unsigned long)it.forks,
           (unsigned long)it.cuts, (unsigned long)it.copies, (unsigned long)it.windows);
    ck_assert_uint_gt(it.cancelled, 50);
    ck_assert_uint_gt(it.refused, 20);
    ck_assert_uint_gt(it.forks, 100);
    ck_assert_uint_gt(it.cuts, 50);
    ck_assert_uint_gt(it.copies, 50);
    ck_assert_uint_gt(it.windows, 50);
    pair_fini(&it);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/step_ledger");
    TCase *ledger = tcase_create("ledger");

    tcase_add_loop_test(
        ledger, a_replica_holds_what_the_ledger_holds_and_sequences_read_their_own_tokens, 0, 4);
    suite_add_tcase(suite, ledger);
    return suite_run(suite);
}
