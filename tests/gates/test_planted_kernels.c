/* Kernels whose figures are known by construction (planted_kernels.cu), read out of the object that
 * nvcc made of them: its path is in KVSPAN_TEST_PLANTED_KERNELS. */
#include "gates/fat_binary.h"
#include "gates/figures.h"

#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *object_path;
static kernel_list kernels;
static const uint32_t archs[] = { 80, 90, 100 };

enum {
    ARCHS = sizeof(archs) / sizeof(archs[0]),
    RING_BYTES = 4 * 8 * 16 * 128 /* stages, copies, bytes each, threads */
};

static const kernel_code *planted(const char *name, uint32_t arch)
{
    for (uint32_t index = 0; index < kernels.count; index++) {
        if (strcmp(kernels.kernels[index].name, name) == 0 && kernels.kernels[index].arch == arch) {
            return &kernels.kernels[index];
        }
    }
    ck_abort_msg("%s has no kernel %s for sm_%u", object_path, name, arch);
    return NULL;
}

static kernel_figures figures_of(const char *name, uint32_t arch, uint32_t dynamic_shared_bytes)
{
    const launch_shape launch = { .dynamic_shared_bytes = dynamic_shared_bytes };
    kernel_figures figures;
    gate_error error = { "" };

    ck_assert_msg(kernel_figures_init(&figures, planted(name, arch), &launch, &error), "%s",
                  error.text);
    return figures;
}

START_TEST(a_spill_is_a_stack_and_local_memory_in_the_loop)
{
    kernel_figures figures = figures_of("planted_spill", archs[_i], 0);

    ck_assert_uint_eq(figures.kernel->block_threads, 1024);
    ck_assert_uint_le(figures.kernel->registers, 64);
    ck_assert_uint_gt(figures.kernel->stack_bytes, (size_t)4 * (96 - 64));
    ck_assert_uint_gt(census_bytes(&figures.all, OPCODE_STL), (size_t)4 * (96 - 64));
    ck_assert_uint_gt(figures.loops.in_any.kinds[OPCODE_LDL], 96 - 64);
    kernel_figures_fini(&figures);
}
END_TEST

START_TEST(an_array_under_an_index_is_a_stack_of_its_size)
{
    kernel_figures figures = figures_of("planted_local_array", archs[_i], 0);

    ck_assert_uint_eq(figures.kernel->stack_bytes, (size_t)32 * 4);
    ck_assert_uint_gt(figures.loops.in_any.kinds[OPCODE_LDL], 0);
    ck_assert_uint_eq(figures.loops.in_any.kinds[OPCODE_LDL],
                      figures.loops.in_any.kinds[OPCODE_STL]);
    kernel_figures_fini(&figures);
}
END_TEST

START_TEST(static_shared_memory_is_what_the_source_declares)
{
    kernel_figures figures = figures_of("planted_shared", archs[_i], 100);

    ck_assert_uint_eq(figures.kernel->static_shared_bytes, 4000);
    ck_assert_uint_eq(figures.shared_bytes, 4100);
    ck_assert_uint_eq(figures.kernel->stack_bytes, 0);
    ck_assert_uint_eq(figures.kernel->barriers, 1);
    ck_assert_uint_eq(figures.blocks, 2048 / 256);
    kernel_figures_fini(&figures);
}
END_TEST

START_TEST(copies_are_counted_by_width)
{
    kernel_figures figures = figures_of("planted_copies", archs[_i], 0);
    const uint32_t *by_width = figures.all.accesses[OPCODE_LDGSTS];

    ck_assert_uint_eq(figures.all.kinds[OPCODE_LDGSTS], 10);
    ck_assert_uint_eq(by_width[2], 3);
    ck_assert_uint_eq(by_width[3], 2);
    ck_assert_uint_eq(by_width[4], 5);
    ck_assert_uint_eq(census_narrow(&figures.all, OPCODE_LDGSTS), 5);
    ck_assert_uint_eq(census_wide(&figures.all, OPCODE_LDGSTS), 5);
    ck_assert_uint_eq(census_bytes(&figures.all, OPCODE_LDGSTS), 3 * 4 + 2 * 8 + 5 * 16);
    ck_assert_uint_eq(figures.all.kinds[OPCODE_LDGDEPBAR], 1);
    ck_assert_uint_eq(figures.all.most_pending_groups, 0);
    kernel_figures_fini(&figures);
}
END_TEST

