#include "naive_map.h"

#include <check.h>
#include <string.h>

/* Which head members hold each head; a list, in order. */
typedef struct head_holders {
    uint32_t count[MAP_HEADS];
    uint32_t member[MAP_HEADS][MAP_RANKS];
} head_holders;

static void add_holder(head_holders *holders, uint32_t head, uint32_t member)
{
    holders->member[head][holders->count[head]++] = member;
}

static void deal_heads(const kvspan_holding *holding, head_holders *holders)
{
    const uint32_t heads = holding->kv_heads;
    const uint32_t members = holding->head_members;
    uint32_t hand[MAP_RANKS] = { 0 };
    uint32_t next = 0;

    memset(holders, 0, sizeof(*holders));
    if (members % heads == 0) {
        for (uint32_t member = 0; member < members; member++) {
            while (holders->count[next] == members / heads) {
                next++;
            }
            add_holder(holders, next, member);
        }
        return;
    }
    /* how many each gets: one at a time round the table; which ones: in order */
    for (uint32_t card = 0; card < heads; card++) {
        hand[card % members]++;
    }
    for (uint32_t member = 0; member < members; member++) {
        for (; hand[member] > 0; hand[member]--) {
            add_holder(holders, next++, member);
        }
    }
}

/* Deals a head's tokens to ranks, page_tokens to each in turn, round and round. */
static void deal_tokens(naive_map *map, const kvspan_holding *holding, uint32_t head,
                        const uint32_t *ranks, uint32_t rank_count, uint64_t tokens)
{
    uint32_t held[MAP_RANKS] = { 0 };
    uint32_t turn = 0;

    for (uint64_t token = 0; token < tokens; token++) {
        if (token > 0 && token % holding->page_tokens == 0) {
            turn = turn + 1 == rank_count ? 0 : turn + 1;
        }
        ck_assert_uint_lt(held[turn], MAP_SLOTS);
        map->value[ranks[turn]][head][held[turn]++] = (uint32_t)(1 + head * tokens + token);
        map->has[ranks[turn]][head][token] = true;
    }
}

static void fill_head(naive_map *map, const kvspan_holding *holding, uint32_t head,
                      const head_holders *holders, uint64_t tokens)
{
    const uint32_t sp = holding->token_members;
    const uint32_t copies = holders->count[head];
    uint32_t ranks[MAP_RANKS] = { 0 };
    uint32_t rank_count = 0;

    if (holding->policy == KVSPAN_HEADS_SPLIT_SEQUENCE) {
        for (uint32_t sp_index = 0; sp_index < sp; sp_index++) {
            for (uint32_t copy = 0; copy < copies; copy++) {
                ranks[rank_count++] = holders->member[head][copy] * sp + sp_index;
            }
        }
        deal_tokens(map, holding, head, ranks, rank_count, tokens);
        return;
    }
    for (uint32_t copy = 0; copy < copies; copy++) {
        for (uint32_t sp_index = 0; sp_index < sp; sp_index++) {
            ranks[sp_index] = holders->member[head][copy] * sp + sp_index;
        }
        deal_tokens(map, holding, head, ranks, sp, tokens);
    }
}

void naive_map_fill(naive_map *map, const kvspan_holding *holding, uint64_t tokens)
{
    head_holders holders;

    ck_assert(holding->head_members * holding->token_members <= MAP_RANKS);
    ck_assert_uint_le(holding->kv_heads, MAP_HEADS);
    memset(map, 0, sizeof(*map));
    deal_heads(holding, &holders);
    for (uint32_t head = 0; head < holding->kv_heads; head++) {
        fill_head(map, holding, head, &holders, tokens);
    }
}
