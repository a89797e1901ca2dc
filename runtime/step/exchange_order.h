/** @file
 * In which order a rank has issued its exchanges, step by step: how many they were when it ended
 * one, and their rolling hash. What ranks disagree on here would hang in NCCL, or bring one layer's
 * results to another. Pure bookkeeping.
 */
#ifndef KVSPAN_STEP_EXCHANGE_ORDER_H
#define KVSPAN_STEP_EXCHANGE_ORDER_H

#include <stdbool.h>

#include <kvspan/types.h>

/* All exchanges since the cache was created. */
typedef struct kvspan_exchange_order {
    uint64_t count;
    uint64_t hash;
} kvspan_exchange_order;

enum {
    KVSPAN_ORDER_EPOCHS = 128 /* more than ranks can be apart */
};

/* Of the last epochs that this rank has ended; slot: epoch mod KVSPAN_ORDER_EPOCHS. */
typedef struct kvspan_order_log {
    uint64_t epochs[KVSPAN_ORDER_EPOCHS];
    kvspan_exchange_order orders[KVSPAN_ORDER_EPOCHS];
} kvspan_order_log;

/* Zero-filled at first. Epochs begin at 1. */
void kvspan_order_log_note(kvspan_order_log *log, uint64_t epoch, kvspan_exchange_order order);

/* Zeros for an epoch that is not in it. */
kvspan_exchange_order kvspan_order_log_find(const kvspan_order_log *log, uint64_t epoch);

/* MISMATCH if another rank had issued something else when it ended the epoch, with both ranks,
 * counts and hashes. OK for an epoch that this rank has not ended or does not remember. */
kvspan_status kvspan_order_log_compare(const kvspan_order_log *log, uint32_t own_rank,
                                       uint32_t rank, uint64_t epoch, kvspan_exchange_order order,
                                       kvspan_error *error);

#endif
