/* A ring of two stages that bulk copies, mbarriers and fences hold together, each of which is
 * missed when it is gone. */
#include "standin/ptx/mbarrier_text.h"
#include "standin/ptx/ptx_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TILES = 5,
    TILE_WORDS = 64,
    RING_THREADS = 96
};

/* Warp 0 fills stages with tiles of 256 bytes, 64 threads add up what lies at their place in each
 * tile. The barriers: full, full, empty, empty. */
static const char ring[] =
    ".shared .align 16 .b8 S[512]; .shared .align 8 .b8 B[32]; mov.u32 %r20, S; mov.u32 %r21, B;\n"
    "setp.ne.u32 %p1, %r0, 0; @%p1 bra READY;\n"
    "mbarrier.init.shared.b64 [B], 1; mbarrier.init.shared.b64 [B+8], 1;\n"
    "mbarrier.init.shared.b64 [B+16], 64; mbarrier.init.shared.b64 [B+24], 64;\n"
    "fence.mbarrier_init.release.cluster;\n"
    "READY: bar.sync 0; mov.u32 %r1, 0; mov.u32 %r10, 0; setp.ge.u32 %p2, %r0, 32;\n"
    "@%p2 bra CONSUME; @%p1 bra END;\n"
    "PRODUCE: and.b32 %r2, %r1, 1; shl.b32 %r3, %r2, 3; add.u32 %r4, %r21, %r3;\n"
    "shr.u32 %r5, %r1, 1; and.b32 %r5, %r5, 1; xor.b32 %r5, %r5, 1;\n"
    "E: mbarrier.try_wait.parity.shared.b64 %p3, [%r4+16], %r5; @!%p3 bra E;\n"
    "mbarrier.arrive.expect_tx.shared.b64 _, [%r4], 256;\n"
    "shl.b32 %r6, %r2, 8; add.u32 %r7, %r20, %r6;\n"
    "mul.wide.u32 %d1, %r1, 256; add.u64 %d1, %d1, %in;\n" LOAD "[%r7], [%d1], 256, [%r4];\n"
    "add.u32 %r1, %r1, 1; setp.lt.u32 %p4, %r1, 5; @%p4 bra PRODUCE; bra END;\n"
    "CONSUME: sub.u32 %r8, %r0, 32; shl.b32 %r9, %r8, 2;\n"
    "NEXT: and.b32 %r2, %r1, 1; shl.b32 %r3, %r2, 3; add.u32 %r4, %r21, %r3;\n"
    "shr.u32 %r5, %r1, 1; and.b32 %r5, %r5, 1;\n"
    "F: mbarrier.try_wait.parity.shared.b64 %p3, [%r4], %r5; @!%p3 bra F;\n"
    "shl.b32 %r6, %r2, 8; add.u32 %r7, %r20, %r6; add.u32 %r7, %r7, %r9;\n"
    "ld.shared.u32 %r11, [%r7]; add.u32 %r10, %r10, %r11; /*write*/\n"
    "mbarrier.arrive.shared.b64 _, [%r4+16];\n"
    "add.u32 %r1, %r1, 1; setp.lt.u32 %p4, %r1, 5; @%p4 bra NEXT;\n"
    "mul.wide.u32 %d2, %r8, 4; add.u64 %d2, %d2, %out; st.global.u32 [%d2], %r10;\nEND:";

