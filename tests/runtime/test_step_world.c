#include "test_step_world.h"

#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

static void *take(size_t count, size_t bytes)
{
    void *memory = calloc(count ? count : 1, bytes);

    ck_assert_ptr_nonnull(memory);
    return memory;
}

uint64_t step_world_random(step_world *world)
{
    uint64_t word = world->random += 0x9e3779b97f4a7c15u;

    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
    word = (word ^ word >> 27) * 0x94d049bb133111ebu;
    return word ^ word >> 31;
}

static uint32_t below(step_world *world, uint64_t end)
{
    return (uint32_t)(step_world_random(world) % end);
}

void step_world_init(step_world *world, const kvspan_step_limits *limits, uint64_t seed)
{
    const size_t rows = limits->slot_count;

    ck_assert_uint_le(limits->group_count, WORLD_GROUPS);
    *world = (step_world){ .limits = *limits, .random = seed };
    world->slots = take(limits->slot_count, sizeof(*world->slots));
    for (uint32_t slot = 0; slot < limits->slot_count; slot++) {
        for (uint32_t group = 0; group < limits->group_count; group++) {
            world->slots[slot].pages[group] = take(limits->column_count, sizeof(uint32_t));
        }
    }
    world->is_taken = take(limits->page_count, sizeof(*world->is_taken));
    world->pages_free = limits->page_count - 1;
    world->released = take(limits->slot_count, sizeof(*world->released));
    world->admitted = take(limits->slot_count, sizeof(*world->admitted));
    world->page_runs = take(rows * limits->group_count, sizeof(*world->page_runs));
    world->pages = take(limits->page_count, sizeof(*world->pages));
    world->rows = take(rows, sizeof(*world->rows));
    world->positions = take(rows, sizeof(*world->positions));
    world->payload = take(limits->max_payload_bytes, 1);
}

void step_world_fini(step_world *world)
{
    for (uint32_t slot = 0; slot < world->limits.slot_count; slot++) {
        for (uint32_t group = 0; group < world->limits.group_count; group++) {
            free(world->slots[slot].pages[group]);
        }
    }
    free(world->slots);
    free(world->is_taken);
    free(world->released);
    free(world->admitted);
    free(world->page_runs);
    free(world->pages);
    free(world->rows);
    free(world->positions);
    free(world->payload);
}

static void release_some(step_world *world, kvspan_changes *changes, uint32_t percent)
{
    for (uint32_t slot = 0; slot < world->limits.slot_count; slot++) {
        world_slot *it = &world->slots[slot];

        if (!it->is_live || below(world, 100) >= percent) {
            continue;
        }
        for (uint32_t group = 0; group < WORLD_GROUPS; group++) {
            for (uint32_t i = 0; i < it->page_counts[group]; i++) {
                world->is_taken[it->pages[group][i]] = false;
            }
            world->pages_free += it->page_counts[group];
            it->page_counts[group] = 0;
        }
        it->is_live = false;
        it->tokens = 0;
        world->released[changes->released_count++] = slot;
        world->releases++;
    }
}

static bool is_released(const step_world *world, const kvspan_changes *changes, uint32_t slot)
{
    for (uint32_t i = 0; i < changes->released_count; i++) {
        if (world->released[i] == slot) {
            return true;
        }
    }
    return false;
}

static void admit_some(step_world *world, kvspan_changes *changes, uint32_t percent)
{
    for (uint32_t slot = 0; slot < world->limits.slot_count; slot++) {
        world_slot *it = &world->slots[slot];

        if (it->is_live || below(world, 100) >= percent) {
            continue;
        }
        it->is_live = true;
        it->tag = step_world_random(world) >> below(world, 64);
        world->admitted[changes->admitted_count++] = (kvspan_admit){ slot, it->tag, 0 };
        world->readmissions += is_released(world, changes, slot);
    }
}

/* A free page: the lowest, or any. */
static uint32_t take_page(step_world *world, bool is_lowest)
{
    uint32_t page = is_lowest ? 1 : 1 + below(world, world->limits.page_count - 1);

    while (world->is_taken[page]) {
        page = page + 1 == world->limits.page_count ? 1 : page + 1;
    }
    world->is_taken[page] = true;
    world->pages_free--;
    world->pages_added++;
    return page;
}

static void add_run(step_world *world, kvspan_changes *changes, uint32_t group, uint32_t slot,
                    bool is_lowest)
{
    world_slot *it = &world->slots[slot];
    kvspan_page_run run = { group, slot, it->page_counts[group], 0,
                            world->pages + world->page_count };

    while ((uint64_t)it->page_counts[group] * world->limits.page_tokens < it->tokens) {
        const uint32_t page = take_page(world, is_lowest);

        it->pages[group][it->page_counts[group]++] = page;
        world->pages[world->page_count++] = page;
        run.page_count++;
    }
    if (run.page_count > 0) {
        world->page_runs[changes->page_run_count++] = run;
    }
}

