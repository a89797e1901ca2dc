#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#include "test_step_world.h"

static const kvspan_step_limits limits = {
    .group_count = 2,
    .slot_count = 6,
    .column_count = 8,
    .page_count = 50,
    .page_tokens = 4,
    .max_rows = 5,
    .max_tokens = 30,
    .max_payload_bytes = 9,
    .max_sequence_tokens = 32,
};

/* Bytes of a message: header, sections, payload. */
enum {
    HEADER = KVSPAN_STEP_HEADER_BYTES,
    ROOM = 4096
};

/* Magic, version, kind, no optional sections. */
static const unsigned char preamble[] = { 'K', 'V', 'S', 'T', 2, 0, 1, 0 };

/* A rank that is attacked: a replica in a known state, and scratch copies of it. */
typedef struct step_victim {
    kvspan_replica before;
    kvspan_replica scratch;
    kvspan_step_message message;
    kvspan_replica_result result;
    uint64_t refused;  /* by decode */
    uint64_t rejected; /* by apply */
    uint64_t accepted;
} step_victim;

static void victim_init(step_victim *victim)
{
    *victim = (step_victim){ .refused = 0 };
    ck_assert_int_eq(kvspan_replica_init(&victim->before, &limits, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_replica_init(&victim->scratch, &limits, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_step_message_init(&victim->message, &limits, NULL), KVSPAN_OK);
    victim->result.rows = calloc(limits.max_rows, sizeof(*victim->result.rows));
    victim->result.patches =
        calloc(kvspan_replica_max_patches(&limits), sizeof(*victim->result.patches));
    victim->result.copies =
        calloc(kvspan_step_max_page_runs(&limits), sizeof(*victim->result.copies));
}

static void victim_fini(step_victim *victim)
{
    free(victim->result.rows);
    free(victim->result.patches);
    free(victim->result.copies);
    kvspan_step_message_fini(&victim->message);
    kvspan_replica_fini(&victim->before);
    kvspan_replica_fini(&victim->scratch);
}

static void copy_replica(kvspan_replica *to, const kvspan_replica *from)
{
    const size_t slots = limits.slot_count;
    const size_t rows = limits.group_count * slots;

    memcpy(to->tables, from->tables, rows * limits.column_count * sizeof(*to->tables));
    memcpy(to->column_counts, from->column_counts, rows * sizeof(*to->column_counts));
    memcpy(to->first_columns, from->first_columns, rows * sizeof(*to->first_columns));
    memcpy(to->dirty, from->dirty, rows * sizeof(*to->dirty));
    memcpy(to->tags, from->tags, slots * sizeof(*to->tags));
    memcpy(to->tokens, from->tokens, slots * sizeof(*to->tokens));
    memcpy(to->is_live, from->is_live, slots * sizeof(*to->is_live));
    memcpy(to->references, from->references, limits.page_count * sizeof(*to->references));
    to->digest = from->digest;
    to->epoch = from->epoch;
}

/* Decodes and applies bytes that may be anything, from memory of just their size. What is accepted
 * must leave a replica without contradiction. */
static kvspan_status attack(step_victim *victim, const unsigned char *bytes, size_t count)
{
    unsigned char *exact = malloc(count ? count : 1);
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_status status;

    memcpy(exact, bytes, count);
    status = kvspan_step_decode(exact, count, &limits, &victim->message, &error);
    if (status) {
        if (status != KVSPAN_ERR_CORRUPT || strncmp(error.message, "byte ", 5) != 0) {
            ck_abort_msg("status %d: %s", (int)status, error.message);
        }
        victim->refused++;
        free(exact);
        return status;
    }
    copy_replica(&victim->scratch, &victim->before);
    status = kvspan_replica_apply(&victim->scratch, &victim->message, &victim->result, &error);
    free(exact);
    if (status) {
        victim->rejected++;
        return status;
    }
    victim->accepted++;
    ck_assert_msg(kvspan_replica_check(&victim->scratch, &error) == KVSPAN_OK, "%s", error.message);
    return KVSPAN_OK;
}

/* Brings the victim to a random state and gives the message of the step after it. */
static size_t prepare(step_victim *victim, step_world *world, uint64_t seed, uint32_t steps,
                      unsigned char *bytes)
{
    kvspan_changes changes;
    size_t count = 0;

    step_world_init(world, &limits, seed);
    kvspan_replica_fini(&victim->before);
    ck_assert_int_eq(kvspan_replica_init(&victim->before, &limits, NULL), KVSPAN_OK);
    for (uint32_t i = 0; i < steps; i++) {
        changes = step_world_step(world);
        ck_assert_int_eq(kvspan_step_encode(&changes, 4096, bytes, ROOM, &count, NULL), KVSPAN_OK);
        ck_assert_int_eq(attack(victim, bytes, count), KVSPAN_OK);
        copy_replica(&victim->before, &victim->scratch);
    }
    changes = step_world_step(world);
    ck_assert_int_eq(kvspan_step_encode(&changes, 4096, bytes, ROOM, &count, NULL), KVSPAN_OK);
    return count;
}

static void put32(unsigned char *bytes, size_t at, uint32_t value)
{
    for (size_t i = 0; i < 4; i++) {
        bytes[at + i] = (unsigned char)(value >> 8 * i);
    }
}

START_TEST(a_message_cut_anywhere_is_refused)
{
    unsigned char bytes[ROOM];
    step_victim victim;

    victim_init(&victim);
    for (uint64_t seed = 1; seed <= 30; seed++) {
        step_world world;
        const size_t count = prepare(&victim, &world, seed, 6, bytes);

        for (size_t cut = 0; cut < count; cut++) {
            ck_assert_int_eq(attack(&victim, bytes, cut), KVSPAN_ERR_CORRUPT);
        }
        /* Also by a sender who says so and seals it. */
        for (size_t cut = HEADER; cut < count; cut++) {
            put32(bytes, 32, (uint32_t)cut);
            step_world_seal(bytes, cut);
            ck_assert_int_ne(attack(&victim, bytes, cut), KVSPAN_OK);
        }
        step_world_fini(&world);
    }
    victim_fini(&victim);
}
END_TEST

/* Tries every value of every byte, unsealed: only the right one passes. */
static void attack_each_byte(step_victim *victim, unsigned char *bytes, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        const unsigned char right = bytes[at];
        uint32_t passed = 0;

        for (uint32_t value = 0; value < 256; value++) {
            bytes[at] = (unsigned char)value;
            passed += attack(victim, bytes, count) != KVSPAN_ERR_CORRUPT;
        }
        bytes[at] = right;
        ck_assert_uint_eq(passed, 1);
    }
}

START_TEST(every_wrong_byte_is_noticed)
{
    unsigned char bytes[ROOM];
    step_victim victim;

    victim_init(&victim);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        step_world world;
        const size_t count = prepare(&victim, &world, seed, 8, bytes);

        attack_each_byte(&victim, bytes, count);
        step_world_fini(&world);
    }
    victim_fini(&victim);
}
END_TEST

