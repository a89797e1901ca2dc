/** @file
 * The work of a step: its plans for every layer group, whole and in passes. A pass is a part of the
 * step's tokens whose results can go to other ranks while the next pass is computed. Passes follow
 * from the step and the mesh alone, so they are the same on every rank.
 */
#ifndef KVSPAN_CACHE_STEP_WORK_H
#define KVSPAN_CACHE_STEP_WORK_H

#include "runtime/cache/device_table.h"
#include "runtime/cache/geometry.h"

enum {
    KVSPAN_MAX_PASSES = 2,
    KVSPAN_PASS_MIN_TOKENS = 16 /* of each; below, an exchange costs more than it hides */
};

/* Into which parts the tokens of every split fall: [0, border) and the rest where tokens are not
 * split, else the halves of each split. */
typedef struct kvspan_passes {
    uint32_t count; /* 1 or 2 */
    uint32_t border;
} kvspan_passes;

typedef struct kvspan_step_work {
    kvspan_device *device;
    uint32_t group_count;
    uint32_t split_count;       /* of the step's tokens: ranks of the sequence group */
    uint32_t plans_per_group;   /* the whole step, then its passes if there can be any */
    uint32_t item_capacity;     /* of the largest step, for one group */
    uint64_t plan_bytes;        /* of the largest packed plan; 0 = the column packs none */
    kvspan_passes passes;       /* of the current step */
    kvspan_plan_limits *limits; /* [layer group] */
    kvspan_work_row *rows;      /* [max_rows] */
    kvspan_work_item *items;    /* [layer group][whole, by passes][item_capacity] */
    kvspan_work_plan *plans;    /* [layer group][plans_per_group] */
    unsigned char *scratch;     /* device, for attend_pages */
    uint64_t scratch_bytes;
} kvspan_step_work;

kvspan_status kvspan_step_work_init(kvspan_step_work *work, kvspan_device *device,
                                    const kvspan_settings *settings,
                                    const kvspan_geometry *geometry, kvspan_error *error);
void kvspan_step_work_fini(kvspan_step_work *work);

/* Plans the step; packs the plans into the table's current slot. */
void kvspan_step_work_plan(kvspan_step_work *work, const kvspan_replica_result *result,
                           const kvspan_settings *settings, const kvspan_token_rule *rule,
                           kvspan_device_table *table);

/* The plan of one pass of pass_count, which is 1 or the step's own. */
const kvspan_work_plan *kvspan_step_work_pass(const kvspan_step_work *work, uint32_t group,
                                              uint32_t pass_count, uint32_t pass);

/* The tokens of a pass within one split of the step's tokens over split_count ranks. */
kvspan_range kvspan_pass_range(const kvspan_passes *passes, kvspan_range split,
                               uint32_t split_count, uint32_t pass);

#endif
