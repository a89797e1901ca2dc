/* The instructions mbarrier.…: which mbarrier of which lane, and what about it. */
#include "standin/ptx/builders.h"
#include "standin/ptx/mbarriers.h"
#include "standin/ptx/memory.h"
#include "standin/ptx/races.h"

typedef enum arrival {
    ARRIVE,
    ARRIVE_EXPECT,
    ARRIVE_NO_COMPLETE
} arrival;

/* The state that an arrival returns: what had been pending, whether the arrival was .noComplete, a
 * bit that tells states from other numbers, in which phase, and of which mbarrier. */
enum {
    STATE_NO_COMPLETE = 20,
    STATE_IS_ONE,
    STATE_PHASE,
    STATE_NUMBER = STATE_PHASE + 32
};

static uint64_t state_of(const ptx_block *block, const ptx_mbarrier *mbarrier, bool is_no_complete)
{
    return mbarrier->pending | (uint64_t)is_no_complete << STATE_NO_COMPLETE |
           (uint64_t)1 << STATE_IS_ONE | (uint64_t)mbarrier->phase << STATE_PHASE |
           (uint64_t)ptx_mbarrier_number(block, mbarrier) << STATE_NUMBER;
}

/* The lane's address as an offset in shared memory; false: a fault. */
static bool offset_find(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                        uint32_t *offset_out)
{
    const uint64_t address = ptx_source(warp, i, 0)[lane] + (uint64_t)i->offset;

    if (i->space == PTX_GENERIC && (address & PTX_WINDOW_MASK) != PTX_SHARED_BASE) {
        ptx_fault(warp, i, lane, "mbarrier at 0x%llx, which is not shared memory",
                  (unsigned long long)address);
        return false;
    }
    *offset_out = (uint32_t)address;
    if (*offset_out % PTX_MBARRIER_BYTES) {
        ptx_fault(warp, i, lane, "misaligned mbarrier at %u of shared memory", *offset_out);
        return false;
    }
    return ptx_shared_check(warp, i, lane, *offset_out, PTX_MBARRIER_BYTES);
}

static void access_look(ptx_warp *warp, const ptx_instruction *i, uint32_t lane, uint32_t offset,
                        ptx_access access)
{
    uint64_t offsets[PTX_LANES];

    if (warp->block->run->races) {
        offsets[lane] = offset;
        ptx_races_access(warp, i, 1u << lane, true, offsets, PTX_MBARRIER_BYTES, access);
    }
}

ptx_mbarrier *ptx_mbarriers_use(ptx_warp *warp, const ptx_instruction *i, uint32_t lane)
{
    uint32_t offset;
    ptx_mbarrier *mbarrier =
        offset_find(warp, i, lane, &offset) ? ptx_mbarriers_find(warp, i, lane, offset) : NULL;

    if (mbarrier) {
        access_look(warp, i, lane, offset, PTX_ACCESS_MBARRIER);
    }
    return mbarrier;
}

static void execute_init(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *counts = ptx_source(warp, i, 1);

    PTX_EACH_LANE(lane, lanes)
    {
        uint32_t offset;

        if (!offset_find(warp, i, lane, &offset) ||
            !ptx_shared_is_free(warp, i, lane, offset, PTX_MBARRIER_BYTES, PTX_ACCESS_WRITE)) {
            return;
        }
        access_look(warp, i, lane, offset, PTX_ACCESS_WRITE);
        ptx_mbarrier_init(warp, i, lane, offset, (uint32_t)counts[lane]);
    }
}

static void execute_inval(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    PTX_EACH_LANE(lane, lanes)
    {
        ptx_mbarrier *mbarrier = ptx_mbarriers_use(warp, i, lane);

        if (!mbarrier) {
            return;
        }
        access_look(warp, i, lane, mbarrier->offset, PTX_ACCESS_WRITE);
        ptx_mbarrier_inval(warp, i, lane, mbarrier);
    }
}

/* variant: whether bytes are completed. */
static void execute_transaction(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *bytes = ptx_source(warp, i, 1);

    PTX_EACH_LANE(lane, lanes)
    {
        ptx_mbarrier *mbarrier = ptx_mbarriers_use(warp, i, lane);

        if (!mbarrier) {
            return;
        }
        if (i->variant) {
            ptx_mbarrier_complete(warp, i, lane, mbarrier, (uint32_t)bytes[lane]);
        } else {
            ptx_mbarrier_expect(warp, i, lane, mbarrier, (uint32_t)bytes[lane]);
        }
    }
}

/* Those of the lanes, from one of them on, that name the same mbarrier as that one. */
static uint32_t lanes_alike(const ptx_warp *warp, const ptx_instruction *i, uint32_t lanes,
                            uint32_t first)
{
    const uint64_t *addresses = ptx_source(warp, i, 0);
    uint32_t alike = 0;

    PTX_EACH_LANE(lane, lanes & ~((1u << first) - 1))
    {
        alike |= (uint32_t)(addresses[lane] == addresses[first]) << lane;
    }
    return alike;
}

