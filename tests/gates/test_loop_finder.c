/* Loops of code written by hand, as the branches of each architecture encode them. */
#include "gates/loop_finder.h"

#include "support/suite.h"

#include <string.h>

enum {
    ALWAYS = 7, /* predicate */
    SOMETIMES = 0,
    MOST_WORDS = 32
};

static const sass_word plain_word = { 0x7221, 0 }; /* FADD */
static const sass_word product_word = { 0x723c, 0 };
static const sass_word exponential_word = { 0x7308, 0 };
static const sass_word exit_word = { 0x794d, 0x3800000 };
static const sass_word return_word = { 0x7950, 0x3800000 };
static const sass_word wide_load_word = { 0x7981, 6 << 9 };
static const sass_word indirect_word = { 0x7949, 0x3800000 };
static const sass_word local_word = { 0x7983, 4 << 9 };

/* The jump of @p opcode at @p from to @p to: quarters from the next instruction, since sm_90 with
 * their lowest eight bits apart. */
static sass_word jump_word(uint32_t opcode, uint32_t predicate, uint32_t arch, int from, int to)
{
    const int64_t quarters = 4 * (int64_t)(to - from - 1);
    const uint64_t field = (uint64_t)(arch >= 90 ? quarters >> 8 : quarters) & ((1ull << 48) - 1);
    const uint64_t rest = arch >= 90 ? (uint64_t)quarters & 0xff : 0;

    return (sass_word){
        .low = opcode | predicate << 12 | rest << 16 | field << 34,
        .high = 0x3800000 | field >> 30,
    };
}

static sass_word branch(uint32_t predicate, uint32_t arch, int from, int to)
{
    return jump_word(0x947, predicate, arch, from, to);
}

typedef struct hand_code {
    sass_word words[MOST_WORDS];
    char name[8];
    kernel_code kernel;
    loop_list loops;
} hand_code;

/* Words all plain, to be overwritten; the last one exits. */
static void hand_code_init(hand_code *code, uint32_t arch, uint32_t word_count)
{
    for (uint32_t word = 0; word < word_count; word++) {
        code->words[word] = plain_word;
    }
    code->words[word_count - 1] = exit_word;
    strcpy(code->name, "hand");
    code->kernel = (kernel_code){
        .name = code->name,
        .arch = arch,
        .words = code->words,
        .word_count = word_count,
    };
}

static bool try_to_find(hand_code *code, gate_error *error)
{
    flow_graph graph;

    if (!flow_graph_build(&graph, &code->kernel, error)) {
        return false;
    }
    const bool is_found = loop_list_find(&code->loops, &code->kernel, &graph, error);
    flow_graph_fini(&graph);
    return is_found;
}

static void find(hand_code *code)
{
    gate_error error = { "" };

    ck_assert_msg(try_to_find(code, &error), "%s", error.text);
}

static const uint32_t archs[] = { 80, 90, 100 };

START_TEST(a_loop_is_from_its_head_to_the_branch_back)
{
    hand_code code;

    hand_code_init(&code, archs[_i], 12);
    code.words[5] = product_word;
    code.words[8] = branch(SOMETIMES, archs[_i], 8, 3);
    find(&code);
    ck_assert_uint_eq(code.loops.count, 1);
    ck_assert_uint_eq(code.loops.loops[0].first_word, 3);
    ck_assert_uint_eq(code.loops.loops[0].all.instructions, 6);
    ck_assert_uint_eq(census_mma(&code.loops.loops[0].all), 1);
    ck_assert_ptr_eq(loop_list_main(&code.loops), &code.loops.loops[0]);
    loop_list_fini(&code.loops);
}
END_TEST

START_TEST(a_turn_leaves_out_what_it_can_skip_but_no_product)
{
    hand_code code;

    hand_code_init(&code, archs[_i], 20);
    code.words[3] = branch(SOMETIMES, archs[_i], 3, 8);  /* over four words at an edge */
    code.words[9] = branch(SOMETIMES, archs[_i], 9, 12); /* over two products */
    code.words[10] = product_word;
    code.words[11] = product_word;
    code.words[15] = branch(SOMETIMES, archs[_i], 15, 2);
    find(&code);
    ck_assert_uint_eq(code.loops.loops[0].all.instructions, 14);
    ck_assert_uint_eq(code.loops.loops[0].path.instructions, 10);
    ck_assert_uint_eq(census_mma(&code.loops.loops[0].path), 2);
    loop_list_fini(&code.loops);
}
END_TEST

