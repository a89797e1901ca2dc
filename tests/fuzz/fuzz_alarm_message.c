/* Alarm messages: u8 ranks, then the bytes of one. */
#include <string.h>

#include "comm/alarm_message.h"
#include "fuzz_target.h"

/* Nothing that a rank would index or print with is out of range. */
static void check_message(const kvspan_alarm_message *message, uint32_t rank_count)
{
    const kvspan_chain *const chain = &message->chain;

    fuzz_check(message->kind >= KVSPAN_ALARM_PROBE);
    fuzz_check(message->kind <= KVSPAN_ALARM_VERDICT);
    if (message->kind == KVSPAN_ALARM_ANSWER) {
        fuzz_check(chain->kind < KVSPAN_CHAIN_KIND_END);
        fuzz_check(chain->end_rank < rank_count);
        fuzz_check(chain->path_count <= KVSPAN_CHAIN_MAX_PATH);
        for (uint32_t i = 0; i < chain->path_count; i++) {
            fuzz_check(chain->path[i] < rank_count);
        }
        fuzz_check(chain->kind != KVSPAN_CHAIN_CYCLE || chain->cycle_start < chain->path_count);
    }
    if (message->kind == KVSPAN_ALARM_VERDICT) {
        fuzz_check(message->error.status != KVSPAN_OK);
        fuzz_check(message->error.rank < (int64_t)rank_count);
        fuzz_check(memchr(message->error.message, '\0', sizeof(message->error.message)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fuzz_input input = { data, bytes };
    const uint32_t rank_count = 1 + fuzz_take(&input);
    unsigned char wire[KVSPAN_ALARM_BYTES];
    unsigned char first[KVSPAN_ALARM_BYTES];
    unsigned char second[KVSPAN_ALARM_BYTES];
    kvspan_alarm_message message;

    for (size_t i = 0; i < sizeof(wire); i++) {
        wire[i] = fuzz_take(&input);
    }
    memset(&message, 0, sizeof(message));
    if (kvspan_alarm_decode(wire, rank_count, &message)) {
        check_message(&message, rank_count);
        kvspan_alarm_encode(&message, first);
        memset(&message, 0, sizeof(message));
        fuzz_check(kvspan_alarm_decode(first, rank_count, &message));
        kvspan_alarm_encode(&message, second);
        fuzz_check(memcmp(first, second, sizeof(first)) == 0);
    }
    return 0;
}
