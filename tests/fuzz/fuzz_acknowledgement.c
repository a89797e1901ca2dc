/* Acknowledgements: u8 children, u8 steps begun, then u8 child and the bytes of one, again and
 * again. The target writes magic, version and kind unless the child's high bit is set. */
#include <stdbool.h>
#include <string.h>

#include "fuzz_target.h"
#include "runtime/step/acknowledgement.h"
#include "runtime/step/wire.h"

static void take_bytes(fuzz_input *input, bool is_sealed, unsigned char *bytes)
{
    for (size_t i = 0; i < KVSPAN_ACK_BYTES; i++) {
        bytes[i] = fuzz_take(input);
    }
    if (is_sealed) {
        kvspan_put_u32(bytes, KVSPAN_ACK_MAGIC);
        kvspan_put_u16(bytes + 4, KVSPAN_ACK_VERSION);
        kvspan_put_u16(bytes + 6, KVSPAN_ACK_KIND);
    }
}

/* What is accepted goes forward, not beyond what was begun; what is refused changes nothing. */
static void fold_one(kvspan_ack_fold *fold, uint32_t child, const kvspan_ack *ack, uint64_t begun)
{
    const kvspan_ack_fold before = *fold;
    kvspan_error error = { .status = KVSPAN_OK };

    if (kvspan_ack_fold_child(fold, child, ack, begun, &error)) {
        fuzz_check(error.status == KVSPAN_ERR_CORRUPT);
        fuzz_check(memcmp(fold->child_epochs, before.child_epochs, sizeof(before.child_epochs)) ==
                   0);
        fuzz_check(fold->notices == before.notices);
        return;
    }
    fuzz_check(fold->child_epochs[child] >= before.child_epochs[child]);
    fuzz_check(fold->child_epochs[child] <= begun);
    fuzz_check((fold->notices & before.notices) == before.notices);
    fuzz_check(kvspan_ack_fold_epoch(fold) <= begun);
    fuzz_check(kvspan_ack_fold_missing(fold, kvspan_ack_fold_epoch(fold)) == fold->child_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fuzz_input input = { data, bytes };
    const uint32_t child_count = fuzz_take_between(&input, 1, KVSPAN_ACK_MAX_CHILDREN);
    const uint64_t begun = fuzz_take(&input);
    kvspan_ack_fold fold;

    memset(&fold, 0, sizeof(fold));
    kvspan_ack_fold_init(&fold, child_count);
    kvspan_ack_fold_own(&fold, begun, 0);
    while (input.left > 0) {
        const uint32_t child = fuzz_take(&input);
        unsigned char wire[KVSPAN_ACK_BYTES];
        unsigned char again[KVSPAN_ACK_BYTES];
        kvspan_ack ack;
        kvspan_ack next;

        take_bytes(&input, child < 128, wire);
        if (kvspan_ack_decode(wire, &ack, NULL) == KVSPAN_OK) {
            kvspan_ack_encode(&ack, again);
            fuzz_check(memcmp(wire, again, sizeof(wire)) == 0);
            fold_one(&fold, child % child_count, &ack, begun);
            if (kvspan_ack_fold_next(&fold, 0, 1, &next)) {
                fuzz_check(next.epoch == kvspan_ack_fold_epoch(&fold));
                fuzz_check(!kvspan_ack_fold_next(&fold, 0, 1, &next));
            }
        }
    }
    return 0;
}