START_TEST(of_two_variants_of_a_tile_in_a_loop_a_turn_takes_the_cheaper)
{
    hand_code code;

    hand_code_init(&code, archs[_i], 20);
    code.words[2] = branch(SOMETIMES, archs[_i], 2, 9);
    code.words[4] = product_word;
    code.words[8] = branch(ALWAYS, archs[_i], 8, 12); /* 3 to 8: with masks */
    code.words[10] = product_word;                    /* 9 to 11: without */
    code.words[13] = branch(SOMETIMES, archs[_i], 13, 1);
    find(&code);
    ck_assert_uint_eq(code.loops.loops[0].all.instructions, 13);
    ck_assert_uint_eq(code.loops.loops[0].path.instructions, 7);
    ck_assert_uint_eq(census_mma(&code.loops.loops[0].path), 1);
    loop_list_fini(&code.loops);
}
END_TEST

START_TEST(code_that_the_compiler_put_behind_the_end_is_of_the_loop)
{
    hand_code code;

    hand_code_init(&code, archs[_i], 14);
    code.words[3] = branch(SOMETIMES, archs[_i], 3, 10);
    code.words[5] = product_word;
    code.words[7] = branch(SOMETIMES, archs[_i], 7, 2);
    code.words[8] = exit_word;
    code.words[11] = local_word;
    code.words[12] =
        branch(ALWAYS, archs[_i], 12, 4); /* back into the middle: no loop of its own */
    find(&code);
    ck_assert_uint_eq(code.loops.count, 1);
    ck_assert_uint_eq(code.loops.loops[0].all.instructions, 9);
    ck_assert_uint_eq(code.loops.in_any.kinds[OPCODE_LDL], 1);
    loop_list_fini(&code.loops);
}
END_TEST

START_TEST(inner_loops_are_told_from_those_around_them)
{
    hand_code code;

    hand_code_init(&code, archs[_i], 16);
    code.words[6] = exponential_word;
    code.words[5] = product_word;
    code.words[8] = branch(SOMETIMES, archs[_i], 8, 4);
    code.words[10] = product_word;
    code.words[12] = branch(SOMETIMES, archs[_i], 12, 1);
    find(&code);
    ck_assert_uint_eq(code.loops.count, 2);
    const code_loop *main = loop_list_main(&code.loops);
    ck_assert_uint_eq(main->first_word, 4);
    ck_assert_uint_eq(main->depth, 1);
    ck_assert_uint_eq(main->all.instructions, 5);
    ck_assert_uint_eq(loop_list_inner(&code.loops, main), 0);
    const code_loop *around = &code.loops.loops[main->parent];
    ck_assert_uint_eq(around->all.instructions, 12);
    ck_assert_uint_eq(loop_list_inner(&code.loops, around), 1);
    ck_assert_uint_eq(code.loops.in_any.instructions, 12);
    loop_list_fini(&code.loops);
}
END_TEST

START_TEST(a_call_that_never_returns_is_a_jump)
{
    hand_code code;

    hand_code_init(&code, archs[_i], 16);
    code.words[4] = jump_word(0x944, ALWAYS, archs[_i], 4, 12);   /* a function */
    code.words[6] = jump_word(0x944, SOMETIMES, archs[_i], 6, 9); /* out of the loop */
    code.words[7] = branch(ALWAYS, archs[_i], 7, 2);
    code.words[11] = exit_word;
    code.words[14] = return_word;
    find(&code);
    ck_assert_uint_eq(code.loops.count, 1);
    ck_assert_uint_eq(code.loops.in_any.instructions, 6);
    ck_assert_uint_eq(code.loops.in_any.kinds[OPCODE_CALL], 1);
    loop_list_fini(&code.loops);
}
END_TEST

START_TEST(slow_paths_of_split_warps_are_of_no_loop)
{
    hand_code code;

    hand_code_init(&code, archs[_i], 14);
    code.words[3] = branch(ALWAYS, archs[_i], 3, 10);
    code.words[3].low |= 2ull << 32; /* BRA.DIV */
    code.words[5] = branch(ALWAYS, archs[_i], 5, 7);
    code.words[5].low |= 3ull << 32; /* BRA.CONV */
    code.words[5].high |= 1u << 27;  /* not marked as one that is always taken */
    code.words[7] = branch(SOMETIMES, archs[_i], 7, 2);
    code.words[8] = exit_word;
    code.words[12] = branch(ALWAYS, archs[_i], 12, 4);
    find(&code);
    ck_assert_uint_eq(code.loops.loops[0].all.instructions, 5);
    loop_list_fini(&code.loops);
}
END_TEST

START_TEST(a_turn_takes_the_way_that_copies)
{
    hand_code code;

    hand_code_init(&code, archs[_i], 14);
    code.words[3] = branch(SOMETIMES, archs[_i], 3, 7); /* over copies of the next tile */
    code.words[4] = wide_load_word;
    code.words[8] = product_word;
    code.words[10] = branch(SOMETIMES, archs[_i], 10, 2);
    find(&code);
    ck_assert_uint_eq(census_wide_loads(&code.loops.loops[0].path), 1);
    ck_assert_uint_eq(code.loops.loops[0].path.instructions, 9);
    loop_list_fini(&code.loops);
}
END_TEST

