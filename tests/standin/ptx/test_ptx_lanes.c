/* What lanes of a warp tell each other. */
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>

static uint32_t up_by_3_in_eights(uint32_t lane)
{
    return lane % 8 >= 3 ? 100 + lane - 3 : 100 + lane;
}

static uint32_t down_by_3_in_eights(uint32_t lane)
{
    return lane % 8 + 3 < 8 ? 100 + lane + 3 : 100 + lane;
}

static uint32_t down_by_3_to_lane_3(uint32_t lane)
{
    return lane % 8 == 0 ? 103 + lane : 100 + lane;
}

static uint32_t up_by_3_from_lane_2(uint32_t lane)
{
    return lane % 8 >= 5 ? 97 + lane : 100 + lane;
}

static uint32_t crossed_downwards(uint32_t lane)
{
    return lane & 8 ? 92 + lane : 100 + lane; /* up it would leave the segment */
}

static uint32_t crossed_by_5(uint32_t lane)
{
    return 100 + (lane ^ 5);
}

static uint32_t second_of_eights(uint32_t lane)
{
    return 100 + lane / 8 * 8 + 1;
}

static uint32_t itself(uint32_t lane)
{
    return 100 + lane;
}

static uint32_t from_lane_31(uint32_t lane)
{
    (void)lane;
    return 131;
}

static uint32_t within_down_by_3(uint32_t lane)
{
    return lane + 3 < 32;
}

static uint32_t from_lane_7(uint32_t lane)
{
    (void)lane;
    return 107;
}

static uint32_t zero(uint32_t lane)
{
    (void)lane;
    return 0;
}

START_TEST(shuffles_read_within_their_segments)
{
    /* c: the mask of the segment in bits 8 to 12, the clamp below. Segments of eight: 0x18. */
    bench_check_lanes("add.u32 %r1, %r0, 100; shfl.sync.up.b32 %r9, %r1, 3, 0x1800, -1;",
                      up_by_3_in_eights);
    bench_check_lanes("add.u32 %r1, %r0, 100; shfl.sync.down.b32 %r9, %r1, 3, 0x181f, -1;",
                      down_by_3_in_eights);
    bench_check_lanes("add.u32 %r1, %r0, 100; shfl.sync.bfly.b32 %r9, %r1, 5, 0x1f, -1;",
                      crossed_by_5);
    bench_check_lanes("add.u32 %r1, %r0, 100; shfl.sync.idx.b32 %r9, %r1, 1, 0x181f, -1;",
                      second_of_eights);
    bench_check_lanes("add.u32 %r1, %r0, 100; shfl.sync.idx.b32 %r9, %r1, 39, 0x1f, -1;",
                      from_lane_7);
    /* Segments of one lane: 0x1f. */
    bench_check_lanes("add.u32 %r1, %r0, 100; shfl.sync.idx.b32 %r9, %r1, 1, 0x1f1f, -1;", itself);
    bench_check_lanes("add.u32 %r1, %r0, 100; shfl.sync.idx.b32 %r9, %r1, 31, 0x1f, -1;",
                      from_lane_31);
    /* The clamp of a lower lane: 0x1807 ends each segment at its lane 7, 0x1803 at 3. */
    bench_check_lanes("add.u32 %r1, %r0, 100; shfl.sync.down.b32 %r9, %r1, 3, 0x1803, -1;",
                      down_by_3_to_lane_3);
    bench_check_lanes("add.u32 %r1, %r0, 100; shfl.sync.up.b32 %r9, %r1, 3, 0x1802, -1;",
                      up_by_3_from_lane_2);
    bench_check_lanes("add.u32 %r1, %r0, 100; shfl.sync.bfly.b32 %r9, %r1, 8, 0x1807, -1;",
                      crossed_downwards);
    bench_check_lanes("add.u32 %r1, %r0, 100; shfl.sync.idx.b32 %r2|%p1, %r1, 7, 0x1803, -1;\n"
                      "sub.u32 %r2, %r2, %r1; selp.u32 %r9, 1, %r2, %p1;",
                      zero);
    bench_check_lanes("shfl.sync.down.b32 %r1|%p1, %r0, 3, 0x1f, -1; selp.u32 %r9, 1, 0, %p1;",
                      within_down_by_3);
}
END_TEST

static uint32_t threes(uint32_t lane)
{
    (void)lane;
    return 0x49249249; /* lanes 0, 3, 6 … 30 */
}

static uint32_t other_threes(uint32_t lane)
{
    (void)lane;
    return ~0x49249249u;
}

static uint32_t one(uint32_t lane)
{
    (void)lane;
    return 1;
}

static uint32_t alike_in_fours(uint32_t lane)
{
    return 0x11111111u << (lane % 4);
}

