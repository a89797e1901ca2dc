/** @file
 * The cache: one rank's share of the pages, the steps that fill them, attention over them.
 *
 * Ranks that share the coordinates of the batch axes form a step group: one cache, one coordinator,
 * one line of epochs. The coordinator plans a step in its ledger; kvspan_step_begin() brings it to
 * every rank of the group; per layer each rank appends its own heads and attends; kvspan_step_end()
 * closes the epoch. One thread per handle.
 *
 * On devices of other memory than the host's every call of a step can also answer CUDA and NCCL,
 * with the handle spent. Their tensors are the device's, and q, out and planes are used in the
 * order of the stream; a step may go on on another stream than the one before.
 *
 * "Handle spent" says that a failure has set the ranks apart: from then on every call of a step
 * answers that same status and text, and kvspan_cache_destroy() is all that is left to do.
 */
#ifndef KVSPAN_CACHE_H
#define KVSPAN_CACHE_H

#include <kvspan/element_order.h>
#include <kvspan/ledger.h>
#include <kvspan/token_rule.h>
#include <kvspan/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What to do when a kv head would have several ranks (T = r·H). */
typedef enum kvspan_heads_policy {
    KVSPAN_HEADS_POLICY_DEFAULT = 0, /**< replicate where T = r·H, refuse what does not divide */
    KVSPAN_HEADS_REFUSE = 1,         /**< only T that divides H */
    KVSPAN_HEADS_REPLICATE = 2,      /**< r neighbouring ranks hold the same head and all tokens */
    KVSPAN_HEADS_SPLIT_SEQUENCE = 3  /**< the r ranks of a head share its tokens */
} kvspan_heads_policy;

/** Who decides. */
typedef enum kvspan_control {
    KVSPAN_COORDINATED = 0, /**< one rank per step group decides and broadcasts */
    KVSPAN_REPLICATED = 1   /**< every rank of a step group makes the same ledger calls */
} kvspan_control;

/** How pages lie in the arena. */
typedef enum kvspan_layout {
    KVSPAN_PAGE_FIRST = 0, /**< a page is contiguous: [page][layer][plane][head][token][dim] */
    KVSPAN_LAYER_FIRST = 1 /**< [layer][page][plane][head][token][dim] */
} kvspan_layout;

/** Bits of kvspan_cache_config.flags. */
enum {
    KVSPAN_CACHE_NO_ARENA = 1 /**< control plane only: append and attend answer UNSUPPORTED */
};

/** Everything must be equal on all ranks but arena_bytes and memory_limit_bytes, and so must the
 * column of the device: kvspan_cache_create() compares it all. Of the mesh, names and sizes of the
 * axes are compared; of the partition axis, which mesh axes it comes to. */
typedef struct kvspan_cache_config {
    size_t size;                      /**< sizeof(kvspan_cache_config) as the caller compiled it */
    uint32_t group_count;             /**< in [1, KVSPAN_MAX_GROUPS]; required */
    const kvspan_layer_group *groups; /**< [group_count], copied; one KEY and one VALUE plane */
    uint32_t page_tokens;             /**< P; required */
    uint32_t slot_count;              /**< live sequences of a step group; required */
    uint64_t max_sequence_tokens;     /**< required */
    uint32_t max_step_rows;           /**< 0 = slot_count */
    uint32_t max_step_tokens;         /**< new tokens of a step; required */
    uint32_t max_payload_bytes;       /**< rider; 0 = 64 KiB + 16 bytes per step token */
    uint32_t page_count;              /**< pages with page 0; 0 = as many as fit */
    uint64_t memory_limit_bytes;      /**< of this rank; 0 = the device's, shared fairly; of
                                           a host's what control groups allow */
    double memory_utilization;        /**< strictly between 0 and 1; 0 = 0.9 */
    uint64_t arena_bytes;             /**< usable bytes of this rank, instead of the two above */
    uint32_t layout;                  /**< kvspan_layout */
    uint32_t heads_policy;            /**< kvspan_heads_policy */
    const char *mesh;                 /**< "tp:4,sp:2" or "1,1,1,4,2"; NULL = all ranks on tp */
    const char *partition_axis;       /**< {"kv_head_axis": "tp", …}; NULL = the defaults */
    uint32_t control;                 /**< kvspan_control */
    uint32_t coordinator;             /**< member of the step group that decides; 0 = the first */
    uint32_t run_ahead_steps;         /**< R: step e begins once all ranks have ended step
                                           e - 1 - R; at most 64; 0 = 1 */
    uint32_t deadline_ms;             /**< of every wait inside a step; 0 = 60,000 */
    uint32_t flags;                   /**< KVSPAN_CACHE_… */
} kvspan_cache_config;

