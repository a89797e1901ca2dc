#include "support/suite.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_model.h"

enum {
    WORLDS = 60,
    OPERATIONS_PER_WORLD = 20000,
    DIGEST_INTERVAL = 64,
    OLD_HANDLES = 64,
    PAYLOAD_BYTES = 32
};

typedef enum operation_kind {
    CREATE,
    FORK,
    TRUNCATE,
    COMMIT,
    FREE,
    OPEN,
    ADD,
    ATTACH,
    CANCEL,
    SEAL,
    CHECK,
    OPERATION_KINDS
} operation_kind;

static const char *const operation_names[OPERATION_KINDS] = {
    "create", "fork",   "truncate", "commit", "free",  "open",
    "add",    "attach", "cancel",   "seal",   "check",
};

/* How often each is drawn while a step is open, and while none is. */
static const uint32_t open_weights[OPERATION_KINDS] = { 7, 9, 8, 10, 9, 1, 38, 7, 7, 8, 7 };
static const uint32_t closed_weights[OPERATION_KINDS] = { 6, 9, 8, 10, 9, 70, 0, 0, 0, 0, 7 };

enum {
    STATUSES = KVSPAN_ERR_NO_SLOTS + 1
};

typedef struct operation_counters {
    uint32_t operations;
    uint32_t kinds[OPERATION_KINDS];
    uint32_t succeeded[OPERATION_KINDS];
    uint32_t statuses[STATUSES];
    uint32_t no_pages_adds;
    uint32_t copies; /* told at seals, as those below */
    uint32_t windows;
    uint32_t shared_runs;
    uint32_t trims;
} operation_counters;

/* A ledger, its model, and a rank that hears of every sealed step. */
typedef struct model_world {
    uint64_t seed;
    uint64_t random;
    kvspan_ledger *ledger;
    kvspan_step *step;
    ledger_model model;
    test_rank rank;
    kvspan_sequence old_handles[OLD_HANDLES];
    operation_counters *counters;
} model_world;

/* xorshift64* (Vigna, 2016). */
static uint64_t draw(model_world *world)
{
    world->random ^= world->random >> 12;
    world->random ^= world->random << 25;
    world->random ^= world->random >> 27;
    return (world->random * 0x2545f4914f6cdd1du) >> 16;
}

/* In [0, end). */
static uint32_t draw_below(model_world *world, uint64_t end)
{
    return (uint32_t)(draw(world) % end);
}

static void expect(const model_world *world, bool is_true, const char *operation, const char *what)
{
    /* Not an assertion: those take time when they hold, too. */
    if (!is_true) {
        ck_abort_msg("KVSPAN_TEST_SEED=%" PRIu64 ", operation %u (%s): %s differs", world->seed,
                     world->counters->operations, operation, what);
    }
}

static kvspan_ledger_config draw_sizes(model_world *world, uint32_t index)
{
    const uint32_t page_total = 4 + draw_below(world, 61);
    const uint32_t page_tokens = 1 + draw_below(world, 5);
    const uint32_t members = 1 + draw_below(world, 3);
    const uint32_t stretch = page_tokens * members;
    /* Some worlds have more slots than a word of a slot set has bits. */
    const uint32_t slots = index % 10 == 9 ? 66 + draw_below(world, 90) : 4 + draw_below(world, 12);

    const uint32_t groups = 1 + index % TEST_MAX_GROUPS;
    kvspan_ledger_config sizes = {
        .size = sizeof(kvspan_ledger_config),
        .group_count = groups,
        .page_count = page_total + 1,
        .slot_count = slots,
        .page_tokens = page_tokens,
        .token_members = members,
        .max_step_rows = draw_below(world, 2) ? 0 : 2 + draw_below(world, slots),
        .max_step_tokens = 4 * stretch + draw_below(world, (uint64_t)stretch * page_total),
        .max_payload_bytes = PAYLOAD_BYTES,
        .max_sequence_tokens = 3 * stretch + draw_below(world, (uint64_t)stretch * page_total),
    };

    for (uint32_t group = 0; group < groups; group++) {
        /* None, one token, or up to four pages. */
        const uint32_t windows[] = { 0, 1, 1 + draw_below(world, (uint64_t)4 * stretch),
                                     1 + draw_below(world, (uint64_t)2 * stretch) };

        sizes.group_windows[group] = windows[draw_below(world, 4)];
    }
    return sizes;
}

