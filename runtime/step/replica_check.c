#include <inttypes.h>
#include <stdlib.h>

#include "runtime/ledger/table_digest.h"
#include "runtime/step/replica.h"

/* What the walk has found so far. */
struct walk {
    const kvspan_replica *replica;
    uint32_t *references; /* [page] entries seen with it */
    uint64_t digest;
    kvspan_error *error;
};

static kvspan_status check_entry(struct walk *walk, uint32_t group, uint32_t slot, uint32_t column,
                                 uint32_t page)
{
    const uint32_t page_count = walk->replica->limits.page_count;

    if (page == 0 || page >= page_count) {
        return kvspan_fail(walk->error, KVSPAN_ERR_CORRUPT,
                           "group %" PRIu32 ", slot %" PRIu32 ", column %" PRIu32 ": page %" PRIu32
                           " is not in [1, %" PRIu32 ")",
                           group, slot, column, page, page_count);
    }
    walk->references[page]++;
    walk->digest += kvspan_digest_entry(group, slot, column, page);
    return KVSPAN_OK;
}

static kvspan_status check_row(struct walk *walk, uint32_t group, uint32_t slot)
{
    const kvspan_replica *replica = walk->replica;
    const kvspan_step_limits *limits = &replica->limits;
    const size_t row = (size_t)group * limits->slot_count + slot;
    const uint32_t *table = replica->tables + row * limits->column_count;
    const uint32_t used = replica->column_counts[row];
    const uint32_t first = replica->first_columns[row];
    const uint64_t needed = (replica->tokens[slot] + limits->page_tokens - 1) / limits->page_tokens;
    kvspan_status status = KVSPAN_OK;

    if (used != needed || used > limits->column_count) {
        return kvspan_fail(walk->error, KVSPAN_ERR_CORRUPT,
                           "group %" PRIu32 ", slot %" PRIu32 ": %" PRIu32 " pages for %" PRIu64
                           " tokens, which need %" PRIu64 " of %" PRIu32,
                           group, slot, used, replica->tokens[slot], needed, limits->column_count);
    }
    if (first > used) {
        return kvspan_fail(walk->error, KVSPAN_ERR_CORRUPT,
                           "group %" PRIu32 ", slot %" PRIu32
                           ": the first page is in column %" PRIu32 " of %" PRIu32,
                           group, slot, first, used);
    }
    for (uint32_t column = first; column < used && !status; column++) {
        status = check_entry(walk, group, slot, column, table[column]);
    }
    for (uint32_t column = 0; column < limits->column_count && !status; column++) {
        if ((column < first || column >= used) && table[column] != 0) {
            status =
                kvspan_fail(walk->error, KVSPAN_ERR_CORRUPT,
                            "group %" PRIu32 ", slot %" PRIu32 ", column %" PRIu32 ": page %" PRIu32
                            " is outside of columns [%" PRIu32 ", %" PRIu32 ")",
                            group, slot, column, table[column], first, used);
        }
    }
    return status;
}

static kvspan_status check_slot(struct walk *walk, uint32_t slot)
{
    const kvspan_replica *replica = walk->replica;
    kvspan_status status = KVSPAN_OK;

    if (replica->is_live[slot]) {
        walk->digest += kvspan_digest_sequence(slot, replica->tags[slot], replica->tokens[slot]);
    } else if (replica->tokens[slot] != 0) {
        return kvspan_fail(walk->error, KVSPAN_ERR_CORRUPT,
                           "slot %" PRIu32 " holds no sequence but %" PRIu64 " tokens", slot,
                           replica->tokens[slot]);
    }
    if (replica->tokens[slot] > replica->limits.max_sequence_tokens) {
        return kvspan_fail(walk->error, KVSPAN_ERR_CORRUPT,
                           "slot %" PRIu32 " has %" PRIu64 " tokens, the most is %" PRIu64, slot,
                           replica->tokens[slot], replica->limits.max_sequence_tokens);
    }
    for (uint32_t group = 0; group < replica->limits.group_count && !status; group++) {
        status = check_row(walk, group, slot);
    }
    return status;
}

static kvspan_status check_references(const struct walk *walk)
{
    for (uint32_t page = 0; page < walk->replica->limits.page_count; page++) {
        if (walk->references[page] != walk->replica->references[page]) {
            return kvspan_fail(walk->error, KVSPAN_ERR_CORRUPT,
                               "page %" PRIu32 " is in %" PRIu32 " entries, noted are %" PRIu32,
                               page, walk->references[page], walk->replica->references[page]);
        }
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_replica_check(const kvspan_replica *replica, kvspan_error *error)
{
    struct walk walk = { .replica = replica, .error = error };
    kvspan_status status = KVSPAN_OK;

    walk.references = calloc(replica->limits.page_count, sizeof(*walk.references));
    if (!walk.references) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory to check %" PRIu32 " pages",
                           replica->limits.page_count);
    }
    for (uint32_t slot = 0; slot < replica->limits.slot_count && !status; slot++) {
        status = check_slot(&walk, slot);
    }
    if (!status) {
        status = check_references(&walk);
    }
    if (!status && walk.digest != replica->digest) {
        status = kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                             "the tables have digest %#" PRIx64 ", noted is %#" PRIx64, walk.digest,
                             replica->digest);
    }
    free(walk.references);
    return status;
}