/** What fits, and what limits it. */
typedef struct kvspan_plan {
    uint64_t page_bytes;              /**< of one page on the limiting rank */
    uint64_t page_count;              /**< pages with page 0 */
    uint64_t arena_bytes;             /**< page_bytes × page_count */
    uint64_t sequences_of_max_tokens; /**< that fit at once */
    uint64_t page_tokens;             /**< tokens that a page id stands for: P × token members */
    uint32_t limiting_rank;           /**< the lowest rank with the fewest pages */
    uint32_t advised_page_tokens;     /**< for CPUs: a P that makes every run at least 64 KiB, which
                                           is what memory gives at full speed; the config's own P
                                           where that does */
    uint64_t run_bytes;               /**< of one layer in one page, the shortest of all groups and
                                           ranks */
} kvspan_plan;

/**
 * Says what fits without a device or peers, by the same function that kvspan_cache_create() uses:
 * page bytes of a rank = Σ over layers and planes of P × local heads × (dim × item + scale),
 * rounded up to 4 KiB; pages = the minimum over the ranks of floor(usable bytes / page bytes);
 * ranks without heads are left out.
 *
 * Not collective.
 *
 * @param config  as for kvspan_cache_create(); its memory fields are not used
 * @param usable_bytes  [rank_count] bytes that each rank has for its pages
 * @param rank_count  ranks of the mesh, at least 1
 * @param[out] plan_out  written only on success
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT; KVSPAN_ERR_UNSUPPORTED; KVSPAN_ERR_MEMORY;
 *         KVSPAN_ERR_NEVER_FITS (fewer than 2 pages, or not one sequence of max_sequence_tokens:
 *         says what would fit)
 */
KVSPAN_API kvspan_status kvspan_plan_capacity(const kvspan_cache_config *config,
                                              const uint64_t *usable_bytes, uint32_t rank_count,
                                              kvspan_plan *plan_out, kvspan_error *error);

/**
 * Creates this rank's part of a cache. All ranks agree on geometry, format and page count before
 * any page exists.
 *
 * Collective over all ranks of @p comm.
 *
 * @param config  copied
 * @param device  outlives the cache
 * @param comm  outlives the cache; one cache at a time; NULL = a single rank
 * @param[out] cache_out  freed with kvspan_cache_destroy()
 * @param[out] error  may be NULL; a disagreement names the rank and both values
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT; KVSPAN_ERR_UNSUPPORTED; KVSPAN_ERR_MEMORY;
 *         KVSPAN_ERR_NEVER_FITS; KVSPAN_ERR_MISMATCH; KVSPAN_ERR_IO (the host does not tell how
 *         much memory it has); KVSPAN_ERR_LATE; KVSPAN_ERR_PEER; KVSPAN_ERR_TRANSPORT. Every rank
 *         returns the lowest failing rank's code and text, also of an argument that is NULL
 */
KVSPAN_API kvspan_status kvspan_cache_create(const kvspan_cache_config *config,
                                             kvspan_device *device, kvspan_comm *comm,
                                             kvspan_cache **cache_out, kvspan_error *error);

/**
 * Frees a cache. Never waits and is always allowed, also after LATE.
 *
 * Not collective.
 *
 * @param cache  may be NULL
 */
