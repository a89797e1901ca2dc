/* What lanes of a warp tell each other. The member mask is the last source of each of these. */
#include "standin/ptx/builders.h"

typedef enum shuffle {
    SHUFFLE_UP,
    SHUFFLE_DOWN,
    SHUFFLE_BFLY,
    SHUFFLE_IDX
} shuffle;

static const uint64_t *member_masks(const ptx_warp *warp, const ptx_instruction *i)
{
    return ptx_source(warp, i, i->source_count - 1u);
}

/* Each lane has to be in its own mask, and all lanes of a mask have to say the same mask. */
static bool masks_check(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *masks = member_masks(warp, i);

    PTX_EACH_LANE(lane, lanes)
    {
        const uint32_t mask = (uint32_t)masks[lane];

        if (!(mask >> lane & 1)) {
            ptx_fault(warp, i, lane, "member mask %08x does not name the executing lane %u", mask,
                      lane);
            return false;
        }
        PTX_EACH_LANE(other, mask & lanes)
        {
            if ((uint32_t)masks[other] != mask) {
                ptx_fault(warp, i, lane, "lanes %u and %u have member masks %08x and %08x", lane,
                          other, mask, (uint32_t)masks[other]);
                return false;
            }
        }
    }
    return true;
}

/* The lane that is read, and whether it is within its segment (PTX ISA, shfl.sync). */
static uint32_t shuffle_lane(shuffle mode, uint32_t lane, uint32_t b, uint32_t c, bool *is_within)
{
    const uint32_t segment = c >> 8 & 31;
    const uint32_t clamp = c & 31;
    const uint32_t most = (lane & segment) | (clamp & ~segment);
    const uint32_t least = lane & segment;
    uint32_t source;

    b &= 31;
    switch (mode) {
    case SHUFFLE_UP:
        source = lane - b;
        *is_within = (int32_t)source >= (int32_t)most;
        break;
    case SHUFFLE_DOWN:
        source = lane + b;
        *is_within = source <= most;
        break;
    case SHUFFLE_BFLY:
        source = lane ^ b;
        *is_within = source <= most;
        break;
    default:
        source = least | (b & ~segment);
        *is_within = source <= most;
        break;
    }
    return *is_within ? source : lane;
}

static void execute_shuffle(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    const uint64_t *b = ptx_source(warp, i, 1);
    const uint64_t *c = ptx_source(warp, i, 2);
    const uint64_t *masks = member_masks(warp, i);
    uint64_t *d = ptx_destination(warp, i, 0);
    uint64_t *within = ptx_destination(warp, i, 1); /* or the sink */
    uint64_t values[PTX_LANES];
    bool is_within[PTX_LANES];

    if (!masks_check(warp, i, lanes)) {
        return;
    }
    PTX_EACH_LANE(lane, lanes)
    {
        const uint32_t source = shuffle_lane((shuffle)i->variant, lane, (uint32_t)b[lane],
                                             (uint32_t)c[lane], &is_within[lane]);

        if (!((uint32_t)masks[lane] & lanes & 1u << source)) {
            ptx_fault(warp, i, lane, "lane %u reads lane %u, which is outside of %08x", lane,
                      source, (uint32_t)masks[lane] & lanes);
            return;
        }
        values[lane] = (uint32_t)a[source];
    }
    PTX_EACH_LANE(reader, lanes)
    {
        d[reader] = values[reader];
        within[reader] = is_within[reader];
    }
}

bool ptx_build_shuffle(ptx_statement *statement)
{
    static const char *const modes[] = { "up", "down", "bfly", "idx", NULL };
    ptx_instruction *i = &statement->instruction;
    const bool is_sync = ptx_take(statement, "sync");
    const int mode = ptx_take_one_of(statement, modes);

    if (!is_sync || mode < 0 || ptx_take_type(statement) != PTX_B32) {
        return ptx_refuse(statement, "needs .sync, a mode and .b32");
    }
    i->variant = (uint8_t)mode;
    i->flow = PTX_FLOW_MASKED;
    i->execute = execute_shuffle;
    return ptx_operands_simple(statement, 4);
}

typedef enum vote {
    VOTE_ALL,
    VOTE_ANY,
    VOTE_UNI,
    VOTE_BALLOT
} vote;

static void execute_vote(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *masks = member_masks(warp, i);
    const uint32_t yes =
        ptx_predicate_lanes(ptx_source(warp, i, 0), i->flags & PTX_FLAG_NEGATED) & lanes;
    uint64_t *d = ptx_destination(warp, i, 0);

    if (!masks_check(warp, i, lanes)) {
        return;
    }
    PTX_EACH_LANE(lane, lanes)
    {
        const uint32_t members = (uint32_t)masks[lane] & lanes;
        const uint32_t own = yes & members;

        switch ((vote)i->variant) {
        case VOTE_ALL: d[lane] = own == members; break;
        case VOTE_ANY: d[lane] = own != 0; break;
        case VOTE_UNI: d[lane] = own == 0 || own == members; break;
        default: d[lane] = own; break;
        }
    }
}

bool ptx_build_vote(ptx_statement *statement)
{
    static const char *const modes[] = { "all", "any", "uni", "ballot", NULL };
    ptx_instruction *i = &statement->instruction;
    const bool is_sync = ptx_take(statement, "sync");
    const int mode = ptx_take_one_of(statement, modes);
    const ptx_type type = ptx_take_type(statement);

    if (!is_sync || mode < 0 || type != (mode == VOTE_BALLOT ? PTX_B32 : PTX_PRED)) {
        return ptx_refuse(statement, "needs .sync, a mode and its type");
    }
    i->variant = (uint8_t)mode;
    i->flow = PTX_FLOW_MASKED;
    i->execute = execute_vote;
    return ptx_operands_simple(statement, 2);
}

