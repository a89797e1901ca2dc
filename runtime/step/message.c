#include "runtime/step/message.h"

#include <stdlib.h>

#include "runtime/step/bit_set.h"

kvspan_status kvspan_step_message_init(kvspan_step_message *message,
                                       const kvspan_step_limits *limits, kvspan_error *error)
{
    const size_t table_rows = (size_t)limits->group_count * limits->slot_count;
    kvspan_step_message made = { .payload = NULL };
    kvspan_status status = kvspan_step_limits_check(limits, error);

    if (status) {
        return status;
    }
    made.released = calloc(limits->slot_count, sizeof(*made.released));
    made.admitted = calloc(limits->slot_count, sizeof(*made.admitted));
    made.trims = calloc(limits->slot_count, sizeof(*made.trims));
    made.windows = calloc(table_rows, sizeof(*made.windows));
    made.shared_runs = calloc(table_rows, sizeof(*made.shared_runs));
    made.shared_pages =
        calloc((size_t)kvspan_step_max_shared_pages(limits), sizeof(*made.shared_pages));
    made.copies = calloc(kvspan_step_max_page_runs(limits), sizeof(*made.copies));
    made.targets = calloc(kvspan_step_max_page_runs(limits), sizeof(*made.targets));
    made.page_runs = calloc(kvspan_step_max_page_runs(limits), sizeof(*made.page_runs));
    made.pages = calloc((size_t)kvspan_step_max_pages(limits), sizeof(*made.pages));
    made.rows = calloc(kvspan_step_max_rows(limits), sizeof(*made.rows));
    made.seen = calloc(kvspan_bit_words((uint64_t)limits->group_count * limits->slot_count),
                       sizeof(*made.seen));
    if (!made.released || !made.admitted || !made.page_runs || !made.pages || !made.rows ||
        !made.trims || !made.windows || !made.shared_runs || !made.shared_pages || !made.copies ||
        !made.targets || !made.seen) {
        kvspan_step_message_fini(&made);
        return kvspan_fail(error, KVSPAN_ERR_MEMORY,
                           "no memory for a decoded step message of up to %zu bytes",
                           kvspan_step_max_bytes(limits));
    }
    *message = made;
    return KVSPAN_OK;
}

void kvspan_step_message_fini(kvspan_step_message *message)
{
    free(message->seen);
    free(message->rows);
    free(message->pages);
    free(message->page_runs);
    free(message->targets);
    free(message->copies);
    free(message->shared_pages);
    free(message->shared_runs);
    free(message->windows);
    free(message->trims);
    free(message->admitted);
    free(message->released);
    *message = (kvspan_step_message){ .payload = NULL };
}
