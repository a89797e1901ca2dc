#include "comm/alarm_message.h"

#include <string.h>

#include "comm/wire.h"

enum {
    MAGIC_LOW = 'k',
    MAGIC_HIGH = 'A',
    AT_KIND = 2,
    AT_STATUS = 3,
    AT_RANK = 4,
    AT_NATIVE = 8,
    AT_EPOCH = 12,
    AT_BODY = 20,
    AT_CHAIN_KIND = AT_BODY + 4,
    AT_END_RANK = AT_CHAIN_KIND + 4,
    AT_END_EPOCH = AT_END_RANK + 4,
    AT_SILENT_MS = AT_END_EPOCH + 8,
    AT_CYCLE_START = AT_SILENT_MS + 4,
    AT_PATH_COUNT = AT_CYCLE_START + 4,
    AT_PATH = AT_PATH_COUNT + 4
};

/* Epochs count steps from 1: nobody gets that far. */
static const uint64_t epoch_limit = (uint64_t)1 << 48;

_Static_assert(AT_PATH + 4 * KVSPAN_CHAIN_MAX_PATH <= KVSPAN_ALARM_BYTES, "an answer fits");
_Static_assert(AT_BODY + sizeof(((kvspan_error *)0)->message) <= KVSPAN_ALARM_BYTES,
               "a verdict fits");

static void encode_chain(const kvspan_chain *chain, unsigned char *bytes)
{
    kvspan_wire_put32(bytes + AT_CHAIN_KIND, (uint32_t)chain->kind);
    kvspan_wire_put32(bytes + AT_END_RANK, chain->end_rank);
    kvspan_wire_put64(bytes + AT_END_EPOCH, chain->end_epoch);
    kvspan_wire_put32(bytes + AT_SILENT_MS, chain->silent_ms);
    kvspan_wire_put32(bytes + AT_CYCLE_START, chain->cycle_start);
    kvspan_wire_put32(bytes + AT_PATH_COUNT, chain->path_count);
    for (uint32_t i = 0; i < chain->path_count; i++) {
        kvspan_wire_put32(bytes + AT_PATH + (size_t)4 * i, chain->path[i]);
    }
}

void kvspan_alarm_encode(const kvspan_alarm_message *message,
                         unsigned char bytes_out[KVSPAN_ALARM_BYTES])
{
    memset(bytes_out, 0, KVSPAN_ALARM_BYTES);
    bytes_out[0] = MAGIC_LOW;
    bytes_out[1] = MAGIC_HIGH;
    bytes_out[AT_KIND] = (unsigned char)message->kind;
    kvspan_wire_put64(bytes_out + AT_EPOCH, message->epoch);
    if (message->kind == KVSPAN_ALARM_VERDICT) {
        bytes_out[AT_STATUS] = (unsigned char)message->error.status;
        kvspan_wire_put32(bytes_out + AT_RANK, (uint32_t)message->error.rank);
        kvspan_wire_put32(bytes_out + AT_NATIVE, (uint32_t)message->error.native);
        memcpy(bytes_out + AT_BODY, message->error.message,
               strnlen(message->error.message, sizeof(message->error.message) - 1));
        return;
    }
    kvspan_wire_put32(bytes_out + AT_BODY, message->sequence);
    if (message->kind == KVSPAN_ALARM_ANSWER) {
        encode_chain(&message->chain, bytes_out);
    }
}

static bool decode_chain(const unsigned char *bytes, uint32_t rank_count, kvspan_chain *chain)
{
    const uint32_t kind = kvspan_wire_get32(bytes + AT_CHAIN_KIND);

    chain->end_rank = kvspan_wire_get32(bytes + AT_END_RANK);
    chain->end_epoch = kvspan_wire_get64(bytes + AT_END_EPOCH);
    chain->silent_ms = kvspan_wire_get32(bytes + AT_SILENT_MS);
    chain->cycle_start = kvspan_wire_get32(bytes + AT_CYCLE_START);
    chain->path_count = kvspan_wire_get32(bytes + AT_PATH_COUNT);
    if (kind >= KVSPAN_CHAIN_KIND_END || chain->end_rank >= rank_count ||
        chain->end_epoch >= epoch_limit || chain->path_count == 0 ||
        chain->path_count > KVSPAN_CHAIN_MAX_PATH || chain->cycle_start >= chain->path_count) {
        return false;
    }
    chain->kind = (kvspan_chain_kind)kind;
    for (uint32_t i = 0; i < chain->path_count; i++) {
        chain->path[i] = kvspan_wire_get32(bytes + AT_PATH + (size_t)4 * i);
        if (chain->path[i] >= rank_count) {
            return false;
        }
    }
    return true;
}

static bool decode_verdict(const unsigned char *bytes, uint32_t rank_count, uint64_t epoch,
                           kvspan_error *error)
{
    const uint32_t status = bytes[AT_STATUS];
    const uint32_t rank = kvspan_wire_get32(bytes + AT_RANK);
    const size_t text_bytes = sizeof(error->message);

    if ((status != KVSPAN_ERR_LATE && status != KVSPAN_ERR_PEER) || rank >= rank_count) {
        return false;
    }
    error->status = (kvspan_status)status;
    error->rank = (int32_t)rank;
    error->native = (int32_t)kvspan_wire_get32(bytes + AT_NATIVE);
    error->epoch = epoch;
    memcpy(error->message, bytes + AT_BODY, text_bytes);
    error->message[text_bytes - 1] = '\0';
    for (char *letter = error->message; *letter != '\0'; letter++) {
        const unsigned char code = (unsigned char)*letter;

        if (code < ' ' || code == 127) {
            *letter = '?';
        }
    }
    return true;
}

bool kvspan_alarm_decode(const unsigned char bytes[KVSPAN_ALARM_BYTES], uint32_t rank_count,
                         kvspan_alarm_message *message_out)
{
    kvspan_alarm_message message = { .epoch = kvspan_wire_get64(bytes + AT_EPOCH),
                                     .sequence = kvspan_wire_get32(bytes + AT_BODY) };

    if (bytes[0] != MAGIC_LOW || bytes[1] != MAGIC_HIGH || message.epoch >= epoch_limit) {
        return false;
    }
    switch (bytes[AT_KIND]) {
    case KVSPAN_ALARM_PROBE: message.kind = KVSPAN_ALARM_PROBE; break;
    case KVSPAN_ALARM_ANSWER:
        message.kind = KVSPAN_ALARM_ANSWER;
        if (!decode_chain(bytes, rank_count, &message.chain)) {
            return false;
        }
        break;
    case KVSPAN_ALARM_VERDICT:
        message.kind = KVSPAN_ALARM_VERDICT;
        if (!decode_verdict(bytes, rank_count, message.epoch, &message.error)) {
            return false;
        }
        break;
    default: return false;
    }
    *message_out = message;
    return true;
}
