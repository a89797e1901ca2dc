/** @file
 * The operations of the cuda column, by their own names. All enqueue on the stream and return, but
 * for checksum_pages, which waits for its answer.
 */
#ifndef KVSPAN_KERNELS_CUDA_CUDA_OPERATIONS_H
#define KVSPAN_KERNELS_CUDA_CUDA_OPERATIONS_H

#include "kernels/kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const kvspan_kernels kvspan_kernels_cuda;

kvspan_status kvspan_cuda_append_tokens(kvspan_device *device,
                                        const kvspan_append_tokens_args *args, kvspan_stream stream,
                                        kvspan_error *error);
kvspan_status kvspan_cuda_attend_pages(kvspan_device *device, const kvspan_attend_pages_args *args,
                                       kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_cuda_merge_partials(kvspan_device *device,
                                         const kvspan_merge_partials_args *args,
                                         kvspan_stream stream, kvspan_error *error);
uint64_t kvspan_cuda_packed_plan_bytes(const kvspan_plan_limits *limits);
uint64_t kvspan_cuda_pack_plan(const kvspan_plan_limits *limits, const kvspan_work_plan *plan,
                               void *packed);
uint64_t kvspan_cuda_attend_scratch_bytes(const kvspan_plan_limits *limits);

/* Lists of pages and pairs travel as arguments of the launch: they are the caller's again when the
 * call returns. Pairs that need an order (a source that is an earlier target) get it: a launch each
 * time. Pages to fill or to scatter to are different. */
kvspan_status kvspan_cuda_copy_pages(kvspan_device *device, const kvspan_copy_pages_args *args,
                                     kvspan_stream stream, kvspan_error *error);
/* Moves travel as arguments, too. UNSUPPORTED for planes that are not in canonical order. */
kvspan_status kvspan_cuda_move_tokens(kvspan_device *device, const kvspan_move_tokens_args *args,
                                      kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_cuda_fill_pages(kvspan_device *device, const kvspan_fill_pages_args *args,
                                     kvspan_stream stream, kvspan_error *error);
/* UNSUPPORTED for planes that are not in canonical order. */
kvspan_status kvspan_cuda_gather_pages(kvspan_device *device,
                                       const kvspan_transcode_pages_args *args,
                                       kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_cuda_scatter_pages(kvspan_device *device,
                                        const kvspan_transcode_pages_args *args,
                                        kvspan_stream stream, kvspan_error *error);
/* Returns when the checksums are there: it waits for all that is enqueued on the stream. */
kvspan_status kvspan_cuda_checksum_pages(kvspan_device *device,
                                         const kvspan_checksum_pages_args *args,
                                         kvspan_stream stream, kvspan_error *error);
/* Patches lie in memory that the device reads: pinned memory, read over the bus where it lies, or
 * its own. They must stay as they are until the stream has done it. */
kvspan_status kvspan_cuda_patch_table(kvspan_device *device, const kvspan_patch_table_args *args,
                                      kvspan_stream stream, kvspan_error *error);
/* Places travel as arguments, as lists of pages do. */
kvspan_status kvspan_cuda_place_heads(kvspan_device *device, const kvspan_place_heads_args *args,
                                      kvspan_stream stream, kvspan_error *error);

#ifdef __cplusplus
}
#endif

#endif
