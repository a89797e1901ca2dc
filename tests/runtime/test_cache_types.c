#include "support/suite.h"

#include <string.h>

#include "cache_fixture.h"
#include "support/oracle.h"
#include "support/random.h"

enum {
    KV_HEADS = 2,
    DIM = 8,
    TOKEN_ELEMENTS = KV_HEADS * DIM,
    TOKENS = 20, /* a page and a part of the next */
    PAGE_TOKENS = 16
};

static const kvspan_dtype types[] = { KVSPAN_BF16,   KVSPAN_F16,    KVSPAN_F32,
                                      KVSPAN_F8E4M3, KVSPAN_F8E5M2, KVSPAN_I8 };

/* A cache whose planes are of one type, inside a step of TOKENS tokens of one sequence. */
static cache_fixture begin_step(kvspan_dtype dtype, bool has_scales)
{
    cache_fixture fixture = cache_fixture_make();
    kvspan_sequence sequence = 0;
    kvspan_step *step = NULL;
    kvspan_step_view view;

    for (int plane = 0; plane < 2; plane++) {
        fixture.group.planes[plane].dtype = dtype;
        fixture.group.planes[plane].scale_tokens = has_scales ? 1 : 0;
    }
    ck_assert_int_eq(cache_fixture_open(&fixture, NULL, NULL), KVSPAN_OK);
    ck_assert_int_eq(cache_fixture_plan(&fixture, &sequence, TOKENS, &step, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_step_begin(fixture.cache, step, NULL, 0, &view, NULL), KVSPAN_OK);
    return fixture;
}

static kvspan_tensor tensor_of(void *data, kvspan_dtype dtype)
{
    return (kvspan_tensor){ data, dtype, KV_HEADS, DIM, TOKENS, TOKEN_ELEMENTS, DIM };
}

/* A plane of 8 bits takes the three wide types, any other only its own; the refusal names both. */
START_TEST(a_plane_takes_its_own_type_or_if_it_has_8_bits_a_wide_one)
{
    const kvspan_dtype plane = types[_i];
    cache_fixture fixture = begin_step(plane, plane == KVSPAN_I8);
    static unsigned char memory[sizeof(float) * TOKENS * TOKEN_ELEMENTS];

    for (int i = 0; i < 6; i++) {
        const kvspan_dtype source = types[i];
        const bool is_taken = kvspan_dtype_bytes(plane) > 1 ? source == plane : i < 3;
        const kvspan_tensor tensors[] = { tensor_of(memory, is_taken ? source : plane),
                                          tensor_of(memory, source) };
        const kvspan_tensor wide[] = { tensor_of(memory, KVSPAN_F32), tensors[1] };
        const bool is_small = kvspan_dtype_bytes(plane) == 1;
        kvspan_error error = { .status = KVSPAN_OK };
        const kvspan_status status =
            kvspan_cache_append(fixture.cache, 0, is_small ? wide : tensors, NULL, &error);

        ck_assert_int_eq(status, is_taken ? KVSPAN_OK : KVSPAN_ERR_ARGUMENT);
        ck_assert(is_taken || (strstr(error.message, "planes[1]") &&
                               strstr(error.message, kvspan_dtype_name(source)) &&
                               strstr(error.message, kvspan_dtype_name(plane))));
    }
    cache_fixture_close(&fixture);
}
END_TEST

/* The vector of a token as an engine reads it through a layer's view: element times scale. */
static void read_vector(const kvspan_layer_view *view, uint32_t token, uint32_t head,
                        double *vector)
{
    const uint32_t page = view->page_table[token / PAGE_TOKENS]; /* slot 0 */
    const unsigned char *base =
        (unsigned char *)view->data + page * view->page_stride + head * view->head_stride;
    const size_t offset = token % PAGE_TOKENS;
    const size_t item_bytes = kvspan_dtype_bytes(view->dtype);
    float scale = 1.0f;

    if (view->scale_offset) {
        memcpy(&scale, base + view->scale_offset + offset * sizeof(scale), sizeof(scale));
    }
    for (uint32_t i = 0; i < DIM; i++) {
        vector[i] = oracle_load(view->dtype, base + offset * view->token_stride + i * item_bytes) *
                    (double)scale;
    }
}

/* What was appended is read back, in the rounding of the plane's type, scales included. */
START_TEST(a_layer_view_finds_every_vector_and_its_scale)
{
    static const struct {
        kvspan_dtype dtype;
        bool has_scales;
    } planes[] = { { KVSPAN_BF16, false },   { KVSPAN_F16, false },   { KVSPAN_F32, false },
                   { KVSPAN_I8, true },      { KVSPAN_F8E4M3, true }, { KVSPAN_F8E5M2, true },
                   { KVSPAN_F8E4M3, false }, { KVSPAN_F8E5M2, false } };
    const kvspan_dtype dtype = planes[_i].dtype;
    const bool has_scales = planes[_i].has_scales;
    const kvspan_dtype source_type = kvspan_dtype_bytes(dtype) == 1 ? KVSPAN_F32 : dtype;
    random_source source = random_start("layer view", 1);
    cache_fixture fixture = begin_step(dtype, has_scales);
    double numbers[TOKENS * KV_HEADS * DIM];
    unsigned char memory[sizeof(numbers)];
    const kvspan_tensor tensors[] = { tensor_of(memory, source_type),
                                      tensor_of(memory, source_type) };
    kvspan_layer_view view;

    for (size_t i = 0; i < (size_t)TOKENS * KV_HEADS * DIM; i++) {
        numbers[i] = oracle_round(source_type, (double)random_below(&source, 8192) / 1024.0 - 4.0);
        oracle_store(source_type, memory + i * (size_t)kvspan_dtype_bytes(source_type), numbers[i]);
    }
    ck_assert_int_eq(kvspan_cache_append(fixture.cache, 1, tensors, NULL, NULL), KVSPAN_OK);
    ck_assert_int_eq(kvspan_cache_layer_view(fixture.cache, 1, KVSPAN_VALUE, &view, NULL),
                     KVSPAN_OK);
    ck_assert_int_eq(view.scale_offset != 0, has_scales);
    for (uint32_t row = 0; row < TOKENS * KV_HEADS; row++) {
        double *expected = numbers + (size_t)row * DIM;
        unsigned char codes[DIM];
        float scale;
        double got[DIM];

        if (kvspan_dtype_bytes(dtype) == 1) {
            oracle_quantise(dtype, expected, DIM, codes, has_scales ? &scale : NULL);
        }
        read_vector(&view, row / KV_HEADS, row % KV_HEADS, got);
        for (uint32_t i = 0; i < DIM; i++) {
            ck_assert_double_eq(got[i], expected[i]);
        }
    }
    cache_fixture_close(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime/cache_types");
    TCase *planes = tcase_create("planes");

    tcase_add_loop_test(planes, a_plane_takes_its_own_type_or_if_it_has_8_bits_a_wide_one, 0, 6);
    tcase_add_loop_test(planes, a_layer_view_finds_every_vector_and_its_scale, 0, 8);
    suite_add_tcase(suite, planes);
    return suite_run(suite);
}
