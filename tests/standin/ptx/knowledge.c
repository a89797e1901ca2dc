#include "standin/ptx/knowledge.h"

#include "standin/ptx/array.h"

void ptx_knowledges_fini(ptx_knowledges *knowledges)
{
    free(knowledges->entries);
    *knowledges = (ptx_knowledges){ 0 };
}

const ptx_knowledge *ptx_knowledges_find(const ptx_knowledges *knowledges, uint32_t block)
{
    for (uint32_t i = knowledges->count; i-- > 0;) {
        if (knowledges->entries[i].block == block) {
            return &knowledges->entries[i];
        }
    }
    return NULL;
}

void ptx_knowledges_add(ptx_knowledges *to, const ptx_knowledge *entry)
{
    const ptx_knowledge *found = ptx_knowledges_find(to, entry->block);

    if (found) {
        ptx_clocks_join(to->entries[found - to->entries].clocks, entry->clocks);
    } else {
        *PTX_APPEND(to->entries, to->count) = *entry;
    }
}

void ptx_knowledges_join(ptx_knowledges *to, const ptx_knowledges *from)
{
    for (uint32_t i = 0; i < from->count; ++i) {
        ptx_knowledges_add(to, &from->entries[i]);
    }
}
