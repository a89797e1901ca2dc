/** @file
 * The description of a cache that can be written down: EasyDeL's PagedAttentionCacheMetaData, with
 * its checks, its JSON and its key names, and with sizes that are right on a mesh. A description
 * owns no pages; kvspan_metadata_cache_config() turns it into what kvspan_cache_create() takes.
 *
 * | JSON key, in the order of writing | field                | |
 * |-----------------------------------|----------------------|-----------------------------------|
 * | partition_axis                    | partition_axis       | an object; absent, null: defaults |
 * | dtype                             | dtype                | "bfloat16", …; absent: that       |
 * | batch_size                        | slot_count           | required                          |
 * | num_hidden_layers                 | layer_count          | required                          |
 * | num_pages_per_layer               | page_count           | derived                           |
 * | num_pages_per_sequence            | pages_per_sequence   | derived                           |
 * | max_sequences                     | max_sequence_tokens  | required: tokens of one sequence  |
 * | page_size                         | page_tokens          | required                          |
 * | num_kv_heads                      | kv_heads             | required                          |
 * | kv_head_dim_size                  | dim                  | required                          |
 * | hbm_utilization                   | memory_utilization   | required                          |
 * | hbm_bytes                         | usable_bytes         | derived                           |
 */
#ifndef KVSPAN_CONFIG_H
#define KVSPAN_CONFIG_H

#include <kvspan/cache.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A checked description. Immutable: kvspan_metadata_replace() makes another one. */
typedef struct kvspan_metadata kvspan_metadata;

/** The fields of a description. Numbers are signed, so that what is wrong can be named. */
typedef struct kvspan_metadata_config {
    size_t size;                 /**< sizeof(kvspan_metadata_config) as the caller compiled it */
    const char *partition_axis;  /**< JSON object as in kvspan_cache_config; NULL = the defaults */
    kvspan_dtype dtype;          /**< of keys and values; 0 = bf16 */
    int64_t slot_count;          /**< live sequences, in [1, KVSPAN_MAX_SLOTS]; required */
    int64_t layer_count;         /**< in [1, KVSPAN_MAX_LAYERS]; required */
    int64_t page_count;          /**< pages with page 0, at least 2; 0 = as many as fit */
    int64_t pages_per_sequence;  /**< ceil(max_sequence_tokens / tokens of a page id); 0 = derive */
    int64_t max_sequence_tokens; /**< in [1, KVSPAN_MAX_SEQUENCE_TOKENS]; required */
    int64_t page_tokens;         /**< in [1, KVSPAN_MAX_PAGE_TOKENS]; required */
    int64_t kv_heads;            /**< global, in [1, KVSPAN_MAX_HEADS]; required */
    int64_t dim;                 /**< of a head, in [1, KVSPAN_MAX_DIM]; required */
    double memory_utilization;   /**< strictly between 0 and 1; required */
    int64_t usable_bytes;        /**< of one rank; 0 = the limiting rank's, derived */
} kvspan_metadata_config;

/** Where the cache is going to be: what the derived fields follow from. */
typedef struct kvspan_metadata_place {
    size_t size;                 /**< sizeof(kvspan_metadata_place) as the caller compiled it */
    const char *mesh;            /**< as in kvspan_cache_config; NULL = all ranks on tp */
    uint32_t rank_count;         /**< ranks of the mesh; required */
    uint32_t heads_policy;       /**< kvspan_heads_policy */
    const uint64_t *limit_bytes; /**< [rank_count] memory of a rank's device; NULL only where
                                      usable_bytes is given */
    const uint64_t *used_bytes;  /**< [rank_count] of it in use; NULL = none */
} kvspan_metadata_place;

/** Bits of the flags of kvspan_metadata_read(). */
enum {
    KVSPAN_METADATA_IGNORE_UNKNOWN = 1 /**< keys that are no field are skipped, not refused */
};

/**
 * Checks a description and derives what is zero: usable bytes of a rank = floor(limit ×
 * utilization) − used, page_count by kvspan_plan_capacity() from these, usable_bytes = those of the
 * limiting rank, pages_per_sequence. The checks come in the order of the seed: batch_size,
 * num_hidden_layers, max_sequences, page_size, num_kv_heads, kv_head_dim_size, hbm_utilization;
 * the first that fails is reported, by its JSON key, with value and limits.
 *
 * Not collective.
 *
 * @param config  copied
 * @param place  with it, given derived fields are held against it; NULL: they are all required
 * @param[out] metadata_out  freed with kvspan_metadata_destroy()
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT; KVSPAN_ERR_UNSUPPORTED (an element type or heads policy
 *         that kvspan_plan_capacity() does not know yet); KVSPAN_ERR_NEVER_FITS (nothing usable,
 *         fewer than 2 pages, no sequence of max_sequence_tokens); KVSPAN_ERR_MEMORY
 */