/* Mostly a live sequence, sometimes one of the past, seldom nonsense. */
static kvspan_sequence draw_sequence(model_world *world)
{
    const uint32_t luck = draw_below(world, 32);
    const uint32_t slot_count = world->model.sizes.slot_count;
    const uint32_t start = draw_below(world, slot_count);

    if (luck == 0) {
        return world->old_handles[draw_below(world, OLD_HANDLES)];
    }
    if (luck == 1) {
        return draw(world) << draw_below(world, 40);
    }
    for (uint32_t i = 0; i < slot_count; i++) {
        const uint32_t slot = (start + i) % slot_count;

        if (world->model.now.sequences[slot].is_live) {
            return (uint64_t)world->model.now.sequences[slot].generation << 32 | slot;
        }
    }
    return 0;
}

static uint32_t draw_tokens(model_world *world)
{
    const uint32_t stretch = world->model.sizes.page_tokens * world->model.sizes.token_members;

    switch (draw_below(world, 32)) {
    case 0: return 0;
    case 1: return UINT32_MAX - draw_below(world, 3);
    case 2: return 1 + draw_below(world, (uint64_t)stretch * world->model.sizes.page_count);
    default: return 1 + draw_below(world, (uint64_t)stretch * 6);
    }
}

static kvspan_status do_create(model_world *world)
{
    const uint32_t longest = (uint32_t)world->model.sizes.max_sequence_tokens;
    kvspan_sequence_config config = { .size = sizeof(config),
                                      .tag = draw(world),
                                      .token_count = draw_below(world, longest + longest / 8 + 2) };
    kvspan_sequence expected = 1;
    kvspan_sequence sequence = 1;
    kvspan_error error = { 0 };
    const kvspan_status status =
        kvspan_sequence_create(world->ledger, &config, &sequence, NULL, &error);

    expect(world, status == model_create(&world->model, config.tag, config.token_count, &expected),
           "create", "the status");
    expect(world, sequence == expected, "create", "the sequence");
    world->old_handles[draw_below(world, OLD_HANDLES)] = sequence;
    return status;
}

/* Mostly near the end, sometimes anywhere, seldom behind it. */
static uint64_t draw_position(model_world *world, kvspan_sequence sequence)
{
    const uint64_t tokens = kvspan_sequence_tokens(world->ledger, sequence);

    switch (draw_below(world, 16)) {
    case 0: return tokens + 1 + draw_below(world, 3);
    case 1:
    case 2: return draw_below(world, tokens + 1);
    case 3: return 0;
    default: return tokens - draw_below(world, tokens < 6 ? tokens + 1 : 6);
    }
}

static kvspan_status do_fork(model_world *world)
{
    const kvspan_sequence parent = draw_sequence(world);
    const uint64_t position = draw_position(world, parent);
    const uint64_t tag = draw(world);
    kvspan_sequence expected = 1;
    kvspan_sequence child = 1;
    const kvspan_status status =
        kvspan_sequence_fork(world->ledger, parent, position, tag, &child, NULL);

    expect(world, status == model_fork(&world->model, parent, position, tag, &expected), "fork",
           "the status");
    expect(world, child == expected, "fork", "the sequence");
    world->old_handles[draw_below(world, OLD_HANDLES)] = child;
    return status;
}

static kvspan_status do_truncate(model_world *world)
{
    const kvspan_sequence sequence = draw_sequence(world);
    const uint64_t left = draw_position(world, sequence);
    const kvspan_status status = kvspan_sequence_truncate(world->ledger, sequence, left, NULL);

    expect(world, status == model_truncate(&world->model, sequence, left), "truncate",
           "the status");
    return status;
}

static kvspan_status do_commit(model_world *world)
{
    const kvspan_sequence sequence = draw_sequence(world);
    const uint32_t count = draw_below(world, 4);
    const kvspan_status status =
        kvspan_sequence_commit(world->ledger, sequence, NULL, count, NULL, NULL);

    expect(world, status == model_commit(&world->model, sequence, count), "commit", "the status");
    return status;
}

