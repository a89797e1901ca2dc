/** @file
 * The operations of the cpu column, by their own names. Each hands over to the reference column
 * what it is not made for.
 */
#ifndef KVSPAN_KERNELS_CPU_CPU_H
#define KVSPAN_KERNELS_CPU_CPU_H

#include "kernels/kernels.h"

extern const kvspan_kernels kvspan_kernels_cpu;

kvspan_status kvspan_cpu_append_tokens(kvspan_device *device, const kvspan_append_tokens_args *args,
                                       kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_cpu_attend_pages(kvspan_device *device, const kvspan_attend_pages_args *args,
                                      kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_cpu_merge_partials(kvspan_device *device,
                                        const kvspan_merge_partials_args *args,
                                        kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_cpu_copy_pages(kvspan_device *device, const kvspan_copy_pages_args *args,
                                    kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_cpu_move_tokens(kvspan_device *device, const kvspan_move_tokens_args *args,
                                     kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_cpu_gather_pages(kvspan_device *device,
                                      const kvspan_transcode_pages_args *args, kvspan_stream stream,
                                      kvspan_error *error);
kvspan_status kvspan_cpu_scatter_pages(kvspan_device *device,
                                       const kvspan_transcode_pages_args *args,
                                       kvspan_stream stream, kvspan_error *error);
kvspan_status kvspan_cpu_checksum_pages(kvspan_device *device,
                                        const kvspan_checksum_pages_args *args,
                                        kvspan_stream stream, kvspan_error *error);

#endif