KVSPAN_API kvspan_status kvspan_metadata_create(const kvspan_metadata_config *config,
                                                const kvspan_metadata_place *place,
                                                kvspan_metadata **metadata_out,
                                                kvspan_error *error);

/**
 * Frees a description.
 *
 * Not collective.
 *
 * @param metadata  may be NULL
 */
KVSPAN_API void kvspan_metadata_destroy(kvspan_metadata *metadata);

/**
 * Gives all fields, derived ones included.
 *
 * Not collective.
 *
 * @param metadata  a live description
 * @return the fields; partition_axis names every field of it and is @p metadata's
 */
KVSPAN_API kvspan_metadata_config kvspan_metadata_fields(const kvspan_metadata *metadata);

/**
 * Gives the description as JSON: all keys, in the order of the table. Reading it gives the same
 * fields and, written again, the same bytes.
 *
 * Not collective.
 *
 * @param metadata  a live description
 * @return the text, owned by @p metadata
 */
KVSPAN_API const char *kvspan_metadata_json(const kvspan_metadata *metadata);

/**
 * Reads a description from JSON. Refused: keys that are no field, keys given twice, whole numbers
 * beyond 64 bits, fractions where a count belongs.
 *
 * Not collective.
 *
 * @param text  [length], one object, UTF-8
 * @param length  bytes
 * @param flags  KVSPAN_METADATA_…
 * @param place  as for kvspan_metadata_create(); NULL: the derived keys have to be there
 * @param[out] metadata_out  freed with kvspan_metadata_destroy()
 * @param[out] error  may be NULL; names the key, the value and the limits
 * @return as kvspan_metadata_create(): KVSPAN_OK; KVSPAN_ERR_ARGUMENT; KVSPAN_ERR_UNSUPPORTED;
 *         KVSPAN_ERR_NEVER_FITS; KVSPAN_ERR_MEMORY
 */
KVSPAN_API kvspan_status kvspan_metadata_read(const char *text, size_t length, uint32_t flags,
                                              const kvspan_metadata_place *place,
                                              kvspan_metadata **metadata_out, kvspan_error *error);

/**
 * Copies a description with changes. Derived fields are derived again unless the changes give
 * them. The old description stays as it is.
 *
 * Not collective.
 *
 * @param metadata  a live description
 * @param changes  [length], a JSON object of fields and their new values: {"page_size": 64}; a key
 *                 that is no field is an error
 * @param length  bytes
 * @param place  as for kvspan_metadata_create(); NULL: the changes have to give the derived keys
 * @param[out] metadata_out  freed with kvspan_metadata_destroy()
 * @param[out] error  may be NULL
 * @return as kvspan_metadata_create(): KVSPAN_OK; KVSPAN_ERR_ARGUMENT; KVSPAN_ERR_UNSUPPORTED;
 *         KVSPAN_ERR_NEVER_FITS; KVSPAN_ERR_MEMORY
 */
KVSPAN_API kvspan_status kvspan_metadata_replace(const kvspan_metadata *metadata,
                                                 const char *changes, size_t length,
                                                 const kvspan_metadata_place *place,
                                                 kvspan_metadata **metadata_out,
                                                 kvspan_error *error);

/**
 * Turns a description into a cache's config: one layer group with keys and values alike, page count
 * and usable bytes as described. What a description does not know stays zero: mesh and
 * max_step_tokens are the caller's to set.
 *
 * Not collective.
 *
 * @param metadata  outlives both outputs
 * @param q_heads  global query heads, a multiple of the kv heads; 0 = as many as kv heads
 * @param[out] group_out  the caller's, written only on success; config_out points to it
 * @param[out] config_out  written only on success
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT (names both numbers)
 */
KVSPAN_API kvspan_status kvspan_metadata_cache_config(const kvspan_metadata *metadata,
                                                      uint32_t q_heads,
                                                      kvspan_layer_group *group_out,
                                                      kvspan_cache_config *config_out,
                                                      kvspan_error *error);

#ifdef __cplusplus
}
#endif

#endif
