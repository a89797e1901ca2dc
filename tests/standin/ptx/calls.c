/* Calls of functions that were not inlined. */
#include "standin/ptx/array.h"
#include "standin/ptx/device_calls.h"
#include "standin/ptx/warp.h"

enum {
    DEEPEST = 64
};

static uint8_t *local_place(const ptx_warp *warp, uint32_t lane, uint32_t offset)
{
    const ptx_block *block = warp->block;

    return block->local + (size_t)(warp->index * PTX_LANES + lane) * block->local_bytes + offset;
}

/* Frames that were entered in the same way are the same, so that groups can meet in them. */
static uint32_t frame_find(ptx_warp *warp, const ptx_frame *wanted)
{
    for (uint32_t i = 1; i < warp->frame_count; ++i) {
        const ptx_frame *frame = &warp->frames[i];

        if (frame->function == wanted->function && frame->parent == wanted->parent &&
            frame->call == wanted->call) {
            return i;
        }
    }
    *PTX_APPEND(warp->frames, warp->frame_count) = *wanted;
    return warp->frame_count - 1;
}

static void registers_reserve(ptx_warp *warp, uint32_t count)
{
    if (count > warp->register_capacity) {
        warp->registers = ptx_resized(warp->registers, count, PTX_LANES * sizeof(uint64_t));
        warp->register_capacity = count;
    }
}

/* Whether what is passed and expected is what the function takes and returns. */
static bool signature_check(ptx_warp *warp, const ptx_instruction *i, const ptx_call *call,
                            const ptx_function *callee, uint32_t lanes)
{
    if (call->argument_count != callee->parameter_count) {
        ptx_fault(warp, i, ptx_lowest_lane(lanes), "%s is called with %u arguments instead of %u",
                  callee->name, call->argument_count, callee->parameter_count);
        return false;
    }
    for (uint32_t k = 0; k < call->argument_count; ++k) {
        if (callee->parameters[k].bytes != call->argument_bytes[k]) {
            ptx_fault(warp, i, ptx_lowest_lane(lanes), "argument %u of %s has %u bytes, not %u", k,
                      callee->name, call->argument_bytes[k], callee->parameters[k].bytes);
            return false;
        }
    }
    if (call->result_bytes != callee->result.bytes) {
        ptx_fault(warp, i, ptx_lowest_lane(lanes), "%s returns %u bytes, not %u", callee->name,
                  callee->result.bytes, call->result_bytes);
        return false;
    }
    return true;
}

static void frame_enter(ptx_warp *warp, const ptx_instruction *i, const ptx_call *call,
                        const ptx_function *callee, uint32_t lanes)
{
    const ptx_group *group = ptx_warp_group(warp);
    const ptx_frame caller = *ptx_warp_frame(warp);
    const ptx_frame wanted = {
        .function = callee,
        .parent = group->frame,
        .depth = caller.depth + 1,
        .return_pc = group->pc + 1,
        .call = i->target,
        .register_base = caller.register_base + caller.function->register_count,
        .local_base = (caller.local_base + caller.function->local_bytes + 15) & ~15u,
    };

    if (wanted.depth > DEEPEST ||
        wanted.local_base + callee->local_bytes > warp->block->local_bytes) {
        ptx_fault(warp, i, ptx_lowest_lane(lanes), "calls are too deep");
        return;
    }
    for (uint32_t k = 0; k < call->argument_count; ++k) {
        const ptx_parameter *parameter = &callee->parameters[k];

        PTX_EACH_LANE(lane, lanes)
        {
            memcpy(local_place(warp, lane, wanted.local_base + parameter->offset),
                   local_place(warp, lane, caller.local_base + call->argument_offsets[k]),
                   parameter->bytes);
        }
    }
    registers_reserve(warp, wanted.register_base + callee->register_count);
    const uint32_t frame = frame_find(warp, &wanted);
    ptx_group *entering = ptx_warp_group(warp);

    if (lanes != entering->lanes) {
        entering->pc += 1;
        entering = ptx_group_split(warp, lanes);
    }
    entering->frame = frame;
    entering->pc = 0;
}

static void callee_enter(ptx_warp *warp, const ptx_instruction *i, const ptx_function *callee,
                         uint32_t lanes)
{
    const ptx_call *call = &warp->block->run->launch->module->calls[i->target];

    if (!signature_check(warp, i, call, callee, lanes)) {
        return;
    }
    if (callee->has_body) {
        frame_enter(warp, i, call, callee, lanes);
        return;
    }
    PTX_EACH_LANE(lane, lanes)
    {
        const uint8_t *arguments[PTX_DEVICE_ARGUMENTS];

        for (uint32_t k = 0; k < call->argument_count; ++k) {
            arguments[k] = local_place(
                warp, lane, ptx_warp_frame(warp)->local_base + call->argument_offsets[k]);
        }
        ptx_device_call(
            warp, i, lane, callee->name, arguments,
            local_place(warp, lane, ptx_warp_frame(warp)->local_base + call->result_offset));
    }
    ptx_warp_group(warp)->pc += 1;
}

void ptx_call_enter(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const ptx_module *module = warp->block->run->launch->module;
    const ptx_call *call = &module->calls[i->target];

    if (call->callee) {
        callee_enter(warp, i, call->callee, lanes);
        return;
    }
    /* By address: the lanes that call the same function go first, the others call again. */
    const uint64_t *addresses = ptx_source(warp, i, 0);
    const uint64_t address = addresses[ptx_lowest_lane(lanes)];
    const uint64_t index = address - PTX_FUNCTION_BASE;
    uint32_t alike = 0;

    PTX_EACH_LANE(lane, lanes)
    {
        alike |= addresses[lane] == address ? 1u << lane : 0;
    }
    if (index >= module->function_count) {
        ptx_fault(warp, i, ptx_lowest_lane(lanes), "call of 0x%llx, which is no function",
                  (unsigned long long)address);
        return;
    }
    if (alike != ptx_warp_group(warp)->lanes) {
        ptx_group_split(warp, ptx_warp_group(warp)->lanes & ~alike);
    }
    callee_enter(warp, i, module->functions[index], alike);
}

void ptx_call_return(ptx_warp *warp, uint32_t lanes)
{
    const ptx_frame callee = *ptx_warp_frame(warp);
    const ptx_call *call = &warp->block->run->launch->module->calls[callee.call];
    const ptx_frame *caller = &warp->frames[callee.parent];
    ptx_group *group = ptx_warp_group(warp);

    PTX_EACH_LANE(lane, lanes)
    {
        memcpy(local_place(warp, lane, caller->local_base + call->result_offset),
               local_place(warp, lane, callee.local_base), /* the result is the first there */
               call->result_bytes);
    }
    if (lanes != group->lanes) {
        group->pc += 1;
        group = ptx_group_split(warp, lanes);
    }
    group->frame = callee.parent;
    group->pc = callee.return_pc;
}
