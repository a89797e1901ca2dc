/* A ledger driven by the input: sizes, then operations, each a byte and its arguments. All
 * invariants are walked after each; every step goes through the codec to a rank's replica, which
 * has to end in the digest that the ledger has worked out in its own way. */
#include <stdbool.h>
#include <string.h>

#include "fuzz_target.h"
#include "runtime/step/replica.h"

enum {
    MAX_SEQUENCES = 12,
    MAX_OPERATIONS = 400
};

typedef enum operation {
    CREATE,
    FREE,
    OPEN,
    ADD,
    ADD_MORE, /* adding is what programs mostly do */
    ATTACH,
    CANCEL,
    REHEARSE,
    COMMIT,
    OPERATION_END
} operation;

typedef struct program {
    fuzz_input *input;
    kvspan_ledger_config config;
    kvspan_ledger *ledger;
    kvspan_step *step;
    kvspan_sequence sequences[MAX_SEQUENCES]; /* live, freed, or never made */
    kvspan_step_limits limits;
    kvspan_replica replica;
    kvspan_step_message message;
    kvspan_replica_result result;
    unsigned char *bytes;
    size_t capacity;
} program;

static void choose_sizes(program *it)
{
    kvspan_ledger_config *const config = &it->config;

    *config = (kvspan_ledger_config){ .size = sizeof(*config),
                                      .group_count = 1,
                                      .page_count = fuzz_take_between(it->input, 2, 40),
                                      .slot_count = fuzz_take_between(it->input, 1, 9),
                                      .page_tokens = fuzz_take_between(it->input, 1, 7),
                                      .token_members = fuzz_take_between(it->input, 1, 3),
                                      .max_step_rows = fuzz_take_between(it->input, 1, 9),
                                      .max_step_tokens = fuzz_take_between(it->input, 1, 90),
                                      .max_payload_bytes = 32,
                                      .max_sequence_tokens = fuzz_take_between(it->input, 1, 100) };
    it->limits = (kvspan_step_limits){ .group_count = 1,
                                       .slot_count = config->slot_count,
                                       .page_count = config->page_count,
                                       .page_tokens = config->page_tokens * config->token_members,
                                       .max_rows = config->max_step_rows,
                                       .max_tokens = config->max_step_tokens,
                                       .max_payload_bytes = config->max_payload_bytes,
                                       .max_sequence_tokens = config->max_sequence_tokens };
    it->limits.column_count =
        (uint32_t)((config->max_sequence_tokens + it->limits.page_tokens - 1) /
                   it->limits.page_tokens);
}

static void program_init(program *it)
{
    fuzz_check(!kvspan_ledger_create(&it->config, &it->ledger, NULL));
    fuzz_check(!kvspan_replica_init(&it->replica, &it->limits, NULL));
    fuzz_check(!kvspan_step_message_init(&it->message, &it->limits, NULL));
    it->result.rows = calloc(it->limits.max_rows, sizeof(*it->result.rows));
    it->result.patches =
        calloc(kvspan_replica_max_patches(&it->limits), sizeof(*it->result.patches));
    it->capacity = kvspan_step_max_bytes(&it->limits);
    it->bytes = malloc(it->capacity);
    fuzz_check(it->result.rows);
    fuzz_check(it->result.patches);
    fuzz_check(it->bytes);
}

static void program_fini(program *it)
{
    free(it->bytes);
    free(it->result.patches);
    free(it->result.rows);
    kvspan_step_message_fini(&it->message);
    kvspan_replica_fini(&it->replica);
    kvspan_ledger_destroy(it->ledger);
}

static kvspan_sequence *take_sequence(program *it)
{
    return &it->sequences[fuzz_take_between(it->input, 0, MAX_SEQUENCES - 1)];
}

