/** @file
 * Copies that a warp's lanes have begun with cp.async. Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_ASYNC_COPY_H
#define KVSPAN_STANDIN_PTX_ASYNC_COPY_H

#include "standin/ptx/warp.h"

ptx_copies *ptx_copies_create(void);
void ptx_copies_destroy(ptx_copies *copies);
void ptx_copies_clear(ptx_copies *copies);

#endif
