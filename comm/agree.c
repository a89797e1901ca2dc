#include "comm/agree.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "comm/agree_memory.h"
#include "comm/broadcast.h"
#include "comm/clock.h"
#include "comm/state.h"
#include "comm/wire.h"

enum {
    WORD_BYTES = 8,
    PRINTED_BYTES = 48, /* of a value */
    AT_REPORTER = 4,
    AT_RANK = 8,
    AT_NATIVE = 12,
    AT_EPOCH = 16,
    AT_TEXT = 24,
    RECORD_BYTES = KVSPAN_AGREE_RECORD_BYTES
};

/* A collective that fails spends the communicator, so nobody comes to use its memory again. */
static void note_kept(kvspan_comm *comm, uint64_t abandoned_before)
{
    comm->keeps_agree = comm->keeps_agree || comm->abandoned != abandoned_before;
}

static void encode_record(unsigned char *record, uint32_t reporter, kvspan_status status,
                          const kvspan_error *mine)
{
    memset(record, 0, RECORD_BYTES);
    kvspan_wire_put32(record, (uint32_t)status);
    kvspan_wire_put32(record + AT_REPORTER, reporter);
    kvspan_wire_put32(record + AT_RANK, reporter);
    if (status != KVSPAN_OK && mine) {
        if (mine->rank >= 0) {
            kvspan_wire_put32(record + AT_RANK, (uint32_t)mine->rank);
        }
        kvspan_wire_put32(record + AT_NATIVE, (uint32_t)mine->native);
        kvspan_wire_put64(record + AT_EPOCH, mine->epoch);
        memcpy(record + AT_TEXT, mine->message, strnlen(mine->message, sizeof(mine->message) - 1));
    }
}

static kvspan_status decode_record(const unsigned char *record, kvspan_error *error)
{
    const uint32_t code = kvspan_wire_get32(record);

    if (code == KVSPAN_OK) {
        return KVSPAN_OK;
    }
    if (error) {
        error->status = (kvspan_status)code;
        error->rank = (int32_t)kvspan_wire_get32(record + AT_RANK);
        error->native = (int32_t)kvspan_wire_get32(record + AT_NATIVE);
        error->epoch = kvspan_wire_get64(record + AT_EPOCH);
        memcpy(error->message, record + AT_TEXT, sizeof(error->message));
        error->message[sizeof(error->message) - 1] = '\0';
    }
    return (kvspan_status)code;
}

/* Keeps the failure of the lowest reporting rank. */
static void fold_record(unsigned char *into, const unsigned char *record)
{
    const bool has_failed = kvspan_wire_get32(record) != KVSPAN_OK;

    if (has_failed &&
        (kvspan_wire_get32(into) == KVSPAN_OK ||
         kvspan_wire_get32(record + AT_REPORTER) < kvspan_wire_get32(into + AT_REPORTER))) {
        memcpy(into, record, RECORD_BYTES);
    }
}

static kvspan_status gather_records(kvspan_comm *comm, const kvspan_tree *tree,
                                    unsigned char *record, uint64_t deadline_ns,
                                    kvspan_error *error)
{
    unsigned char(*const records)[RECORD_BYTES] = comm->agree->records;
    kvspan_request requests[KVSPAN_TREE_MAX_CHILDREN] = { { 0 } };
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; i < tree->child_count && status == KVSPAN_OK; i++) {
        memset(records[i], 0, RECORD_BYTES);
        status = kvspan_comm_receive(comm, KVSPAN_CHANNEL_AGREE, tree->children[i], records[i],
                                     RECORD_BYTES, &requests[i], error);
    }
    if (status != KVSPAN_OK) {
        kvspan_comm_cancel_all(comm, requests, tree->child_count);
        return status;
    }
    status = kvspan_wait_until(comm, requests, tree->child_count, deadline_ns, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    for (uint32_t i = 0; i < tree->child_count; i++) {
        fold_record(record, records[i]);
    }
    return tree->is_root
               ? KVSPAN_OK
               : kvspan_send_until(comm, tree->parent, record, RECORD_BYTES, deadline_ns, error);
}

kvspan_status kvspan_agree_status(kvspan_comm *comm, const kvspan_group *group,
                                  kvspan_status status, const kvspan_error *mine,
                                  uint32_t timeout_ms, kvspan_error *error)
{
    const uint64_t deadline_ns = kvspan_clock_deadline_ns(timeout_ms);
    const kvspan_tree tree = kvspan_tree_make(group, 0);
    const uint64_t abandoned = kvspan_comm_abandoned(comm);
    unsigned char *const record = comm->agree->record;
    kvspan_status result;

    encode_record(record, kvspan_comm_rank(comm), status, mine);
    result = gather_records(comm, &tree, record, deadline_ns, error);
    if (result == KVSPAN_OK) {
        result = kvspan_broadcast_until(comm, &tree, record, RECORD_BYTES, deadline_ns, error);
    }
    note_kept(comm, abandoned);
    return result == KVSPAN_OK ? decode_record(record, error) : result;
}

