/** @file
 * Memory of the stand-in itself.
 */
#ifndef KVSPAN_STANDIN_CUDART_ZEROED_H
#define KVSPAN_STANDIN_CUDART_ZEROED_H

#include <stddef.h>

/* Never NULL: the process ends where there is no memory. */
void *zeroed_allocate(size_t count, size_t bytes);

#endif
