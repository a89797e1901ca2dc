/** @file
 * What a launch is made of while it runs: the run, its current block, warps, and the groups of
 * lanes that a warp falls apart into where branches part. Internal.
 *
 * Invariants: the groups of a warp are disjoint and together its live lanes; two groups are never
 * at the same pc of the same frame for longer than one instruction.
 */
#ifndef KVSPAN_STANDIN_PTX_WARP_H
#define KVSPAN_STANDIN_PTX_WARP_H

#include "standin/ptx/module.h"

typedef struct ptx_block ptx_block;
typedef struct ptx_run ptx_run;
typedef struct ptx_races ptx_races;
typedef struct ptx_copies ptx_copies;
typedef struct ptx_bulk_copies ptx_bulk_copies;
typedef struct ptx_mbarriers ptx_mbarriers;

typedef enum ptx_special {
    PTX_TID_X,
    PTX_TID_Y,
    PTX_TID_Z,
    PTX_NTID_X,
    PTX_NTID_Y,
    PTX_NTID_Z,
    PTX_CTAID_X,
    PTX_CTAID_Y,
    PTX_CTAID_Z,
    PTX_NCTAID_X,
    PTX_NCTAID_Y,
    PTX_NCTAID_Z,
    PTX_LANEID,
    PTX_WARPID,
    PTX_NWARPID,
    PTX_LANEMASK_EQ,
    PTX_LANEMASK_LE,
    PTX_LANEMASK_LT,
    PTX_LANEMASK_GE,
    PTX_LANEMASK_GT,
    PTX_ZERO, /* what is 0 here: %smid, %gridid, parts of a cluster of one block */
    PTX_ONE,
    PTX_DYNAMIC_SHARED,
    PTX_TOTAL_SHARED,
    PTX_CLOCK, /* counts executed instructions */
    PTX_SPECIALS
} ptx_special;

typedef struct ptx_frame { /* one way to have been called; the first is the kernel's own */
    const ptx_function *function;
    uint32_t parent;
    uint32_t depth;
    uint32_t return_pc;
    uint32_t call; /* of the module */
    uint32_t register_base;
    uint32_t local_base;
} ptx_frame;

typedef struct ptx_group {
    uint32_t lanes;
    uint32_t pc;
    uint32_t frame;
    bool waits; /* for lanes that an instruction needs */
    bool rests; /* has waited at an mbarrier in vain: other groups come first */
} ptx_group;

typedef enum ptx_warp_state {
    PTX_WARP_READY,
    PTX_WARP_AT_BARRIER,
    PTX_WARP_RELEASED, /* from the barrier, whose instruction is still to be finished */
    PTX_WARP_DONE
} ptx_warp_state;

struct ptx_warp {
    uint64_t *banks[PTX_BANKS]; /* as the current group sees them */
    ptx_block *block;
    uint32_t index;
    uint32_t live; /* lanes that have not exited */
    ptx_warp_state state;
    uint32_t barrier; /* that it waits at */
    uint64_t barrier_result;
    bool yields;                     /* gives others a turn: it spins */
    const ptx_instruction *awaiting; /* the last wait that found its phase not done … */
    uint32_t awaiting_lane;
    uint32_t awaited; /* … of the mbarrier at this offset */
    uint64_t awaited_change;
    uint32_t fruitless_waits; /* since anything came to an mbarrier of the block */

    ptx_group groups[PTX_LANES];
    uint32_t group_count;
    uint32_t current;
    uint32_t patience; /* backward branches until another group has a turn */

    ptx_frame *frames;
    uint32_t frame_count;
    uint64_t *registers;
    uint32_t register_capacity;
    uint64_t (*specials)[PTX_LANES];

    ptx_copies *copies;
    uint8_t scratch[64]; /* where accesses go that have failed */
};

enum {
    PTX_BARRIERS = 16
};

typedef struct ptx_barrier {
    uint32_t arrived;  /* threads */
    uint32_t expected; /* 0: all of the block */
    uint32_t any;      /* of the predicates of bar.red */
    uint32_t all_count;
} ptx_barrier;

