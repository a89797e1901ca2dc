/** @file
 * When queued operations run. An operation runs in the thread whose call needs or allows it, with
 * the state unlocked; a device runs one at a time.
 *
 * - eager: as soon as it may, within the call that enqueues it.
 * - lazy: only what a call waits for, and what that waits for.
 * - latest: only in calls that wait, which first run what was enqueued last of all that may run: a
 *   stream overtakes all others wherever nothing keeps it from it.
 * - random: calls that enqueue run none, one or two operations that may run, drawn by the seed;
 *   calls that wait run any until theirs is done.
 *
 * Work that waits for other devices never holds up the call that enqueues it. While there is such
 * work, a thread of the device takes it further every KVSPAN_STANDIN_IDLE_MS, as a GPU would
 * without any call.
 *
 * All need the state locked, and give it back in between.
 */
#ifndef KVSPAN_STANDIN_CUDART_PROGRESS_H
#define KVSPAN_STANDIN_CUDART_PROGRESS_H

#include "standin/cudart/stream.h"

/* stream_append(), then progress_allow(). Returns the device's error. */
cudaError_t progress_enqueue(stream_queue *queue, work *what, const char *name,
                             operation *const *waits, uint32_t wait_count);
/* Runs operations until this one is done (NULL: nothing to do). Returns its device's error. */
cudaError_t progress_wait(operation *awaited);
cudaError_t progress_wait_stream(stream_queue *queue);
/* All that was enqueued on a device so far. */
cudaError_t progress_wait_device(gpu *owner);
/* Runs one operation towards this one, if it can; does not wait. */
void progress_step(operation *wanted);
/* What the order allows when this operation was enqueued. */
void progress_allow(operation *fresh);

/* Memory of devices that do nothing becomes inaccessible. */
void progress_close_memory(void);

#endif
