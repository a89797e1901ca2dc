/** @file
 * The ledger: the coordinator's book of pages and sequences, and the steps it writes. Host only,
 * never communicates (no call is collective or stream-ordered), usable without a cache (planners,
 * routers, simulations). One thread at a time. No call allocates after kvspan_ledger_create().
 */
#ifndef KVSPAN_LEDGER_H
#define KVSPAN_LEDGER_H

#include <kvspan/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Sizes of a ledger. A cache makes its own; this is for use without one. */
typedef struct kvspan_ledger_config {
    size_t size;                  /**< sizeof(kvspan_ledger_config) as the caller compiled it */
    uint32_t group_count;         /**< layer groups = page tables; 0 = 1; ≤ KVSPAN_MAX_GROUPS */
    uint32_t page_count;          /**< pages with page 0, in [2, KVSPAN_MAX_PAGES]; required */
    uint32_t slot_count;          /**< live sequences, in [1, KVSPAN_MAX_SLOTS]; required */
    uint32_t page_tokens;         /**< P, in [1, KVSPAN_MAX_PAGE_TOKENS]; required */
    uint32_t token_members;       /**< n: a page id stands for n·P tokens; 0 = 1 */
    uint32_t max_step_rows;       /**< rows of a step; 0 = slot_count */
    uint32_t max_step_tokens;     /**< new tokens of a step; required */
    uint32_t max_payload_bytes;   /**< rider of a step; 0 = 64 KiB + 16 bytes per step token */
    uint64_t max_sequence_tokens; /**< in [1, KVSPAN_MAX_SEQUENCE_TOKENS]; required */
    /** [group_count] a query of the group sees itself and so many tokens - 1 before; 0 = all. Pages
     * behind the window of every query to come are given back. */
    uint32_t group_windows[KVSPAN_MAX_GROUPS];
} kvspan_ledger_config;

/** What the ledger publishes about itself. */
typedef struct kvspan_ledger_counts {
    uint32_t pages_total;      /**< pages that can be handed out: page_count - 1 */
    uint32_t pages_free;       /**< of these, free now */
    uint32_t pages_in_use;     /**< pages_total - pages_free */
    uint32_t pages_high_water; /**< the most that were ever in use */
    uint32_t sequences;        /**< live sequences */
    uint32_t slots_free;       /**< sequences that could still be created */
    uint64_t tokens;           /**< Σ tokens of live sequences, open step included */
    uint64_t epoch;            /**< of the last step that was begun, 0 before the first */
} kvspan_ledger_counts;

/**
 * Creates a ledger with all pages but page 0 free, in ascending order.
 *
 * @param config  copied
 * @param[out] ledger_out  freed with kvspan_ledger_destroy()
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT (names the field, the value and the limit),
 *         KVSPAN_ERR_UNSUPPORTED, KVSPAN_ERR_MEMORY
 */
KVSPAN_API kvspan_status kvspan_ledger_create(const kvspan_ledger_config *config,
                                              kvspan_ledger **ledger_out, kvspan_error *error);

/**
 * Frees a ledger made by kvspan_ledger_create(), and its open step. A cache's ledger is the
 * cache's to free.
 *
 * @param ledger  may be NULL
 */
KVSPAN_API void kvspan_ledger_destroy(kvspan_ledger *ledger);

/**
 * Gives the published counts.
 *
 * @param ledger  a live ledger
 * @return the counts at this moment
 */
KVSPAN_API kvspan_ledger_counts kvspan_ledger_count(const kvspan_ledger *ledger);

/**
 * Walks every invariant: reference counts against page tables, free list against both, slots,
 * token counts, the table digest.
 *
 * @param ledger  a live ledger
 * @param[out] error  may be NULL; names the page and its owner
 * @return KVSPAN_OK, or KVSPAN_ERR_CORRUPT
 */
KVSPAN_API kvspan_status kvspan_ledger_check(const kvspan_ledger *ledger, kvspan_error *error);

/* ---- sequences ------------------------------------------------------------------------------ */
/* All groups take equal pages from one pool, for the same token positions. What goes wrong is told
 * apart, by status and by sentence. ARGUMENT: a count of 0 ("is 0"); a handle that is not of this
 * ledger, by its slot ("is not in") or its generation ("was never created"); one whose sequence has
 * ended ("is stale"), or is freed a second time ("was freed already"). NO_SLOTS, NO_PAGES: there
 * will be room once others end. NEVER_FITS: not even in an empty ledger, or beyond
 * max_sequence_tokens. */