static void create(program *it)
{
    const kvspan_sequence_config config = { .size = sizeof(config),
                                            .tag = fuzz_take(it->input) * UINT64_C(0x0101010101),
                                            .token_count = fuzz_take(it->input) / 2 };

    (void)kvspan_sequence_create(it->ledger, &config, take_sequence(it), NULL, NULL);
}

/* An added row counts at once, a refused one not at all. */
static void add(program *it)
{
    const kvspan_sequence sequence = *take_sequence(it);
    const uint32_t tokens = fuzz_take(it->input);
    const kvspan_ledger_counts before = kvspan_ledger_count(it->ledger);
    kvspan_ledger_counts after;
    kvspan_status status;

    if (!it->step) {
        return;
    }
    status = kvspan_step_add(it->step, sequence, tokens, NULL, NULL);
    after = kvspan_ledger_count(it->ledger);
    fuzz_check(after.tokens == before.tokens + (status ? 0 : tokens));
    fuzz_check(status == KVSPAN_OK || after.pages_free == before.pages_free);
}

static void attach(program *it)
{
    static const unsigned char rider[40] = { 1, 2, 3, 4, 5 };
    const uint32_t bytes = fuzz_take_between(it->input, 0, sizeof(rider));

    if (it->step) {
        const kvspan_status status = kvspan_step_attach(it->step, rider, bytes, NULL);

        fuzz_check((status == KVSPAN_OK) == (bytes <= it->config.max_payload_bytes));
    }
}

/* A cancelled step leaves the ledger's pages as they were without it. */
static void cancel(program *it)
{
    kvspan_step_cancel(it->step);
    it->step = NULL;
}

/* Tells the replica what the step changes, as a coordinator would, and ends it. */
static void rehearse(program *it)
{
    kvspan_changes changes;
    size_t bytes = 0;

    if (!it->step) {
        return;
    }
    changes = kvspan_step_changes(it->step);
    fuzz_check(!kvspan_step_encode(&changes, KVSPAN_STEP_FIRST_BYTES, it->bytes, it->capacity,
                                   &bytes, NULL));
    fuzz_check(!kvspan_step_decode(it->bytes, bytes, &it->limits, &it->message, NULL));
    fuzz_check(!kvspan_replica_apply(&it->replica, &it->message, &it->result, NULL));
    fuzz_check(!kvspan_replica_check(&it->replica, NULL));
    fuzz_check(it->replica.digest == kvspan_ledger_digest(it->ledger));
    fuzz_check(!kvspan_step_rehearse(it->step, NULL));
    it->step = NULL;
}

static void commit(program *it)
{
    const kvspan_sequence sequence = *take_sequence(it);
    const uint32_t tokens = fuzz_take(it->input);

    (void)kvspan_sequence_commit(it->ledger, sequence, NULL, tokens, NULL, NULL);
}

static void run_operation(program *it, operation next)
{
    switch (next) {
    case CREATE: create(it); break;
    case FREE: (void)kvspan_sequence_free(it->ledger, *take_sequence(it), NULL); break;
    case OPEN: fuzz_check(!it->step == !kvspan_step_open(it->ledger, &it->step, NULL)); break;
    case ADD:
    case ADD_MORE: add(it); break;
    case ATTACH: attach(it); break;
    case CANCEL: cancel(it); break;
    case REHEARSE: rehearse(it); break;
    case COMMIT: commit(it); break;
    case OPERATION_END: break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fuzz_input input = { data, bytes };
    program it = { .input = &input };
    kvspan_ledger_counts counts;

    choose_sizes(&it);
    program_init(&it);
    for (uint32_t i = 0; i < MAX_OPERATIONS && input.left > 0; i++) {
        run_operation(&it, (operation)fuzz_take_between(&input, 0, OPERATION_END - 1));
        fuzz_check(!kvspan_ledger_check(it.ledger, NULL));
        counts = kvspan_ledger_count(it.ledger);
        fuzz_check(counts.pages_free + counts.pages_in_use == it.config.page_count - 1);
    }
    program_fini(&it);
    return 0;
}
