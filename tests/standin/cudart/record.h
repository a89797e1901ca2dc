/** @file
 * What ran, for tests to read: KVSPAN_STANDIN_RECORD and KVSPAN_STANDIN_COUNTS. Files are appended
 * to, a line at once, so that several processes may share one.
 *
 * A line of the record is "process=PID device=D stream=S operation=NAME enqueued=N begun=N
 * ended=N after=N", numbers of one count of all that happens in the process; stream 0 is the null
 * stream. "after" is what an event_wait waits for: the event_record that was enqueued with this
 * number; 0 for others. A line of the counts is the kernel's name, its launches, and the sums of
 * all members of ptx_counts in their order, with spaces between.
 */
#ifndef KVSPAN_STANDIN_CUDART_RECORD_H
#define KVSPAN_STANDIN_CUDART_RECORD_H

#include <stdint.h>

#include "standin/ptx/ptx.h"

struct operation;

/* With the state locked. */
void record_operation(uint32_t device, uint32_t stream_id, const struct operation *done);
void record_launch(const char *kernel, const ptx_counts *counts);

/* Writes the counts; once, at exit. */
void record_counts_write(void);

#endif
