/** @file
 * A naive coordinator for the tests of messages and replicas: it makes random valid steps and knows
 * by plain lists what every slot then holds. It shares no code with ledger, codec or replica.
 */
#ifndef KVSPAN_TESTS_STEP_WORLD_H
#define KVSPAN_TESTS_STEP_WORLD_H

#include <stdbool.h>

#include "runtime/step/replica.h"

enum {
    WORLD_GROUPS = 3 /* the most */
};

/* What a slot holds. */
typedef struct world_slot {
    bool is_live;
    uint64_t tag;
    uint64_t tokens;
    uint32_t *pages[WORLD_GROUPS]; /* [column_count] */
    uint32_t page_counts[WORLD_GROUPS];
} world_slot;

typedef struct step_world {
    kvspan_step_limits limits;
    uint64_t random;
    uint64_t epoch;
    world_slot *slots;
    bool *is_taken; /* [page] */
    uint32_t pages_free;
    /* the last step */
    uint32_t *released;
    kvspan_admit *admitted;
    kvspan_page_run *page_runs;
    uint32_t *pages;
    uint32_t page_count;
    kvspan_row_change *rows;
    uint64_t *positions; /* [row] */
    unsigned char *payload;
    /* how often something happened */
    uint64_t releases;
    uint64_t readmissions; /* of a slot released in the same step */
    uint64_t pages_added;
    uint64_t rows_added;
} step_world;

void step_world_init(step_world *world, const kvspan_step_limits *limits, uint64_t seed);
void step_world_fini(step_world *world);

/* A random valid step. Points into the world; valid until its next step. */
kvspan_changes step_world_step(step_world *world);

/* The digest of the tables by the formula of docs/protocol.md, from scratch. */
uint64_t step_world_digest(const step_world *world);

/* SplitMix64. */
uint64_t step_world_random(step_world *world);

/* Whether a replica holds just what the world does. */
void step_world_compare(const step_world *world, const kvspan_replica *replica);

/* Writes the checksum that the bytes need, by the formula of docs/protocol.md. */
void step_world_seal(unsigned char *message, size_t bytes);

#endif
