/* A ledger driven by the input: sizes, groups and windows, then operations, each a byte and its
 * arguments. A naive model does each operation too and has to agree; all invariants are walked
 * after each; every step goes through the codec to a rank's replica, which has to end in the digest
 * that the ledger has worked out in its own way. */
#include <stdbool.h>
#include <string.h>

#include "fuzz_target.h"
#include "runtime/step/replica.h"
#include "tests/runtime/ledger_model.h"

enum {
    MAX_SEQUENCES = 12,
    MAX_OPERATIONS = 400,
    MAX_WINDOW_TOKENS = 30,
    MAX_PAYLOAD_BYTES = 32
};

typedef enum operation {
    CREATE,
    FORK,
    TRUNCATE,
    COMMIT,
    FREE,
    OPEN,
    ADD,
    ADD_MORE, /* adding is what programs mostly do */
    ATTACH,
    CANCEL,
    REHEARSE,
    OPERATION_END
} operation;

typedef struct program {
    fuzz_input *input;
    kvspan_ledger_config config;
    kvspan_ledger *ledger;
    ledger_model *model;
    kvspan_step *step;
    kvspan_sequence sequences[MAX_SEQUENCES + 1]; /* live, freed, never made; a foreign one */
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

    *config =
        (kvspan_ledger_config){ .size = sizeof(*config),
                                .group_count = fuzz_take_between(it->input, 1, TEST_MAX_GROUPS),
                                .page_count = fuzz_take_between(it->input, 2, 40),
                                .slot_count = fuzz_take_between(it->input, 1, 9),
                                .page_tokens = fuzz_take_between(it->input, 1, 7),
                                .token_members = fuzz_take_between(it->input, 1, 3),
                                .max_step_rows = fuzz_take_between(it->input, 1, 9),
                                .max_step_tokens = fuzz_take_between(it->input, 1, 90),
                                .max_payload_bytes = MAX_PAYLOAD_BYTES,
                                .max_sequence_tokens =
                                    fuzz_take_between(it->input, 1, TEST_MAX_COLUMNS) };
    for (uint32_t group = 0; group < config->group_count; group++) {
        config->group_windows[group] = fuzz_take_between(it->input, 0, MAX_WINDOW_TOKENS);
    }
    it->limits = (kvspan_step_limits){ .group_count = config->group_count,
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
    it->sequences[MAX_SEQUENCES] = UINT64_C(1) << 32 | it->config.slot_count;
    fuzz_check(!kvspan_ledger_create(&it->config, &it->ledger, NULL));
    it->model = malloc(sizeof(*it->model));
    fuzz_check(it->model);
    model_init(it->model, kvspan_ledger_sizes(it->ledger));
    fuzz_check(!kvspan_replica_init(&it->replica, &it->limits, NULL));
    fuzz_check(!kvspan_step_message_init(&it->message, &it->limits, NULL));
    it->result.rows = calloc(it->limits.max_rows, sizeof(*it->result.rows));
    it->result.patches =
        calloc(kvspan_replica_max_patches(&it->limits), sizeof(*it->result.patches));
    it->result.copies = calloc(kvspan_step_max_page_runs(&it->limits), sizeof(*it->result.copies));
    it->capacity = kvspan_step_max_bytes(&it->limits);
    it->bytes = malloc(it->capacity);
    fuzz_check(it->result.rows);
    fuzz_check(it->result.patches);
    fuzz_check(it->result.copies);
    fuzz_check(it->bytes);
}

static void program_fini(program *it)
{
    free(it->bytes);
    free(it->result.copies);
    free(it->result.patches);
    free(it->result.rows);
    kvspan_step_message_fini(&it->message);
    kvspan_replica_fini(&it->replica);
    free(it->model);
    kvspan_ledger_destroy(it->ledger);
}

static kvspan_sequence take_sequence(program *it)
{
    return it->sequences[fuzz_take_between(it->input, 0, MAX_SEQUENCES)];
}

/* Where a new sequence's handle goes: over one that is forgotten. */
static kvspan_sequence *take_place(program *it)
{
    return &it->sequences[fuzz_take_between(it->input, 0, MAX_SEQUENCES - 1)];
}

static uint64_t take_tag(program *it)
{
    return fuzz_take(it->input) * UINT64_C(0x0101010101);
}

static void create(program *it)
{
    const kvspan_sequence_config config = { .size = sizeof(config),
                                            .tag = take_tag(it),
                                            .token_count = fuzz_take(it->input) / 2 };
    kvspan_sequence *const place = take_place(it);
    kvspan_sequence expected = *place;

    fuzz_check(kvspan_sequence_create(it->ledger, &config, place, NULL, NULL) ==
               model_create(it->model, config.tag, config.token_count, &expected));
    fuzz_check(*place == expected);
}

/* A position counted from the end: most are near it. One behind it is not excluded. */
static uint64_t take_position(program *it, kvspan_sequence sequence)
{
    const uint64_t tokens = kvspan_sequence_tokens(it->ledger, sequence);
    const uint64_t back = fuzz_take(it->input);

    return back <= tokens ? tokens - back : tokens + back % 4;
}

static void fork_one(program *it)
{
    const kvspan_sequence parent = take_sequence(it);
    const uint64_t position = take_position(it, parent);
    const uint64_t tag = take_tag(it);
    kvspan_sequence *const place = take_place(it);
    kvspan_sequence expected = *place;

    fuzz_check(kvspan_sequence_fork(it->ledger, parent, position, tag, place, NULL) ==
               model_fork(it->model, parent, position, tag, &expected));
    fuzz_check(*place == expected);
}

static void truncate_one(program *it)
{
    const kvspan_sequence sequence = take_sequence(it);
    const uint64_t left = take_position(it, sequence);

    fuzz_check(kvspan_sequence_truncate(it->ledger, sequence, left, NULL) ==
               model_truncate(it->model, sequence, left));
}

static void commit(program *it)
{
    const kvspan_sequence sequence = take_sequence(it);
    const uint32_t tokens = fuzz_take(it->input);

    fuzz_check(kvspan_sequence_commit(it->ledger, sequence, NULL, tokens, NULL, NULL) ==
               model_commit(it->model, sequence, tokens));
}

static void free_one(program *it)
{
    const kvspan_sequence sequence = take_sequence(it);

    fuzz_check(kvspan_sequence_free(it->ledger, sequence, NULL) == model_free(it->model, sequence));
}

static void open_step(program *it)
{
    fuzz_check(kvspan_step_open(it->ledger, &it->step, NULL) == model_open(it->model));
}

static void add(program *it)
{
    const kvspan_sequence sequence = take_sequence(it);
    const uint32_t tokens = fuzz_take(it->input);

    if (it->step) {
        fuzz_check(kvspan_step_add(it->step, sequence, tokens, NULL, NULL) ==
                   model_add(it->model, sequence, tokens));
    }
}

static void attach(program *it)
{
    static const unsigned char rider[MAX_PAYLOAD_BYTES + 8] = { 1, 2, 3, 4, 5 };
    const uint32_t bytes = fuzz_take_between(it->input, 0, sizeof(rider));

    if (it->step) {
        const kvspan_status status = kvspan_step_attach(it->step, rider, bytes, NULL);

        fuzz_check((status == KVSPAN_OK) == (bytes <= MAX_PAYLOAD_BYTES));
    }
}

static void cancel(program *it)
{
    if (it->step) {
        model_cancel(it->model);
    }
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
    fuzz_check(!model_changes_difference(it->model, &changes));
    fuzz_check(!kvspan_step_encode(&changes, KVSPAN_STEP_FIRST_BYTES, it->bytes, it->capacity,
                                   &bytes, NULL));
    fuzz_check(!kvspan_step_decode(it->bytes, bytes, &it->limits, &it->message, NULL));
    fuzz_check(!kvspan_replica_apply(&it->replica, &it->message, &it->result, NULL));
    fuzz_check(!kvspan_replica_check(&it->replica, NULL));
    fuzz_check(it->replica.digest == kvspan_ledger_digest(it->ledger));
    fuzz_check(!kvspan_step_rehearse(it->step, NULL));
    model_seal(it->model);
    it->step = NULL;
}

static void run_operation(program *it, operation next)
{
    switch (next) {
    case CREATE: create(it); break;
    case FORK: fork_one(it); break;
    case TRUNCATE: truncate_one(it); break;
    case COMMIT: commit(it); break;
    case FREE: free_one(it); break;
    case OPEN: open_step(it); break;
    case ADD:
    case ADD_MORE: add(it); break;
    case ATTACH: attach(it); break;
    case CANCEL: cancel(it); break;
    case REHEARSE: rehearse(it); break;
    case OPERATION_END: break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fuzz_input input = { data, bytes };
    program it = { .input = &input };

    choose_sizes(&it);
    program_init(&it);
    for (uint32_t i = 0; i < MAX_OPERATIONS && input.left > 0; i++) {
        const char *difference;

        run_operation(&it, (operation)fuzz_take_between(&input, 0, OPERATION_END - 1));
        fuzz_check(!kvspan_ledger_check(it.ledger, NULL));
        difference = model_difference(it.model, it.ledger);
        if (difference) {
            (void)fprintf(stderr, "ledger and model differ in %s\n", difference);
        }
        fuzz_check(!difference);
    }
    program_fini(&it);
    return 0;
}
