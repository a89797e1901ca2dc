/** @file
 * A cache to measure: one rank, sequences with their contexts in pages, and a step that has begun,
 * of which every layer can be appended and attended as often as one likes.
 */
#ifndef KVSPAN_LAUNCH_BENCH_CACHE_H
#define KVSPAN_LAUNCH_BENCH_CACHE_H

#include <kvspan/cache.h>

#include "launch/bench_options.h"
#include "launch/bench_report.h"
#include "launch/step_tensors.h"

typedef struct kvspan_bench_cache {
    const kvspan_bench_options *options;
    kvspan_device *device;
    kvspan_device_description description;
    kvspan_cache *cache;
    kvspan_layer_group group;
    uint32_t sequence_count;
    uint64_t *contexts; /* [sequence_count] tokens before the step */
    kvspan_sequence *sequences;
    uint32_t step_tokens;       /* new tokens of all sequences */
    uint64_t page_count;        /* with page 0 */
    uint64_t seen_tokens;       /* Σ over sequences: those that a new token sees */
    double seen_pairs;          /* Σ over new tokens: tokens that each sees */
    kvspan_step_tensors memory; /* of the four tensors, which are the host's */
    kvspan_tensor q;
    kvspan_tensor planes[2];
    kvspan_tensor out;
} kvspan_bench_cache;

/* Opens the device, fills the cache and begins the step. layer_count 0 in options: as many as the
 * bytes of a layer, seen or written, make 4 times the last level of cache. What device, cache,
 * ledger and readers of traces answer; NEVER_FITS. options outlives it. */
kvspan_status kvspan_bench_cache_init(kvspan_bench_cache *bench,
                                      const kvspan_bench_options *options, kvspan_error *error);
void kvspan_bench_cache_fini(kvspan_bench_cache *bench);

/* Bytes of keys, values and scales, all layers: that the step's queries see, that its tokens are.
 */
double kvspan_bench_cache_seen_bytes(const kvspan_bench_cache *bench);
double kvspan_bench_cache_new_bytes(const kvspan_bench_cache *bench);

/* Floating-point operations that attending all layers needs: two products and sums per element that
 * a query may see, none for what the mask hides. */
double kvspan_bench_cache_operations(const kvspan_bench_cache *bench);

/* Every layer once, and all of it done on return. */
kvspan_status kvspan_bench_cache_append(kvspan_bench_cache *bench, kvspan_error *error);
kvspan_status kvspan_bench_cache_attend(kvspan_bench_cache *bench, kvspan_error *error);

/* Tells what is measured. */
void kvspan_bench_cache_describe(const kvspan_bench_cache *bench, kvspan_bench_report *report);

#endif
