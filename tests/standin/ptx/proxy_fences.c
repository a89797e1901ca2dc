#include "standin/ptx/proxy_fences.h"

#include "standin/ptx/array.h"

void ptx_proxy_fences_fini(ptx_proxy_fences *fences)
{
    free(fences->fences);
    *fences = (ptx_proxy_fences){ 0 };
}

void ptx_proxy_fences_add(ptx_proxy_fences *fences, const ptx_proxy_fence *fence)
{
    ptx_proxy_fence *added = PTX_APPEND(fences->fences, fences->count);

    *added = *fence;
    if (fences->count > 1) { /* what an earlier one passed stays passed */
        for (uint32_t lane = 0; lane < PTX_LANES; ++lane) {
            if (added[-1].meetings[lane] > added->meetings[lane]) {
                added->meetings[lane] = added[-1].meetings[lane];
            }
        }
    }
}

const ptx_proxy_fence *ptx_proxy_fences_last(const ptx_proxy_fences *fences, uint32_t clock)
{
    uint32_t begin = 0; /* those before it are early enough */
    uint32_t end = fences->count;

    while (begin < end) {
        const uint32_t middle = begin + (end - begin) / 2;

        if (fences->fences[middle].clock <= clock) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin ? &fences->fences[begin - 1] : NULL;
}
