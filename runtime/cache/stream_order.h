/** @file
 * The order of a cache's work on the caller's streams, and waits for it that serve the peers.
 */
#ifndef KVSPAN_CACHE_STREAM_ORDER_H
#define KVSPAN_CACHE_STREAM_ORDER_H

#include "runtime/cache/cache_parts.h"

/* What the cache enqueues on this stream from now on comes behind what it has enqueued on the last
 * one. */
kvspan_status kvspan_cache_follow(kvspan_cache *cache, kvspan_stream stream, kvspan_error *error);

/* Enters a call on this stream: what it is made for. A captured stream runs nothing by itself: its
 * replays follow what their own stream has done before. A device that cannot tell spends the
 * handle, as peers would wait for this rank. */
kvspan_status kvspan_cache_enter_stream(kvspan_cache *cache, kvspan_stream stream,
                                        kvspan_step_extent *extent_out, kvspan_error *error);

/* The step's last operation is enqueued on the stream. */
kvspan_status kvspan_cache_close_stream(kvspan_cache *cache, kvspan_stream stream,
                                        kvspan_error *error);

/* Until the slot that the next step is written to may be written. */
kvspan_status kvspan_cache_await_slot(kvspan_cache *cache, uint64_t epoch, kvspan_error *error);

/* Until all that was enqueued on the stream is done: TIMEOUT, or LATE and PEER if it waits for
 * ranks that do not come. */
kvspan_status kvspan_cache_await_stream(kvspan_cache *cache, kvspan_stream stream,
                                        uint32_t timeout_ms, kvspan_error *error);

/* Keeps a list of places in pinned memory until the device is past the step. */
kvspan_status kvspan_cache_keep_places(kvspan_cache *cache, const kvspan_head_block *places,
                                       uint32_t count, kvspan_stream stream,
                                       const kvspan_head_block **kept_out, kvspan_error *error);

#endif
