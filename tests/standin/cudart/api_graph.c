#include "standin/cudart/call.h"
#include "standin/cudart/complain.h"
#include "standin/cudart/graph.h"

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec_out, cudaGraph_t graph_handle,
                                 unsigned long long flags)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_ALLOCATES);

    if (error == cudaSuccess && flags != 0) {
        complain_not_implemented("cudaGraphInstantiate with flags");
    }
    if (error == cudaSuccess) {
        graph *origin = graph_find(graph_handle);

        if (origin == NULL) {
            error = cudaErrorInvalidValue;
        } else {
            *exec_out = (cudaGraphExec_t)graph_exec_create(origin);
        }
    }
    return call_end(error);
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *exec_out, cudaGraph_t graph_handle,
                                          unsigned long long flags)
{
    return cudaGraphInstantiate(exec_out, graph_handle, flags);
}

cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess && (graph_exec_find(exec) == NULL || stream_find(stream) == NULL)) {
        error = cudaErrorInvalidValue;
    }
    return call_end(error);
}

static cudaError_t exec_launch(cudaGraphExec_t exec, cudaStream_t handle)
{
    graph_exec *launched = graph_exec_find(exec);
    stream_queue *queue = stream_find(handle);

    if (launched == NULL || queue == NULL) {
        return cudaErrorInvalidValue;
    }
    if (queue->capture != NULL) {
        complain_not_implemented("cudaGraphLaunch within a capture");
    }
    return graph_exec_launch(launched, queue);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);

    if (error == cudaSuccess) {
        error = exec_launch(exec, stream);
    }
    return call_end(error);
}

/* Only the number. */
cudaError_t cudaGraphGetNodes(cudaGraph_t graph_handle, cudaGraphNode_t *nodes, size_t *count_out)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DRIVER);

    if (nodes != NULL) {
        complain_not_implemented("cudaGraphGetNodes of more than the number");
    }
    if (error == cudaSuccess) {
        const graph *counted = graph_find(graph_handle);

        if (counted == NULL) {
            error = cudaErrorInvalidValue;
        } else {
            *count_out = counted->node_count;
        }
    }
    return call_end(error);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    cudaError_t error = call_begin(__func__, CALL_GIVES_BACK);

    if (error == cudaSuccess) {
        graph_exec *ended = graph_exec_find(exec);

        if (ended == NULL) {
            error = cudaErrorInvalidValue;
        } else {
            graph_exec_destroy(ended);
        }
    }
    return call_end(error);
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph_handle)
{
    cudaError_t error = call_begin(__func__, CALL_GIVES_BACK);

    if (error == cudaSuccess) {
        graph *ended = graph_find(graph_handle);

        if (ended == NULL) {
            error = cudaErrorInvalidValue;
        } else {
            graph_destroy(ended);
        }
    }
    return call_end(error);
}
