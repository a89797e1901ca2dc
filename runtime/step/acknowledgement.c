#include "runtime/step/acknowledgement.h"

#include <assert.h>
#include <inttypes.h>

#include "runtime/step/wire.h"

/* Byte offsets of an acknowledgement's fields. */
enum {
    AT_MAGIC = 0,
    AT_VERSION = 4,
    AT_KIND = 6,
    AT_EPOCH = 8,
    AT_TABLE_DIGEST = 16,
    AT_NOTICES = 24,
    AT_RANK = 28,
    AT_EXCHANGE_COUNT = 32,
    AT_EXCHANGE_HASH = 40
};

void kvspan_ack_encode(const kvspan_ack *ack, unsigned char bytes_out[KVSPAN_ACK_BYTES])
{
    kvspan_put_u32(bytes_out + AT_MAGIC, KVSPAN_ACK_MAGIC);
    kvspan_put_u16(bytes_out + AT_VERSION, KVSPAN_ACK_VERSION);
    kvspan_put_u16(bytes_out + AT_KIND, KVSPAN_ACK_KIND);
    kvspan_put_u64(bytes_out + AT_EPOCH, ack->epoch);
    kvspan_put_u64(bytes_out + AT_TABLE_DIGEST, ack->table_digest);
    kvspan_put_u32(bytes_out + AT_NOTICES, ack->notices);
    kvspan_put_u32(bytes_out + AT_RANK, ack->rank);
    kvspan_put_u64(bytes_out + AT_EXCHANGE_COUNT, ack->order.count);
    kvspan_put_u64(bytes_out + AT_EXCHANGE_HASH, ack->order.hash);
}

kvspan_status kvspan_ack_decode(const unsigned char bytes[KVSPAN_ACK_BYTES], kvspan_ack *ack_out,
                                kvspan_error *error)
{
    const uint32_t magic = kvspan_get_u32(bytes + AT_MAGIC);
    const uint32_t version = kvspan_get_u16(bytes + AT_VERSION);
    const uint32_t kind = kvspan_get_u16(bytes + AT_KIND);

    if (magic != KVSPAN_ACK_MAGIC) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "byte %d: magic %#" PRIx32 " is not an acknowledgement's %#" PRIx32,
                           AT_MAGIC, magic, KVSPAN_ACK_MAGIC);
    }
    if (version != KVSPAN_ACK_VERSION) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "byte %d: version %" PRIu32 " is not the known one, %d", AT_VERSION,
                           version, KVSPAN_ACK_VERSION);
    }
    if (kind != KVSPAN_ACK_KIND) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "byte %d: kind %" PRIu32 " is not an acknowledgement's, %d", AT_KIND,
                           kind, KVSPAN_ACK_KIND);
    }
    *ack_out = (kvspan_ack){
        .epoch = kvspan_get_u64(bytes + AT_EPOCH),
        .table_digest = kvspan_get_u64(bytes + AT_TABLE_DIGEST),
        .notices = kvspan_get_u32(bytes + AT_NOTICES),
        .rank = kvspan_get_u32(bytes + AT_RANK),
        .order = { .count = kvspan_get_u64(bytes + AT_EXCHANGE_COUNT),
                   .hash = kvspan_get_u64(bytes + AT_EXCHANGE_HASH) },
    };
    return KVSPAN_OK;
}

void kvspan_ack_fold_init(kvspan_ack_fold *fold, uint32_t child_count)
{
    assert(child_count <= KVSPAN_ACK_MAX_CHILDREN);
    *fold = (kvspan_ack_fold){ .child_count = child_count };
}

kvspan_status kvspan_ack_fold_child(kvspan_ack_fold *fold, uint32_t child, const kvspan_ack *ack,
                                    uint64_t begun, kvspan_error *error)
{
    assert(child < fold->child_count);
    if (ack->epoch < fold->child_epochs[child]) {
        return kvspan_fail_rank(error, KVSPAN_ERR_CORRUPT, ack->rank, ack->epoch,
                                "rank %" PRIu32 " acknowledges epoch %" PRIu64
                                " after it has acknowledged %" PRIu64,
                                ack->rank, ack->epoch, fold->child_epochs[child]);
    }
    if (ack->epoch > begun) {
        return kvspan_fail_rank(error, KVSPAN_ERR_CORRUPT, ack->rank, ack->epoch,
                                "rank %" PRIu32 " acknowledges epoch %" PRIu64
                                ", the last step begun is %" PRIu64,
                                ack->rank, ack->epoch, begun);
    }
    fold->child_epochs[child] = ack->epoch;
    fold->notices |= ack->notices;
    return KVSPAN_OK;
}

void kvspan_ack_fold_own(kvspan_ack_fold *fold, uint64_t epoch, uint32_t notices)
{
    assert(epoch >= fold->own_epoch);
    fold->own_epoch = epoch;
    fold->notices |= notices;
}

uint64_t kvspan_ack_fold_epoch(const kvspan_ack_fold *fold)
{
    uint64_t epoch = fold->own_epoch;

    for (uint32_t child = 0; child < fold->child_count; child++) {
        if (fold->child_epochs[child] < epoch) {
            epoch = fold->child_epochs[child];
        }
    }
    return epoch;
}

uint32_t kvspan_ack_fold_missing(const kvspan_ack_fold *fold, uint64_t epoch)
{
    uint32_t child = 0;

    while (child < fold->child_count && fold->child_epochs[child] >= epoch) {
        child++;
    }
    return child;
}

bool kvspan_ack_fold_next(kvspan_ack_fold *fold, uint32_t rank, uint64_t table_digest,
                          kvspan_ack *ack_out)
{
    const uint64_t epoch = kvspan_ack_fold_epoch(fold);

    if (epoch == fold->sent_epoch && fold->notices == fold->sent_notices) {
        return false;
    }
    *ack_out = (kvspan_ack){
        .epoch = epoch,
        .table_digest = epoch == fold->own_epoch ? table_digest : 0,
        .notices = fold->notices,
        .rank = rank,
    };
    fold->sent_epoch = epoch;
    fold->sent_notices = fold->notices;
    return true;
}