START_TEST(nested_loops_hold_their_own)
{
    kernel_figures figures = figures_of("planted_nest", archs[_i], 0);

    ck_assert_uint_eq(figures.loops.count, 2);
    const code_loop *loops = figures.loops.loops;
    const uint32_t inner = loops[0].depth == 1 ? 0 : 1;
    ck_assert_uint_eq(loops[inner].depth, 1);
    ck_assert_uint_eq(loops[inner].parent, 1 - inner);
    ck_assert_uint_eq(loops[inner].all.kinds[OPCODE_MUFU], 5);
    ck_assert_uint_eq(loops[1 - inner].all.kinds[OPCODE_MUFU], 3 + 5);
    ck_assert_uint_le(loops[inner].all.instructions, 5 + 4); /* counter, test, branch */
    ck_assert_ptr_null(figures.main);
    kernel_figures_fini(&figures);
}
END_TEST

START_TEST(the_main_loop_of_a_ring_has_its_products_and_copies)
{
    kernel_figures figures = figures_of("planted_ring", archs[_i], RING_BYTES);

    ck_assert_ptr_nonnull(figures.main);
    ck_assert_uint_eq(census_mma(&figures.main->all), 16);
    ck_assert_uint_eq(figures.copies, 8);
    ck_assert_uint_eq(figures.main->all.most_pending_groups, 2);
    ck_assert_uint_eq(figures.main->all.kinds[OPCODE_MUFU], 20);
    ck_assert_uint_eq(figures.main->path.kinds[OPCODE_MUFU], 0);
    ck_assert_uint_eq(figures.main->path.instructions + 20, figures.main->all.instructions);
    ck_assert_double_eq(figures.instructions_512, figures.main->all.instructions / 8.0);
    ck_assert_double_eq(figures.path_mma_ratio, figures.main->path.instructions / (8.0 * 16.0));
    kernel_figures_fini(&figures);
}
END_TEST

START_TEST(bytes_in_flight_are_those_of_the_groups_under_way)
{
    kernel_figures figures = figures_of("planted_ring", archs[_i], RING_BYTES);

    /* Two groups pending after the wait and the one begun behind it, of each block that fits. */
    const uint32_t shared_kib = archs[_i] == 80 ? 164 : 228;
    ck_assert_uint_eq(figures.blocks, shared_kib / (RING_BYTES / 1024 + 1));
    ck_assert_double_eq(figures.flight_bytes, figures.blocks * 3.0 * (RING_BYTES / 4.0));
    kernel_figures_fini(&figures);
}
END_TEST

START_TEST(loads_of_4_bytes_are_narrow_and_no_copies)
{
    kernel_figures figures = figures_of("planted_narrow_loads", archs[_i], 0);

    ck_assert_uint_eq(census_mma(&figures.main->all), 16);
    ck_assert_uint_eq(figures.copies, 0);
    ck_assert_uint_eq(census_narrow(&figures.loops.in_any, OPCODE_LDG), 16);
    ck_assert_double_eq(figures.instructions_512, 0.0);
    kernel_figures_fini(&figures);
}
END_TEST

START_TEST(a_call_in_a_loop_is_seen_and_the_loops_of_the_function_too)
{
    kernel_figures figures = figures_of("planted_call", archs[_i], 0);

    ck_assert_uint_eq(figures.loops.in_any.kinds[OPCODE_CALL], 1);
    ck_assert_uint_ge(figures.loops.count, 2);
    ck_assert_uint_eq(figures.kernel->block_threads, 0);
    ck_assert_uint_eq(figures.blocks, 0);
    kernel_figures_fini(&figures);
}
END_TEST

