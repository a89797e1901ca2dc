/** @file
 * Functions that the device's own runtime offers: printf and assert. Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_DEVICE_CALLS_H
#define KVSPAN_STANDIN_PTX_DEVICE_CALLS_H

#include "standin/ptx/warp.h"

enum {
    PTX_DEVICE_ARGUMENTS = 5 /* the most */
};

/* Whether a function without a body is one of them, by its name and by the bytes that it takes. */
bool ptx_device_call_is_known(const ptx_function *function);
void ptx_device_call(ptx_warp *warp, const ptx_instruction *i, uint32_t lane, const char *name,
                     const uint8_t *const arguments[PTX_DEVICE_ARGUMENTS], uint8_t *result);

#endif