static void add_row(step_world *world, kvspan_changes *changes, uint32_t slot, bool is_lowest)
{
    const kvspan_step_limits *limits = &world->limits;
    world_slot *it = &world->slots[slot];
    uint64_t tokens = below(world, 4) ? 1 : 1 + below(world, limits->max_tokens);
    const uint64_t room = limits->max_sequence_tokens - it->tokens;

    tokens = tokens > room ? room : tokens;
    if (tokens == 0 || tokens + changes->token_count > limits->max_tokens ||
        (tokens + limits->page_tokens - 1) / limits->page_tokens * limits->group_count >
            world->pages_free) {
        return;
    }
    world->positions[changes->row_count] = it->tokens;
    world->rows[changes->row_count++] = (kvspan_row_change){ slot, (uint32_t)tokens };
    changes->token_count += (uint32_t)tokens;
    it->tokens += tokens;
    for (uint32_t group = 0; group < limits->group_count; group++) {
        add_run(world, changes, group, slot, is_lowest);
    }
    world->rows_added++;
}

/* Rows of some live slots: in order, or in any. */
static void add_some_rows(step_world *world, kvspan_changes *changes)
{
    const uint32_t slot_count = world->limits.slot_count;
    const uint32_t percent = below(world, 101);
    const bool is_lowest = below(world, 2);
    const bool is_shuffled = below(world, 2);
    uint32_t *order = take(slot_count, sizeof(*order));

    for (uint32_t i = 0; i < slot_count; i++) {
        const uint32_t j = is_shuffled ? below(world, i + 1) : i;

        order[i] = order[j];
        order[j] = i;
    }
    for (uint32_t i = 0; i < slot_count && changes->row_count < world->limits.max_rows; i++) {
        if (world->slots[order[i]].is_live && below(world, 100) < percent) {
            add_row(world, changes, order[i], is_lowest);
        }
    }
    free(order);
}

kvspan_changes step_world_step(step_world *world)
{
    kvspan_changes changes = {
        .epoch = ++world->epoch,
        .released = world->released,
        .admitted = world->admitted,
        .page_runs = world->page_runs,
        .rows = world->rows,
        .payload = world->payload,
    };

    world->page_count = 0;
    release_some(world, &changes, below(world, 4) ? below(world, 10) : below(world, 101));
    admit_some(world, &changes, below(world, 101));
    add_some_rows(world, &changes);
    changes.payload_bytes = below(world, (uint64_t)world->limits.max_payload_bytes + 1);
    for (uint32_t i = 0; i < changes.payload_bytes; i++) {
        world->payload[i] = (unsigned char)step_world_random(world);
    }
    changes.table_digest = step_world_digest(world);
    return changes;
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    x ^= x >> 31;
    return x;
}

uint64_t step_world_digest(const step_world *world)
{
    const uint64_t golden = 0x9e3779b97f4a7c15u;
    uint64_t sum = 0;

    for (uint64_t slot = 0; slot < world->limits.slot_count; slot++) {
        const world_slot *it = &world->slots[slot];

        if (it->is_live) {
            sum += mix(mix(it->tag + golden * (slot + 1)) ^ mix(~it->tokens));
        }
        for (uint64_t group = 0; group < world->limits.group_count; group++) {
            for (uint64_t column = 0; column < it->page_counts[group]; column++) {
                sum += mix(mix((group << 48 | slot) + golden) +
                           (column << 32 | it->pages[group][column]));
            }
        }
    }
    return sum;
}

void step_world_seal(unsigned char *message, size_t bytes)
{
    uint64_t sum = bytes;

    for (size_t begin = 0; begin < bytes; begin += 8) {
        uint64_t word = 0;

        for (size_t i = begin; i < begin + 8 && i < bytes; i++) {
            word |= (uint64_t)message[i] << 8 * (i - begin);
        }
        if (begin != 24) {
            sum += mix(word + 0x9e3779b97f4a7c15u * (begin / 8 + 1));
        }
    }
    sum = mix(sum);
    for (size_t i = 0; i < 8; i++) {
        message[24 + i] = (unsigned char)(sum >> 8 * i);
    }
}

static bool has_same_row(const step_world *world, const kvspan_replica *replica, uint32_t group,
                         uint32_t slot)
{
    const uint32_t column_count = world->limits.column_count;
    const size_t row = (size_t)group * world->limits.slot_count + slot;
    const uint32_t *table = replica->tables + row * column_count;
    const world_slot *it = &world->slots[slot];
    bool is_same = replica->column_counts[row] == it->page_counts[group];

    for (uint32_t column = 0; column < column_count; column++) {
        is_same = is_same &&
                  table[column] == (column < it->page_counts[group] ? it->pages[group][column] : 0);
    }
    return is_same;
}

static bool has_same_slot(const step_world *world, const kvspan_replica *replica, uint32_t slot)
{
    const world_slot *it = &world->slots[slot];
    bool is_same = (replica->is_live[slot] != 0) == it->is_live;

    is_same = is_same && replica->tokens[slot] == it->tokens;
    is_same = is_same && (!it->is_live || replica->tags[slot] == it->tag);
    for (uint32_t group = 0; group < world->limits.group_count; group++) {
        is_same = is_same && has_same_row(world, replica, group, slot);
    }
    return is_same;
}

void step_world_compare(const step_world *world, const kvspan_replica *replica)
{
    ck_assert_uint_eq(replica->epoch, world->epoch);
    for (uint32_t slot = 0; slot < world->limits.slot_count; slot++) {
        ck_assert_msg(has_same_slot(world, replica, slot), "slot %u differs", slot);
    }
}
