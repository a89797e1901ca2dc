#include "collective_bodies.h"

#include <stdlib.h>
#include <string.h>

#include "comm/exchange.h"
#include "support/random.h"

enum {
    ROUNDS = 12,
    MARGIN_BYTES = 16, /* around what may be written */
    UNTOUCHED = 0xA5
};

static uint64_t hash3(uint64_t a, uint64_t b, uint64_t c)
{
    return random_mix(random_mix(random_mix(a) + b) + c);
}

/* 0, some bytes, or just above 4 KiB and 64 KiB, where transports change their ways. */
static uint64_t part_bytes(uint32_t round, uint32_t from, uint32_t to)
{
    static const uint64_t bases[] = { 0, 1, 300, 4096, 4097, 65530, 0, 100000 };
    const uint64_t choice = hash3(round, from, to);
    const uint64_t base = bases[choice % 8];

    return base <= 1 ? base : base + (choice >> 8) % 64;
}

static unsigned char part_byte(uint64_t key, uint64_t index)
{
    return (unsigned char)((key + index * 0x9E3779B97F4A7C15U) >> 40);
}

static void fill(unsigned char *data, uint32_t round, uint32_t from, uint32_t to)
{
    const uint64_t bytes = part_bytes(round, from, to);
    const uint64_t key = hash3(round + 1000, from, to);

    for (uint64_t i = 0; i < bytes; i++) {
        data[i] = part_byte(key, i);
    }
}

static bool is_filled(const unsigned char *data, uint32_t round, uint32_t from, uint32_t to)
{
    const uint64_t bytes = part_bytes(round, from, to);
    const uint64_t key = hash3(round + 1000, from, to);
    bool is_right = true;

    for (uint64_t i = 0; i < bytes; i++) {
        is_right &= data[i] == part_byte(key, i);
    }
    for (uint64_t i = 0; i < MARGIN_BYTES; i++) {
        is_right &= data[bytes + i] == UNTOUCHED;
    }
    return is_right;
}

bool body_group_make(body_group *made, const ranks_self *self, uint32_t stride, uint32_t turn)
{
    const uint32_t first = self->rank % stride;
    bool is_member = false;

    *made = (body_group){ .group = { .ranks = made->ranks } };
    for (uint32_t rank = first; rank < self->rank_count; rank += stride) {
        made->group.count++;
    }
    for (uint32_t i = 0; i < made->group.count; i++) {
        const uint32_t rank = first + (i + turn) % made->group.count * stride;

        made->ranks[i] = rank;
        if (rank == self->rank) {
            made->group.member = i;
            is_member = true;
        }
    }
    return is_member;
}

/* One side of an all-to-all: parts one after the other, with margins. */
typedef struct side {
    unsigned char *data;
    uint64_t offsets[BODY_MAX_RANKS];
    uint64_t counts[BODY_MAX_RANKS];
} side;

static bool side_make(side *made, const kvspan_group *group, uint32_t round, bool is_receive,
                      bool is_gather)
{
    uint64_t end = 0;

    *made = (side){ 0 };
    for (uint32_t i = 0; i < group->count; i++) {
        const uint32_t mine = group->ranks[group->member];
        const uint32_t from = is_receive ? group->ranks[i] : mine;
        const uint32_t to = is_gather ? 0 : is_receive ? mine : group->ranks[i];

        made->offsets[i] = end;
        made->counts[i] = part_bytes(round, from, to);
        end += made->counts[i] + MARGIN_BYTES;
    }
    made->data = malloc(end + 1);
    if (made->data) {
        memset(made->data, UNTOUCHED, end);
    }
    return made->data != NULL;
}

