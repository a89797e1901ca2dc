/** @file
 * Work on pages: one table of operations, one column per kind of device. reference/ fills the table
 * completely and is the meaning; other columns override entries.
 *
 * Arguments are plain structs of addresses and strides on the device. Operations check nothing that
 * the runtime has checked; they return a status only for what a device can fail at.
 *
 * Argument structs and tensors are read before a call returns. Arrays marked pinned are in memory
 * of allocate_pinned() and may be read until the stream is past the call: they stay as they are.
 */
#ifndef KVSPAN_KERNELS_KERNELS_H
#define KVSPAN_KERNELS_KERNELS_H

#include <kvspan/element_order.h>
#include <kvspan/token_rule.h>
#include <kvspan/types.h>

#include "kernels/work_plan.h"

/* Where one plane of one layer lies: address of (page, head, token) = data + page·page_stride +
 * head·head_stride + token·token_stride; of its scale, an f32 that need not be aligned, data +
 * page·page_stride + head·head_stride + scale_offset + 4·token. Page-first and layer-first differ
 * in strides only. In tiled orders an element lies where kvspan_element_offset() says, counted from
 * the head. */
typedef struct kvspan_plane_view {
    unsigned char *data;
    uint64_t page_stride;  /* bytes */
    uint64_t head_stride;  /* bytes */
    uint64_t token_stride; /* bytes */
    kvspan_dtype dtype;
    uint32_t heads; /* local kv heads */
    uint32_t dim;
    uint64_t scale_offset; /* bytes; 0 = no scales */
    kvspan_element_order order;
} kvspan_plane_view;

/* The rows of a step and the page table they use; all arrays on the device. */
typedef struct kvspan_step_arrays {
    uint32_t row_count;
    uint32_t token_count;
    const uint32_t *row_starts; /* [row_count + 1] */
    const uint32_t *row_slots;  /* [row_count] */
    const int32_t *positions;   /* [token_count] global position of each new token */
    const uint32_t *page_table; /* [slot][column] page ids */
    uint32_t page_table_stride; /* columns */
    kvspan_token_rule rule;     /* which tokens this rank holds */
    uint32_t is_captured;       /* replayed for other steps: row_count and token_count are the most
                                   that any has, row_starts[row_count] is what this one has */
} kvspan_step_arrays;

/* A plane and what is written to it. A plane with scales has an 8-bit type. */
typedef struct kvspan_append_plane {
    kvspan_plane_view view;
    kvspan_tensor
        source; /* heads and dim of the plane; its dtype, or bf16, f16, f32 if it has 8 bits */
} kvspan_append_plane;

/* Writes, for every plane and every new token this member holds, source[token][head][dim] into its
 * page, quantised if the plane's type is another. */
typedef struct kvspan_append_tokens_args {
    kvspan_step_arrays rows;
    uint32_t plane_count;
    kvspan_append_plane planes[KVSPAN_MAX_PLANES];
} kvspan_append_tokens_args;

#define KVSPAN_NO_TREE 0xffffffffU

/* What a new token sees of the new tokens of its row, where these are a tree. Bit i of its words (i
 * % 32 of word i / 32) is for position first_position + i; what has no bit set is hidden, though
 * the window would show it. Positions in front of first_position and those behind the token's own
 * have no bit: they are seen, and hidden, as ever. Every member is given the same bits. */
typedef struct kvspan_tree_token {
    uint32_t first_word;     /* KVSPAN_NO_TREE: it sees all */
    uint32_t first_position; /* global; of the row's first new token */
} kvspan_tree_token;

typedef struct kvspan_tree_mask {
    const uint32_t *words;           /* device; NULL = there is no tree among the rows */
    const kvspan_tree_token *tokens; /* device, [token_count] */
} kvspan_tree_mask;

/* For every new token t and query head h: softmax(scale · q·k) v over the tokens of its sequence
 * that this member holds, at positions in (position − window, position] that the tree mask does not
 * hide. q head q_first + i uses kv head (q_first + i) / group_size, local index that − kv_first. A
 * query that sees no token here gets (0, −inf). Tokens are folded in ascending order; borders are
 * absolute positions. */