/* The same by a sender who seals what it has changed: what passes has the coordinator's tables. */
static void attack_each_byte_sealed(step_victim *victim, const step_world *world,
                                    unsigned char *bytes, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        const unsigned char right = bytes[at];

        for (uint32_t value = 0; value < 256; value++) {
            bytes[at] = (unsigned char)value;
            step_world_seal(bytes, count);
            if (attack(victim, bytes, count) == KVSPAN_OK) {
                step_world_compare(world, &victim->scratch);
            }
        }
        bytes[at] = right;
    }
}

/* Only what the tables do not depend on can be changed unseen: the payload, the size of the next
 * first receive, the order of rows and the ways to cut a list into stretches. */
START_TEST(a_sealed_wrong_byte_breaks_no_replica)
{
    unsigned char bytes[ROOM];
    step_victim victim;

    victim_init(&victim);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        step_world world;
        const size_t count = prepare(&victim, &world, seed, 8, bytes);

        attack_each_byte_sealed(&victim, &world, bytes, count);
        step_world_fini(&world);
    }
    ck_assert_uint_gt(victim.refused, 1000);
    ck_assert_uint_gt(victim.rejected, 1000);
    ck_assert_uint_gt(victim.accepted, 100);
    victim_fini(&victim);
}
END_TEST