static void all_to_all_round(ranks_self *self, kvspan_exchange *exchange, const kvspan_group *group,
                             uint32_t round)
{
    side send;
    side receive;
    kvspan_error error = { 0 };
    kvspan_status status;
    bool is_right = true;

    ranks_check(self, side_make(&send, group, round, false, false));
    ranks_check(self, side_make(&receive, group, round, true, false));
    for (uint32_t i = 0; i < group->count; i++) {
        fill(send.data + send.offsets[i], round, self->rank, group->ranks[i]);
    }
    status = kvspan_exchange_all_to_all(exchange, group, send.data, send.offsets, send.counts,
                                        receive.data, receive.offsets, receive.counts,
                                        BODY_PATIENCE_MS, &error);
    for (uint32_t i = 0; i < group->count; i++) {
        is_right &=
            is_filled(receive.data + receive.offsets[i], round, group->ranks[i], self->rank);
    }
    free(send.data);
    free(receive.data);
    ranks_check_status(self, status, KVSPAN_OK, &error);
    ranks_check(self, is_right);
}

void body_all_to_all(ranks_self *self)
{
    kvspan_exchange exchange;

    ranks_check(self,
                kvspan_exchange_init(&exchange, self->comm, self->rank_count, NULL) == KVSPAN_OK);
    for (uint32_t round = 0; round < ROUNDS && self->failure[0] == '\0'; round++) {
        body_group group;

        (void)body_group_make(&group, self, 1 + round % 3, round);
        all_to_all_round(self, &exchange, &group.group, round);
    }
    kvspan_exchange_fini(&exchange);
}

static void all_gather_round(ranks_self *self, kvspan_exchange *exchange, const kvspan_group *group,
                             uint32_t round)
{
    const uint64_t sent_before = kvspan_comm_sent_bytes(self->comm, KVSPAN_CHANNEL_EXCHANGE);
    const uint64_t mine = part_bytes(round, self->rank, 0);
    side all;
    kvspan_error error = { 0 };
    kvspan_status status;
    bool is_right = true;

    ranks_check(self, side_make(&all, group, round, true, true));
    fill(all.data + all.offsets[group->member], round, self->rank, 0);
    status = kvspan_exchange_all_gather(exchange, group, all.data, all.offsets, all.counts,
                                        BODY_PATIENCE_MS, &error);
    for (uint32_t i = 0; i < group->count; i++) {
        is_right &= is_filled(all.data + all.offsets[i], round, group->ranks[i], 0);
    }
    free(all.data);
    ranks_check_status(self, status, KVSPAN_OK, &error);
    ranks_check(self, is_right);
    ranks_check(self, kvspan_comm_sent_bytes(self->comm, KVSPAN_CHANNEL_EXCHANGE) - sent_before ==
                          mine * (group->count - 1));
}

void body_all_gather_of_parts(ranks_self *self)
{
    kvspan_exchange exchange;

    ranks_check(self,
                kvspan_exchange_init(&exchange, self->comm, self->rank_count, NULL) == KVSPAN_OK);
    for (uint32_t round = 0; round < ROUNDS && self->failure[0] == '\0'; round++) {
        body_group group;

        (void)body_group_make(&group, self, 1 + round % 3, round);
        all_gather_round(self, &exchange, &group.group, round);
    }
    kvspan_exchange_fini(&exchange);
}

void body_all_gather_of_records(ranks_self *self)
{
    static const size_t sizes[] = { 1, 7, 300, 5000 };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const size_t bytes = sizes[i];
        unsigned char *all = malloc(bytes * self->rank_count);
        unsigned char *mine = malloc(bytes);
        kvspan_error error = { 0 };
        kvspan_status status = KVSPAN_ERR_MEMORY;
        bool is_right = true;

        if (all && mine) {
            memset(mine, (int)((size_t)self->rank * 3 + i), bytes);
            status = kvspan_comm_all_gather(self->comm, mine, bytes, all, BODY_PATIENCE_MS, &error);
        }
        for (size_t k = 0; status == KVSPAN_OK && k < bytes * self->rank_count; k++) {
            is_right &= all[k] == (unsigned char)(k / bytes * 3 + i);
        }
        free(all);
        free(mine);
        ranks_check_status(self, status, KVSPAN_OK, &error);
        ranks_check(self, is_right);
    }
}