KVSPAN_API void kvspan_cache_destroy(kvspan_cache *cache);

/**
 * Gives the ledger, where decisions are taken.
 *
 * Not collective.
 *
 * @param cache  a live cache
 * @return the ledger where this rank decides: on the step group's coordinator, under
 *         KVSPAN_REPLICATED on every rank; else NULL. Owned by @p cache
 */
KVSPAN_API kvspan_ledger *kvspan_cache_ledger(kvspan_cache *cache);

/**
 * Gives what was agreed on at create. Without an arena page_bytes and arena_bytes are 0.
 *
 * Not collective.
 *
 * @param cache  a live cache
 * @return equal on all ranks
 */
KVSPAN_API kvspan_plan kvspan_cache_plan(const kvspan_cache *cache);

/** Which part of a layer is this rank's. */
typedef struct kvspan_shard {
    uint32_t rank;              /**< this rank, of the communicator */
    uint32_t step_group;        /**< which one, in [0, step_group_count) */
    uint32_t step_group_count;  /**< step groups of the job */
    uint32_t coordinator_rank;  /**< of this step group, of the communicator */
    uint32_t head_member;       /**< place in the kv-head group, in [0, head_member_count) */
    uint32_t head_member_count; /**< T */
    uint32_t copy;              /**< which of the ranks with these kv heads, in [0, copy_count) */
    uint32_t copy_count;        /**< r */
    uint32_t twin;              /**< place along axes that shard nothing, in [0, twin_count) */
    uint32_t twin_count;        /**< ranks that hold just the same */
    kvspan_range kv_heads;      /**< global kv heads held here */
    kvspan_range q_heads_of_kv; /**< global query heads of these kv heads (KVSPAN_HEADS_OF_KV) */
    kvspan_range q_heads_even;  /**< KVSPAN_HEADS_EVEN; count 0 where Hq/T is no integer */
    kvspan_token_rule tokens;   /**< which tokens are held here */
    uint32_t split_member;      /**< place in the sequence group, for KVSPAN_TOKENS_SPLIT */
    uint32_t split_count;       /**< ranks of the sequence group */
} kvspan_shard;

/**
 * Tells which part of a layer is this rank's.
 *
 * Not collective.
 *
 * @param cache  a live cache
 * @param layer  model layer of a group
 * @param[out] shard_out  written only on success
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT (no group has the layer)
 */
KVSPAN_API kvspan_status kvspan_cache_shard(const kvspan_cache *cache, uint32_t layer,
                                            kvspan_shard *shard_out, kvspan_error *error);

/**
 * Walks every invariant of this rank: the ledger where it is, the table replica, its digest.
 *
 * Not collective.
 *
 * @param cache  a live cache
 * @param[out] error  may be NULL; names page, owner and rank
 * @return KVSPAN_OK, KVSPAN_ERR_CORRUPT, KVSPAN_ERR_MEMORY (the walk needs a bit per page)
 */
KVSPAN_API kvspan_status kvspan_cache_check(const kvspan_cache *cache, kvspan_error *error);

/** What a rank has sent and done since create. */
typedef struct kvspan_metrics {
    uint64_t steps;                /**< steps begun */
    uint64_t tokens;               /**< tokens of these steps */
    uint64_t last_broadcast_bytes; /**< of the last step's message, sent to one rank; 0 if alone */
    uint64_t exchange_bytes;       /**< sent by this rank during attention */
    uint64_t exchange_messages;    /**< the same, messages */
    uint64_t abandoned_requests;   /**< sends left to the transport after a failure */
    uint64_t reference_groups;     /**< layer groups that are attended by the reference column on
                                        this device: right, but slow */
} kvspan_metrics;

/**
 * Gives this rank's counters.
 *
 * Not collective.
 *
 * @param cache  a live cache
 * @return the counters at this moment
 */
KVSPAN_API kvspan_metrics kvspan_cache_metrics(const kvspan_cache *cache);

