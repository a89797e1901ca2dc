#include "column.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/page_format.h"
#include "support/suite.h"

enum {
    ALIGNMENT = 64,
    POISON = 0xff,
    SKIPPED = 77 /* exit code of a test that this machine cannot run */
};

enum {
    CPU_THREADS = 2
};

/* Where weights are rounded to bf16, they are so relative to another maximum than the naive
 * evaluation's: a row's rounding errors are as large, but not the same. */
#define CPU_COLUMN(suffix, number, factor, has_digits)                                     \
    {                                                                                      \
        .name = "cpu." suffix, .device = "cpu", .isa = (number), .naive_factor = (factor), \
        .ulp_factor = 2.0, .lse_absolute = 2e-6, .lse_relative = 1e-5, .fast_dim = 64,     \
        .nan_spreads = true, .has_whole_weights = (has_digits)                             \
    }

static const kernel_column columns[] = {
    { .name = "reference",
      .device = "reference",
      .chunks_change_no_bit = true,
      .naive_factor = 2.0,
      .ulp_factor = 2.0,
      .lse_absolute = 2e-6,
      .lse_relative = 1e-5 },
    CPU_COLUMN("avx2", KVSPAN_ISA_AVX2, 2.0, false),
    CPU_COLUMN("avx512", KVSPAN_ISA_AVX512, 2.0, false),
    CPU_COLUMN("avx512_vnni", KVSPAN_ISA_AVX512_VNNI, 2.0, true),
    CPU_COLUMN("avx512_bf16", KVSPAN_ISA_AVX512_BF16, 3.0, true),
    { .name = "cuda",
      .device = "cuda",
      .fast_dim = 64,
      .naive_factor = 3.0,
      .ulp_factor = 2.0,
      .lse_absolute = 2e-6,
      .lse_relative = 1e-5 },
    CPU_COLUMN("amx", KVSPAN_ISA_AMX, 3.0, true),
};

bool column_tries(uint32_t number)
{
    const char *const text = getenv("KVSPAN_TEST_PART");
    uint32_t part = 0;
    uint32_t parts = 1;

    if (text && (sscanf(text, "%" SCNu32 "/%" SCNu32, &part, &parts) != 2 || part >= parts)) {
        ck_abort_msg("KVSPAN_TEST_PART is \"%s\", not I/N with I below N", text);
    }
    return number % parts == part;
}

const kernel_column *column_under_test(void)
{
    const char *const named = getenv("KVSPAN_TEST_COLUMN");
    const char *const name = named ? named : "reference";

    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        if (strcmp(name, columns[i].name) == 0) {
            return &columns[i];
        }
    }
    ck_abort_msg("KVSPAN_TEST_COLUMN is \"%s\", which is no column", name);
    return NULL;
}

static kvspan_status open_device(const kernel_column *column, kvspan_device **device_out,
                                 kvspan_error *error)
{
    const kvspan_cpu_config config = { .size = sizeof(config),
                                       .thread_count = CPU_THREADS,
                                       .isa = column->isa };

    if (strcmp(column->device, "cuda") == 0) {
        return column_open_cuda(device_out, error);
    }
    return strcmp(column->device, "cpu") == 0
               ? kvspan_device_open_cpu(&config, device_out, error)
               : kvspan_device_open(column->device, 0, device_out, error);
}

kvspan_device *column_device_open(void)
{
    kvspan_error error = { .status = KVSPAN_OK };
    kvspan_device *device = NULL;
    const kvspan_status status = open_device(column_under_test(), &device, &error);

    if (status == KVSPAN_ERR_UNSUPPORTED) {
        (void)printf("%s\n", error.message);
        exit(SKIPPED);
    }
    ck_assert_msg(status == KVSPAN_OK, "%s", error.message);
    return device;
}

kvspan_layer_group column_group(const kvspan_plane_view *keys, const kvspan_plane_view *values)
{
    const kvspan_plane_view *const views[] = { keys, values };
    static const kvspan_role roles[] = { KVSPAN_KEY, KVSPAN_VALUE };
    kvspan_layer_group group = { .layer_count = 1 };

    for (int i = 0; i < 2; i++) {
        if (views[i]) {
            group.planes[group.plane_count++] =
                (kvspan_plane){ .role = roles[i],
                                .heads = views[i]->heads,
                                .dim = views[i]->dim,
                                .dtype = views[i]->dtype,
                                .scale_tokens = views[i]->scale_offset ? 1 : 0 };
        }
    }
    return group;
}

static kvspan_element_order choose_order(const kvspan_device *device,
                                         const kvspan_layer_group *group, kvspan_role role,
                                         uint32_t page_tokens)
{
    kvspan_page_format format = { .plane_count = 1, .planes = { { .role = role } } };

    kvspan_page_format_reorder(&format, device->kernels->choose_format(group, page_tokens));
    return format.planes[0].order;
}

/* Bytes of all heads in a page. */
static uint64_t rows_bytes(const kvspan_plane_view *canonical)
{
    return canonical->heads * canonical->head_stride;
}

/* Takes every page between the canonical rows and the column's order. */
static void transcode(kvspan_device *device, const column_plane *plane, bool is_write_back)
{
    const uint64_t bytes = rows_bytes(&plane->canonical);
    unsigned char *rows = malloc(bytes);

    ck_assert_ptr_nonnull(rows);
    for (uint32_t page = 0; page < plane->page_count; page++) {
        unsigned char *canonical = plane->canonical.data + page * plane->canonical.page_stride;
        const kvspan_transcode_pages_args args = { .plane = plane->view,
                                                   .page_tokens = plane->page_tokens,
                                                   .pages = &page,
                                                   .page_count = 1,
                                                   .rows = rows };

        if (is_write_back) {
            ck_assert_int_eq(device->kernels->gather_pages(device, &args, NULL, NULL), KVSPAN_OK);
            memcpy(canonical, rows, bytes);
        } else {
            memcpy(rows, canonical, bytes);
            ck_assert_int_eq(device->kernels->scatter_pages(device, &args, NULL, NULL), KVSPAN_OK);
        }
    }
    free(rows);
}

column_plane column_plane_begin(kvspan_device *device, const kvspan_layer_group *group,
                                kvspan_role role, const kvspan_plane_view *canonical,
                                uint32_t page_tokens, uint32_t page_count)
{
    column_plane plane = { .view = *canonical,
                           .canonical = *canonical,
                           .page_tokens = page_tokens,
                           .page_count = page_count };

    plane.view.order = choose_order(device, group, role, page_tokens);
    if (plane.view.order == KVSPAN_ORDER_ROWS) {
        return plane;
    }
    plane.view.page_stride = (rows_bytes(canonical) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    plane.pages = aligned_alloc(ALIGNMENT, page_count * plane.view.page_stride);
    ck_assert_ptr_nonnull(plane.pages);
    memset(plane.pages, POISON, page_count * plane.view.page_stride);
    plane.view.data = plane.pages;
    transcode(device, &plane, false);
    return plane;
}

void column_plane_write_back(kvspan_device *device, const column_plane *plane)
{
    if (plane->pages) {
        transcode(device, plane, true);
    }
}

void column_plane_end(column_plane *plane)
{
    free(plane->pages);
    *plane = (column_plane){ 0 };
}