START_TEST(of_loops_with_the_same_work_the_shorter_is_the_main_one)
{
    for (int masked_first = 0; masked_first < 2; masked_first++) {
        hand_code code;

        hand_code_init(&code, archs[_i], 20);
        code.words[3] = product_word;
        code.words[masked_first ? 8 : 5] = branch(SOMETIMES, archs[_i], masked_first ? 8 : 5, 2);
        code.words[12] = product_word;
        code.words[16] = branch(SOMETIMES, archs[_i], 16, 11);
        code.words[masked_first ? 4 : 13] = wide_load_word; /* beside products it says nothing */
        find(&code);
        ck_assert_uint_eq(code.loops.count, 2);
        ck_assert_uint_eq(loop_list_main(&code.loops)->first_word, masked_first ? 11 : 2);
        loop_list_fini(&code.loops);
    }
}
END_TEST

START_TEST(a_branch_by_a_register_goes_where_the_compiler_lists)
{
    indirect_jump jumps[] = { { 3, 5 }, { 3, 8 }, { 3, 12 } };
    hand_code code;

    hand_code_init(&code, archs[_i], 14);
    code.words[3] = indirect_word;
    code.words[6] = branch(ALWAYS, archs[_i], 6, 2);
    code.words[9] = branch(ALWAYS, archs[_i], 9, 2);
    code.kernel.jumps = jumps;
    code.kernel.jump_count = 3;
    find(&code);
    ck_assert_uint_eq(code.loops.count, 1);
    ck_assert_uint_eq(code.loops.in_any.instructions, 2 + 2 + 2);
    loop_list_fini(&code.loops);
    code.kernel.jump_count = 0;
    find(&code);
    ck_assert_uint_eq(code.loops.count, 0);
    loop_list_fini(&code.loops);
}
END_TEST

START_TEST(a_branch_without_a_list_is_counted)
{
    hand_code code;
    flow_graph graph;
    gate_error error;

    hand_code_init(&code, archs[_i], 8);
    code.words[3] = indirect_word;
    ck_assert(flow_graph_build(&graph, &code.kernel, &error));
    ck_assert_uint_eq(graph.indirect_branches, 1);
    flow_graph_fini(&graph);
}
END_TEST

START_TEST(what_cannot_be_followed_is_refused)
{
    hand_code code;
    gate_error error = { "" };

    hand_code_init(&code, archs[_i], 12);
    code.words[2] = branch(SOMETIMES, archs[_i], 2, 6); /* into the middle */
    code.words[8] = branch(SOMETIMES, archs[_i], 8, 4);
    ck_assert(!try_to_find(&code, &error));
    ck_assert_str_eq(error.text, "hand: a loop at 0x40 is entered at two places");
    hand_code_init(&code, archs[_i], 12);
    code.words[2] = branch(SOMETIMES, archs[_i], 2, 40);
    ck_assert(!try_to_find(&code, &error));
    ck_assert_str_eq(error.text, "hand: the branch at 0x20 leaves the code");
}
END_TEST

int main(void)
{
    enum {
        ARCHS = sizeof(archs) / sizeof(archs[0])
    };
    Suite *suite = suite_create("gates/loop_finder");
    TCase *loops = tcase_create("loops");

    tcase_add_loop_test(loops, a_loop_is_from_its_head_to_the_branch_back, 0, ARCHS);
    tcase_add_loop_test(loops, a_turn_leaves_out_what_it_can_skip_but_no_product, 0, ARCHS);
    tcase_add_loop_test(loops, of_two_variants_of_a_tile_in_a_loop_a_turn_takes_the_cheaper, 0,
                        ARCHS);
    tcase_add_loop_test(loops, code_that_the_compiler_put_behind_the_end_is_of_the_loop, 0, ARCHS);
    tcase_add_loop_test(loops, inner_loops_are_told_from_those_around_them, 0, ARCHS);
    tcase_add_loop_test(loops, a_call_that_never_returns_is_a_jump, 0, ARCHS);
    tcase_add_loop_test(loops, slow_paths_of_split_warps_are_of_no_loop, 0, ARCHS);
    tcase_add_loop_test(loops, a_turn_takes_the_way_that_copies, 0, ARCHS);
    tcase_add_loop_test(loops, of_loops_with_the_same_work_the_shorter_is_the_main_one, 0, ARCHS);
    tcase_add_loop_test(loops, a_branch_by_a_register_goes_where_the_compiler_lists, 0, ARCHS);
    tcase_add_loop_test(loops, a_branch_without_a_list_is_counted, 0, ARCHS);
    tcase_add_loop_test(loops, what_cannot_be_followed_is_refused, 0, ARCHS);
    suite_add_tcase(suite, loops);
    return suite_run(suite);
}
