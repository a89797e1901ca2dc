/** @file
 * Prefix keys: names for the contents of pages, by which equal prompts find each other's pages.
 */
#ifndef KVSPAN_PREFIX_KEY_H
#define KVSPAN_PREFIX_KEY_H

#include <kvspan/digest.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Computes the keys of a prompt's full pages. A page's key is XXH3-128 of the key before it (low,
 * then high half) followed by the page's token ids, all in the machine's byte order: it stands for
 * the page's tokens and for all before them.
 *
 * Not collective.
 *
 * @param parent  the key before the first page: of the page that a prompt goes on from, or a digest
 *                that keeps one tenant's prompts from another's; NULL = all bits 0
 * @param tokens  [token_count] ids
 * @param token_count  tokens behind the last full page are left out
 * @param page_tokens  tokens that a page id stands for (kvspan_plan.page_tokens), at least 1
 * @param[out] keys_out  [token_count / page_tokens]; written only on success
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT
 */
KVSPAN_API kvspan_status kvspan_prefix_keys(const kvspan_digest *parent, const uint32_t *tokens,
                                            uint64_t token_count, uint32_t page_tokens,
                                            kvspan_digest *keys_out, kvspan_error *error);

#ifdef __cplusplus
}
#endif

#endif
