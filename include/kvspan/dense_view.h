/** @file
 * A step as dense arrays, for models written against EasyDeL's PagedAttentionMetadata: prefill rows
 * by chunk index, decode rows by slot.
 */
#ifndef KVSPAN_DENSE_VIEW_H
#define KVSPAN_DENSE_VIEW_H

#include <kvspan/cache.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Position of what is no token: an idle slot, the padding behind a chunk. */
enum {
    KVSPAN_DENSE_IDLE = -1 /**< position of a slot without a row */
};

/** The seed's five arrays, in host memory that the caller brings. A row of one new token is a
 * decode row, a longer one a prefill row. */
typedef struct kvspan_dense_view {
    size_t size;             /**< sizeof(kvspan_dense_view) as the caller compiled it */
    uint32_t chunk_capacity; /**< prefill rows that there is room for; may be 0 */
    uint32_t chunk_tokens;   /**< padded length of a chunk */
    uint32_t slot_count;     /**< at least the cache's slots */
    uint32_t column_count;   /**< of a page table's row, at least the cache's pages per sequence */
    int32_t *prefill_length; /**< [chunk_capacity] tokens of the sequence, this chunk's included */
    int32_t *prefill_pos;    /**< [chunk_capacity][chunk_tokens] position, then IDLE */
    int32_t *prefill_page_table;  /**< [chunk_capacity][column_count] */
    int32_t *generate_pos;        /**< [slot_count] position of the new token, or IDLE */
    int32_t *generate_page_table; /**< [slot_count][column_count]; an idle slot's is page 0 */
    uint32_t chunk_count;         /**< prefill rows found; written on success */
    uint32_t reserved;            /**< 0 */
} kvspan_dense_view;

/**
 * Fills the five arrays from a step. Chunks come in the order of rows; those behind chunk_count are
 * as idle slots: length 0, positions IDLE, page 0. Page 0 is in every entry that no token needs, so
 * a slot's row never shows pages that were its predecessor's.
 *
 * With tokens split over n ranks an entry stands for n × page_tokens tokens, as everywhere
 * (token_rule.h).
 *
 * Not collective.
 *
 * @param cache  the cache that the step is of
 * @param layer  model layer: which layer group's page table
 * @param view  the step begun last
 * @param[in,out] dense  sizes and arrays; the arrays are written only on success
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT (no such layer; another step's view; too little room:
 *         names what is needed and what there is), KVSPAN_ERR_UNSUPPORTED (a newer struct)
 */
KVSPAN_API kvspan_status kvspan_step_dense_view(const kvspan_cache *cache, uint32_t layer,
                                                const kvspan_step_view *view,
                                                kvspan_dense_view *dense, kvspan_error *error);

#ifdef __cplusplus
}
#endif

#endif
