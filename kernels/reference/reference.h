/** @file
 * The operations of the reference column, by their own names.
 */
#ifndef KVSPAN_KERNELS_REFERENCE_REFERENCE_H
#define KVSPAN_KERNELS_REFERENCE_REFERENCE_H

#include "kernels/kernels.h"

kvspan_status kvspan_reference_append_tokens(kvspan_device *device,
                                             const kvspan_append_tokens_args *args,
                                             kvspan_stream stream, kvspan_error *error);
/* Of one plane only. */
void kvspan_reference_append_plane(const kvspan_append_plane *plane,
                                   const kvspan_step_arrays *rows);
/* Takes about 200 KiB of stack. */
kvspan_status kvspan_reference_attend_pages(kvspan_device *device,
                                            const kvspan_attend_pages_args *args,
                                            kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_reference_merge_partials(kvspan_device *device,
                                              const kvspan_merge_partials_args *args,
                                              kvspan_stream stream, kvspan_error *error);
/* Of tokens [begin, end) only. */
void kvspan_reference_merge_tokens(const kvspan_merge_partials_args *args, uint64_t begin,
                                   uint64_t end);
kvspan_status kvspan_reference_copy_pages(kvspan_device *device, const kvspan_copy_pages_args *args,
                                          kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_reference_move_tokens(kvspan_device *device,
                                           const kvspan_move_tokens_args *args,
                                           kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_reference_fill_pages(kvspan_device *device, const kvspan_fill_pages_args *args,
                                          kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_reference_patch_table(kvspan_device *device,
                                           const kvspan_patch_table_args *args,
                                           kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_reference_place_heads(kvspan_device *device,
                                           const kvspan_place_heads_args *args,
                                           kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_reference_gather_pages(kvspan_device *device,
                                            const kvspan_transcode_pages_args *args,
                                            kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_reference_scatter_pages(kvspan_device *device,
                                             const kvspan_transcode_pages_args *args,
                                             kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_reference_checksum_pages(kvspan_device *device,
                                              const kvspan_checksum_pages_args *args,
                                              kvspan_stream stream, kvspan_error *error);

#endif
