#include "standin/cudart/graph.h"

#include <stdlib.h>

#include "standin/cudart/complain.h"
#include "standin/cudart/progress.h"

static graph *graphs;
static graph_exec *execs;

static void *zeroed_allocate(size_t bytes)
{
    void *fresh = calloc(1, bytes);

    if (fresh == NULL) {
        complain_and_abort("out of memory");
    }
    return fresh;
}

graph *graph_create(void)
{
    graph *fresh = zeroed_allocate(sizeof(*fresh));

    fresh->references = 1;
    return fresh;
}

uint32_t graph_add_lane(graph *grown, gpu *owner)
{
    if (grown->lane_count == GRAPH_LANE_LIMIT) {
        return UINT32_MAX;
    }
    grown->lane_devices[grown->lane_count] = owner;
    return grown->lane_count++;
}

graph_node *graph_add_node(graph *grown, uint32_t lane, graph_node *previous, graph_node *awaited,
                           work *what, const char *name)
{
    graph_node *fresh = zeroed_allocate(sizeof(*fresh));

    fresh->lane = lane;
    fresh->previous = previous;
    fresh->awaited = awaited;
    fresh->what = what;
    fresh->name = name;
    if (what != NULL) {
        work_take(what);
    }
    if (grown->last == NULL) {
        grown->first = fresh;
    } else {
        grown->last->next = fresh;
    }
    grown->last = fresh;
    grown->node_count++;
    return fresh;
}

/* Nodes only come after nodes that were added before them: one pass from the end would do, but
 * they are linked forwards, so passes are made until nothing changes. */
static bool before_end_spread(graph *judged)
{
    bool has_changed = false;

    for (graph_node *each = judged->first; each != NULL; each = each->next) {
        graph_node *earlier[2] = { each->previous, each->awaited };

        for (uint32_t i = 0; each->is_before_end && i < 2; i++) {
            if (earlier[i] != NULL && !earlier[i]->is_before_end) {
                earlier[i]->is_before_end = true;
                has_changed = true;
            }
        }
    }
    return has_changed;
}

bool graph_is_joined(graph *judged, const graph_node *end)
{
    for (graph_node *each = judged->first; each != NULL; each = each->next) {
        each->is_before_end = each == end;
    }
    while (before_end_spread(judged)) {
    }
    for (const graph_node *each = judged->first; each != NULL; each = each->next) {
        if (!each->is_before_end) {
            return false;
        }
    }
    return true;
}

void graph_give(graph *given)
{
    if (--given->references != 0) {
        return;
    }
    while (given->first != NULL) {
        graph_node *ended = given->first;

        given->first = ended->next;
        work_give(ended->what);
        free(ended);
    }
    free(given);
}

void graph_keep(graph *kept)
{
    kept->next = graphs;
    graphs = kept;
}

graph *graph_find(cudaGraph_t handle)
{
    graph *each = graphs;

    while (each != NULL && each != (graph *)handle) {
        each = each->next;
    }
    if (each == NULL) {
        complain("%p is no graph, or a destroyed one", (void *)handle);
    }
    return each;
}

void graph_destroy(graph *ended)
{
    graph **link = &graphs;

    while (*link != ended) {
        link = &(*link)->next;
    }
    *link = ended->next;
    graph_give(ended);
}

graph_exec *graph_exec_create(graph *origin)
{
    graph_exec *fresh = zeroed_allocate(sizeof(*fresh));

    fresh->origin = origin;
    origin->references++;
    for (uint32_t i = 0; i < origin->lane_count; i++) {
        fresh->lanes[i] = stream_create(origin->lane_devices[i], 0, 0, true);
    }
    fresh->next = execs;
    execs = fresh;
    return fresh;
}

graph_exec *graph_exec_find(cudaGraphExec_t handle)
{
    graph_exec *each = execs;

    while (each != NULL && each != (graph_exec *)handle) {
        each = each->next;
    }
    if (each == NULL) {
        complain("%p is no executable graph, or a destroyed one", (void *)handle);
    }
    return each;
}

void graph_exec_destroy(graph_exec *ended)
{
    graph_exec **link = &execs;

    while (*link != ended) {
        link = &(*link)->next;
    }
    *link = ended->next;
    for (uint32_t i = 0; i < ended->origin->lane_count; i++) {
        stream_destroy(ended->lanes[i]);
    }
    operation_give(ended->ended);
    graph_give(ended->origin);
    free(ended);
}

static void node_launch(const graph_exec *launched, graph_node *node, operation *begin)
{
    operation *waits[2] = { begin };
    uint32_t wait_count = node->previous == NULL ? 1 : 0;

    if (node->awaited != NULL) {
        waits[wait_count++] = node->awaited->launched;
    }
    node->launched = operation_take(
        stream_append(launched->lanes[node->lane], node->what, node->name, waits, wait_count));
}

cudaError_t graph_exec_launch(graph_exec *launched, stream_queue *queue)
{
    graph *origin = launched->origin;
    operation *tails[GRAPH_LANE_LIMIT];
    operation *begin = stream_append(queue, NULL, "graph_begin", &launched->ended,
                                     launched->ended == NULL ? 0 : 1);

    for (graph_node *each = origin->first; each != NULL; each = each->next) {
        node_launch(launched, each, begin);
    }
    for (graph_node *each = origin->first; each != NULL; each = each->next) {
        operation_give(each->launched);
        each->launched = NULL;
    }
    for (uint32_t i = 0; i < origin->lane_count; i++) {
        tails[i] = launched->lanes[i]->last;
    }
    operation_give(launched->ended);
    launched->ended =
        operation_take(stream_append(queue, NULL, "graph_end", tails, origin->lane_count));
    progress_allow(launched->ended);
    return queue->device->sticky;
}

uint32_t graph_report_leaks(void)
{
    uint32_t leak_count = 0;

    for (const graph *each = graphs; each != NULL; each = each->next) {
        leak_count++;
        complain("leak: graph of %u nodes", each->node_count);
    }
    for (const graph_exec *each = execs; each != NULL; each = each->next) {
        leak_count++;
        complain("leak: executable graph of %u nodes", each->origin->node_count);
    }
    return leak_count;
}