/* ---- a step --------------------------------------------------------------------------------- */

/** One sequence's part of a step. */
typedef struct kvspan_row {
    uint64_t tag;         /**< of the sequence */
    uint64_t position;    /**< of the row's first new token */
    uint32_t slot;        /**< row of the page tables */
    uint32_t first_token; /**< index of its first new token among the step's tokens */
    uint32_t token_count; /**< new tokens */
    uint32_t flags;       /**< 0 */
} kvspan_row;

/** A step as every rank of the group sees it. Valid until the same rank's next step begins. */
typedef struct kvspan_step_view {
    uint64_t epoch;             /**< number of the step, from 1 */
    uint32_t row_count;         /**< sequences that take part */
    uint32_t token_count;       /**< new tokens of all rows */
    const kvspan_row *rows;     /**< [row_count], host */
    const uint32_t *row_starts; /**< [max_step_rows + 1], device, fixed address: first_token of
                                     each row, then token_count to the end */
    const uint32_t *row_slots;  /**< [row_count], device, fixed address */
    const int32_t *positions;   /**< [token_count], device, fixed address */
    const void *payload;        /**< [payload_bytes], host: the rider */
    size_t payload_bytes;       /**< length of the rider, 0 = none */
} kvspan_step_view;

/**
 * Begins a step: the coordinator's plan reaches every rank of the step group, is applied, and the
 * resulting tables are compared by digest before any page is touched.
 *
 * Under KVSPAN_REPLICATED no step is sent: every rank brings its own, and they are compared; a rank
 * whose step differs is named by MISMATCH on all. Riders then stay with their rank.
 *
 * Collective over the step group. Stream-ordered.
 *
 * @param cache  a live cache whose last step has ended
 * @param step  the open step of this cache's ledger where this rank decides, consumed on success;
 *              NULL where it does not
 * @param stream  NULL on CPUs
 * @param timeout_ms  how long a rank other than the coordinator waits for the step to come; all
 *                    other waits are bounded by the config's deadline_ms
 * @param[out] view_out  written only on success
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT; KVSPAN_ERR_TIMEOUT (the coordinator sent nothing yet:
 *         nothing is lost, call again); KVSPAN_ERR_LATE, KVSPAN_ERR_PEER (handle spent; names the
 *         rank and the epoch it was last heard of in); KVSPAN_ERR_CORRUPT, KVSPAN_ERR_MISMATCH,
 *         KVSPAN_ERR_STALE (the message; handle spent); KVSPAN_ERR_TRANSPORT, KVSPAN_ERR_MEMORY (of
 *         the transport; handle spent)
 */
KVSPAN_API kvspan_status kvspan_step_begin(kvspan_cache *cache, kvspan_step *step,
                                           kvspan_stream stream, uint32_t timeout_ms,
                                           kvspan_step_view *view_out, kvspan_error *error);

/**
 * Writes the step's new keys and values of one layer into pages. Each rank passes all new tokens
 * of its own kv heads; it keeps those that the token rule gives it.
 *
 * Not collective. Stream-ordered.
 *
 * @param cache  a cache inside a step
 * @param layer  model layer
 * @param planes  one tensor per plane of the group, [token_count of the step][local kv heads][dim]
 *                (where @p stream is being captured max_step_tokens, see cuda.h), in the plane's
 * element type; for a plane of an 8-bit type in bf16, f16 or f32, which are quantised here (see
 * kvspan_plane)
 * @param stream  NULL on CPUs
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (no step, no such layer, shape or type: names both
 * values); KVSPAN_ERR_UNSUPPORTED (no arena); KVSPAN_ERR_CUDA (on device "cuda"; handle spent)
 */
KVSPAN_API kvspan_status kvspan_cache_append(kvspan_cache *cache, uint32_t layer,
                                             const kvspan_tensor *planes, kvspan_stream stream,
                                             kvspan_error *error);

