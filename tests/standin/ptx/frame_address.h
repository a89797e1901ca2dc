/** @file
 * Addresses of local memory depend on how deep the calls are. Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_FRAME_ADDRESS_H
#define KVSPAN_STANDIN_PTX_FRAME_ADDRESS_H

#include "standin/ptx/parser.h"

/* Appends an instruction that puts the local address of `offset` of the frame into a register. */
ptx_value ptx_frame_address(ptx_parser *parser, const ptx_token *token, ptx_value offset);

#endif
