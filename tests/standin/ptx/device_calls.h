/** @file
 * Functions that the device's own runtime offers: printf and assert. Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_DEVICE_CALLS_H
#define KVSPAN_STANDIN_PTX_DEVICE_CALLS_H

#include "standin/ptx/warp.h"

bool ptx_device_call_is_known(const char *name);
void ptx_device_call(ptx_warp *warp, const ptx_instruction *i, uint32_t lane, const char *name,
                     const uint8_t *const arguments[8], uint8_t *result);

#endif
