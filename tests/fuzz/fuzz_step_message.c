/* The step decoder and what a replica makes of its messages. The input is a series of messages:
 * u8 flags, u16 length, bytes. The target seals them (magic, version, length, checksum, epoch and
 * digest as far as the flags ask for it), since no fuzzer guesses a checksum. */
#include <stdbool.h>
#include <string.h>

#include "fuzz_target.h"
#include "runtime/step/checksum.h"
#include "runtime/step/replica.h"
#include "runtime/step/wire.h"

enum {
    MAX_MESSAGES = 6,
    /* Flags of a message. */
    KEEP_PREAMBLE = 1,
    KEEP_LENGTH = 2,
    KEEP_CHECKSUM = 4,
    KEEP_EPOCH = 8,
    KEEP_DIGEST = 16
};

/* Few rows and pages beside many slots: counts that the header alone bounds. */
static const kvspan_step_limits limits[] = {
    { 1, 4, 4, 10, 4, 4, 16, 16, 16 },
    { 2, 6, 8, 50, 4, 5, 30, 9, 32 },
    { 3, 40, 3, 20, 2, 3, 5, 0, 6 },
    { 1, 200, 64, 4000, 1, 200, 400, 100, 64 },
};

/* A rank. */
typedef struct fuzz_rank {
    const kvspan_step_limits *limits;
    kvspan_replica replica;
    kvspan_step_message message;
    kvspan_replica_result result;
} fuzz_rank;

static void rank_init(fuzz_rank *rank, const kvspan_step_limits *its_limits)
{
    *rank = (fuzz_rank){ .limits = its_limits };
    fuzz_check(!kvspan_replica_init(&rank->replica, its_limits, NULL));
    fuzz_check(!kvspan_step_message_init(&rank->message, its_limits, NULL));
    rank->result.rows = calloc(kvspan_step_max_rows(its_limits), sizeof(*rank->result.rows));
    rank->result.patches =
        calloc(kvspan_replica_max_patches(its_limits), sizeof(*rank->result.patches));
    rank->result.copies =
        calloc(kvspan_step_max_page_runs(its_limits), sizeof(*rank->result.copies));
    fuzz_check(rank->result.rows);
    fuzz_check(rank->result.patches);
    fuzz_check(rank->result.copies);
}

static void rank_fini(fuzz_rank *rank)
{
    free(rank->result.copies);
    free(rank->result.rows);
    free(rank->result.patches);
    kvspan_step_message_fini(&rank->message);
    kvspan_replica_fini(&rank->replica);
}

/* One message of the input, in memory of just its length. */
typedef struct fuzz_message {
    unsigned char *bytes;
    size_t count;
    uint32_t flags;
} fuzz_message;

static fuzz_message take_message(fuzz_input *input)
{
    const uint32_t flags = fuzz_take(input);
    const size_t low = fuzz_take(input);
    const size_t wanted = low | (size_t)fuzz_take(input) << 8;
    const size_t count = wanted < input->left ? wanted : input->left;
    unsigned char *bytes = malloc(count ? count : 1);

    fuzz_check(bytes);
    memcpy(bytes, input->data, count);
    input->data += count;
    input->left -= count;
    return (fuzz_message){ bytes, count, flags };
}

static void seal(const fuzz_message *message, uint64_t epoch)
{
    unsigned char *bytes = message->bytes;

    if (message->count < KVSPAN_STEP_HEADER_BYTES) {
        return;
    }
    if (!(message->flags & KEEP_PREAMBLE)) {
        kvspan_put_u32(bytes + KVSPAN_AT_MAGIC, KVSPAN_STEP_MAGIC);
        kvspan_put_u16(bytes + KVSPAN_AT_VERSION, KVSPAN_WIRE_VERSION);
        bytes[KVSPAN_AT_KIND] = KVSPAN_STEP_KIND;
        bytes[KVSPAN_AT_SECTIONS] &= KVSPAN_ALL_SECTIONS;
        kvspan_put_u32(bytes + KVSPAN_AT_NEXT_FIRST_BYTES, KVSPAN_STEP_FIRST_BYTES);
    }
    if (!(message->flags & KEEP_LENGTH)) {
        kvspan_put_u32(bytes + KVSPAN_AT_TOTAL_BYTES, (uint32_t)message->count);
    }
    if (!(message->flags & KEEP_EPOCH)) {
        kvspan_put_u64(bytes + KVSPAN_AT_EPOCH, epoch);
    }
    if (!(message->flags & KEEP_CHECKSUM)) {
        kvspan_put_u64(bytes + KVSPAN_AT_CHECKSUM, kvspan_step_checksum(bytes, message->count));
    }
}

static kvspan_status obey(fuzz_rank *rank, const fuzz_message *message)
{
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_status status =
        kvspan_step_decode(message->bytes, message->count, rank->limits, &rank->message, &error);

    if (!status) {
        status = kvspan_replica_apply(&rank->replica, &rank->message, &rank->result, &error);
    }
    fuzz_check(status == error.status);
    fuzz_check(status == KVSPAN_OK || status == KVSPAN_ERR_CORRUPT || status == KVSPAN_ERR_STALE ||
               status == KVSPAN_ERR_MISMATCH);
    return status;
}

/* A rank that has obeyed the first `count` messages, none of which failed before. */
static void start_again(fuzz_rank *rank, const fuzz_message *messages, uint32_t count)
{
    const kvspan_step_limits *const its_limits = rank->limits;

    rank_fini(rank);
    rank_init(rank, its_limits);
    for (uint32_t i = 0; i < count; i++) {
        fuzz_check(!obey(rank, &messages[i]));
    }
}

/* True if the rank goes on after it. A sender who knows the digest is believed. */
static bool try_message(fuzz_rank *rank, const fuzz_message *messages, uint32_t index)
{
    const fuzz_message *const message = &messages[index];
    kvspan_status status;

    seal(message, rank->replica.epoch + 1);
    status = obey(rank, message);
    if (status == KVSPAN_ERR_MISMATCH && !(message->flags & KEEP_DIGEST)) {
        kvspan_put_u64(message->bytes + KVSPAN_AT_TABLE_DIGEST, rank->replica.digest);
        start_again(rank, messages, index);
        seal(message, rank->replica.epoch + 1);
        status = obey(rank, message);
        fuzz_check(status == KVSPAN_OK || message->flags & KEEP_CHECKSUM);
    }
    if (status == KVSPAN_OK) {
        fuzz_check(!kvspan_replica_check(&rank->replica, NULL));
        fuzz_check(rank->result.row_count <= kvspan_step_max_rows(rank->limits));
        fuzz_check(rank->result.token_count <= rank->limits->max_tokens);
        fuzz_check(rank->result.patch_count <= kvspan_replica_max_patches(rank->limits));
        fuzz_check(rank->result.copy_count <= kvspan_step_max_page_runs(rank->limits));
    }
    return status == KVSPAN_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fuzz_input input = { data, bytes };
    fuzz_message messages[MAX_MESSAGES];
    const uint32_t last = sizeof(limits) / sizeof(limits[0]) - 1;
    fuzz_rank rank;
    uint32_t count = 0;
    bool goes_on = true;

    rank_init(&rank, &limits[fuzz_take_between(&input, 0, last)]);
    while (goes_on && input.left > 0 && count < MAX_MESSAGES) {
        messages[count++] = take_message(&input);
        goes_on = try_message(&rank, messages, count - 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        free(messages[i].bytes);
    }
    rank_fini(&rank);
    return 0;
}