static void execute_match(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint32_t bytes = ptx_type_bytes((ptx_type)i->type);
    const uint64_t *a = ptx_source(warp, i, 0);
    const uint64_t *masks = member_masks(warp, i);
    uint64_t *d = ptx_destination(warp, i, 0);
    uint64_t *all = ptx_destination(warp, i, 1); /* or the sink */
    uint32_t alike[PTX_LANES] = { 0 };

    if (!masks_check(warp, i, lanes)) {
        return;
    }
    PTX_EACH_LANE(lane, lanes)
    {
        PTX_EACH_LANE(other, (uint32_t)masks[lane] & lanes)
        {
            const uint64_t difference = a[lane] ^ a[other];

            alike[lane] |= ptx_zero_extended(difference, bytes) == 0 ? 1u << other : 0;
        }
    }
    PTX_EACH_LANE(writer, lanes)
    {
        const bool are_all = alike[writer] == ((uint32_t)masks[writer] & lanes);

        d[writer] = i->variant && !are_all ? 0 : alike[writer];
        all[writer] = are_all;
    }
}

bool ptx_build_match(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;
    const bool is_all = ptx_take(statement, "all");

    if ((!is_all && !ptx_take(statement, "any")) || !ptx_take(statement, "sync")) {
        return ptx_refuse(statement, "needs .any or .all, and .sync");
    }
    i->type = (uint8_t)ptx_take_type(statement);
    if (i->type != PTX_B32 && i->type != PTX_B64) {
        return ptx_refuse(statement, "not with this type");
    }
    i->variant = is_all;
    i->flow = PTX_FLOW_MASKED;
    i->execute = execute_match;
    return ptx_operands_simple(statement, 2);
}

typedef enum reduction {
    REDUCE_ADD,
    REDUCE_MIN,
    REDUCE_MAX,
    REDUCE_AND,
    REDUCE_OR,
    REDUCE_XOR
} reduction;

static uint32_t reduced(reduction r, bool is_signed, uint32_t x, uint32_t y)
{
    const bool is_less = is_signed ? (int32_t)x < (int32_t)y : x < y;

    switch (r) {
    case REDUCE_ADD: return x + y;
    case REDUCE_MIN: return is_less ? x : y;
    case REDUCE_MAX: return is_less ? y : x;
    case REDUCE_AND: return x & y;
    case REDUCE_OR: return x | y;
    default: return x ^ y;
    }
}

static void execute_redux(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *a = ptx_source(warp, i, 0);
    const uint64_t *masks = member_masks(warp, i);
    uint64_t *d = ptx_destination(warp, i, 0);
    uint64_t values[PTX_LANES];

    if (!masks_check(warp, i, lanes)) {
        return;
    }
    PTX_EACH_LANE(lane, lanes)
    {
        const uint32_t members = (uint32_t)masks[lane] & lanes;
        uint32_t value = (uint32_t)a[ptx_lowest_lane(members)];

        PTX_EACH_LANE(other, members & (members - 1))
        {
            value = reduced((reduction)i->variant, i->type == PTX_S32, value, (uint32_t)a[other]);
        }
        values[lane] = value;
    }
    PTX_EACH_LANE(writer, lanes)
    {
        d[writer] = values[writer];
    }
}

bool ptx_build_redux(ptx_statement *statement)
{
    static const char *const names[] = { "add", "min", "max", "and", "or", "xor", NULL };
    ptx_instruction *i = &statement->instruction;
    const bool is_sync = ptx_take(statement, "sync");
    const int r = ptx_take_one_of(statement, names);

    i->type = (uint8_t)ptx_take_type(statement);
    if (!is_sync || r < 0 || ptx_type_bytes((ptx_type)i->type) != 4 ||
        ptx_type_is_float((ptx_type)i->type)) {
        return ptx_refuse(statement, "needs .sync, an operation and a type of 32 bits");
    }
    i->variant = (uint8_t)r;
    i->flow = PTX_FLOW_MASKED;
    i->execute = execute_redux;
    return ptx_operands_simple(statement, 2);
}

static void execute_activemask(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    uint64_t *d = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        d[lane] = lanes;
    }
}

bool ptx_build_activemask(ptx_statement *statement)
{
    statement->instruction.execute = execute_activemask;
    return ptx_take_type(statement) == PTX_B32 ? ptx_operands_simple(statement, 0)
                                               : ptx_refuse(statement, "needs .b32");
}

/* The lowest lane of the mask is elected. */
static void execute_elect(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *masks = member_masks(warp, i);
    uint64_t *leader = ptx_destination(warp, i, 0);
    uint64_t *is_leader = ptx_destination(warp, i, 1);

    if (!masks_check(warp, i, lanes)) {
        return;
    }
    PTX_EACH_LANE(lane, lanes)
    {
        const uint32_t elected = ptx_lowest_lane((uint32_t)masks[lane]);

        leader[lane] = elected;
        is_leader[lane] = elected == lane;
    }
}

bool ptx_build_elect(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;

    i->flow = PTX_FLOW_MASKED;
    i->execute = execute_elect;
    return (ptx_take(statement, "sync") || ptx_refuse(statement, "needs .sync")) &&
           ptx_operands_simple(statement, 1) &&
           (i->destination_count == 2 || ptx_refuse(statement, "needs two results"));
}
