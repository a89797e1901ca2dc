#include "launch/reservoir.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

kvspan_status kvspan_reservoir_init(kvspan_reservoir *reservoir, uint64_t capacity,
                                    kvspan_error *error)
{
    /* calloc() refuses a product that overflows. */
    kvspan_reservoir_token *tokens = calloc(capacity ? capacity : 1, sizeof(*tokens));

    if (!tokens) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a choice of %" PRIu64 " tokens",
                           capacity);
    }
    *reservoir = (kvspan_reservoir){ .tokens = tokens, .capacity = capacity };
    return KVSPAN_OK;
}

void kvspan_reservoir_fini(kvspan_reservoir *reservoir)
{
    free(reservoir->tokens);
    *reservoir = (kvspan_reservoir){ .tokens = NULL };
}

static bool is_less(const kvspan_reservoir_token *a, const kvspan_reservoir_token *b)
{
    if (a->preference != b->preference) {
        return a->preference < b->preference;
    }
    if (a->key != b->key) {
        return a->key < b->key;
    }
    if (a->request != b->request) {
        return a->request < b->request;
    }
    return a->position < b->position;
}

static void sift_up(kvspan_reservoir_token *tokens, size_t at)
{
    const kvspan_reservoir_token token = tokens[at];

    while (at > 0 && is_less(&tokens[(at - 1) / 2], &token)) {
        tokens[at] = tokens[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    tokens[at] = token;
}

static void replace_largest(kvspan_reservoir_token *tokens, size_t count,
                            kvspan_reservoir_token token)
{
    size_t at = 0;

    for (size_t child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && is_less(&tokens[child], &tokens[child + 1])) {
            child++;
        }
        if (!is_less(&token, &tokens[child])) {
            break;
        }
        tokens[at] = tokens[child];
        at = child;
    }
    tokens[at] = token;
}

void kvspan_reservoir_offer(kvspan_reservoir *reservoir, kvspan_reservoir_token token)
{
    if (reservoir->count < reservoir->capacity) {
        reservoir->tokens[reservoir->count] = token;
        sift_up(reservoir->tokens, reservoir->count);
        reservoir->count++;
    } else if (reservoir->count > 0 && is_less(&token, &reservoir->tokens[0])) {
        replace_largest(reservoir->tokens, reservoir->count, token);
    }
}

static int compare_tokens(const void *a, const void *b)
{
    return is_less(b, a) - is_less(a, b);
}

void kvspan_reservoir_sort(kvspan_reservoir *reservoir)
{
    qsort(reservoir->tokens, reservoir->count, sizeof(*reservoir->tokens), compare_tokens);
}