START_TEST(ways_that_a_register_chooses_are_of_the_loop)
{
    kernel_figures figures = figures_of("planted_switch", archs[_i], 0);

    ck_assert_uint_ge(figures.all.kinds[OPCODE_INDIRECT], 1);
    ck_assert_uint_eq(figures.indirect_branches, 0);
    ck_assert_uint_eq(figures.loops.count, 1);
    ck_assert_uint_eq(figures.loops.in_any.kinds[OPCODE_MUFU], 8);
    kernel_figures_fini(&figures);
}
END_TEST

static uint8_t *read_object(size_t *byte_count_out)
{
    FILE *file = fopen(object_path, "rb");

    ck_assert_ptr_nonnull(file);
    (void)fseek(file, 0, SEEK_END);
    *byte_count_out = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*byte_count_out);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, *byte_count_out, file), *byte_count_out);
    (void)fclose(file);
    return bytes;
}

/* Every 97th length, from none to all: what is cut off is refused or not there, never read. */
START_TEST(a_file_cut_short_is_never_read_behind_its_end)
{
    size_t byte_count;
    uint8_t *whole = read_object(&byte_count);

    for (size_t length = 0; length < byte_count; length += 97) {
        kernel_list list = { 0 };
        gate_error error;
        uint8_t *part = malloc(length + 1);
        ck_assert_ptr_nonnull(part);
        uint8_t *exact = realloc(part, length == 0 ? 1 : length);
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, whole, length);
        (void)fat_binary_read(exact, length, &list, &error);
        kernel_list_fini(&list);
        free(exact);
    }
    free(whole);
}
END_TEST

START_TEST(compressed_code_is_refused)
{
    size_t byte_count;
    uint8_t *bytes = read_object(&byte_count);
    kernel_list list = { 0 };
    gate_error error = { "" };

    for (size_t offset = 8; offset + 4 < byte_count; offset += 8) {
        if (memcmp(bytes + offset, "\177ELF", 4) == 0) {
            bytes[offset] = 0x28; /* as zstd begins */
        }
    }
    ck_assert(!fat_binary_read(bytes, byte_count, &list, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "compressed: compile with --no-compress"));
    kernel_list_fini(&list);
    free(bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gates/planted_kernels");
    TCase *planted_case = tcase_create("planted");
    gate_error error;

    object_path = getenv("KVSPAN_TEST_PLANTED_KERNELS");
    if (object_path == NULL) {
        return TEST_SKIPPED;
    }
    if (!fat_binary_read_file(object_path, &kernels, &error)) {
        (void)fprintf(stderr, "%s\n", error.text);
        return EXIT_FAILURE;
    }
    tcase_add_loop_test(planted_case, a_spill_is_a_stack_and_local_memory_in_the_loop, 0, ARCHS);
    tcase_add_loop_test(planted_case, an_array_under_an_index_is_a_stack_of_its_size, 0, ARCHS);
    tcase_add_loop_test(planted_case, static_shared_memory_is_what_the_source_declares, 0, ARCHS);
    tcase_add_loop_test(planted_case, copies_are_counted_by_width, 0, ARCHS);
    tcase_add_loop_test(planted_case, nested_loops_hold_their_own, 0, ARCHS);
    tcase_add_loop_test(planted_case, the_main_loop_of_a_ring_has_its_products_and_copies, 0,
                        ARCHS);
    tcase_add_loop_test(planted_case, bytes_in_flight_are_those_of_the_groups_under_way, 0, ARCHS);
    tcase_add_loop_test(planted_case, loads_of_4_bytes_are_narrow_and_no_copies, 0, ARCHS);
    tcase_add_loop_test(planted_case, a_call_in_a_loop_is_seen_and_the_loops_of_the_function_too, 0,
                        ARCHS);
    tcase_add_loop_test(planted_case, ways_that_a_register_chooses_are_of_the_loop, 0, ARCHS);
    tcase_add_test(planted_case, a_file_cut_short_is_never_read_behind_its_end);
    tcase_add_test(planted_case, compressed_code_is_refused);
    suite_add_tcase(suite, planted_case);
    const int exit_code = suite_run(suite);
    kernel_list_fini(&kernels);
    return exit_code;
}
