/** @file
 * The output digest: Σ mod 2^128 of XXH3-128 over one record per row of O,
 *
 *     request u64 | position u64 | layer u32 | global query head u32 | the row's elements
 *
 * all little-endian, each row once. A sum has no order, so ranks add up what each of them holds.
 *
 * A row computed again after a preemption is not counted again; it has to have the same bytes. For
 * that 8 bytes are kept per token and layer (the low half of the sum over this rank's heads) until
 * the request is finished. Per layer, because a step brings all tokens of one layer before the
 * next, so nothing is ever half known; 8 bytes, because a token and layer of a cache takes
 * hundreds.
 */
#ifndef KVSPAN_LAUNCH_OUTPUT_DIGEST_H
#define KVSPAN_LAUNCH_OUTPUT_DIGEST_H

#include <kvspan/digest.h>

typedef struct kvspan_output_digest kvspan_output_digest;

/* Requests are numbered [0, request_count), layers [0, layer_count). ARGUMENT (a count is zero),
 * MEMORY. Freed with kvspan_output_digest_destroy(). */
kvspan_status kvspan_output_digest_create(uint32_t request_count, uint32_t layer_count,
                                          kvspan_output_digest **digest_out, kvspan_error *error);
void kvspan_output_digest_destroy(kvspan_output_digest *digest); /* may be NULL */

/* Adds the rows of one token and layer: all heads that this rank answers for, in one call, the same
 * ones each time. They are token `token` of `out`, whose head 0 is global query head `head_first`.
 *
 * ARGUMENT: request, layer or position out of range, or the request is finished. CORRUPT: the token
 * was computed before with other bytes. MEMORY. After an error the digest is as it was. */
kvspan_status kvspan_output_digest_add(kvspan_output_digest *digest, uint64_t request,
                                       uint64_t position, uint32_t layer, uint32_t head_first,
                                       const kvspan_tensor *out, uint64_t token,
                                       kvspan_error *error);

/* Forgets what was kept of a request; no more of its rows may come. ARGUMENT (out of range). */
kvspan_status kvspan_output_digest_finish_request(kvspan_output_digest *digest, uint64_t request,
                                                  kvspan_error *error);

/* The sum, and how many rows are in it and how many came again. */
kvspan_digest kvspan_output_digest_total(const kvspan_output_digest *digest);
uint64_t kvspan_output_digest_rows(const kvspan_output_digest *digest);
uint64_t kvspan_output_digest_repeated_rows(const kvspan_output_digest *digest);

#endif
