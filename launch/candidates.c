#include "launch/candidates.h"

#include <assert.h>
#include <stdlib.h>

static int compare_places(const void *a, const void *b)
{
    const kvspan_reservoir_token *left = &((const kvspan_candidate *)a)->token;
    const kvspan_reservoir_token *right = &((const kvspan_candidate *)b)->token;

    if (left->request != right->request) {
        return left->request < right->request ? -1 : 1;
    }
    return (left->position > right->position) - (left->position < right->position);
}

static int compare_keys(const void *a, const void *b)
{
    const kvspan_reservoir_token *left = &((const kvspan_candidate *)a)->token;
    const kvspan_reservoir_token *right = &((const kvspan_candidate *)b)->token;

    if (left->key != right->key) {
        return left->key < right->key ? -1 : 1;
    }
    return compare_places(a, b);
}

/* @return how many are left */
static size_t drop_repeated(kvspan_candidate *list, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (i == 0 || compare_places(&list[i], &list[kept - 1]) != 0) {
            list[kept++] = list[i];
        }
    }
    return kept;
}

kvspan_status kvspan_candidates_init(kvspan_candidates *candidates,
                                     const kvspan_reservoir *reservoirs, uint32_t reservoir_count,
                                     kvspan_error *error)
{
    size_t count = 0;
    kvspan_candidate *list;

    for (uint32_t i = 0; i < reservoir_count; i++) {
        count += reservoirs[i].count;
    }
    list = calloc(count + 1, sizeof(*list));
    if (!list) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a choice of %zu tokens", count);
    }
    count = 0;
    for (uint32_t i = 0; i < reservoir_count; i++) {
        for (size_t j = 0; j < reservoirs[i].count; j++) {
            list[count++].token = reservoirs[i].tokens[j];
        }
    }
    qsort(list, count, sizeof(*list), compare_places);
    *candidates = (kvspan_candidates){ .list = list, .count = drop_repeated(list, count) };
    return KVSPAN_OK;
}

void kvspan_candidates_fini(kvspan_candidates *candidates)
{
    free(candidates->list);
    *candidates = (kvspan_candidates){ .list = NULL };
}

static kvspan_candidate *find(const kvspan_candidates *candidates,
                              const kvspan_reservoir_token *token)
{
    const kvspan_candidate key = { .token = *token };
    kvspan_candidate *found =
        bsearch(&key, candidates->list, candidates->count, sizeof(key), compare_places);

    assert(found);
    return found;
}

void kvspan_candidates_take(kvspan_candidates *candidates, const kvspan_reservoir *reservoir,
                            uint64_t missing, uint64_t rows_per_token)
{
    for (uint64_t round = 0; round < rows_per_token && reservoir->count > 0; round++) {
        for (size_t i = 0; i < reservoir->count && missing > 0; i++) {
            kvspan_candidate *candidate = find(candidates, &reservoir->tokens[i]);

            if (candidate->row_count == round) {
                candidate->row_count++;
                missing--;
            }
        }
        if (missing == 0) {
            return;
        }
    }
}

void kvspan_candidates_sort_by_key(kvspan_candidates *candidates)
{
    if (candidates->count > 1) {
        qsort(candidates->list, candidates->count, sizeof(*candidates->list), compare_keys);
    }
}