typedef struct kvspan_attend_pages_args {
    kvspan_plane_view keys;
    kvspan_plane_view values;
    kvspan_step_arrays rows;
    kvspan_tree_mask trees;
    kvspan_work_plan plan; /* of these rows */
    void *scratch;         /* device, attend_scratch_bytes; one call after another uses it */
    kvspan_tensor q;       /* [token][head][K dim] */
    kvspan_tensor out;     /* [token][head][V dim]; dtype of q, or f32 for partial results */
    float *lse;            /* [token][lse_stride], one per q head, natural log; may be NULL */
    uint64_t lse_stride;   /* floats */
    uint32_t q_first;      /* global index of q's first head */
    uint32_t kv_first;     /* global index of the planes' first head */
    uint32_t group_size;   /* g: query heads per kv head */
    uint32_t window;       /* 0 = all */
    float scale;
    float soft_cap; /* 0 = none: c · tanh(s / c) after the scale */
} kvspan_attend_pages_args;

/* Merges partial results in order of parts, by log-sum-exp in f32 (m = max of LSE and sink; out =
 * Σ e^(LSE_i − m) O_i / Σ e^(LSE_i − m)); an empty part is (0, −inf). A sink logit adds e^(sink −
 * m) to the denominator, here and only here. All parts empty: out 0, LSE −inf (sinks count as
 * none). */
typedef struct kvspan_merge_partials_args {
    uint32_t part_count;
    uint32_t tokens;
    uint32_t heads;
    uint32_t dim;
    const unsigned char *parts; /* part i at parts + i·part_stride: f32 O then f32 LSE */
    uint64_t part_stride;       /* bytes */
    uint64_t lse_offset;        /* bytes from O to LSE within a part */
    uint64_t token_stride;      /* bytes from a token's O to the next; 0 = heads · dim floats */
    uint64_t lse_token_stride;  /* bytes from a token's LSE to the next; 0 = heads floats */
    /* O: [token][head][dim], LSE: [token][head]; heads and dim contiguous */
    const float *sinks; /* [heads], or NULL */
    kvspan_tensor out;  /* bf16, f16 or f32 */
    float *lse;         /* [token][lse_stride] merged, sink included; may be NULL */
    uint64_t lse_stride;
} kvspan_merge_partials_args;

/* Copies whole pages within the arena: (source, target) pairs. */
typedef struct kvspan_copy_pages_args {
    unsigned char *data;
    uint64_t page_stride;  /* bytes from a page to the next */
    uint64_t copy_bytes;   /* bytes of one page at each of its parts */
    uint32_t part_count;   /* 1 page-first, layers layer-first */
    uint64_t part_stride;  /* bytes */
    const uint32_t *pairs; /* [pair_count][2], pinned */
    uint32_t pair_count;
} kvspan_copy_pages_args;

/* Where the vectors of a token come from and go to: pages, and places within them. */
typedef struct kvspan_token_move {
    uint32_t from_page;
    uint32_t from_token;
    uint32_t to_page;
    uint32_t to_token;
} kvspan_token_move;

/* Moves the vectors of tokens in some layers of one plane, scales included, bit for bit: how the
 * accepted tokens of a tree close ranks. Both places are this member's. A row's moves come in order
 * of where they come from, each goes to a place that is not behind it, no two to the same: so none
 * reads what another has written, though it may write where an earlier one has read. Rows have no
 * token in common. What is not written stays as it was. */
typedef struct kvspan_move_tokens_args {
    kvspan_plane_view plane; /* of the first layer */
    uint32_t layer_count;
    uint64_t layer_stride; /* bytes */
    uint32_t row_count;
    const uint32_t *row_starts;     /* [row_count + 1] of moves, pinned */
    const kvspan_token_move *moves; /* pinned */
} kvspan_move_tokens_args;

/* Fills whole pages with one byte. */
typedef struct kvspan_fill_pages_args {
    unsigned char *data;
    uint64_t page_stride;
    uint64_t fill_bytes;
    uint32_t part_count;
    uint64_t part_stride;
    const uint32_t *pages; /* [page_count], host */
    uint32_t page_count;
    uint8_t value;
} kvspan_fill_pages_args;

/* One plane of whole pages, between the order of a column and rows: page i of the list to or from
 * rows + i·heads·head_stride, [head]{ [token][dim], scales } as in a page of canonical order. */
typedef struct kvspan_transcode_pages_args {
    kvspan_plane_view plane;
    uint32_t page_tokens;
    const uint32_t *pages; /* [page_count], host */
    uint32_t page_count;
    unsigned char *rows;
} kvspan_transcode_pages_args;

/* A checksum of each page's bytes as they lie: part_bytes at each of its parts, in order of parts,
 * as page_checksum.h defines it. */
