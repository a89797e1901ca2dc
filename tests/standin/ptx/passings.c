#include "standin/ptx/passings.h"

#include "standin/ptx/array.h"

void ptx_passings_fini(ptx_passings *passings)
{
    free(passings->passings);
}

uint32_t ptx_passings_until(const ptx_passings *passings, uint32_t clock)
{
    uint32_t begin = 0; /* those before it are early enough */
    uint32_t end = passings->count;

    while (begin < end) {
        const uint32_t middle = begin + (end - begin) / 2;

        if (passings->passings[middle].clock <= clock) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

const ptx_passing *ptx_passings_last(const ptx_passings *passings, uint32_t clock)
{
    const uint32_t count = ptx_passings_until(passings, clock);

    return count ? &passings->passings[count - 1] : NULL;
}

void ptx_passings_add(ptx_passings *passings, const ptx_passing *passing)
{
    const ptx_passing *last = ptx_passings_last(passings, UINT32_MAX);
    ptx_passing added = *passing;

    for (uint32_t lane = 0; last && lane < PTX_LANES; ++lane) { /* what has passed stays so */
        added.meetings[lane] = ptx_later(added.meetings[lane], last->meetings[lane]);
    }
    *PTX_APPEND(passings->passings, passings->count) = added;
}
