/** @file
 * A step over pages that hold nothing but NaN where no token of it is: for tests of attend_pages.
 *
 * Every number is a hash of (sequence, position, global head, element), so that two cases that
 * differ in pages, neighbours, chunks, heads or members hold the same queries, keys and values.
 */
#ifndef KVSPAN_TESTS_PAGED_CASE_H
#define KVSPAN_TESTS_PAGED_CASE_H

#include "kernels/kernels.h"
#include "support/oracle.h"
#include "support/random.h"

enum {
    PAGED_MAX_ROWS = 8,
    PAGED_MAX_MEMBERS = 4,
    PAGED_TYPE_COUNT = 24 /* see paged_shape_set_types() */
};

typedef struct paged_row {
    uint32_t sequence; /* names the contents */
    uint32_t position; /* of the first new token */
    uint32_t token_count;
} paged_row;

/* New tokens as trees: each hangs on the one before; on one of some before, or on none; some rows
 * on theirs, others causal. */
typedef enum paged_trees {
    PAGED_NO_TREES,
    PAGED_CHAINS,
    PAGED_TREES,
    PAGED_SOME_TREES
} paged_trees;

typedef struct paged_shape {
    kvspan_dtype tensor_dtype;
    kvspan_dtype plane_dtype;
    kvspan_dtype value_dtype; /* 0 = plane_dtype */
    bool has_scales;          /* of planes of 8 bits */
    uint32_t kv_first;        /* local kv heads [kv_first, kv_first + kv_heads) */
    uint32_t kv_heads;
    uint32_t group_size;
    uint32_t q_first; /* of q; q_heads 0 = all of the kv heads */
    uint32_t q_heads;
    uint32_t key_dim;
    uint32_t value_dim;
    uint32_t page_tokens;
    uint32_t member_count;
    uint32_t window;
    float scale;
    float soft_cap;
    bool is_layer_first;
    bool has_aligned_tensors; /* rows of q and out are multiples of 16 bytes apart */
    bool has_no_lse;          /* none is asked for: results have zeros */
    bool is_captured;         /* as in a captured call, whose plan may become another */
    paged_trees trees;
    uint32_t row_count;
    paged_row rows[PAGED_MAX_ROWS];
} paged_shape;

typedef struct paged_case {
    paged_shape shape;
    uint32_t token_count;
    uint32_t row_starts[PAGED_MAX_ROWS + 1];
    uint32_t row_slots[PAGED_MAX_ROWS];
    int32_t *positions;             /* [token_count] */
    bool *trees[PAGED_MAX_ROWS];    /* [new token][new token]: which sees which; NULL = no tree */
    kvspan_tree_token *tree_tokens; /* [token_count]; NULL = there is no tree at all */
    uint32_t *tree_words;
    double *queries;                /* [token][q head][key_dim] */
    double *keys[PAGED_MAX_ROWS];   /* [position][kv head][key_dim] of a row's sequence */
    double *values[PAGED_MAX_ROWS]; /* [position][kv head][value_dim] */
    uint32_t page_count;
    uint32_t columns;
    uint32_t *page_table; /* [slot][column], 0x7fffffff where nothing may look */
    unsigned char *arenas[PAGED_MAX_MEMBERS];
    uint64_t arena_bytes;
} paged_case;

/* out: [token][q head][value_dim]; lse: [token][q head]. */
typedef struct paged_result {
    kvspan_dtype dtype;
    double *out;
    float *lse;
} paged_result;

/* One of all combinations of tensors in bf16, f16 and f32 with planes of these types, of int8, e4m3
 * and e5m2 with scales, and of the latter two without. */
void paged_shape_set_types(paged_shape *shape, uint32_t type);

/* A mix of decode rows and prefill chunks, one of which starts in the middle of a page. */
paged_shape paged_shape_default(void);

/* Makes contents and a page table of random pages; paged_case_store() must follow. */
paged_case *paged_case_create(const paged_shape *shape, random_source *source);
void paged_case_destroy(paged_case *paged);

/* Writes keys and values (which a test may have changed) into every member's pages, all else NaN.
 * Where a plane has 8 bits they become what is stored of them. */
void paged_case_store(paged_case *paged);

/* Makes what is stored of a token NaN; its numbers in keys and values stay. */
void paged_case_poison_token(paged_case *paged, uint32_t row, uint32_t position);

/* The same of its keys, or of its values, alone. */
void paged_case_poison(const paged_case *paged, uint32_t row, uint32_t position, bool is_key);

/* Makes what is stored of its values +infinity; they are bf16 or f16. */
void paged_case_store_infinity(const paged_case *paged, uint32_t row, uint32_t position);

/* Runs attend_pages of one member. Fails the test if a byte between the rows of out changes. */
paged_result paged_case_attend(const paged_case *paged, uint32_t member, kvspan_dtype out_dtype);
/* Attends on every member into f32 and merges. sinks: [q head] or NULL. */
paged_result paged_case_attend_all(const paged_case *paged, kvspan_dtype out_dtype,
                                   const float *sinks);
void paged_result_destroy(paged_result *result);

/* The oracle's question about one token and head of q. */
oracle_query paged_case_query(const paged_case *paged, uint32_t token, uint32_t head, int member);

/* Holds every row of a result against the oracle; fails naming the worst. member as above. */
void paged_case_check(const paged_case *paged, const paged_result *result, int member);
/* Attends on each member, into out_dtype, and checks what it gives. */
void paged_case_check_members(const paged_case *paged, kvspan_dtype out_dtype);
/* Attends into the tensors' type, on all members where there are several, and checks that. */
void paged_case_check_whole(const paged_case *paged);

/* Of the layer the case is about. A run is [keys of every head][values of every head]. */
kvspan_plane_view paged_case_view(const paged_case *paged, uint32_t member, bool is_key);
uint32_t paged_case_q_heads(const paged_case *paged);
/* Global index of q's first head. */
uint32_t paged_first_q_head(const paged_shape *shape);
/* Zeroed; fails the test if there is none. */
void *paged_take_memory(size_t count, size_t bytes);

#endif