static kvspan_status do_free(model_world *world)
{
    const kvspan_sequence sequence = draw_sequence(world);
    const kvspan_status status = kvspan_sequence_free(world->ledger, sequence, NULL);

    expect(world, status == model_free(&world->model, sequence), "free", "the status");
    return status;
}

static kvspan_status do_open(model_world *world)
{
    const kvspan_status status = kvspan_step_open(world->ledger, &world->step, NULL);

    expect(world, status == model_open(&world->model), "open", "the status");
    return status;
}

static kvspan_status do_add(model_world *world)
{
    const kvspan_sequence sequence = draw_sequence(world);
    const uint32_t new_tokens = draw_tokens(world);
    const kvspan_status status = kvspan_step_add(world->step, sequence, new_tokens, NULL, NULL);

    expect(world, status == model_add(&world->model, sequence, new_tokens), "add", "the status");
    world->counters->no_pages_adds += status == KVSPAN_ERR_NO_PAGES;
    return status;
}

static kvspan_status do_attach(model_world *world)
{
    unsigned char payload[PAYLOAD_BYTES + 4] = { 0 };
    const uint32_t bytes = draw_below(world, PAYLOAD_BYTES + 4);
    const kvspan_status expected = bytes > PAYLOAD_BYTES ? KVSPAN_ERR_ARGUMENT : KVSPAN_OK;
    kvspan_status status;

    memset(payload, (int)(bytes + 1), bytes);
    status = kvspan_step_attach(world->step, payload, bytes, NULL);
    expect(world, status == expected, "attach", "the status");
    if (status == KVSPAN_OK) {
        const kvspan_changes changes = kvspan_step_changes(world->step);

        expect(world,
               changes.payload_bytes == bytes && memcmp(changes.payload, payload, bytes) == 0,
               "attach", "the payload");
    }
    return status;
}

static kvspan_status do_cancel(model_world *world)
{
    kvspan_step_cancel(world->step);
    model_cancel(&world->model);
    return KVSPAN_OK;
}

static kvspan_status do_seal(model_world *world)
{
    const kvspan_changes changes = kvspan_step_changes(world->step);
    const char *difference = model_changes_difference(&world->model, &changes);

    expect(world, !difference, "seal", difference);
    test_rank_apply(&world->rank, &changes,
                    world->model.sizes.page_tokens * world->model.sizes.token_members);
    world->counters->copies += changes.copy_count;
    world->counters->windows += changes.window_count;
    world->counters->shared_runs += changes.shared_run_count;
    world->counters->trims += changes.trim_count;
    expect(world, kvspan_step_rehearse(world->step, NULL) == KVSPAN_OK, "seal", "the status");
    model_seal(&world->model);
    return KVSPAN_OK;
}

static kvspan_status do_check(model_world *world)
{
    kvspan_error error = { 0 };
    const kvspan_status status = kvspan_ledger_check(world->ledger, &error);

    expect(world, status == KVSPAN_OK, "check", error.message);
    return status;
}

static kvspan_status do_operation(model_world *world, operation_kind kind)
{
    switch (kind) {
    case CREATE: return do_create(world);
    case FORK: return do_fork(world);
    case TRUNCATE: return do_truncate(world);
    case COMMIT: return do_commit(world);
    case FREE: return do_free(world);
    case OPEN: return do_open(world);
    case ADD: return do_add(world);
    case ATTACH: return do_attach(world);
    case CANCEL: return do_cancel(world);
    case SEAL: return do_seal(world);
    case CHECK: return do_check(world);
    case OPERATION_KINDS: break;
    }
    ck_abort_msg("no such operation");
    return KVSPAN_ERR_ARGUMENT;
}

static operation_kind draw_operation(model_world *world)
{
    const uint32_t *weights = world->model.is_open ? open_weights : closed_weights;
    uint32_t sum = 0;
    uint32_t place = 0;
    uint32_t kind = 0;

    for (uint32_t i = 0; i < OPERATION_KINDS; i++) {
        sum += weights[i];
    }
    place = draw_below(world, sum);
    while (place >= weights[kind]) {
        place -= weights[kind++];
    }
    return (operation_kind)kind;
}

