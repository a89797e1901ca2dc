#include "kernels/cuda/cuda_operations.h"

#include <float.h>

#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/element_pieces.cuh"

/* A vector (a new token's, of one head) is shared by neighbouring lanes of a warp. Each has a piece
 * of 16 elements; or, where vectors are not aligned or not of whole pieces, every so many-th
 * element. */

namespace kvspan
{

enum {
    THREADS = 128,
    MAX_LANES = 32
};

struct append_batch {
    kvspan_append_tokens_args args;
    uint32_t vector_lanes; /* that share a vector, a power of 2 */
    bool has_scale_words;  /* scales are aligned to 4 bytes */
};

/* A vector's places; NULL target: another member holds the token. */
struct vector_places {
    const unsigned char *source;
    unsigned char *target;
    unsigned char *scale; /* NULL: the plane has none */
};

/* The row of a token: most often, in a step of decodes, that of its own number. */
static __device__ uint32_t find_row(const kvspan_step_arrays &rows, uint32_t token)
{
    uint32_t low = 0;
    uint32_t high = rows.row_count; /* row_starts[low] <= token < row_starts[high] */

    if (token < high && rows.row_starts[token] == token && rows.row_starts[token + 1] > token) {
        return token;
    }
    while (high - low > 1) {
        const uint32_t middle = (low + high) / 2;

        if (rows.row_starts[middle] <= token) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static __device__ vector_places find_places(const kvspan_append_tokens_args &args, uint32_t token,
                                            uint32_t head, uint32_t source_bytes)
{
    const kvspan_token_rule &rule = args.rows.rule;
    const kvspan_plane_view &plane = args.plane;
    const uint32_t position = (uint32_t)args.rows.positions[token];
    const uint32_t stretch = position / rule.page_tokens;
    const uint32_t offset = position % rule.page_tokens;
    vector_places places = { NULL, NULL, NULL };

    if (stretch % rule.member_count != rule.member) {
        return places;
    }
    const uint64_t slot = args.rows.row_slots[find_row(args.rows, token)];
    const uint32_t column = stretch / rule.member_count;
    const uint64_t page = args.rows.page_table[slot * args.rows.page_table_stride + column];
    unsigned char *const base = plane.data + page * plane.page_stride + head * plane.head_stride;
    const int64_t element = token * args.source.token_stride + head * args.source.head_stride;

    places.source = (const unsigned char *)args.source.data + element * source_bytes;
    places.target = base + offset * plane.token_stride;
    places.scale = plane.scale_offset ? base + plane.scale_offset + offset * sizeof(float) : NULL;
    return places;
}

/* The largest of the lanes of a vector; lanes is a power of 2. */
static __device__ float spread_maximum(float value, uint32_t lanes)
{
    for (uint32_t distance = lanes / 2; distance > 0; distance /= 2) {
        value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, distance));
    }
    return value;
}

/* NaN counts as nothing and infinity as the largest f32. */
static __device__ float magnitude(float value)
{
    return fminf(fabsf(value), isnan(value) ? 0.0f : FLT_MAX);
}

/* From what the lanes of a vector found in it. int8 has no NaN: there one makes the scale, and with
 * it the vector, NaN. */
static __device__ float choose_scale(kvspan_dtype dtype, float largest, bool has_nan,
                                     uint32_t lanes)
{
    largest = spread_maximum(largest, lanes);
    if (dtype == KVSPAN_I8 && spread_maximum(has_nan ? 1.0f : 0.0f, lanes) > 0.0f) {
        return __uint_as_float(0x7fc00000u);
    }
    return largest / largest_number(dtype);
}

/* 0 / 0 would make a NaN of a zero; a NaN stays as it is, with its sign, which a division loses. */
static __device__ float divide(float value, float scale)
{
    if (isnan(value)) {
        return value;
    }
    return scale == 0.0f ? 0.0f : value / scale;
}

static __device__ void store_scale(unsigned char *target, float scale, bool is_aligned)
{
    const uint32_t bits = __float_as_uint(scale);

    if (is_aligned) {
        *(uint32_t *)target = bits;
        return;
    }
    for (uint32_t i = 0; i < sizeof(bits); i++) {
        target[i] = (unsigned char)(bits >> (8 * i));
    }
}

/* The vector of a thread; all lanes of a warp stay together: those without a vector, or with one
 * that another member holds, have a target of NULL. */
static __device__ vector_places find_own_places(const append_batch &batch, uint32_t source_bytes)
{
    const kvspan_step_arrays &rows = batch.args.rows;
    const uint64_t thread = (uint64_t)blockIdx.x * THREADS + threadIdx.x;
    const uint64_t vector = thread / batch.vector_lanes;
    const uint32_t heads = batch.args.plane.heads;

    const uint32_t tokens = rows.is_captured ? rows.row_starts[rows.row_count] : rows.token_count;

    if (vector >= (uint64_t)tokens * heads) {
        return { NULL, NULL, NULL };
    }
    return find_places(batch.args, (uint32_t)(vector / heads), (uint32_t)(vector % heads),
                       source_bytes);
}

/* Vectors of whole pieces, one to a lane at most. */
template <kvspan_dtype SOURCE, kvspan_dtype PLANE>
__global__ __launch_bounds__(THREADS) void append_pieces(const __grid_constant__ append_batch batch)
{
    const vector_places places = find_own_places(batch, sizeof(element<SOURCE>));
    const uint32_t lane = threadIdx.x % batch.vector_lanes;
    const bool has_piece = places.target && lane < batch.args.plane.dim / PIECE_ELEMENTS;
    float values[PIECE_ELEMENTS] = { 0.0f };

    if (has_piece) {
        load_piece<SOURCE>(places.source, lane, values);
    }
    if (sizeof(element<PLANE>) == 1 && batch.args.plane.scale_offset) {
        float largest = 0.0f;
        bool has_nan = false;

#pragma unroll
        for (uint32_t i = 0; i < PIECE_ELEMENTS; i++) {
            largest = fmaxf(largest, magnitude(values[i]));
            has_nan = has_nan || isnan(values[i]);
        }
        const float scale = choose_scale(PLANE, largest, has_nan, batch.vector_lanes);

        if (lane == 0 && places.target) {
            store_scale(places.scale, scale, batch.has_scale_words);
        }
#pragma unroll
        for (uint32_t i = 0; i < PIECE_ELEMENTS; i++) {
            values[i] = divide(values[i], scale);
        }
    }
    if (has_piece) {
        store_piece<PLANE>(places.target, lane, values);
    }
}

/* Any vectors of any types. */
__global__
__launch_bounds__(THREADS) void append_elements(const __grid_constant__ append_batch batch)
{
    const kvspan_dtype source = batch.args.source.dtype;
    const kvspan_dtype plane = batch.args.plane.dtype;
    const vector_places places = find_own_places(batch, dtype_bytes(source));
    const uint32_t lane = threadIdx.x % batch.vector_lanes;
    const uint32_t end = places.target ? batch.args.plane.dim : 0;
    const bool has_scale = batch.args.plane.scale_offset != 0;
    float scale = 1.0f;

    if (has_scale) {
        float largest = 0.0f;
        bool has_nan = false;

        for (uint32_t i = lane; i < end; i += batch.vector_lanes) {
            const float value = load_element(source, places.source, i);

            largest = fmaxf(largest, magnitude(value));
            has_nan = has_nan || isnan(value);
        }
        scale = choose_scale(plane, largest, has_nan, batch.vector_lanes);
        if (lane == 0 && places.target) {
            store_scale(places.scale, scale, batch.has_scale_words);
        }
    }
    for (uint32_t i = lane; i < end; i += batch.vector_lanes) {
        const float value = load_element(source, places.source, i);

        store_element(plane, places.target, i, has_scale ? divide(value, scale) : value);
    }
}

/* A vector that needs no conversion keeps its bytes. */
template <typename Word>
__global__ __launch_bounds__(THREADS) void append_words(const __grid_constant__ append_batch batch)
{
    const uint32_t item_bytes = dtype_bytes(batch.args.plane.dtype);
    const vector_places places = find_own_places(batch, item_bytes);
    const uint32_t words = batch.args.plane.dim * item_bytes / (uint32_t)sizeof(Word);

    if (places.target) {
        for (uint32_t i = threadIdx.x % batch.vector_lanes; i < words; i += batch.vector_lanes) {
            ((Word *)places.target)[i] = ((const Word *)places.source)[i];
        }
    }
}

/* A type is not converted to itself. */
template <kvspan_dtype SOURCE, kvspan_dtype PLANE> static const void *find_pieces()
{
    if constexpr (SOURCE != PLANE) {
        return (const void *)append_pieces<SOURCE, PLANE>;
    }
    return NULL;
}

template <kvspan_dtype SOURCE> static const void *choose_conversion(kvspan_dtype plane)
{
    switch (plane) {
    case KVSPAN_BF16: return find_pieces<SOURCE, KVSPAN_BF16>();
    case KVSPAN_F16: return find_pieces<SOURCE, KVSPAN_F16>();
    case KVSPAN_F32: return find_pieces<SOURCE, KVSPAN_F32>();
    case KVSPAN_F8E4M3: return find_pieces<SOURCE, KVSPAN_F8E4M3>();
    case KVSPAN_F8E5M2: return find_pieces<SOURCE, KVSPAN_F8E5M2>();
    case KVSPAN_I8: return find_pieces<SOURCE, KVSPAN_I8>();
    }
    return NULL;
}

static const void *choose_words(uint32_t word_bytes)
{
    switch (word_bytes) {
    case 16: return (const void *)append_words<uint4>;
    case 4: return (const void *)append_words<uint32_t>;
    default: return (const void *)append_words<unsigned char>;
    }
}

/* The kernel, and into how many lanes' shares it cuts a vector. */
static const void *choose_kernel(const kvspan_append_tokens_args *args, uint32_t word_bytes,
                                 uint32_t *shares_out)
{
    const uint32_t dim = args->plane.dim;

    if (args->source.dtype == args->plane.dtype) {
        *shares_out = dim * kvspan_dtype_bytes(args->plane.dtype) / word_bytes;
        return choose_words(word_bytes);
    }
    if (word_bytes < 16 || dim % PIECE_ELEMENTS != 0 || dim > PIECE_ELEMENTS * MAX_LANES) {
        *shares_out = dim;
        return (const void *)append_elements;
    }
    *shares_out = dim / PIECE_ELEMENTS;
    switch (args->source.dtype) {
    case KVSPAN_BF16: return choose_conversion<KVSPAN_BF16>(args->plane.dtype);
    case KVSPAN_F16: return choose_conversion<KVSPAN_F16>(args->plane.dtype);
    case KVSPAN_F32: return choose_conversion<KVSPAN_F32>(args->plane.dtype);
    default: return NULL;
    }
}

/* All that a vector's addresses are sums of. */
static uint32_t word_bytes_of(const kvspan_append_tokens_args *args)
{
    const kvspan_plane_view *const plane = &args->plane;
    const kvspan_tensor *const source = &args->source;
    const uint64_t source_item = kvspan_dtype_bytes(source->dtype);
    const uint64_t source_bits = (uintptr_t)source->data |
                                 (uint64_t)source->token_stride * source_item |
                                 (uint64_t)source->head_stride * source_item;
    const uint64_t plane_bits =
        (uintptr_t)plane->data | plane->page_stride | plane->head_stride | plane->token_stride;

    return kvspan_cuda_word_bytes(source_bits | plane_bits | source_item * plane->dim |
                                  kvspan_dtype_bytes(plane->dtype) * (uint64_t)plane->dim);
}

static uint32_t choose_lanes(uint32_t shares)
{
    uint32_t lanes = 1;

    while (lanes < shares && lanes < MAX_LANES) {
        lanes *= 2;
    }
    return lanes;
}

} // namespace kvspan

using namespace kvspan;

kvspan_status kvspan_cuda_append_tokens(kvspan_device *device,
                                        const kvspan_append_tokens_args *args, kvspan_stream stream,
                                        kvspan_error *error)
{
    const kvspan_plane_view *const plane = &args->plane;
    const uint64_t vectors = (uint64_t)args->rows.token_count * plane->heads;
    append_batch batch;

    if (plane->order != KVSPAN_ORDER_ROWS) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "device \"cuda\" knows pages of order %d only, not %d",
                           KVSPAN_ORDER_ROWS, plane->order);
    }
    uint32_t shares = 0;
    const void *const kernel = choose_kernel(args, word_bytes_of(args), &shares);

    batch.args = *args;
    batch.has_scale_words = kvspan_cuda_word_bytes((uintptr_t)plane->data | plane->page_stride |
                                                   plane->head_stride | plane->scale_offset) >= 4;
    batch.vector_lanes = choose_lanes(shares);
    const kvspan_cuda_launch launch = { kernel, "append_tokens",
                                        (vectors * batch.vector_lanes + THREADS - 1) / THREADS,
                                        THREADS, 0 };

    return kvspan_cuda_launch_run(device, &launch, &batch, stream, error);
}
