/** @file
 * Streams that are captured: what is enqueued on them becomes the nodes of a graph.
 */
#ifndef KVSPAN_STANDIN_CUDART_CAPTURE_H
#define KVSPAN_STANDIN_CUDART_CAPTURE_H

#include "standin/cudart/event.h"
#include "standin/cudart/stream.h"

/* Makes captures invalid that a call could upset; cudaErrorStreamCaptureUnsupported if any is. */
cudaError_t capture_refuse_unsafe(const char *name);
/* Refuses what waits for a captured stream: the capture is invalid then. */
cudaError_t capture_refuse_wait(stream_queue *waited);
/* Refuses work on the null stream while a blocking stream of the device is captured. */
cudaError_t capture_refuse_null(stream_queue *queue);

void capture_record_event(stream_queue *queue, event_mark *recorded);
/* The stream joins the event's capture, or waits within it. */
cudaError_t capture_wait_event(stream_queue *queue, event_mark *awaited);

/* Enqueues or, where the stream is captured, adds a node. Takes over the work. */
cudaError_t capture_submit(stream_queue *queue, work *what, const char *name);

#endif