static uint32_t field_words(const kvspan_agree_field *field)
{
    return field->kind == KVSPAN_AGREE_TEXT ? KVSPAN_AGREE_TEXT_BYTES / WORD_BYTES : 1;
}

static void encode_field(const kvspan_agree_field *field, unsigned char *words)
{
    uint64_t bits = (uint64_t)field->number;

    if (field->kind == KVSPAN_AGREE_TEXT) {
        memset(words, 0, KVSPAN_AGREE_TEXT_BYTES);
        memcpy(words, field->text, strnlen(field->text, KVSPAN_AGREE_TEXT_BYTES - 1));
        return;
    }
    if (field->kind == KVSPAN_AGREE_REAL) {
        memcpy(&bits, &field->real, sizeof(bits));
    }
    kvspan_wire_put64(words, bits);
}

static void print_value(kvspan_agree_kind kind, const unsigned char *words, char *text_out)
{
    const uint64_t bits = kvspan_wire_get64(words);
    double real = 0.0;

    if (kind == KVSPAN_AGREE_TEXT) {
        (void)snprintf(text_out, PRINTED_BYTES, "\"%.*s\"", KVSPAN_AGREE_TEXT_BYTES - 1,
                       (const char *)words);
    } else if (kind == KVSPAN_AGREE_REAL) {
        memcpy(&real, &bits, sizeof(real));
        (void)snprintf(text_out, PRINTED_BYTES, "%.17g", real);
    } else {
        (void)snprintf(text_out, PRINTED_BYTES, "%" PRId64, (int64_t)bits);
    }
}

/* What this rank has to say about the first's values. */
static kvspan_status compare_fields(const kvspan_comm *comm, const kvspan_group *group,
                                    const kvspan_agree_field *fields, uint32_t field_count,
                                    const unsigned char *values, kvspan_error *error)
{
    const uint32_t rank = kvspan_comm_rank(comm);
    const uint64_t first_count = kvspan_wire_get64(values);
    const unsigned char *first = values + WORD_BYTES;

    if (first_count != field_count) {
        return kvspan_fail_rank(error, KVSPAN_ERR_MISMATCH, rank, 0,
                                "rank %u compares %" PRIu64 " fields and rank %u compares %u",
                                group->ranks[0], first_count, rank, field_count);
    }
    for (uint32_t i = 0; i < field_count; i++) {
        const size_t bytes = (size_t)WORD_BYTES * field_words(&fields[i]);
        unsigned char mine[KVSPAN_AGREE_TEXT_BYTES];

        encode_field(&fields[i], mine);
        if (memcmp(first, mine, bytes) != 0) {
            char texts[2][PRINTED_BYTES];

            print_value(fields[i].kind, first, texts[0]);
            print_value(fields[i].kind, mine, texts[1]);
            return kvspan_fail_rank(error, KVSPAN_ERR_MISMATCH, rank, 0,
                                    "%s is %s on rank %u and %s on rank %u", fields[i].name,
                                    texts[0], group->ranks[0], texts[1], rank);
        }
        first += bytes;
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_agree_equal(kvspan_comm *comm, const kvspan_group *group,
                                 const kvspan_agree_field *fields, uint32_t field_count,
                                 uint32_t timeout_ms, kvspan_error *error)
{
    const uint64_t deadline_ns = kvspan_clock_deadline_ns(timeout_ms);
    const uint64_t abandoned = kvspan_comm_abandoned(comm);
    /* Always all of them, so that ranks with other counts can say so. */
    unsigned char *const values = comm->agree->values;
    unsigned char *next = values + WORD_BYTES;
    kvspan_error mine = { 0 };
    kvspan_status status;

    kvspan_wire_put64(values, field_count);
    for (uint32_t i = 0; i < field_count; i++) {
        encode_field(&fields[i], next);
        next += (size_t)WORD_BYTES * field_words(&fields[i]);
        assert(next <= values + KVSPAN_AGREE_VALUES_BYTES);
    }
    status = kvspan_agree_broadcast(comm, group, 0, values, KVSPAN_AGREE_VALUES_BYTES, timeout_ms,
                                    error);
    if (status != KVSPAN_OK) {
        note_kept(comm, abandoned);
        return status;
    }
    status = compare_fields(comm, group, fields, field_count, values, &mine);
    return kvspan_agree_status(comm, group, status, &mine, kvspan_clock_left_ms(deadline_ns),
                               error);
}
