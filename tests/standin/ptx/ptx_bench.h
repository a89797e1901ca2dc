/** @file
 * Runs small kernels for the tests of the interpreter.
 */
#ifndef KVSPAN_TESTS_STANDIN_PTX_BENCH_H
#define KVSPAN_TESTS_STANDIN_PTX_BENCH_H

#include "standin/ptx/ptx.h"
#include "support/suite.h"

/* One row of a table: a piece of a kernel, run by one thread.
 *
 * Sources are the registers %d0 … %d3 (64 bits) with what `sources` says, %r0 … and %h0 … with
 * their lower 32 and 16 bits, and %p0 … with their lowest bit. The result is register number 9 of
 * the kind that `result` names: d, r, h or p. %d4 … %d8 and their like are free. */
typedef struct bench_row {
    const char *code;
    char result;
    uint64_t sources[4];
    uint64_t expected;
} bench_row;

/* Fails the running test at the first row that gives something else, with its text. */
void bench_check_rows(const bench_row *rows, size_t row_count);
#define BENCH_CHECK_ROWS(rows) bench_check_rows((rows), sizeof(rows) / sizeof *(rows))
/* With declarations before the kernel. */
void bench_check_rows_with(const char *declarations, const bench_row *rows, size_t row_count);

/* A statement that no kernel may have, and what is said about it. */
typedef struct bench_refusal {
    const char *code;
    const char *why;
} bench_refusal;

void bench_check_refusals(const bench_refusal *refusals, size_t count);
#define BENCH_CHECK_REFUSALS(rows) bench_check_refusals((rows), sizeof(rows) / sizeof *(rows))

/* One warp under every schedule: each lane leaves what is expected of it in %r9. */
void bench_check_lanes(const char *code, uint32_t (*expected_of)(uint32_t lane));

/* A kernel of several threads: `body` between declarations and `ret`. The registers above are
 * declared (up to 40 of each), %out is the address of the output, %in that of the input, %r0 is
 * the thread's number in the block. `declarations` stand before the kernel. */
typedef struct bench_kernel {
    const char *declarations;
    const char *body;
    uint32_t grid[3]; /* of each 0: 1 */
    uint32_t block;
    uint32_t dynamic_shared_bytes;
    const void *in;
    size_t in_bytes;
    void *out;
    size_t out_bytes;
    ptx_schedule schedule;
    ptx_range watched;
    ptx_counts *by_instruction; /* as in ptx_launch, zeroed and large enough; or NULL */
    ptx_counts *main_loop;      /* with by_instruction: its sum; zeros where there is none */
} bench_kernel;

/* Under the kernel's own schedule; only the two buffers may be accessed. */
bool bench_run(const bench_kernel *kernel, ptx_report *report_out);
/* Under every order and copy time, with races looked for: succeeds each time, and `out` is as
 * `expected` each time. */
void bench_check_schedules(const bench_kernel *kernel, const void *expected);
/* Under every schedule the run fails with a text that has `text` in it. */
void bench_check_fails(const bench_kernel *kernel, const char *text);
/* Under every schedule it fails with one of the texts, which end with NULL. */
void bench_check_fails_with(const bench_kernel *kernel, const char *const *texts);
/* Under at least one schedule it does, and under no one otherwise. */
void bench_check_fails_sometimes(const bench_kernel *kernel, const char *text);

/* A module that has no fault; the caller frees it. */
ptx_module *bench_module_of(const char *text);

enum {
    BENCH_WORDS = 64
};

/* A kernel of `block` threads with BENCH_WORDS words of input and as many of output, which all such
 * kernels share. */
bench_kernel bench_kernel_of(const char *body, uint32_t block);
/* bench_check_fails() of it. */
void bench_fails(const char *body, uint32_t block, const char *text);
/* It runs in every order, with races looked for. */
void bench_runs(const char *body, uint32_t block);

#endif