static uint32_t arrivals_of(ptx_warp *warp, const ptx_instruction *i, uint32_t lane)
{
    const bool has_count = i->source_count > 1 && i->variant != ARRIVE_EXPECT;

    return has_count ? (uint32_t)ptx_source(warp, i, 1)[lane] : 1;
}

/* Those of the lanes, from one of them on, whose arrivals are of the present phase. */
static uint32_t lanes_of_phase(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes,
                               uint32_t first, const ptx_mbarrier *mbarrier)
{
    uint32_t pending = mbarrier->pending;
    uint32_t together = 0;

    PTX_EACH_LANE(lane, lanes_alike(warp, i, lanes, first))
    {
        const uint32_t arrivals = arrivals_of(warp, i, lane);

        together |= (uint32_t)(pending > 0) << lane;
        pending -= arrivals < pending ? arrivals : pending;
    }
    return together;
}

static void execute_arrive(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *bytes = ptx_source(warp, i, 1); /* the sink where there is none */
    uint64_t *states = ptx_destination(warp, i, 0); /* or the sink */
    uint32_t released = 0;                          /* lanes */

    PTX_EACH_LANE(lane, lanes)
    {
        ptx_mbarrier *mbarrier = ptx_mbarriers_use(warp, i, lane);

        if (!mbarrier) {
            return;
        }
        const uint32_t phase = mbarrier->phase;

        if (i->flags & PTX_FLAG_RELEASES && !(released >> lane & 1)) {
            const uint32_t together = lanes_of_phase(warp, i, lanes, lane, mbarrier);

            ptx_races_mbarrier_arrive(warp, together, ptx_mbarrier_number(warp->block, mbarrier));
            released |= together;
        }
        states[lane] = state_of(warp->block, mbarrier, i->variant == ARRIVE_NO_COMPLETE);
        if (i->variant == ARRIVE_EXPECT) {
            ptx_mbarrier_expect(warp, i, lane, mbarrier, (uint32_t)bytes[lane]);
        }
        ptx_mbarrier_arrive(warp, i, lane, mbarrier, arrivals_of(warp, i, lane));
        if (i->variant == ARRIVE_NO_COMPLETE && mbarrier->phase != phase) {
            ptx_fault(warp, i, lane, "this arrival at the mbarrier at %u completes its phase",
                      mbarrier->offset);
        }
    }
}

/* How many phases a state is behind the present one: 0 or 1; false: a fault. */
static bool state_behind(ptx_warp *warp, const ptx_instruction *i, uint32_t lane,
                         const ptx_mbarrier *mbarrier, uint64_t state, uint32_t *behind_out)
{
    const uint32_t behind = mbarrier->phase - (uint32_t)(state >> STATE_PHASE);

    if (!(state >> STATE_IS_ONE & 1) ||
        state >> STATE_NUMBER != ptx_mbarrier_number(warp->block, mbarrier)) {
        ptx_fault(warp, i, lane, "0x%llx is no state of the mbarrier at %u",
                  (unsigned long long)state, mbarrier->offset);
        return false;
    }
    if (behind > 1) {
        ptx_fault(warp, i, lane, "state of phase %u of the mbarrier at %u, which is in phase %u",
                  mbarrier->phase - behind, mbarrier->offset, mbarrier->phase);
        return false;
    }
    *behind_out = behind;
    return true;
}

/* variant: by parity. */
static void execute_wait(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *asked = ptx_source(warp, i, 1);
    uint64_t *d = ptx_destination(warp, i, 0);
    uint32_t numbers[PTX_LANES];
    uint32_t done = 0; /* lanes */
    bool has_waited = false;

    PTX_EACH_LANE(lane, lanes)
    {
        ptx_mbarrier *mbarrier = ptx_mbarriers_use(warp, i, lane);

        if (!mbarrier) {
            return;
        }
        const uint32_t parity = (uint32_t)asked[lane];
        /* The phase of that parity is the one under way, or the one before it. */
        uint32_t behind = (mbarrier->phase ^ parity) & 1;

        if (i->variant && parity > 1) {
            ptx_fault(warp, i, lane, "parity %u of a phase", parity);
            return;
        }
        if (!i->variant && !state_behind(warp, i, lane, mbarrier, asked[lane], &behind)) {
            return;
        }
        d[lane] = behind || ptx_mbarrier_go_on(warp->block, mbarrier);
        done |= (uint32_t)d[lane] << lane;
        numbers[lane] = ptx_mbarrier_number(warp->block, mbarrier);
        if (!d[lane] && !has_waited) {
            ptx_mbarrier_wait_on(warp, i, lane, mbarrier);
            has_waited = true;
        }
    }
    while (done && i->flags & PTX_FLAG_ACQUIRES) {
        const uint32_t lane = ptx_lowest_lane(done);
        const uint32_t together = lanes_alike(warp, i, done, lane);

        ptx_races_mbarrier_wait(warp, together, numbers[lane]);
        done &= ~together;
    }
}