typedef struct kvspan_checksum_pages_args {
    const unsigned char *data;
    uint64_t page_stride;
    uint64_t part_bytes; /* a multiple of 8 */
    uint32_t part_count;
    uint64_t part_stride;
    const uint32_t *pages; /* [page_count], host */
    uint32_t page_count;
    uint64_t *checksums; /* [page_count], host */
} kvspan_checksum_pages_args;

/* One change of a device page table: table[slot][column] = page. */
typedef struct kvspan_table_patch {
    uint32_t slot;
    uint32_t column;
    uint32_t page;
} kvspan_table_patch;

typedef struct kvspan_patch_table_args {
    uint32_t *table;
    uint32_t stride;                   /* columns */
    const kvspan_table_patch *patches; /* [patch_count], pinned */
    uint32_t patch_count;
} kvspan_patch_table_args;

/* Places gathered blocks: block i holds [token_count][head_count][dim] and goes to rows
 * first_token …, heads first_head … of out. Blocks are block_stride bytes apart. */
typedef struct kvspan_head_block {
    uint64_t first_token; /* row of out */
    uint64_t token_count;
    uint32_t first_head;   /* head of out */
    uint32_t head_count;   /* heads to place */
    uint32_t source_heads; /* heads in the block, at least source_first + head_count */
    uint32_t source_first; /* the first of them to place */
} kvspan_head_block;

typedef struct kvspan_place_heads_args {
    const unsigned char *blocks;     /* element type of out */
    uint64_t block_stride;           /* bytes */
    const kvspan_head_block *places; /* [block_count], pinned */
    uint32_t block_count;
    kvspan_tensor out;
} kvspan_place_heads_args;

/* A column. Every operation is filled. All are stream-ordered. */
typedef struct kvspan_kernels {
    const char *name;
    kvspan_status (*append_tokens)(kvspan_device *device, const kvspan_append_tokens_args *args,
                                   kvspan_stream stream, kvspan_error *error);
    kvspan_status (*attend_pages)(kvspan_device *device, const kvspan_attend_pages_args *args,
                                  kvspan_stream stream, kvspan_error *error);
    kvspan_status (*merge_partials)(kvspan_device *device, const kvspan_merge_partials_args *args,
                                    kvspan_stream stream, kvspan_error *error);
    kvspan_status (*copy_pages)(kvspan_device *device, const kvspan_copy_pages_args *args,
                                kvspan_stream stream, kvspan_error *error);
    kvspan_status (*move_tokens)(kvspan_device *device, const kvspan_move_tokens_args *args,
                                 kvspan_stream stream, kvspan_error *error);
    kvspan_status (*fill_pages)(kvspan_device *device, const kvspan_fill_pages_args *args,
                                kvspan_stream stream, kvspan_error *error);
    kvspan_status (*patch_table)(kvspan_device *device, const kvspan_patch_table_args *args,
                                 kvspan_stream stream, kvspan_error *error);
    kvspan_status (*gather_pages)(kvspan_device *device, const kvspan_transcode_pages_args *args,
                                  kvspan_stream stream, kvspan_error *error);
    kvspan_status (*scatter_pages)(kvspan_device *device, const kvspan_transcode_pages_args *args,
                                   kvspan_stream stream, kvspan_error *error);
    kvspan_status (*checksum_pages)(kvspan_device *device, const kvspan_checksum_pages_args *args,
                                    kvspan_stream stream, kvspan_error *error);
    kvspan_status (*place_heads)(kvspan_device *device, const kvspan_place_heads_args *args,
                                 kvspan_stream stream, kvspan_error *error);
    /* For columns that read the plan on the device, else NULL. packed_plan_bytes: of the largest
     * packed plan. pack_plan: writes a plan and returns the bytes written; no device is asked.
     * attend_scratch_bytes: device memory that attend_pages works in. */
    uint64_t (*packed_plan_bytes)(const kvspan_plan_limits *limits);
    uint64_t (*pack_plan)(const kvspan_plan_limits *limits, const kvspan_work_plan *plan,
                          void *packed);
    uint64_t (*attend_scratch_bytes)(const kvspan_plan_limits *limits);
    /* Whether q/k/v/out of this type and a plane of this type can be worked on. */
    int (*has_dtype)(kvspan_dtype tensor, kvspan_dtype plane);
    /* The id of the page format that suits the column for such pages. */
    uint32_t (*choose_format)(const kvspan_layer_group *group, uint32_t page_tokens);
    /* The id of the format whose pages the column attends itself; pages of others go through the
     * reference column. 0: none. */
    uint32_t attended_format;
} kvspan_kernels;

extern const kvspan_kernels kvspan_kernels_reference;

#endif