/** Which query heads a tensor has on this rank. */
typedef enum kvspan_heads {
    KVSPAN_HEADS_OF_KV = 0, /**< all g of each of its kv heads */
    KVSPAN_HEADS_EVEN = 1,  /**< Hq / T: its even share, as column-parallel layers make them */
    KVSPAN_HEADS_ALL = 2    /**< all Hq; for out only */
} kvspan_heads;

/** Which of the step's tokens a tensor has on this rank. */
typedef enum kvspan_tokens {
    KVSPAN_TOKENS_ALL = 0, /**< every new token of the step */
    KVSPAN_TOKENS_SPLIT = 1 /**< split_member m of n = split_count gets tokens [m·t/n, (m+1)·t/n) of
                               t; for out only */
} kvspan_tokens;

/** How to attend. Zero means default. */
typedef struct kvspan_attention {
    size_t size;              /**< sizeof(kvspan_attention) as the caller compiled it */
    float scale;              /**< of q·k; 0 = 1/√dim */
    float soft_cap;           /**< c·tanh(s/c) on the scaled logits; 0 = none */
    const float *sink_logits; /**< device, [q head of out]; NULL = none */
    kvspan_heads q_heads;     /**< which heads q has: OF_KV or EVEN */
    kvspan_heads out_heads;   /**< which heads out gets */
    kvspan_tokens out_tokens; /**< which tokens out gets */
    kvspan_tensor *lse_out;   /**< f32 [token][head of out][1], natural log, heads contiguous;
                                   NULL = not wanted */
} kvspan_attention;

/**
 * Attends one layer: each new token to the tokens of its sequence up to itself, within the group's
 * window; then brings the result to where the call says. Keys and values never travel. What does,
 * each at most once: queries, gathered over the copies of a kv head (KVSPAN_HEADS_SPLIT_SEQUENCE
 * with q_heads EVEN); partial results with their LSE, in one packed all-to-all (where tokens are
 * split); results with the LSE asked for, in one all-gather (where out is to have more than this
 * rank makes).
 *
 * Collective over the ranks that exchange (the step group); local where none does. Stream-ordered.
 *
 * @param cache  a cache inside a step, after kvspan_cache_append() of this layer
 * @param layer  model layer
 * @param q  [token_count of the step][q heads][dim of K], bf16, f16 or f32; in a captured call all
 *           tensors are of max_step_tokens, see cuda.h
 * @param attention  settings, equal on all ranks but for pointers
 * @param[in,out] out  its data and strides say where the result goes, [tokens][heads][dim of V],
 *                     element type of q; must not overlap q
 * @param stream  NULL on CPUs
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (names both values); KVSPAN_ERR_UNSUPPORTED (no arena;
 * types this column is not built for; exchanges that cannot be captured); KVSPAN_ERR_LATE,
 * KVSPAN_ERR_PEER, KVSPAN_ERR_CORRUPT, KVSPAN_ERR_MISMATCH, KVSPAN_ERR_MEMORY,
 * KVSPAN_ERR_TRANSPORT (handle spent)
 */
KVSPAN_API kvspan_status kvspan_cache_attend(kvspan_cache *cache, uint32_t layer,
                                             const kvspan_tensor *q,
                                             const kvspan_attention *attention, kvspan_tensor *out,
                                             kvspan_stream stream, kvspan_error *error);

/**
 * Closes the epoch on this rank and acknowledges it to the coordinator.
 *
 * Not collective: it sends an acknowledgement and waits for none. Stream-ordered.
 *
 * @param cache  a cache inside a step
 * @param stream  NULL on CPUs
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (no step has begun); KVSPAN_ERR_PEER, KVSPAN_ERR_LATE,
 *         KVSPAN_ERR_CORRUPT, KVSPAN_ERR_MISMATCH (if the library has assertions: other ranks have
 *         attended in another order), KVSPAN_ERR_MEMORY, KVSPAN_ERR_TRANSPORT (handle spent)
 */
KVSPAN_API kvspan_status kvspan_step_end(kvspan_cache *cache, kvspan_stream stream,
                                         kvspan_error *error);

