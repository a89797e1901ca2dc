#include "runtime/step/message.h"

#include <stdlib.h>

#include "runtime/step/bit_set.h"

kvspan_status kvspan_step_message_init(kvspan_step_message *message,
                                       const kvspan_step_limits *limits, kvspan_error *error)
{
    kvspan_step_message made = { .payload = NULL };
    kvspan_status status = kvspan_step_limits_check(limits, error);

    if (status) {
        return status;
    }
    made.released = calloc(limits->slot_count, sizeof(*made.released));
    made.admitted = calloc(limits->slot_count, sizeof(*made.admitted));
    made.page_runs = calloc(kvspan_step_max_page_runs(limits), sizeof(*made.page_runs));
    made.pages = calloc((size_t)kvspan_step_max_pages(limits), sizeof(*made.pages));
    made.rows = calloc(kvspan_step_max_rows(limits), sizeof(*made.rows));
    made.seen = calloc(kvspan_bit_words((uint64_t)limits->group_count * limits->slot_count),
                       sizeof(*made.seen));
    if (!made.released || !made.admitted || !made.page_runs || !made.pages || !made.rows ||
        !made.seen) {
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
    free(message->admitted);
    free(message->released);
    *message = (kvspan_step_message){ .payload = NULL };
}
