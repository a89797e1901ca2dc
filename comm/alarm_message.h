/** @file
 * Alarm messages and their bytes: probe, answer, verdict. All have one length, so that a receive
 * can be posted before its message is known.
 *
 * Layout, little-endian: u16 magic, u8 kind, u8 status, u32 rank, u32 native, u64 epoch, then by
 * kind: verdict text[236]; probe u32 sequence; answer u32 sequence and the chain: u32 kind,
 * u32 end rank, u64 end epoch, u32 silent ms, u32 cycle start, u32 path count, u32 path[32].
 */
#ifndef KVSPAN_COMM_ALARM_MESSAGE_H
#define KVSPAN_COMM_ALARM_MESSAGE_H

#include <stdbool.h>

#include <kvspan/status.h>

enum {
    KVSPAN_ALARM_BYTES = 256,
    KVSPAN_CHAIN_MAX_PATH = 32
};

typedef enum kvspan_alarm_kind {
    KVSPAN_ALARM_PROBE = 1, /* are you there, and whom do you wait for? */
    KVSPAN_ALARM_ANSWER,
    KVSPAN_ALARM_VERDICT /* who is late or failed; ends all waits */
} kvspan_alarm_kind;

/* How a wait-for chain ends. A later one is better known and wins over an earlier one. */
typedef enum kvspan_chain_kind {
    KVSPAN_CHAIN_UNKNOWN = 0, /* not followed to its end yet */
    KVSPAN_CHAIN_CYCLE,       /* comes back to one of its ranks */
    KVSPAN_CHAIN_AWAKE,       /* ends at a rank that answers and waits for nobody */
    KVSPAN_CHAIN_SILENT,      /* ends at a rank that does not answer */
    KVSPAN_CHAIN_KIND_END
} kvspan_chain_kind;

/* A rank, whom it waits for, whom that waits for, … Chains longer than the path are cut: the end
 * rank still holds. */
typedef struct kvspan_chain {
    kvspan_chain_kind kind;
    uint32_t end_rank;
    uint64_t end_epoch; /* last known of the end rank */
    uint32_t silent_ms;
    uint32_t cycle_start; /* index in path where the cycle begins */
    uint32_t path_count;
    uint32_t path[KVSPAN_CHAIN_MAX_PATH]; /* path[0] is the rank whose chain it is */
} kvspan_chain;

typedef struct kvspan_alarm_message {
    kvspan_alarm_kind kind;
    uint64_t epoch;     /* of the sender; in a verdict: last known of the rank it names */
    uint32_t sequence;  /* probe, answer */
    kvspan_chain chain; /* answer: of the sender */
    kvspan_error error; /* verdict */
} kvspan_alarm_message;

void kvspan_alarm_encode(const kvspan_alarm_message *message,
                         unsigned char bytes_out[KVSPAN_ALARM_BYTES]);

/* Reads bytes that anyone may have sent. False, and nothing written, unless they are an alarm that
 * a rank of a communicator of rank_count ranks can have meant. The text is always terminated and
 * printable. */
bool kvspan_alarm_decode(const unsigned char bytes[KVSPAN_ALARM_BYTES], uint32_t rank_count,
                         kvspan_alarm_message *message_out);

#endif
