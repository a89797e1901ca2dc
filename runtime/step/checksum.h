/** @file
 * The checksum of a step message: mix(total + Σ mix(word_i + C·(i + 1))) over its little-endian
 * 64-bit words, the checksum's own word left out, the last one padded with zero bytes. Each term is
 * a bijection of its word, so that no change within one word goes unseen.
 */
#ifndef KVSPAN_STEP_CHECKSUM_H
#define KVSPAN_STEP_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* bytes: at least KVSPAN_STEP_HEADER_BYTES. */
uint64_t kvspan_step_checksum(const unsigned char *message, size_t bytes);

#endif
