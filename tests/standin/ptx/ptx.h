/** @file
 * Executes PTX: kernels as nvcc emits them, on a machine without a GPU.
 *
 * Blocks run one after another; within a block the warps take turns in an order that the schedule
 * gives, and lanes of a warp run in step as far as they agree on the next instruction. What a GPU
 * leaves undefined is reported with the line of PTX and of the source, not executed: unknown
 * instructions, accesses out of bounds or misaligned, races, barriers in divergent code, mbarriers
 * that nobody can complete, memory that the async proxy may not have seen, shuffles that read a
 * lane outside of their mask. Clusters are of one block.
 *
 * Nothing here is global: any number of threads may each execute their own launches, of the same
 * module too, as long as they do not write the same memory.
 */
#ifndef KVSPAN_STANDIN_PTX_H
#define KVSPAN_STANDIN_PTX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ptx_module ptx_module;
typedef struct ptx_kernel ptx_kernel;

enum {
    PTX_TEXT_BYTES = 1024
};

/* Parses a module. NULL: text_out says why, with the line. Freed with ptx_module_free(). */
ptx_module *ptx_module_parse(const char *ptx, char text_out[PTX_TEXT_BYTES]);
void ptx_module_free(ptx_module *module);

/* NULL: no such kernel. Kernels live as long as their module. */
const ptx_kernel *ptx_module_kernel(const ptx_module *module, const char *name);
uint32_t ptx_module_kernel_count(const ptx_module *module);
const ptx_kernel *ptx_module_kernel_at(const ptx_module *module, uint32_t index);

const char *ptx_kernel_name(const ptx_kernel *kernel);
uint32_t ptx_kernel_parameter_count(const ptx_kernel *kernel);
uint32_t ptx_kernel_parameter_bytes(const ptx_kernel *kernel, uint32_t index);
/* Declared inside the kernel and by its .maxntid; 0 = none given. */
uint32_t ptx_kernel_static_shared_bytes(const ptx_kernel *kernel);
uint32_t ptx_kernel_max_threads(const ptx_kernel *kernel);
uint32_t ptx_kernel_instruction_count(const ptx_kernel *kernel);

/* Variables of the module (.global, .const) in the order of the text. Their storage is the
 * caller's, so that it can be device memory: it has to be bound before the first launch, and gets
 * the initial value by ptx_module_variable_init(). */
uint32_t ptx_module_variable_count(const ptx_module *module);
const char *ptx_module_variable_name(const ptx_module *module, uint32_t index);
size_t ptx_module_variable_bytes(const ptx_module *module, uint32_t index);
void ptx_module_variable_init(const ptx_module *module, uint32_t index, void *storage);
void ptx_module_variable_bind(ptx_module *module, uint32_t index, void *storage);

/* In which order things happen that a GPU may do in any order. */
typedef enum ptx_order {
    PTX_ORDER_SEQUENTIAL, /* blocks and warps ascending, a warp runs until it must wait */
    PTX_ORDER_REVERSED,
    PTX_ORDER_RANDOM /* shuffled, and a warp runs for a random number of instructions */
} ptx_order;

/* When asynchronous copies are done: all are allowed. */
typedef enum ptx_copy_time {
    PTX_COPY_LATE, /* when waited for, and nothing else is missing */
    PTX_COPY_EARLY,
    PTX_COPY_RANDOM
} ptx_copy_time;

typedef struct ptx_schedule {
    ptx_order order;
    ptx_copy_time copies;
    uint64_t seed;             /* of what is random */
    bool finds_races;          /* slower: every byte of memory remembers who touched it */
    uint64_t max_instructions; /* warp instructions of the launch; 0 = 4·10⁹ */
} ptx_schedule;

/* From the environment: KVSPAN_PTX_ORDER = sequential | reversed | random:SEED, KVSPAN_PTX_COPIES =
 * late | early | random, KVSPAN_PTX_RACES = 0 | 1, KVSPAN_PTX_INSTRUCTIONS = max_instructions.
 * false: text_out names the bad value. */
bool ptx_schedule_from_environment(ptx_schedule *schedule_out, char text_out[PTX_TEXT_BYTES]);

/* Whether global memory may be accessed; `context` is the owner's. false: text_out says why.
 * Called for every access, so it has to be quick: for lanes side by side once with all their bytes,
 * else, or if that is refused, for each lane. NULL: all may be accessed. */
typedef struct ptx_memory {
    void *context;
    bool (*may_access)(void *context, uint64_t address, uint32_t bytes, bool is_write,
                       char text_out[PTX_TEXT_BYTES]);
} ptx_memory;

/* Global memory. A request is a warp instruction; what of it is distinct counts once. */
typedef struct ptx_traffic {
    uint64_t requests;
    uint64_t sectors;       /* of 32 bytes that are touched */
    uint64_t ideal_sectors; /* the fewest that could hold the bytes */
    uint64_t bytes;         /* that lanes ask for */
} ptx_traffic;

/* What a launch did, summed over all its blocks: nothing but members of 64 bits. */
typedef struct ptx_counts {
    uint64_t warp_instructions;
    uint64_t lane_instructions;
    ptx_traffic loads;          /* asynchronous copies among them, as in stores */
    ptx_traffic watched_loads;  /* those of them that read memory of ptx_launch.watched */
    ptx_traffic stores;         /* and atomics */
    uint64_t shared_requests;   /* warp instructions on shared memory, cp.async among them;
                                   ldmatrix: one per 8 rows; a bulk copy: one */
    uint64_t shared_wavefronts; /* the least a bank-conflict-free machine of 32 banks needs … */
    uint64_t shared_conflicts;  /* … and what conflicts add to them */
    uint64_t matrix_products;   /* mma */
    uint64_t barriers;
} ptx_counts;

/* Addresses [begin, end). */
typedef struct ptx_range {
    uint64_t begin;
    uint64_t end;
} ptx_range;

typedef struct ptx_launch {
    const ptx_module *module;
    const ptx_kernel *kernel;
    uint32_t grid[3];
    uint32_t block[3];
    uint32_t dynamic_shared_bytes;
    const void *const *parameters; /* [parameter_count], each of its bytes */
    ptx_memory memory;
    ptx_schedule schedule;
    ptx_range watched;          /* global memory whose reads are counted apart too */
    ptx_counts *by_instruction; /* [ptx_kernel_instruction_count()], added to: what each instruction
                                   of the kernel itself did; NULL: not asked for */
} ptx_launch;

typedef struct ptx_report {
    ptx_counts counts;
    char text[PTX_TEXT_BYTES]; /* what went wrong: kernel, block, thread, PTX and source line */
} ptx_report;

/* false: the launch broke a rule and stopped there; report_out->text says which. */
bool ptx_launch_run(const ptx_launch *launch, ptx_report *report_out);

/* Adds up what the kernel's main loop did: the smallest loop that executed at least half of the
 * matrix products, or, where there were none, of the requests to load. false: no loop did. */
bool ptx_main_loop_count(const ptx_module *module, const ptx_kernel *kernel,
                         const ptx_counts *by_instruction, ptx_counts *counts_out);

#endif
