#include "standin/ptx/frame_address.h"

#include "standin/ptx/warp.h"

static void execute_frame_address(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    const uint64_t *offset = ptx_source(warp, i, 0);
    const uint32_t base = ptx_warp_frame(warp)->local_base;
    uint64_t *result = ptx_destination(warp, i, 0);

    PTX_EACH_LANE(lane, lanes)
    {
        result[lane] = base + offset[lane];
    }
}

ptx_value ptx_frame_address(ptx_parser *parser, const ptx_token *token, ptx_value offset)
{
    const uint32_t result = ptx_parser_registers_new(parser, 1);
    ptx_instruction *i = ptx_parser_instruction_new(parser, token);

    i->execute = execute_frame_address;
    i->destinations[0] = result;
    i->sources[0] = offset;
    return result;
}