struct ptx_block {
    ptx_run *run;
    uint32_t id[3];
    uint32_t ordinal; /* from 1, in the order in which blocks run */
    uint32_t thread_count;
    uint32_t warp_count;
    ptx_warp *warps;
    uint8_t *shared;
    uint32_t shared_bytes;
    uint8_t *pending; /* per 4 bytes of shared memory: copies under way */
    uint32_t pending_count;
    bool has_async; /* mbarriers or bulk copies: shared and global accesses look at them */
    ptx_mbarriers *mbarriers;
    ptx_bulk_copies *bulk_copies;
    uint8_t *local;
    uint32_t local_bytes; /* per thread */
    ptx_barrier barriers[PTX_BARRIERS];
};

struct ptx_run {
    const ptx_launch *launch;
    ptx_report *report;
    bool has_failed;
    uint64_t budget; /* warp instructions left */
    uint64_t random;
    uint8_t *parameters;
    uint64_t (*symbols)[PTX_LANES];
    ptx_races *races; /* NULL: not looked for */
    ptx_block block;
};

/* Addresses of the generic space that are not global. */
#define PTX_SHARED_BASE    0x1000000000000000ull
#define PTX_LOCAL_BASE     0x2000000000000000ull
#define PTX_PARAMETER_BASE 0x3000000000000000ull
#define PTX_WINDOW_MASK    0xf000000000000000ull

static inline const uint64_t *ptx_source(const ptx_warp *warp, const ptx_instruction *i,
                                         uint32_t index)
{
    const ptx_value value = i->sources[index];

    return warp->banks[value >> PTX_BANK_SHIFT] +
           (size_t)(value & ((1u << PTX_BANK_SHIFT) - 1)) * PTX_LANES;
}

static inline uint64_t *ptx_destination(const ptx_warp *warp, const ptx_instruction *i,
                                        uint32_t index)
{
    return warp->banks[PTX_BANK_REGISTERS] + (size_t)i->destinations[index] * PTX_LANES;
}

static inline uint32_t ptx_lowest_lane(uint32_t lanes)
{
    return (uint32_t)__builtin_ctz(lanes);
}

/* Loops over the lanes of a mask. */
#define PTX_EACH_LANE(lane, lanes)                                     \
    for (uint32_t lane##_rest = (lanes), lane = 0;                     \
         lane##_rest && ((lane = ptx_lowest_lane(lane##_rest)), true); \
         lane##_rest &= lane##_rest - 1)

static inline uint32_t ptx_predicate_lanes(const uint64_t *values, bool is_negated)
{
    uint32_t lanes = 0;

    for (uint32_t lane = 0; lane < PTX_LANES; ++lane) {
        lanes |= (uint32_t)(values[lane] & 1) << lane;
    }
    return is_negated ? ~lanes : lanes;
}

void ptx_warp_init(ptx_warp *warp, ptx_block *block, uint32_t index);
void ptx_warp_fini(ptx_warp *warp);
/* Ready for the block's next id. */
void ptx_warp_begin(ptx_warp *warp);
/* Runs until it waits, yields, is done or has executed `instructions`. */
void ptx_warp_run(ptx_warp *warp, uint64_t instructions);

static inline ptx_group *ptx_warp_group(ptx_warp *warp)
{
    return &warp->groups[warp->current];
}

static inline const ptx_frame *ptx_warp_frame(const ptx_warp *warp)
{
    return &warp->frames[warp->groups[warp->current].frame];
}

/* calls.c: what the instruction of a call or a return does to the current group. */
void ptx_call_enter(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes);
void ptx_call_return(ptx_warp *warp, uint32_t lanes);
/* Splits lanes off the current group; the rest stays. Returns the new group. */
ptx_group *ptx_group_split(ptx_warp *warp, uint32_t lanes);

/* block.c */
void ptx_block_init(ptx_block *block, ptx_run *run);
void ptx_block_fini(ptx_block *block);
void ptx_block_run(ptx_block *block);

/* barriers.c: the whole warp has come to a barrier. True: it goes on at once. */
bool ptx_barrier_come(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes);
/* Releases warps whose barriers are complete. */
void ptx_barriers_release(ptx_block *block);

/* launch.c: SplitMix64, from the schedule's seed. */
uint64_t ptx_random(ptx_run *run);

/* report.c: stops the run with the place in the text; the first one counts. */
void ptx_fault(ptx_warp *warp, const ptx_instruction *i, uint32_t lane, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Without a place. */
void ptx_run_fail(ptx_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "PTX line 12 (decode.cu:34)" */
void ptx_place_print(const ptx_module *module, const ptx_instruction *i, char *text,
                     size_t text_bytes);

#endif
