#include "runtime/step/replica_parts.h"

static void patch(kvspan_replica_result *result, uint32_t group, uint32_t slot, uint32_t column,
                  uint32_t page)
{
    result->patches[result->patch_count++] = (kvspan_replica_patch){ group, slot, column, page };
}

/* Tells what a row has now where the step may have changed it; once for each row. */
static void patch_row(kvspan_replica *replica, kvspan_replica_result *result, uint32_t group,
                      uint32_t slot)
{
    kvspan_dirty_columns *dirty = &replica->dirty[kvspan_replica_row(replica, group, slot)];
    const uint32_t *table = kvspan_replica_columns(replica, group, slot);

    for (uint32_t column = dirty->first; column < dirty->end; column++) {
        patch(result, group, slot, column, table[column]);
    }
    *dirty = (kvspan_dirty_columns){ 0, 0 };
}

static void patch_slot(kvspan_replica *replica, kvspan_replica_result *result, uint32_t slot)
{
    for (uint32_t group = 0; group < replica->limits.group_count; group++) {
        patch_row(replica, result, group, slot);
    }
}

/* Windows drop from the front what nothing else in the step has touched: trims and pages change the
 * end of a row, and a sequence that is new has nothing to drop. */
static void patch_windows(const kvspan_replica *replica, const kvspan_step_message *message,
                          kvspan_replica_result *result)
{
    for (uint32_t i = 0; i < message->window_count; i++) {
        const kvspan_page_run *window = &message->windows[i];
        const size_t row = kvspan_replica_row(replica, window->group, window->slot);
        const uint32_t end = replica->first_columns[row];

        for (uint32_t column = end - window->page_count; column < end; column++) {
            patch(result, window->group, window->slot, column, 0);
        }
    }
}

void kvspan_replica_patch_all(kvspan_replica *replica, const kvspan_step_message *message,
                              kvspan_replica_result *result)
{
    patch_windows(replica, message, result);
    for (uint32_t i = 0; i < message->header.released_count; i++) {
        patch_slot(replica, result, message->released[i]);
    }
    for (uint32_t i = 0; i < message->trim_count; i++) {
        patch_slot(replica, result, message->trims[i].slot);
    }
    for (uint32_t i = 0; i < message->shared_run_count; i++) {
        patch_row(replica, result, message->shared_runs[i].group, message->shared_runs[i].slot);
    }
    for (uint32_t i = 0; i < message->header.page_run_count; i++) {
        patch_row(replica, result, message->page_runs[i].group, message->page_runs[i].slot);
    }
    for (uint32_t i = 0; i < message->copy_count; i++) {
        patch_row(replica, result, message->copies[i].group, message->copies[i].slot);
    }
}
