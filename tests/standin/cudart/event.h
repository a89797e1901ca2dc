/** @file
 * Events: the operation that they were last recorded by.
 */
#ifndef KVSPAN_STANDIN_CUDART_EVENT_H
#define KVSPAN_STANDIN_CUDART_EVENT_H

#include "standin/cudart/stream.h"

typedef struct event_mark {
    struct event_mark *next;
    gpu *device;
    unsigned flags;
    uint32_t id;
    operation *recorded; /* NULL: never */
    uint32_t denial_count;
    /* Where it was recorded in a capture, which is over when its id is not the stream's. */
    uint64_t capture_id; /* 0: recorded outside of captures */
    struct graph_node *captured;
} event_mark;

/* The event that a handle means, or NULL and a complaint. */
event_mark *event_find(cudaEvent_t handle);
/* Destroys the events of a device. */
void event_reset(const gpu *owner);
uint32_t event_report_leaks(void);

#endif