static uint32_t sum_of_lanes(uint32_t lane)
{
    (void)lane;
    return 496;
}

static uint32_t least_signed(uint32_t lane)
{
    (void)lane;
    return (uint32_t)-16;
}

static uint32_t most_unsigned(uint32_t lane)
{
    (void)lane;
    return (uint32_t)-1;
}

static uint32_t half_sums(uint32_t lane)
{
    return lane < 16 ? 120 : 376;
}

static uint32_t everybody(uint32_t lane)
{
    (void)lane;
    return 0xffffffff;
}

static uint32_t evens(uint32_t lane)
{
    return lane % 2 ? 0 : 0x55555555;
}

static uint32_t is_first(uint32_t lane)
{
    return lane == 0;
}

static uint32_t lane_mask_eq(uint32_t lane)
{
    return 1u << lane;
}

static uint32_t sixteen(uint32_t lane)
{
    (void)lane;
    return 16;
}

static uint32_t fifteen(uint32_t lane)
{
    (void)lane;
    return 15;
}

START_TEST(votes_and_reductions_ask_the_members)
{
    const char *const is_third = "rem.u32 %r1, %r0, 3; setp.eq.u32 %p1, %r1, 0;";
    char code[512];

    (void)snprintf(code, sizeof code, "%s vote.sync.ballot.b32 %%r9, %%p1, -1;", is_third);
    bench_check_lanes(code, threes);
    (void)snprintf(code, sizeof code, "%s vote.sync.ballot.b32 %%r9, !%%p1, -1;", is_third);
    bench_check_lanes(code, other_threes);
    (void)snprintf(code, sizeof code,
                   "%s vote.sync.all.pred %%p2, %%p1, -1; selp.u32 %%r9, 1, 0, %%p2;", is_third);
    bench_check_lanes(code, zero);
    (void)snprintf(code, sizeof code,
                   "%s vote.sync.any.pred %%p2, %%p1, -1; selp.u32 %%r9, 1, 0, %%p2;", is_third);
    bench_check_lanes(code, one);
    (void)snprintf(code, sizeof code,
                   "%s vote.sync.uni.pred %%p2, %%p1, -1; selp.u32 %%r9, 1, 0, %%p2;", is_third);
    bench_check_lanes(code, zero);
    bench_check_lanes("vote.sync.all.pred %p2, 1, -1; selp.u32 %r9, 1, 0, %p2;", one);
    bench_check_lanes("vote.sync.any.pred %p2, 0, -1; selp.u32 %r9, 1, 0, %p2;", zero);
    bench_check_lanes("vote.sync.uni.pred %p2, 0, -1; selp.u32 %r9, 1, 0, %p2;", one);
    bench_check_lanes("vote.sync.uni.pred %p2, 1, -1; selp.u32 %r9, 1, 0, %p2;", one);
    bench_check_lanes("match.all.sync.b32 %r8|%p1, 7, -1; selp.u32 %r9, 1, 0, %p1;", one);
    bench_check_lanes("match.all.sync.b32 %r8|%p1, %r0, -1; selp.u32 %r9, 1, 0, %p1;", zero);
    bench_check_lanes("match.all.sync.b32 %r9, 7, -1;", everybody);
    bench_check_lanes("cvt.u64.u32 %d1, %r0; shl.b64 %d1, %d1, 32;\n"
                      "match.any.sync.b64 %r9, %d1, -1;",
                      lane_mask_eq);
    bench_check_lanes("mov.u32 %r9, 16; setp.lt.u32 %p2, %r0, 16; @%p2 bra END; mov.u32 %r9, 0;\n"
                      "elect.sync %r9|%p1, 0xffff0000; END: bar.warp.sync -1;",
                      sixteen);
    bench_check_lanes("sub.u32 %r1, %r0, 16; redux.sync.max.s32 %r9, %r1, -1;", fifteen);
    bench_check_lanes("sub.u32 %r1, %r0, 16; redux.sync.min.u32 %r9, %r1, -1;", zero);
    bench_check_lanes("and.b32 %r1, %r0, 3; match.any.sync.b32 %r9, %r1, -1;", alike_in_fours);
    bench_check_lanes("and.b32 %r1, %r0, 3; match.all.sync.b32 %r9|%p1, %r1, -1;", zero);
    bench_check_lanes("mov.b64 %d1, 5; match.all.sync.b64 %r9|%p1, %d1, -1;", everybody);
    bench_check_lanes("redux.sync.add.u32 %r9, %r0, -1;", sum_of_lanes);
    bench_check_lanes("sub.u32 %r1, %r0, 16; redux.sync.min.s32 %r9, %r1, -1;", least_signed);
    bench_check_lanes("sub.u32 %r1, %r0, 16; redux.sync.max.u32 %r9, %r1, -1;", most_unsigned);
    bench_check_lanes("redux.sync.or.b32 %r9, %r0, -1; sub.u32 %r9, %r9, 30;", one);
    bench_check_lanes("redux.sync.and.b32 %r9, %r0, -1;", zero);
    bench_check_lanes("redux.sync.xor.b32 %r9, %r0, -1;", zero);
    bench_check_lanes("setp.lt.u32 %p1, %r0, 16; selp.b32 %r1, 0x0000ffff, 0xffff0000, %p1;"
                      "redux.sync.add.u32 %r9, %r0, %r1;",
                      half_sums);
    bench_check_lanes("activemask.b32 %r9;", everybody);
    bench_check_lanes("and.b32 %r1, %r0, 1; setp.eq.u32 %p1, %r1, 0; mov.u32 %r9, 0;"
                      "@%p1 activemask.b32 %r9;",
                      evens);
    bench_check_lanes("elect.sync %r1|%p1, -1; selp.u32 %r9, 1, 0, %p1;", is_first);
}
END_TEST