/**
 * Waits until everything enqueued on @p stream is done, serving peers meanwhile: use it instead of
 * a device synchronise. Where nothing is enqueued, as on CPUs, it serves the peers once and
 * returns: a coordinator that has no step to begin calls it from time to time, so as to hear of
 * failures.
 *
 * Not collective.
 *
 * @param cache  a live cache
 * @param stream  NULL on CPUs
 * @param timeout_ms  at least 1
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (timeout_ms is 0); KVSPAN_ERR_TIMEOUT (call again; never
 * on CPUs); KVSPAN_ERR_LATE, KVSPAN_ERR_PEER, KVSPAN_ERR_CORRUPT, KVSPAN_ERR_MISMATCH,
 *         KVSPAN_ERR_MEMORY, KVSPAN_ERR_TRANSPORT (handle spent)
 */
KVSPAN_API kvspan_status kvspan_cache_wait(kvspan_cache *cache, kvspan_stream stream,
                                           uint32_t timeout_ms, kvspan_error *error);

/**
 * Raises bits that reach the coordinator with this rank's next acknowledgement: a wish to stop, to
 * save, whatever the caller means by them. Safe to call at any time, not from a signal handler.
 *
 * Not collective.
 *
 * @param cache  a live cache
 * @param bits  or-ed to those raised before
 */
KVSPAN_API void kvspan_cache_notify(kvspan_cache *cache, uint32_t bits);

/**
 * Gives the bits raised by kvspan_cache_notify(). They are never taken back.
 *
 * Not collective.
 *
 * @param cache  a live cache
 * @return on the coordinator the bits that any rank of its step group has raised, as far as is
 *         known; on other ranks their own, and those of ranks that acknowledge through them
 */
KVSPAN_API uint32_t kvspan_cache_notices(const kvspan_cache *cache);

/* ---- for engines with kernels of their own -------------------------------------------------- */

/** Where a plane of a layer lies. Address of a token's vector: data + page·page_stride +
 * head·head_stride + token·token_stride, with (page, token) by the page table and token_rule.h. Of
 * its scale, an f32 that need not be aligned: data + page·page_stride + head·head_stride +
 * scale_offset + 4·token; a number is its element times this. That is the order of rows; in tiles
 * an element lies at data + page·page_stride + head·head_stride + kvspan_element_offset(). */
typedef struct kvspan_layer_view {
    void *data;                 /**< device, of page 0, head 0, token 0 */
    uint64_t page_stride;       /**< bytes */
    uint64_t head_stride;       /**< bytes */
    uint64_t token_stride;      /**< bytes */
    kvspan_dtype dtype;         /**< element type in the page */
    uint32_t heads;             /**< local kv heads */
    uint32_t first_head;        /**< global index of the first */
    uint32_t dim;               /**< elements of a head's vector */
    uint32_t page_tokens;       /**< P: tokens of a page on this rank */
    uint32_t page_count;        /**< pages with page 0 */
    const uint32_t *page_table; /**< device, [slot][column] */
    uint32_t page_table_stride; /**< columns: pages of the longest sequence */
    uint64_t scale_offset;      /**< bytes; 0 = the plane has no scales */
    uint32_t order;             /**< kvspan_element_order: of the elements of a head in a page */
} kvspan_layer_view;

/**
 * Shows where a plane of a layer lies, for kernels that are not ours.
 *
 * Not collective.
 *
 * @param cache  a live cache with an arena
 * @param layer  model layer
 * @param role  which plane
 * @param[out] view_out  valid as long as the cache; written only on success
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT (no such layer or plane), KVSPAN_ERR_UNSUPPORTED (no
 * arena)
 */
KVSPAN_API kvspan_status kvspan_cache_layer_view(const kvspan_cache *cache, uint32_t layer,
                                                 kvspan_role role, kvspan_layer_view *view_out,
                                                 kvspan_error *error);

#ifdef __cplusplus
}
#endif

#endif