static void run_world(model_world *world, uint32_t index)
{
    const kvspan_ledger_config sizes = draw_sizes(world, index);

    world->ledger = test_ledger_create(&sizes);
    model_init(&world->model, kvspan_ledger_sizes(world->ledger));
    memset(&world->rank, 0, sizeof(world->rank));
    memset(world->old_handles, 0, sizeof(world->old_handles));
    for (uint32_t i = 0; i < OPERATIONS_PER_WORLD; i++) {
        const operation_kind kind = draw_operation(world);
        const kvspan_status status = do_operation(world, kind);
        const char *difference = model_difference(&world->model, world->ledger);

        expect(world, !difference, operation_names[kind], difference);
        if (i % DIGEST_INTERVAL == 0) {
            expect(world, kvspan_ledger_digest(world->ledger) == model_digest(&world->model),
                   operation_names[kind], "the digest");
        }
        world->counters->operations++;
        world->counters->kinds[kind]++;
        world->counters->succeeded[kind] += status == KVSPAN_OK;
        world->counters->statuses[status]++;
    }
    kvspan_ledger_destroy(world->ledger);
}

static void print_and_assert_counters(const operation_counters *counters)
{
    const uint32_t total = counters->operations;

    printf("%u operations\n", total);
    for (uint32_t kind = 0; kind < OPERATION_KINDS; kind++) {
        printf("  %-6s %8u (%4.1f %%), %u succeeded\n", operation_names[kind],
               counters->kinds[kind], 100.0 * counters->kinds[kind] / total,
               counters->succeeded[kind]);
        ck_assert_uint_ge((uint64_t)counters->kinds[kind] * 20, total);
        ck_assert_uint_le((uint64_t)counters->kinds[kind] * 10, (uint64_t)total * 3);
        ck_assert_uint_ge((uint64_t)counters->succeeded[kind] * 50, total);
    }
    for (uint32_t status = 0; status < STATUSES; status++) {
        if (counters->statuses[status] > 0) {
            printf("  %-22s %8u (%4.1f %%)\n", kvspan_status_name((kvspan_status)status),
                   counters->statuses[status], 100.0 * counters->statuses[status] / total);
        }
    }
    printf("  rows without pages     %8u (%4.1f %%)\n", counters->no_pages_adds,
           100.0 * counters->no_pages_adds / total);
    printf("  %u copies, %u windows, %u shared runs, %u trims told\n", counters->copies,
           counters->windows, counters->shared_runs, counters->trims);
    ck_assert_uint_ge(counters->copies, 1000);
    ck_assert_uint_ge(counters->windows, 1000);
    ck_assert_uint_ge(counters->shared_runs, 1000);
    ck_assert_uint_ge(counters->trims, 1000);
    ck_assert_uint_ge(total, 1000000);
    ck_assert_uint_ge((uint64_t)counters->no_pages_adds * 20, total);
    ck_assert_uint_ge((uint64_t)counters->statuses[KVSPAN_ERR_ARGUMENT] * 100, total);
    ck_assert_uint_ge((uint64_t)counters->statuses[KVSPAN_ERR_NEVER_FITS] * 100, total);
}

START_TEST(the_ledger_does_what_a_naive_model_does)
{
    static model_world world;
    const char *text = getenv("KVSPAN_TEST_SEED");
    operation_counters counters = { 0 };

    world.seed = text ? strtoull(text, NULL, 10) : 20240917;
    world.random = kvspan_mix64(world.seed + 1) | 1;
    world.counters = &counters;
    printf("KVSPAN_TEST_SEED=%" PRIu64 "\n", world.seed);
    for (uint32_t index = 0; index < WORLDS; index++) {
        run_world(&world, index);
    }
    print_and_assert_counters(&counters);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/ledger_model");
    TCase *model = tcase_create("model");

    tcase_add_test(model, the_ledger_does_what_a_naive_model_does);
    suite_add_tcase(suite, model);
    return suite_run(suite);
}
