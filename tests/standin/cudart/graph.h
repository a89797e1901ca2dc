/** @file
 * Graphs, made by capture, and their executable forms.
 *
 * A graph has a lane for each stream that took part; its nodes are in the order of enqueueing, each
 * in its lane, with the nodes of other lanes that it waits for. A launch queues the nodes on hidden
 * streams, one per lane, behind what the launching stream holds; that stream then waits for all.
 * Everything needs the state locked.
 */
#ifndef KVSPAN_STANDIN_CUDART_GRAPH_H
#define KVSPAN_STANDIN_CUDART_GRAPH_H

#include "standin/cudart/stream.h"

enum {
    GRAPH_LANE_LIMIT = 64
};

typedef struct graph_node {
    struct graph_node *next;     /* of the graph */
    struct graph_node *previous; /* in the lane */
    struct graph_node *awaited;  /* in another lane; NULL: none */
    uint32_t lane;
    work *what; /* NULL: only marks a place */
    const char *name;
    operation *launched; /* while a launch is queued */
    bool is_before_end;  /* reached from the last node of the first lane */
} graph_node;

typedef struct graph {
    struct graph *next; /* of all that are not destroyed */
    uint32_t references;
    graph_node *first;
    graph_node *last;
    uint32_t node_count;
    uint32_t lane_count;
    gpu *lane_devices[GRAPH_LANE_LIMIT];
} graph;

typedef struct graph_exec {
    struct graph_exec *next;
    graph *origin;
    stream_queue *lanes[GRAPH_LANE_LIMIT];
    operation *ended; /* the last launch; NULL: none */
} graph_exec;

graph *graph_create(void);
/* Where all lanes are used: UINT32_MAX. */
uint32_t graph_add_lane(graph *grown, gpu *owner);
graph_node *graph_add_node(graph *grown, uint32_t lane, graph_node *previous, graph_node *awaited,
                           work *what, const char *name);
/* Whether the last node of the first lane comes after all others. */
bool graph_is_joined(graph *judged, const graph_node *end);
void graph_give(graph *given);

/* The graphs that the program holds. */
void graph_keep(graph *kept);
graph *graph_find(cudaGraph_t handle);
void graph_destroy(graph *ended);
graph_exec *graph_exec_create(graph *origin);
graph_exec *graph_exec_find(cudaGraphExec_t handle);
void graph_exec_destroy(graph_exec *ended);
cudaError_t graph_exec_launch(graph_exec *launched, stream_queue *queue);
uint32_t graph_report_leaks(void);

#endif