/** What a sequence starts with. */
typedef struct kvspan_sequence_config {
    size_t size;             /**< sizeof(kvspan_sequence_config) as the caller compiled it */
    uint64_t tag;            /**< the caller's own name for it; rides to every rank in kvspan_row */
    const uint32_t *tokens;  /**< [token_count] prompt ids; not used so far; may be NULL */
    uint64_t token_count;    /**< prompt length; 0 = not known */
    const void *name_space;  /**< UNSUPPORTED unless NULL */
    size_t name_space_bytes; /**< UNSUPPORTED unless 0 */
    uint32_t flags;          /**< 0 */
    int32_t priority;        /**< UNSUPPORTED unless 0 */
} kvspan_sequence_config;

/**
 * Creates a sequence without tokens, in the lowest free slot. It takes no page until a step
 * appends to it.
 *
 * @param ledger  a live ledger
 * @param config  copied, tokens included
 * @param[out] sequence_out  ended with kvspan_sequence_free()
 * @param[out] cached_tokens_out  leading prompt tokens already in pages: 0, as prefixes are not
 *             shared so far; may be NULL
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT; KVSPAN_ERR_NO_SLOTS (every slot is taken: free one);
 *         KVSPAN_ERR_NEVER_FITS (the prompt is longer than max_sequence_tokens, or needs more
 *         pages than there are even if it comes token by token); KVSPAN_ERR_UNSUPPORTED
 */
KVSPAN_API kvspan_status kvspan_sequence_create(kvspan_ledger *ledger,
                                                const kvspan_sequence_config *config,
                                                kvspan_sequence *sequence_out,
                                                uint64_t *cached_tokens_out, kvspan_error *error);

/**
 * Creates a sequence that begins like another: its first @p position tokens are the parent's, in
 * the same pages. A page is copied when someone, child or parent, appends into one that is partly
 * filled and shared: one page per group at most, taken by kvspan_step_add(). Of these tokens those
 * are committed that are so for the parent.
 *
 * @param ledger  a live ledger
 * @param parent  a live sequence without a row in the open step
 * @param position  tokens to share, at most the parent's; 0 shares nothing
 * @param tag  of the child
 * @param[out] child_out  ended with kvspan_sequence_free(); outlives its parent
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (stale; a row of the open step is the parent's; position
 *         beyond its tokens, or a windowed group no longer holds what a query at @p position sees);
 *         KVSPAN_ERR_NO_SLOTS (every slot is taken: free one)
 */
KVSPAN_API kvspan_status kvspan_sequence_fork(kvspan_ledger *ledger, kvspan_sequence parent,
                                              uint64_t position, uint64_t tag,
                                              kvspan_sequence *child_out, kvspan_error *error);

/**
 * Drops tokens from the end. Pages that become empty are given back; the committed count becomes at
 * most @p token_count.
 *
 * @param ledger  a live ledger
 * @param sequence  a live sequence without a row in the open step
 * @param token_count  tokens that stay, at most those it has
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (stale; a row of the open step is its; token_count beyond
 *         its tokens, or a windowed group no longer holds what a query at @p token_count sees)
 */
KVSPAN_API kvspan_status kvspan_sequence_truncate(kvspan_ledger *ledger, kvspan_sequence sequence,
                                                  uint64_t token_count, kvspan_error *error);

/**
 * Says what the next uncommitted tokens are, before or after the step that appends them. Committed
 * tokens are those whose ids the caller will not take back; ids of the prompt count from create on.
 * A group's pages whose last token no query behind the committed and appended tokens sees are given
 * back here, and when a step has begun.
 *
 * @param ledger  a live ledger
 * @param sequence  a live sequence
 * @param tokens  [token_count] ids; not used so far; may be NULL
 * @param token_count  at least 1
 * @param accepted_nodes  which nodes of a token tree stay; UNSUPPORTED unless NULL
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT (stale sequence), KVSPAN_ERR_NEVER_FITS (more than
 *         max_sequence_tokens), KVSPAN_ERR_UNSUPPORTED
 */
KVSPAN_API kvspan_status kvspan_sequence_commit(kvspan_ledger *ledger, kvspan_sequence sequence,
                                                const uint32_t *tokens, uint32_t token_count,
                                                const uint32_t *accepted_nodes,
                                                kvspan_error *error);

