#include "standin/cudart/zeroed.h"

#include <stdlib.h>

#include "standin/cudart/complain.h"

void *zeroed_allocate(size_t count, size_t bytes)
{
    void *fresh = calloc(count, bytes);

    if (fresh == NULL) {
        complain_and_abort("out of memory");
    }
    return fresh;
}