static void execute_pending_count(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *states = ptx_source(warp, i, 0);
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        if (!(states[lane] >> STATE_IS_ONE & states[lane] >> STATE_NO_COMPLETE & 1)) {
            ptx_fault(warp, i, lane, "0x%llx is no state of an arrival with .noComplete",
                      (unsigned long long)states[lane]);
            return;
        }
        d[lane] = states[lane] & PTX_MBARRIER_MOST;
    }
}

bool ptx_operand_mbarrier(ptx_statement *statement, uint32_t operand)
{
    statement->instruction.space = (uint8_t)ptx_take_space(statement);
    if (ptx_take_type(statement) != PTX_B64) {
        return ptx_refuse(statement, "needs .b64");
    }
    if (statement->instruction.space != PTX_SHARED && statement->instruction.space != PTX_GENERIC) {
        return ptx_refuse(statement, "not with this space");
    }
    return ptx_operand_address(statement, operand);
}

static void scope_take(ptx_statement *statement)
{
    static const char *const scopes[] = { "cta", "cluster", NULL };

    ptx_take_one_of(statement, scopes);
}

/* .release or .acquire, which hold unless .relaxed stands there, and their scope. */
static void order_take(ptx_statement *statement, const char *order, uint32_t flag)
{
    if (!ptx_take(statement, "relaxed")) {
        ptx_take(statement, order);
        statement->instruction.flags |= flag;
    }
    scope_take(statement);
}

static bool operands_are(ptx_statement *statement, uint32_t least, uint32_t most)
{
    return (statement->operand_count >= least && statement->operand_count <= most) ||
           ptx_refuse(statement, "the number of operands is wrong");
}

/* [address], number */
static bool numbered_build(ptx_statement *statement, ptx_execute execute)
{
    statement->instruction.execute = execute;
    return operands_are(statement, 2, 2) && ptx_operand_mbarrier(statement, 0) &&
           ptx_operand_sources(statement, 1);
}

/* {state,} [address] {, count or bytes} */
static bool arrive_build(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;
    const bool has_state = statement->operand_count && !statement->operands[0].is_address;
    const uint32_t count = has_state ? 2 : 1; /* the operand */

    i->variant = ptx_take(statement, "expect_tx")    ? ARRIVE_EXPECT
                 : ptx_take(statement, "noComplete") ? ARRIVE_NO_COMPLETE
                                                     : ARRIVE;
    i->execute = execute_arrive;
    order_take(statement, "release", PTX_FLAG_RELEASES);
    return operands_are(statement, count + (i->variant != ARRIVE), count + 1) &&
           (!has_state || ptx_operand_destinations(statement, 0)) &&
           ptx_operand_mbarrier(statement, count - 1) &&
           (statement->operand_count == count || ptx_operand_sources(statement, count));
}

/* done, [address], state or parity {, how long to wait} */
static bool wait_build(ptx_statement *statement, bool may_suspend)
{
    ptx_instruction *i = &statement->instruction;

    i->variant = ptx_take(statement, "parity");
    i->execute = execute_wait;
    order_take(statement, "acquire", PTX_FLAG_ACQUIRES);
    return operands_are(statement, 3, may_suspend ? 4 : 3) &&
           ptx_operand_destinations(statement, 0) && ptx_operand_mbarrier(statement, 1) &&
           ptx_operand_sources(statement, 2);
}

static bool transaction_build(ptx_statement *statement, bool completes)
{
    statement->instruction.variant = completes;
    ptx_take(statement, "relaxed");
    scope_take(statement);
    return numbered_build(statement, execute_transaction);
}

bool ptx_build_mbarrier(ptx_statement *statement)
{
    if (ptx_take(statement, "init")) {
        return numbered_build(statement, execute_init);
    }
    if (ptx_take(statement, "inval")) {
        statement->instruction.execute = execute_inval;
        return operands_are(statement, 1, 1) && ptx_operand_mbarrier(statement, 0);
    }
    if (ptx_take(statement, "arrive")) {
        return arrive_build(statement);
    }
    if (ptx_take(statement, "test_wait")) {
        return wait_build(statement, false);
    }
    if (ptx_take(statement, "try_wait")) {
        return wait_build(statement, true);
    }
    if (ptx_take(statement, "expect_tx")) {
        return transaction_build(statement, false);
    }
    if (ptx_take(statement, "complete_tx")) {
        return transaction_build(statement, true);
    }
    if (ptx_take(statement, "pending_count")) {
        statement->instruction.execute = execute_pending_count;
        return (ptx_take_type(statement) == PTX_B64 || ptx_refuse(statement, "needs .b64")) &&
               ptx_operands_simple(statement, 1);
    }
    return ptx_refuse(statement, "is not supported");
}