/**
 * Ends a sequence. Its pages can be handed out from the next step on; the ranks hear of it in that
 * step's message, before anything else.
 *
 * @param ledger  a live ledger
 * @param sequence  a live sequence without a row in the open step
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (foreign, freed already, or a row of the open step is its)
 */
KVSPAN_API kvspan_status kvspan_sequence_free(kvspan_ledger *ledger, kvspan_sequence sequence,
                                              kvspan_error *error);

/**
 * Gives the length of a sequence.
 *
 * @param ledger  a live ledger
 * @param sequence  any value
 * @return tokens appended so far, rows of the open step included; 0 for a stale sequence
 */
KVSPAN_API uint64_t kvspan_sequence_tokens(const kvspan_ledger *ledger, kvspan_sequence sequence);

/**
 * Gives how many tokens of a sequence the caller has settled.
 *
 * @param ledger  a live ledger
 * @param sequence  any value
 * @return tokens committed so far, prompt included; 0 for a stale sequence
 */
KVSPAN_API uint64_t kvspan_sequence_committed(const kvspan_ledger *ledger,
                                              kvspan_sequence sequence);

/* ---- steps ---------------------------------------------------------------------------------- */

/**
 * Opens the next step. May be called while an earlier step still computes. One step is open at a
 * time; it belongs to the ledger, and ends with kvspan_step_begin(), kvspan_step_rehearse() or
 * kvspan_step_cancel().
 *
 * @param ledger  a live ledger
 * @param[out] step_out  the open step
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT (a step is open already)
 */
KVSPAN_API kvspan_status kvspan_step_open(kvspan_ledger *ledger, kvspan_step **step_out,
                                          kvspan_error *error);

/**
 * Adds a row: @p sequence appends and attends @p new_tokens tokens. Rows keep the order of adding.
 * All or nothing: any error leaves step and ledger as they were.
 *
 * @param step  the open step
 * @param sequence  a live sequence that has no row in this step yet
 * @param new_tokens  at least 1
 * @param tree_parents  UNSUPPORTED unless NULL
 * @param[out] error  may be NULL
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (stale sequence, second row, max_step_rows or
 *         max_step_tokens exceeded); KVSPAN_ERR_NO_PAGES (free or preempt, retry);
 *         KVSPAN_ERR_NEVER_FITS (longer than max_sequence_tokens, or so many new tokens
 *         at once need more pages than there are); KVSPAN_ERR_UNSUPPORTED
 */
KVSPAN_API kvspan_status kvspan_step_add(kvspan_step *step, kvspan_sequence sequence,
                                         uint32_t new_tokens, const int32_t *tree_parents,
                                         kvspan_error *error);

/**
 * Lets the caller's own bytes (token ids, sampling settings) ride in the step's message; replaces
 * what was attached before.
 *
 * @param step  the open step
 * @param payload  [payload_bytes], copied; may be NULL if payload_bytes is 0
 * @param payload_bytes  at most max_payload_bytes
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT (the step is not open; too many bytes)
 */
KVSPAN_API kvspan_status kvspan_step_attach(kvspan_step *step, const void *payload,
                                            size_t payload_bytes, kvspan_error *error);

/**
 * Gives the rows of a step.
 *
 * @param step  the open step
 * @return rows added so far
 */
KVSPAN_API uint32_t kvspan_step_row_count(const kvspan_step *step);

/**
 * Gives the tokens of a step.
 *
 * @param step  the open step
 * @return new tokens added so far
 */
KVSPAN_API uint32_t kvspan_step_token_count(const kvspan_step *step);

/**
 * Takes an open step back: its rows' pages and tokens return, exactly as before it was opened.
 * Sequences created, forked, truncated, committed or freed meanwhile stay so.
 *
 * @param step  may be NULL
 */
KVSPAN_API void kvspan_step_cancel(kvspan_step *step);

/**
 * Ends an open step as if all ranks had done it, without a cache: for planners and simulations.
 *
 * @param step  the open step of a ledger made by kvspan_ledger_create()
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT (the step is not open; the ledger belongs to a cache)
 */
KVSPAN_API kvspan_status kvspan_step_rehearse(kvspan_step *step, kvspan_error *error);

#ifdef __cplusplus
}
#endif

#endif
