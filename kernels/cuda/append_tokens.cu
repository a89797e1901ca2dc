#include "kernels/cuda/cuda_operations.h"

#include <float.h>

#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/element_pieces.cuh"

/* One launch writes all planes; a block works on one of them. A vector (a new token's, of one head)
 * is shared by neighbouring lanes of a warp. Each has a piece of 16 elements; or, where vectors are
 * not aligned or not of whole pieces, every so many-th element. */

namespace kvspan
{

enum {
    THREADS = 128,
    MAX_LANES = 32
};

struct plane_work {
    kvspan_append_plane plane;
    uint32_t first_block;
    uint32_t vector_lanes; /* that share a vector, a power of 2 */
    bool has_scale_words;  /* scales are aligned to 4 bytes */
};

struct append_batch {
    kvspan_step_arrays rows;
    uint32_t plane_count;
    plane_work planes[KVSPAN_MAX_PLANES]; /* in order of blocks */
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

static __device__ vector_places find_places(const kvspan_step_arrays &rows,
                                            const kvspan_append_plane &plane, uint32_t token,
                                            uint32_t head, uint32_t source_bytes)
{
    const kvspan_token_rule &rule = rows.rule;
    const kvspan_plane_view &view = plane.view;
    const uint32_t position = (uint32_t)rows.positions[token];
    const uint32_t stretch = position / rule.page_tokens;
    const uint32_t offset = position % rule.page_tokens;
    vector_places places = { NULL, NULL, NULL };

    if (stretch % rule.member_count != rule.member) {
        return places;
    }
    const uint64_t slot = rows.row_slots[find_row(rows, token)];
    const uint32_t column = stretch / rule.member_count;
    const uint64_t page = rows.page_table[slot * rows.page_table_stride + column];
    unsigned char *const base = view.data + page * view.page_stride + head * view.head_stride;
    const int64_t element = token * plane.source.token_stride + head * plane.source.head_stride;

    places.source = (const unsigned char *)plane.source.data + element * source_bytes;
    places.target = base + offset * view.token_stride;
    places.scale = view.scale_offset ? base + view.scale_offset + offset * sizeof(float) : NULL;
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

/* What the block of a thread works on. */
static __device__ const plane_work &find_own_plane(const append_batch &batch)
{
    uint32_t index = 0;

    while (index + 1 < batch.plane_count && blockIdx.x >= batch.planes[index + 1].first_block) {
        index++;
    }
    return batch.planes[index];
}

/* The vector of a thread; all lanes of a warp stay together: those without a vector, or with one
 * that another member holds, have a target of NULL. */
static __device__ vector_places find_own_places(const kvspan_step_arrays &rows,
                                                const plane_work &work, uint32_t source_bytes)
{
    const uint64_t thread = (uint64_t)(blockIdx.x - work.first_block) * THREADS + threadIdx.x;
    const uint64_t vector = thread / work.vector_lanes;
    const uint32_t heads = work.plane.view.heads;

    const uint32_t tokens = rows.is_captured ? rows.row_starts[rows.row_count] : rows.token_count;

    if (vector >= (uint64_t)tokens * heads) {
        return { NULL, NULL, NULL };
    }
    return find_places(rows, work.plane, (uint32_t)(vector / heads), (uint32_t)(vector % heads),
                       source_bytes);
}

/* A vector that needs no conversion keeps its bytes. */
template <typename Word>
static __device__ void copy_vector(const plane_work &work, const vector_places &places)
{
    const kvspan_plane_view &view = work.plane.view;
    const uint32_t words = view.dim * dtype_bytes(view.dtype) / (uint32_t)sizeof(Word);

    if (places.target) {
        for (uint32_t i = threadIdx.x % work.vector_lanes; i < words; i += work.vector_lanes) {
            ((Word *)places.target)[i] = ((const Word *)places.source)[i];
        }
    }
}

template <typename Word>
__global__ __launch_bounds__(THREADS) void append_words(const __grid_constant__ append_batch batch)
{
    const plane_work &work = find_own_plane(batch);

    copy_vector<Word>(work, find_own_places(batch.rows, work, dtype_bytes(work.plane.view.dtype)));
}

/* Converts a vector of whole pieces to 8 bits, one piece to a lane at most. */
template <kvspan_dtype SOURCE, kvspan_dtype PLANE>
static __device__ void convert_vector(const plane_work &work, const vector_places &places)
{
    const kvspan_plane_view &view = work.plane.view;
    const uint32_t lane = threadIdx.x % work.vector_lanes;
    const bool has_piece = places.target && lane < view.dim / PIECE_ELEMENTS;
    float values[PIECE_ELEMENTS] = { 0.0f };

    if (has_piece) {
        load_piece<SOURCE>(places.source, lane, values);
    }
    if (view.scale_offset) {
        float largest = 0.0f;
        bool has_nan = false;

#pragma unroll
        for (uint32_t i = 0; i < PIECE_ELEMENTS; i++) {
            largest = fmaxf(largest, magnitude(values[i]));
            has_nan = has_nan || isnan(values[i]);
        }
        const float scale = choose_scale(PLANE, largest, has_nan, work.vector_lanes);

        if (lane == 0 && places.target) {
            store_scale(places.scale, scale, work.has_scale_words);
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

/* Vectors of one type into planes of it or of 8 bits. */
template <kvspan_dtype SOURCE>
__global__ __launch_bounds__(THREADS) void append_pieces(const __grid_constant__ append_batch batch)
{
    const plane_work &work = find_own_plane(batch);
    const vector_places places = find_own_places(batch.rows, work, sizeof(element<SOURCE>));

    switch (work.plane.view.dtype) {
    case KVSPAN_F8E4M3: convert_vector<SOURCE, KVSPAN_F8E4M3>(work, places); break;
    case KVSPAN_F8E5M2: convert_vector<SOURCE, KVSPAN_F8E5M2>(work, places); break;
    case KVSPAN_I8: convert_vector<SOURCE, KVSPAN_I8>(work, places); break;
    default: copy_vector<uint4>(work, places); break;
    }
}

static __device__ void convert_elements(const plane_work &work, const vector_places &places)
{
    const kvspan_dtype source = work.plane.source.dtype;
    const kvspan_dtype plane = work.plane.view.dtype;
    const uint32_t lane = threadIdx.x % work.vector_lanes;
    const uint32_t end = places.target ? work.plane.view.dim : 0;
    const bool has_scale = work.plane.view.scale_offset != 0;
    float scale = 1.0f;

    if (has_scale) {
        float largest = 0.0f;
        bool has_nan = false;

        for (uint32_t i = lane; i < end; i += work.vector_lanes) {
            const float value = load_element(source, places.source, i);

            largest = fmaxf(largest, magnitude(value));
            has_nan = has_nan || isnan(value);
        }
        scale = choose_scale(plane, largest, has_nan, work.vector_lanes);
        if (lane == 0 && places.target) {
            store_scale(places.scale, scale, work.has_scale_words);
        }
    }
    for (uint32_t i = lane; i < end; i += work.vector_lanes) {
        const float value = load_element(source, places.source, i);

        store_element(plane, places.target, i, has_scale ? divide(value, scale) : value);
    }
}

/* Any vectors of any types. */
__global__
__launch_bounds__(THREADS) void append_elements(const __grid_constant__ append_batch batch)
{
    const plane_work &work = find_own_plane(batch);
    const kvspan_dtype source = work.plane.source.dtype;
    const vector_places places = find_own_places(batch.rows, work, dtype_bytes(source));

    if (work.plane.view.dtype == source) {
        copy_vector<unsigned char>(work, places);
    } else {
        convert_elements(work, places);
    }
}

/* A kernel, and what the lanes of a vector divide among them. */
struct append_way {
    const void *kernel;
    uint32_t copied_bytes;       /* at a time, of a vector that keeps its type */
    uint32_t converted_elements; /* at a time, of another */
};

static bool is_converted(const kvspan_append_plane *plane)
{
    return plane->source.dtype != plane->view.dtype;
}

/* All that a vector's addresses are sums of, by their bitwise or. */
static uint64_t address_bits(const kvspan_append_plane *plane)
{
    const kvspan_plane_view *const view = &plane->view;
    const kvspan_tensor *const source = &plane->source;
    const uint64_t source_item = kvspan_dtype_bytes(source->dtype);
    const uint64_t source_bits = (uintptr_t)source->data |
                                 (uint64_t)source->token_stride * source_item |
                                 (uint64_t)source->head_stride * source_item;
    const uint64_t plane_bits =
        (uintptr_t)view->data | view->page_stride | view->head_stride | view->token_stride;

    return source_bits | plane_bits | source_item * view->dim |
           kvspan_dtype_bytes(view->dtype) * (uint64_t)view->dim;
}

/* Of planes that are aligned to 16 bytes. */
static bool has_pieces(const kvspan_append_plane *plane, kvspan_dtype source)
{
    return plane->source.dtype == source &&
           (!is_converted(plane) || (kvspan_dtype_bytes(plane->view.dtype) == 1 &&
                                     plane->view.dim <= PIECE_ELEMENTS * MAX_LANES));
}

static const void *choose_words(uint32_t word_bytes)
{
    switch (word_bytes) {
    case 16: return (const void *)append_words<uint4>;
    case 4: return (const void *)append_words<uint32_t>;
    default: return (const void *)append_words<unsigned char>;
    }
}

static const void *choose_pieces(kvspan_dtype source)
{
    switch (source) {
    case KVSPAN_BF16: return (const void *)append_pieces<KVSPAN_BF16>;
    case KVSPAN_F16: return (const void *)append_pieces<KVSPAN_F16>;
    default: return (const void *)append_pieces<KVSPAN_F32>;
    }
}

/* One for all planes. */
static append_way choose_way(const kvspan_append_tokens_args *args)
{
    const kvspan_dtype source = args->planes[0].source.dtype;
    bool all_keep_types = true;
    bool all_have_pieces = true;
    uint64_t bits = 0;

    for (uint32_t i = 0; i < args->plane_count; i++) {
        all_keep_types = all_keep_types && !is_converted(&args->planes[i]);
        all_have_pieces = all_have_pieces && has_pieces(&args->planes[i], source);
        bits |= address_bits(&args->planes[i]);
    }
    const uint32_t word_bytes = kvspan_cuda_word_bytes(bits);

    if (all_keep_types) {
        return { choose_words(word_bytes), word_bytes, 1 };
    }
    if (all_have_pieces && word_bytes == 16) {
        return { choose_pieces(source), 16, PIECE_ELEMENTS };
    }
    return { (const void *)append_elements, 1, 1 };
}

static uint32_t choose_lanes(uint32_t shares)
{
    uint32_t lanes = 1;

    while (lanes < shares && lanes < MAX_LANES) {
        lanes *= 2;
    }
    return lanes;
}

static plane_work make_work(const kvspan_append_plane *plane, const append_way *way,
                            uint64_t first_block)
{
    const kvspan_plane_view *const view = &plane->view;
    const uint32_t shares = is_converted(plane)
                                ? view->dim / way->converted_elements
                                : view->dim * kvspan_dtype_bytes(view->dtype) / way->copied_bytes;
    plane_work work;

    work.plane = *plane;
    work.first_block = (uint32_t)first_block;
    work.vector_lanes = choose_lanes(shares);
    work.has_scale_words = kvspan_cuda_word_bytes((uintptr_t)view->data | view->page_stride |
                                                  view->head_stride | view->scale_offset) >= 4;
    return work;
}

} // namespace kvspan

using namespace kvspan;

kvspan_status kvspan_cuda_append_tokens(kvspan_device *device,
                                        const kvspan_append_tokens_args *args, kvspan_stream stream,
                                        kvspan_error *error)
{
    const append_way way = choose_way(args);
    uint64_t block_count = 0;
    append_batch batch = {};

    batch.rows = args->rows;
    batch.plane_count = args->plane_count;
    for (uint32_t i = 0; i < args->plane_count; i++) {
        const kvspan_plane_view *const view = &args->planes[i].view;

        if (view->order != KVSPAN_ORDER_ROWS) {
            return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                               "device \"cuda\" knows pages of order %d only, not %d",
                               KVSPAN_ORDER_ROWS, view->order);
        }
        batch.planes[i] = make_work(&args->planes[i], &way, block_count);
        block_count +=
            ((uint64_t)args->rows.token_count * view->heads * batch.planes[i].vector_lanes +
             THREADS - 1) /
            THREADS;
    }
    const kvspan_cuda_launch launch = { way.kernel, "append_tokens", block_count, THREADS, 0 };

    return kvspan_cuda_launch_run(device, &launch, &batch, stream, error);
}
