#include "runtime/step/exchange_order.h"

#include <inttypes.h>

static bool has_epoch(const kvspan_order_log *log, uint64_t epoch)
{
    return epoch > 0 && log->epochs[epoch % KVSPAN_ORDER_EPOCHS] == epoch;
}

void kvspan_order_log_note(kvspan_order_log *log, uint64_t epoch, kvspan_exchange_order order)
{
    log->epochs[epoch % KVSPAN_ORDER_EPOCHS] = epoch;
    log->orders[epoch % KVSPAN_ORDER_EPOCHS] = order;
}

kvspan_exchange_order kvspan_order_log_find(const kvspan_order_log *log, uint64_t epoch)
{
    return has_epoch(log, epoch) ? log->orders[epoch % KVSPAN_ORDER_EPOCHS]
                                 : (kvspan_exchange_order){ .count = 0 };
}

kvspan_status kvspan_order_log_compare(const kvspan_order_log *log, uint32_t own_rank,
                                       uint32_t rank, uint64_t epoch, kvspan_exchange_order order,
                                       kvspan_error *error)
{
    const kvspan_exchange_order own = kvspan_order_log_find(log, epoch);

    if (!has_epoch(log, epoch) || (own.count == order.count && own.hash == order.hash)) {
        return KVSPAN_OK;
    }
    return kvspan_fail_rank(error, KVSPAN_ERR_MISMATCH, rank, epoch,
                            "exchanges are in another order by the end of epoch %" PRIu64
                            ": rank %" PRIu32 " has issued %" PRIu64 " with hash %#018" PRIx64
                            ", rank %" PRIu32 " has issued %" PRIu64 " with hash %#018" PRIx64,
                            epoch, rank, order.count, order.hash, own_rank, own.count, own.hash);
}
