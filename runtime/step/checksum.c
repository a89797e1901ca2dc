#include "runtime/step/checksum.h"

#include <assert.h>

#include "runtime/ledger/table_digest.h"
#include "runtime/step/message.h"
#include "runtime/step/wire.h"

static uint64_t term(uint64_t word, size_t index)
{
    return kvspan_mix64(word + 0x9e3779b97f4a7c15u * ((uint64_t)index + 1));
}

uint64_t kvspan_step_checksum(const unsigned char *message, size_t bytes)
{
    const size_t word_count = bytes / 8;
    const size_t rest = bytes % 8;
    unsigned char last[8] = { 0 };
    uint64_t sum = bytes;

    assert(bytes >= KVSPAN_STEP_HEADER_BYTES);
    for (size_t i = 0; i < word_count; i++) {
        sum += term(kvspan_get_u64(message + 8 * i), i);
    }
    sum -= term(kvspan_get_u64(message + KVSPAN_AT_CHECKSUM), KVSPAN_AT_CHECKSUM / 8);
    if (rest > 0) {
        for (size_t i = 0; i < rest; i++) {
            last[i] = message[8 * word_count + i];
        }
        sum += term(kvspan_get_u64(last), word_count);
    }
    return kvspan_mix64(sum);
}
