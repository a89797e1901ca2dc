#include "collective_bodies.h"

#include <stdlib.h>
#include <string.h>

#include "comm/agree.h"
#include "comm/exchange.h"
#include "support/random.h"

enum {
    ROUNDS = 12,
    AGREE_ROUNDS = 20,
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

/* `bytes` times the value, then nothing. */
static bool is_cut_at(const unsigned char *data, size_t capacity, size_t bytes, unsigned char value)
{
    bool is_right = true;

    for (size_t i = 0; i < capacity; i++) {
        is_right &= data[i] == (i < bytes ? value : 0);
    }
    return is_right;
}

void body_broadcast_from_every_root(ranks_self *self)
{
    for (uint32_t root = 0; root < self->rank_count; root++) {
        const size_t bytes = root % 2 ? 6000 : 20;
        unsigned char data[6000] = { 0 };
        body_group world;
        kvspan_error error = { 0 };

        (void)body_group_make(&world, self, 1, 1);
        if (world.group.member == root) {
            memset(data, (int)root + 1, bytes);
        }
        ranks_check_status(self,
                           kvspan_agree_broadcast(self->comm, &world.group, root, data, bytes,
                                                  BODY_PATIENCE_MS, &error),
                           KVSPAN_OK, &error);
        ranks_check(self, is_cut_at(data, sizeof(data), bytes, (unsigned char)(root + 1)));
    }
}

static bool fails_in(uint32_t round, uint32_t rank)
{
    return hash3(round, rank, 1) % 3 == 0;
}

/* UINT32_MAX: nobody. */
static uint32_t lowest_failing(const kvspan_group *group, uint32_t round)
{
    uint32_t lowest = UINT32_MAX;

    for (uint32_t i = 0; i < group->count; i++) {
        if (fails_in(round, group->ranks[i]) && group->ranks[i] < lowest) {
            lowest = group->ranks[i];
        }
    }
    return lowest;
}

/* Shorter in every round, so that no end of an older one may be left. */
static void write_text(char *text, size_t bytes, uint32_t rank, uint32_t round)
{
    (void)snprintf(text, bytes, "rank %u has no disk%.*s", rank, (int)(AGREE_ROUNDS - round),
                   "!!!!!!!!!!!!!!!!!!!!");
}

static void agree_round(ranks_self *self, uint32_t round)
{
    body_group made;
    kvspan_error mine = { .rank = -1, .epoch = 5 + self->rank, .native = 70 + (int32_t)round };
    kvspan_error error = { .native = -7 };
    kvspan_status result;
    uint32_t lowest;
    char expected[64];

    (void)body_group_make(&made, self, 1 + round % 2, round);
    lowest = lowest_failing(&made.group, round);
    write_text(mine.message, sizeof(mine.message), self->rank, round);
    result = kvspan_agree_status(self->comm, &made.group,
                                 fails_in(round, self->rank) ? KVSPAN_ERR_IO : KVSPAN_OK, &mine,
                                 BODY_PATIENCE_MS, &error);
    if (lowest == UINT32_MAX) {
        ranks_check_status(self, result, KVSPAN_OK, &error);
        ranks_check(self, error.native == -7); /* untouched */
        return;
    }
    write_text(expected, sizeof(expected), lowest, round);
    ranks_check_status(self, result, KVSPAN_ERR_IO, &error);
    ranks_check(self, error.status == KVSPAN_ERR_IO);
    ranks_check(self, error.rank == (int32_t)lowest);
    ranks_check(self, error.epoch == 5 + lowest);
    ranks_check(self, error.native == 70 + (int32_t)round);
    ranks_check(self, strcmp(error.message, expected) == 0);
}

void body_agree_on_the_lowest_failing_rank(ranks_self *self)
{
    for (uint32_t round = 0; round < AGREE_ROUNDS && self->failure[0] == '\0'; round++) {
        agree_round(self, round);
    }
}

/* Two ranks differ, where there are two: the lower one is named. */
static void agree_fields_round(ranks_self *self, uint32_t wrong)
{
    const bool is_wrong = self->rank >= 1 && (self->rank == wrong || self->rank == wrong + 1);
    const uint32_t named = wrong == 0 ? 1 : wrong;
    const kvspan_agree_field fields[] = {
        { .name = "layers", .number = -3 },
        { .name = "axis", .kind = KVSPAN_AGREE_TEXT, .text = "tp" },
        { .name = "page_tokens", .number = is_wrong ? 32 + (int64_t)self->rank : 16 },
        { .name = "heads", .number = is_wrong ? 9 : 8 },
    };
    body_group world;
    kvspan_error error = { 0 };
    kvspan_status result;
    char expected[96];

    (void)body_group_make(&world, self, 1, 0);
    result = kvspan_agree_equal(self->comm, &world.group, fields, 4, BODY_PATIENCE_MS, &error);
    if (self->rank_count == 1) {
        ranks_check_status(self, result, KVSPAN_OK, &error);
        return;
    }
    (void)snprintf(expected, sizeof(expected), "page_tokens is 16 on rank 0 and %u on rank %u",
                   32 + named, named);
    ranks_check_status(self, result, KVSPAN_ERR_MISMATCH, &error);
    ranks_check(self, error.rank == (int32_t)named);
    ranks_check(self, strcmp(error.message, expected) == 0);
}

/* Numbers that differ in the last bit, texts that differ in the last letter that counts. */
static void agree_kinds_round(ranks_self *self, kvspan_agree_kind kind, const char *expected)
{
    const bool is_wrong = self->rank + 1 == self->rank_count;
    const kvspan_agree_field fields[] = {
        { .name = "name",
          .kind = KVSPAN_AGREE_TEXT,
          .text = kind == KVSPAN_AGREE_TEXT && is_wrong ? "abcdefghijklmnopqrstuvwxyz01234"
                                                        : "abcdefghijklmnopqrstuvwxyz0123" },
        { .name = "part",
          .kind = KVSPAN_AGREE_REAL,
          .real = kind == KVSPAN_AGREE_REAL && is_wrong ? 0.5 + 0x1p-53 : 0.5 },
    };
    body_group world;
    kvspan_error error = { 0 };
    kvspan_status result;

    (void)body_group_make(&world, self, 1, 0);
    result = kvspan_agree_equal(self->comm, &world.group, fields, 2, BODY_PATIENCE_MS, &error);
    if (self->rank_count == 1) {
        ranks_check_status(self, result, KVSPAN_OK, &error);
        return;
    }
    ranks_check_status(self, result, KVSPAN_ERR_MISMATCH, &error);
    ranks_check(self, error.rank == (int32_t)self->rank_count - 1);
    if (strncmp(error.message, expected, strlen(expected)) != 0) {
        ranks_note(self, __FILE__, __LINE__, "\"%s\" is not \"%s\"", error.message, expected);
    }
}

void body_agree_names_the_field_and_both_values(ranks_self *self)
{
    for (uint32_t wrong = 0; wrong < self->rank_count && self->failure[0] == '\0'; wrong++) {
        agree_fields_round(self, wrong);
    }
    agree_kinds_round(self, KVSPAN_AGREE_TEXT,
                      "name is \"abcdefghijklmnopqrstuvwxyz0123\" on rank 0 and "
                      "\"abcdefghijklmnopqrstuvwxyz01234\" on rank ");
    agree_kinds_round(self, KVSPAN_AGREE_REAL,
                      "part is 0.5 on rank 0 and 0.50000000000000011 on rank ");
}

static void wait_in_vain(ranks_self *self, uint32_t from, uint32_t *value, kvspan_request *request)
{
    kvspan_error error = { 0 };

    ranks_check_status(self,
                       kvspan_comm_receive(self->comm, KVSPAN_CHANNEL_STEP, from, value,
                                           sizeof(*value), request, &error),
                       KVSPAN_OK, &error);
    for (uint32_t i = 0; i < 3; i++) {
        ranks_check_status(
            self,
            kvspan_comm_wait(self->comm, request, 1, KVSPAN_WAIT_IDLE, i == 0 ? 0 : 5, &error),
            KVSPAN_ERR_TIMEOUT, &error);
        ranks_check(self, request->handle != NULL);
    }
    ranks_check(self, kvspan_comm_sent_messages(self->comm, KVSPAN_CHANNEL_ALARM) == 0);
    ranks_check(self, kvspan_comm_verdict(self->comm, NULL) == KVSPAN_OK);
}

static void timeout_round(ranks_self *self, uint32_t from)
{
    const uint32_t sent = 1000 + from;
    kvspan_error error = { 0 };
    kvspan_request request = { 0 };
    kvspan_status status = KVSPAN_OK;
    uint32_t value = 0;
    char all[BODY_MAX_RANKS];

    if (self->rank == 0) {
        wait_in_vain(self, from, &value, &request);
    }
    /* Only now may the other rank send. */
    ranks_check_status(
        self,
        kvspan_comm_all_gather(self->comm, &(const char){ 1 }, 1, all, BODY_PATIENCE_MS, &error),
        KVSPAN_OK, &error);
    if (self->rank == from) {
        status = kvspan_comm_send(self->comm, KVSPAN_CHANNEL_STEP, 0, &sent, sizeof(sent), &request,
                                  &error);
    }
    ranks_check_status(self, status, KVSPAN_OK, &error);
    ranks_check_status(
        self, kvspan_comm_wait(self->comm, &request, 1, KVSPAN_WAIT_IDLE, BODY_PATIENCE_MS, &error),
        KVSPAN_OK, &error);
    ranks_check(self, self->rank != 0 || value == sent);
}

/* Rank 0 waits in vain for each other rank, then gets what the same receive was posted for. */
void body_timeout_leaves_the_receive_usable(ranks_self *self)
{
    for (uint32_t from = 1; from < self->rank_count && self->failure[0] == '\0'; from++) {
        timeout_round(self, from);
    }
}

/* The last rank fails while the others wait, some idle and some inside a step. */
void body_raise_reaches_everyone(ranks_self *self)
{
    const uint32_t culprit = self->rank_count - 1;
    kvspan_error error = { 0 };
    kvspan_request request = { 0 };
    uint32_t value = 0;

    if (self->rank_count == 1) {
        return;
    }
    kvspan_comm_set_epoch(self->comm, 12);
    if (self->rank == culprit) {
        const kvspan_error why = {
            .status = KVSPAN_ERR_CORRUPT, .rank = -1, .epoch = 11, .message = "page 7 is broken"
        };

        kvspan_comm_raise(self->comm, &why);
        ranks_check(self, kvspan_comm_verdict(self->comm, &error) == KVSPAN_ERR_CORRUPT);
        ranks_check(self, kvspan_comm_poll(self->comm, &error) == KVSPAN_ERR_CORRUPT);
    } else {
        const kvspan_wait_kind kind = self->rank % 2 ? KVSPAN_WAIT_IDLE : KVSPAN_WAIT_STEP;

        ranks_check_status(self,
                           kvspan_comm_receive(self->comm, KVSPAN_CHANNEL_STEP,
                                               (self->rank + 1) % culprit, &value, sizeof(value),
                                               &request, &error),
                           KVSPAN_OK, &error);
        ranks_check_status(
            self, kvspan_comm_wait(self->comm, &request, 1, kind, BODY_PATIENCE_MS, &error),
            KVSPAN_ERR_PEER, &error);
        ranks_check(self, request.handle == NULL);
        ranks_check(self, kvspan_comm_send(self->comm, KVSPAN_CHANNEL_STEP, 0, &value, 4, &request,
                                           &error) == KVSPAN_ERR_PEER);
    }
    ranks_check(self, error.rank == (int32_t)culprit);
    ranks_check(self, error.epoch == 11);
    ranks_check(self, strcmp(error.message, "page 7 is broken") == 0);
}

/* A message longer than its receive ends in TRANSPORT at the receiver, and nothing behind the
 * receive's capacity is written; the others learn who failed. */
void body_long_message_is_refused(ranks_self *self)
{
    const unsigned char sent[64] = { 1 };
    unsigned char got[64] = { 0 };
    kvspan_error error = { 0 };
    kvspan_request request = { 0 };
    kvspan_status status;

    if (self->rank_count == 1) {
        return;
    }
    if (self->rank == 1) {
        ranks_check_status(self,
                           kvspan_comm_send(self->comm, KVSPAN_CHANNEL_STEP, 0, sent, sizeof(sent),
                                            &request, &error),
                           KVSPAN_OK, &error);
    }
    status = kvspan_comm_receive(self->comm, KVSPAN_CHANNEL_STEP, self->rank == 0 ? 1 : 0, got, 32,
                                 &request, &error);
    ranks_check_status(self, status, KVSPAN_OK, &error);
    status = kvspan_comm_wait(self->comm, &request, 1, KVSPAN_WAIT_STEP, BODY_PATIENCE_MS, &error);
    ranks_check_status(self, status, self->rank == 0 ? KVSPAN_ERR_TRANSPORT : KVSPAN_ERR_PEER,
                       &error);
    ranks_check(self, self->rank == 0 ? error.rank == 1 : error.rank == 0);
    for (size_t i = 32; i < sizeof(got); i++) {
        ranks_check(self, got[i] == 0);
    }
}
