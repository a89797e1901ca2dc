/** @file
 * The words that every part shares: element types, tensors, planes, layer groups, handles, limits.
 */
#ifndef KVSPAN_TYPES_H
#define KVSPAN_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include <kvspan/export.h>
#include <kvspan/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Limits on numbers from outside; beyond them a call answers ARGUMENT and names the limit. */
enum {
    KVSPAN_MAX_PAGE_TOKENS = 65536,          /**< tokens of a page on one rank */
    KVSPAN_MAX_DIM = 1024,                   /**< elements of a head's vector */
    KVSPAN_MAX_LAYERS = 4096,                /**< layers of a group */
    KVSPAN_MAX_HEADS = 65536,                /**< global heads, of queries or of keys */
    KVSPAN_MAX_PAGES = 2147483647,           /**< pages of one rank, page 0 included */
    KVSPAN_MAX_SEQUENCE_TOKENS = 2147483647, /**< tokens of one sequence */
    KVSPAN_MAX_SLOTS = 65536,                /**< live sequences */
    KVSPAN_MAX_STEP_TOKENS = 16777216,       /**< new tokens of one step */
    KVSPAN_MAX_GROUPS = 16,                  /**< layer groups */
    KVSPAN_MAX_PLANES = 4                    /**< planes of a layer group */
};

/** A half-open range [first, first + count). */
typedef struct kvspan_range {
    uint32_t first; /**< index of the first item */
    uint32_t count; /**< number of items */
} kvspan_range;

/** Element types. bf16, f16, f32 for q, k, v, out; planes also the 8-bit types. */
typedef enum kvspan_dtype {
    KVSPAN_BF16 = 1,   /**< "bfloat16": 8 bits of exponent, 7 of fraction */
    KVSPAN_F16 = 2,    /**< "float16": IEEE 754 binary16 */
    KVSPAN_F32 = 3,    /**< "float32": IEEE 754 binary32 */
    KVSPAN_F8E4M3 = 4, /**< "float8_e4m3": 4 bits of exponent, 3 of fraction; planes only */
    KVSPAN_F8E5M2 = 5, /**< "float8_e5m2": 5 bits of exponent, 2 of fraction; planes only */
    KVSPAN_I8 = 6      /**< "int8": two's complement; planes only */
} kvspan_dtype;

/**
 * Gives the bytes of one element.
 *
 * @param dtype  any value
 * @return 1, 2 or 4; 0 for a value that is no element type
 */
static inline uint32_t kvspan_dtype_bytes(kvspan_dtype dtype)
{
    switch (dtype) {
    case KVSPAN_BF16:
    case KVSPAN_F16: return 2;
    case KVSPAN_F32: return 4;
    case KVSPAN_F8E4M3:
    case KVSPAN_F8E5M2:
    case KVSPAN_I8: return 1;
    }
    return 0;
}

/**
 * Gives the config spelling of an element type, such as "bfloat16".
 *
 * @param dtype  any value
 * @return a static string; "unknown" for a value that is no element type
 */
static inline const char *kvspan_dtype_name(kvspan_dtype dtype)
{
    switch (dtype) {
    case KVSPAN_BF16: return "bfloat16";
    case KVSPAN_F16: return "float16";
    case KVSPAN_F32: return "float32";
    case KVSPAN_F8E4M3: return "float8_e4m3";
    case KVSPAN_F8E5M2: return "float8_e5m2";
    case KVSPAN_I8: return "int8";
    }
    return "unknown";
}

/** A cudaStream_t. NULL on CPUs: every call is then finished when it returns. */
typedef void *kvspan_stream;
/** A kernel column, with the memory, events and copies of one device. */
typedef struct kvspan_device kvspan_device;
/** Who the peers are and how bytes get there. */
typedef struct kvspan_comm kvspan_comm;
/** Decides: pages, sequences, steps. Host only, never communicates. */
typedef struct kvspan_ledger kvspan_ledger;
/** Obeys: one rank's arena, table replica, kernels, gathers. */
typedef struct kvspan_cache kvspan_cache;
/** What the coordinator wants done next. */
typedef struct kvspan_step kvspan_step;
/** slot | generation << 32. A stale one is ARGUMENT, never another's sequence. 0 is never valid. */
typedef uint64_t kvspan_sequence;

/**
 * q, k, v or out: [token][head][dim], dim contiguous, on the cache's device. Strides are in
 * elements, as in DLPack. The caller owns the memory.
 */
typedef struct kvspan_tensor {
    void *data;           /**< of token 0, head 0; may be NULL if there are no elements */
    kvspan_dtype dtype;   /**< element type */
    uint32_t heads;       /**< heads that this rank passes or gets */
    uint32_t dim;         /**< elements of a head's vector */
    uint64_t tokens;      /**< tokens that this rank passes or gets */
    int64_t token_stride; /**< elements from a token to the next */
    int64_t head_stride;  /**< elements from a head to the next */
} kvspan_tensor;

/** What a plane holds. */
typedef enum kvspan_role {
    KVSPAN_KEY = 1,    /**< what a query is multiplied with */
    KVSPAN_VALUE = 2,  /**< what is summed up by weight */
    KVSPAN_LATENT = 3, /**< keys and values of all heads in one vector (MLA) */
    KVSPAN_INDEX = 4   /**< small keys that choose which tokens are attended */
} kvspan_role;

/**
 * One array kept per layer: keys, values, an MLA latent, index keys.
 *
 * Planes of 8-bit types are quantised when appended: rounded to the nearest, ties to even, beyond
 * the largest number L of the type (127, 448 for e4m3, 57344 for e5m2) saturated. scale_tokens 1
 * keeps one f32 scale per token and kv head beside the data: max |x| / L of the vector, 0 for a
 * vector of zeros; a number is its element times the scale. Infinity counts as the largest f32. NaN
 * stays NaN in the floats; int8 has none, so it makes the scale and with it the vector NaN.
 * scale_tokens 0 stores 8-bit floats as they are. int8 needs scales, the wider types have none.
 */
typedef struct kvspan_plane {
    kvspan_role role;      /**< what it holds */
    uint32_t heads;        /**< global kv heads, in [1, KVSPAN_MAX_HEADS] */
    uint32_t dim;          /**< elements per head and token, in [1, KVSPAN_MAX_DIM] */
    kvspan_dtype dtype;    /**< element type in the page */
    uint32_t scale_tokens; /**< tokens that share a scale: 1, or 0 = the plane has no scales */
} kvspan_plane;

/** Layers that keep the same tokens of the same planes share a page table. */
typedef struct kvspan_layer_group {
    uint32_t first_layer;   /**< model layers first_layer, first_layer + layer_step, … */
    uint32_t layer_count;   /**< in [1, KVSPAN_MAX_LAYERS]; required */
    uint32_t layer_step;    /**< 0 = 1 */
    const uint32_t *layers; /**< [layer_count] explicit list, or NULL to use the three above */
    uint32_t q_heads;       /**< global query heads, a multiple of the kv heads; required */
    uint32_t window_tokens; /**< a query sees itself and window_tokens - 1 before; 0 = all */
    uint32_t sink_tokens;   /**< first tokens kept in spite of the window */
    uint32_t plane_count;   /**< in [1, KVSPAN_MAX_PLANES]; required */
    kvspan_plane planes[KVSPAN_MAX_PLANES]; /**< [plane_count] */
} kvspan_layer_group;

#ifdef __cplusplus
}
#endif

#endif
