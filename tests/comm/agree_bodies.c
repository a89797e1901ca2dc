#include "agree_bodies.h"

#include <string.h>

#include "collective_bodies.h"
#include "comm/agree.h"
#include "support/random.h"

enum {
    AGREE_ROUNDS = 20
};

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
    return random_mix(random_mix(round) + rank) % 3 == 0;
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