START_TEST(several_sealed_wrong_bytes_break_no_replica)
{
    unsigned char bytes[ROOM];
    unsigned char wrong[ROOM];
    step_victim victim;

    victim_init(&victim);
    for (uint64_t seed = 1; seed <= 100; seed++) {
        step_world world;
        const size_t count = prepare(&victim, &world, seed, 8, bytes);

        for (uint32_t i = 0; i < 1000; i++) {
            const uint32_t changes = 2 + (uint32_t)(step_world_random(&world) % 4);

            memcpy(wrong, bytes, count);
            for (uint32_t j = 0; j < changes; j++) {
                const uint64_t random = step_world_random(&world);

                /* Small values of counts and codes are the likeliest to pass. */
                wrong[32 + random % (count - 32)] = (unsigned char)(random >> 32 & 7);
            }
            put32(wrong, 32, (uint32_t)count);
            step_world_seal(wrong, count);
            (void)attack(&victim, wrong, count);
        }
        step_world_fini(&world);
    }
    ck_assert_uint_gt(victim.refused, 1000);
    ck_assert_uint_gt(victim.rejected, 100);
    victim_fini(&victim);
}
END_TEST

/* Random sections behind a header that is right as far as it can be. */
static void make_garbage(step_world *world, unsigned char *bytes, size_t count)
{
    memset(bytes, 0, HEADER);
    memcpy(bytes, preamble, sizeof(preamble));
    put32(bytes, 8, (uint32_t)world->epoch);
    if (step_world_random(world) % 4 == 0) {
        bytes[7] = (unsigned char)(1u << step_world_random(world) % 4);
    }
    put32(bytes, 36, 4096);
    for (size_t at = 40; at < 64; at += 4) {
        put32(bytes, at, (uint32_t)(step_world_random(world) % 3 * (step_world_random(world) % 3)));
    }
    for (size_t at = HEADER; at < count; at++) {
        const uint64_t random = step_world_random(world);

        bytes[at] = (unsigned char)(random % 4 ? random >> 32 & 0x0f : random >> 32);
    }
}

/* Tries every length: at most one has nothing left over. */
static void attack_by_lengths(step_victim *victim, unsigned char *bytes, size_t end)
{
    for (size_t count = HEADER; count < end; count++) {
        put32(bytes, 32, (uint32_t)count);
        step_world_seal(bytes, count);
        if (attack(victim, bytes, count) == KVSPAN_ERR_MISMATCH) {
            /* Only the digest was wrong: a sender who knows it is believed. */
            put32(bytes, 16, (uint32_t)victim->scratch.digest);
            put32(bytes, 20, (uint32_t)(victim->scratch.digest >> 32));
            step_world_seal(bytes, count);
            ck_assert_int_eq(attack(victim, bytes, count), KVSPAN_OK);
        }
    }
}

START_TEST(sealed_garbage_breaks_no_replica)
{
    unsigned char bytes[ROOM];
    step_victim victim;

    victim_init(&victim);
    for (uint64_t seed = 1; seed <= 100; seed++) {
        step_world world;

        (void)prepare(&victim, &world, seed, 5, bytes);
        for (uint32_t i = 0; i < 300; i++) {
            make_garbage(&world, bytes, HEADER + 20);
            attack_by_lengths(&victim, bytes, HEADER + 20);
        }
        step_world_fini(&world);
    }
    ck_assert_uint_gt(victim.refused, 300000);
    ck_assert_uint_gt(victim.rejected, 1000);
    ck_assert_uint_gt(victim.accepted, 1000); /* 500 to prepare */
    victim_fini(&victim);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/step_hostile");
    TCase *fuzz = tcase_create("fuzz");

    tcase_add_test(fuzz, a_message_cut_anywhere_is_refused);
    tcase_add_test(fuzz, every_wrong_byte_is_noticed);
    tcase_add_test(fuzz, a_sealed_wrong_byte_breaks_no_replica);
    tcase_add_test(fuzz, several_sealed_wrong_bytes_break_no_replica);
    tcase_add_test(fuzz, sealed_garbage_breaks_no_replica);
    suite_add_tcase(suite, fuzz);
    return suite_run(suite);
}