/* The text with the first `from` in it replaced. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *found = strstr(text, from);
    const size_t bytes = strlen(text) + strlen(to) + 1;
    char *result = malloc(bytes);

    ck_assert_msg(found != NULL, "no %s", from);
    (void)snprintf(result, bytes, "%.*s%s%s", (int)(found - text), text, to, found + strlen(from));
    return result;
}

static _Alignas(16) uint32_t tiles[TILES * TILE_WORDS];
static _Alignas(16) uint32_t sums[TILE_WORDS];

static bench_kernel ring_kernel(const char *body)
{
    for (uint32_t k = 0; k < TILES * TILE_WORDS; ++k) {
        tiles[k] = k * k;
    }
    return (bench_kernel){ .body = body,
                           .block = RING_THREADS,
                           .in = tiles,
                           .in_bytes = sizeof tiles,
                           .out = sums,
                           .out_bytes = sizeof sums };
}

static void check_ring(const char *body)
{
    const bench_kernel kernel = ring_kernel(body);
    uint32_t expected[TILE_WORDS] = { 0 };

    for (uint32_t k = 0; k < TILES * TILE_WORDS; ++k) {
        expected[k % TILE_WORDS] += k * k;
    }
    bench_check_schedules(&kernel, expected);
}

static void check_broken(const char *from, const char *to, const char *text, const char *or_text)
{
    char *body = replaced(ring, from, to);
    const bench_kernel kernel = ring_kernel(body);
    const char *const texts[] = { text, or_text, "deadlock: warp", NULL };

    bench_check_fails_with(&kernel, texts);
    free(body);
}

START_TEST(a_ring_of_two_stages_holds_together)
{
    check_ring(ring);
    /* What may be otherwise: the copy before the arrival, … */
    char *other = replaced(ring, "mbarrier.arrive.expect_tx.shared.b64 _, [%r4], 256;\n", "");
    char *late = replaced(other, "256, [%r4];",
                          "256, [%r4]; mbarrier.arrive.expect_tx.shared.b64 _, [%r4], 256;");

    check_ring(late);
    free(late);
    free(other);
    /* … two transactions apart from the arrival, … */
    other = replaced(ring, "mbarrier.arrive.expect_tx.shared.b64 _, [%r4], 256;\n",
                     "mbarrier.expect_tx.shared.b64 [%r4], 96;\n"
                     "mbarrier.arrive.expect_tx.shared.b64 _, [%r4], 160;\n");
    check_ring(other);
    free(other);
    /* … another fence for the mbarriers, … */
    other =
        replaced(ring, "fence.mbarrier_init.release.cluster;", "fence.proxy.async.shared::cta;");
    check_ring(other);
    free(other);
    /* … and what consumers write where a copy will come, fenced. */
    other = replaced(ring, "/*write*/", "st.shared.u32 [%r7], 0; fence.proxy.async;");
    check_ring(other);
    free(other);
}
END_TEST

START_TEST(what_a_ring_misses_is_named)
{
    static const char under_way[] = "asynchronous copy is under way";
    static const char race[] = "race (";
    static const char deadlock[] = "deadlock: warp";

    check_broken("F: mbarrier.try_wait.parity.shared.b64 %p3, [%r4], %r5; @!%p3 bra F;", "", race,
                 under_way);
    check_broken("@!%p3 bra F;", "", race, under_way);
    check_broken("[%r4], %r5; @!%p3 bra F;", "[%r4], 0; @!%p3 bra F;", race, deadlock);
    check_broken("and.b32 %r5, %r5, 1;\nF:", "and.b32 %r5, %r5, 1; xor.b32 %r5, %r5, 1;\nF:", race,
                 under_way);
    check_broken("xor.b32 %r5, %r5, 1;\nE:", "\nE:", deadlock, deadlock);
    check_broken("E: mbarrier.try_wait.parity.shared.b64 %p3, [%r4+16], %r5; @!%p3 bra E;", "",
                 "race (write after write)", "1 arrivals at the mbarrier at 512, of 0");
    check_broken("mbarrier.arrive.expect_tx.shared.b64 _, [%r4], 256;",
                 "mbarrier.arrive.shared.b64 _, [%r4];", race, under_way);
    check_broken("mbarrier.arrive.expect_tx.shared.b64 _, [%r4], 256;",
                 "mbarrier.expect_tx.shared.b64 [%r4], 256;", deadlock,
                 "(phase 0, 1 of 1 arrivals pending");
    check_broken("_, [%r4], 256;", "_, [%r4], 272;", deadlock, "tx-count 16)");
    check_broken("_, [%r4], 256;", "_, [%r4], 240;", deadlock, "tx-count -16)");
    check_broken("mbarrier.arrive.shared.b64 _, [%r4+16];", "", deadlock, deadlock);
    check_broken("mbarrier.arrive.shared.b64 _, [%r4+16];",
                 "mbarrier.arrive.relaxed.cta.shared.b64 _, [%r4+16];", race, under_way);
    check_broken("fence.mbarrier_init.release.cluster;", "",
                 "an mbarrier initialised by thread 0 at PTX line",
                 "with no fence.mbarrier_init between");
    check_broken("/*write*/", "st.shared.u32 [%r7], 0;", "with no fence.proxy.async between",
                 "written by thread");
    check_broken("/*write*/", "st.shared.u32 [%r7], 0; fence.mbarrier_init.release.cluster;",
                 "with no fence.proxy.async between", "written by thread");
    check_broken("/*write*/", "st.shared.u32 [%r7], 0; fence.proxy.async.global;",
                 "with no fence.proxy.async between", "written by thread");
    check_broken("/*write*/", "fence.proxy.async; st.shared.u32 [%r7], 0;",
                 "with no fence.proxy.async between", "written by thread");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ptx rings");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, a_ring_of_two_stages_holds_together);
    tcase_add_test(tcase, what_a_ring_misses_is_named);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