static uint32_t own_half(uint32_t lane)
{
    return lane < 16 ? 0x0000ffff : 0xffff0000;
}

/* One instruction for two sets of members. */
START_TEST(members_are_asked_alone)
{
    static const char *const instructions[] = {
        "vote.sync.ballot.b32 %r9, 1, %r1;",
        "match.any.sync.b32 %r9, 7, %r1;",
        "match.all.sync.b32 %r9, 7, %r1;",
        "match.all.sync.b32 %r9|%p2, 7, %r1; selp.b32 %r9, %r9, 0, %p2;",
    };

    for (size_t k = 0; k < sizeof instructions / sizeof *instructions; ++k) {
        char code[256];

        (void)snprintf(code, sizeof code,
                       "setp.lt.u32 %%p1, %%r0, 16; selp.b32 %%r1, 0xffff, 0xffff0000, %%p1;\n%s",
                       instructions[k]);
        bench_check_lanes(code, own_half);
    }
}
END_TEST

/* Lanes 8 to 15 come last, to those of their half. */
START_TEST(members_of_each_set_are_waited_for)
{
    bench_check_lanes("setp.lt.u32 %p1, %r0, 16; selp.b32 %r1, 0xffff, 0xffff0000, %p1;\n"
                      "and.b32 %r2, %r0, 24; setp.eq.u32 %p2, %r2, 8; @%p2 bra FAR;\n"
                      "MEET: vote.sync.ballot.b32 %r9, 1, %r1; bra END; FAR: bra MEET; END:",
                      own_half);
}
END_TEST

/* Some take a longer way to the instruction: the others wait for them. */
START_TEST(members_are_waited_for)
{
    static const struct {
        const char *instruction;
        uint32_t (*expected_of)(uint32_t lane);
    } rows[] = {
        { "shfl.sync.idx.b32 %r9, %r1, 31, 0x1f, -1;", from_lane_31 },
        { "vote.sync.ballot.b32 %r9, 1, -1;", everybody },
        { "match.any.sync.b32 %r9, 7, -1;", everybody },
        { "match.all.sync.b32 %r9, 7, -1;", everybody },
        { "redux.sync.add.u32 %r9, %r0, -1;", sum_of_lanes },
        { "elect.sync %r2|%p2, -1; selp.u32 %r9, 1, 0, %p2;", is_first },
    };

    for (size_t k = 0; k < sizeof rows / sizeof *rows; ++k) {
        for (uint32_t is_upper = 0; is_upper < 2; ++is_upper) {
            char code[256];

            (void)snprintf(code, sizeof code,
                           "add.u32 %%r1, %%r0, 100; setp.%s.u32 %%p1, %%r0, 16; @%%p1 bra FAR;\n"
                           "MEET: %s bra END;\nFAR: bra MEET; END:",
                           is_upper ? "ge" : "lt", rows[k].instruction);
            bench_check_lanes(code, rows[k].expected_of);
        }
    }
    uint32_t out[1];
    const bench_kernel kernel = { .body = "setp.lt.u32 %p1, %r0, 16; @%p1 bra OTHER;\n"
                                          "elect.sync %r1|%p2, -1; bra END;\n"
                                          "OTHER: bar.warp.sync -1; END:",
                                  .block = 32,
                                  .out = out,
                                  .out_bytes = sizeof out };

    bench_check_fails(&kernel, "an instruction with a member mask in divergent code");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx lanes");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, shuffles_read_within_their_segments);
    tcase_add_test(tcase, votes_and_reductions_ask_the_members);
    tcase_add_test(tcase, members_are_asked_alone);
    tcase_add_test(tcase, members_of_each_set_are_waited_for);
    tcase_add_test(tcase, members_are_waited_for);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
