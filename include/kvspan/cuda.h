/** @file
 * NVIDIA GPUs as devices. In a library of its own (libkvspan_cuda), so that nobody else needs a
 * CUDA runtime.
 *
 * Graphs: the calls for all layers of a step can be captured once and replayed for any later step,
 * whatever its rows, tokens and contexts are.
 *
 *     kvspan_step_begin(cache, step, stream, timeout_ms, &view, &error);
 *     if (!graph) {
 *         cudaStreamBeginCapture(capturing, cudaStreamCaptureModeThreadLocal);
 *         … kvspan_cache_append() and kvspan_cache_attend() of every layer, on capturing …
 *         cudaStreamEndCapture(capturing, &captured);
 *         cudaGraphInstantiate(&graph, captured, 0);
 *     }
 *     cudaGraphLaunch(graph, stream);
 *     kvspan_step_end(cache, stream, &error);
 *
 * - Captured calls run nothing, and nothing in them is of the step in which they are made, which
 *   may be one without rows. All tensors have max_step_tokens tokens. A replay reads as many as its
 *   step has and writes the results of as many; rows of out and lse_out behind them are undefined.
 *   KVSPAN_TOKENS_SPLIT splits max_step_tokens, too.
 * - kvspan_step_begin(), kvspan_step_end() and kvspan_cache_wait() are never captured. The graph is
 *   launched between the first two, on their stream or in order with it, as often as its calls
 * would have been made: once. The stream that is captured may be another one.
 * - Addresses (tensors, sink_logits) are those of the capture, and the graph is of this cache: both
 *   outlive it. Work of the caller's own may be captured between the calls; the arrays of
 *   kvspan_step_view have fixed addresses too, and row_starts[max_step_rows] is the step's
 *   token_count.
 * - Exchanges by NCCL are captured like all else, if every rank that takes part captures the same
 *   calls and launches the graph in the same steps; in a graph they do not overlap attention, and
 *   kvspan_metrics does not count those of replays. Those through the host are refused
 *   (UNSUPPORTED).
 * - A launch of attention has blocks for the most work that max_step_rows, max_step_tokens and
 *   max_sequence_tokens allow; most of them end at once. A cache for graphs has no larger limits
 *   than it needs.
 */
#ifndef KVSPAN_CUDA_H
#define KVSPAN_CUDA_H

#include <kvspan/device.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Counts the GPUs that this process sees.
 *
 * Not collective.
 *
 * @param[out] count_out  at least 1
 * @param[out] error  may be NULL; native holds the cudaError_t
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (count_out is NULL); KVSPAN_ERR_UNSUPPORTED (no driver, no
 *         GPU); KVSPAN_ERR_CUDA
 */
KVSPAN_API kvspan_status kvspan_cuda_count(uint32_t *count_out, kvspan_error *error);

/**
 * Opens a GPU: kernels for compute capability 8.0 and above, and its memory. Page memory, tensors
 * and what else lies "on the cache's device" are then addresses that the GPU can use, and every
 * kvspan_stream is a cudaStream_t of this GPU; NULL is the legacy default stream. Calls make the
 * GPU the calling thread's current device and leave it so. One caller at a time. libkvspan_cuda and
 * libkvspan have to be of the same version.
 *
 * Not collective.
 *
 * @param index  as cudaSetDevice() counts the GPUs that this process sees, 0-based
 * @param[out] device_out  closed with kvspan_device_close()
 * @param[out] error  may be NULL; native holds the cudaError_t, if a call of the CUDA runtime said
 *             no
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (device_out is NULL; there are GPUs, but none of this
 *         index); KVSPAN_ERR_UNSUPPORTED (no driver, no GPU, one before compute capability 8.0,
 *         another version of libkvspan); KVSPAN_ERR_MEMORY; KVSPAN_ERR_CUDA
 */
KVSPAN_API kvspan_status kvspan_device_open_cuda(uint32_t index, kvspan_device **device_out,
                                                 kvspan_error *error);

/**
 * Measures what the GPU's tensor cores give to kernels like those of this library: products of bf16
 * matrices by mma.sync, summed in f32, on all multiprocessors. For benchmarks to compare with.
 * Waits until it is done, some hundredths of a second, on a stream of the device's own.
 *
 * Not collective.
 *
 * @param device  of kvspan_device_open_cuda()
 * @param[out] operations_per_second_out  two for each product and its sum; written only on success
 * @param[out] error  may be NULL; native holds the cudaError_t
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (NULL, a device that is no GPU); KVSPAN_ERR_CUDA
 */
KVSPAN_API kvspan_status kvspan_cuda_measure_products(kvspan_device *device,
                                                      double *operations_per_second_out,
                                                      kvspan_error *error);

#ifdef __cplusplus
}
#endif

#endif
