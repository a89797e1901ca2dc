#include "standin/cudart/memory.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "standin/cudart/complain.h"
#include "standin/cudart/protection.h"
#include "standin/cudart/settings.h"

enum {
    PAGE_BYTES = 4096,
    ALLOCATION_LIMIT = 1 << 20, /* of an arena, freed ones too */
    REGISTERED_LIMIT = 1024,
    POISON = 0xff,
    POISONED_BYTES = 1 << 20, /* of a freed allocation */
    ARENA_COUNT = SETTINGS_DEVICE_LIMIT + 1,
    PINNED_ARENA = SETTINGS_DEVICE_LIMIT,
    ADDRESSES_PER_BYTE = 4 /* of an arena, over the memory of the device */
};

/* Written once, except for is_live: read without a lock. */
typedef struct allocation {
    uint64_t begin;
    uint64_t bytes;
    atomic_bool is_live;
    bool is_internal;
} allocation;

typedef struct arena {
    allocation *allocations; /* [ALLOCATION_LIMIT], of which count are used */
    atomic_uint count;
    uint64_t begin;
    uint64_t top;
    uint64_t live_bytes;
    bool is_open; /* never with keys, which are a thread's */
} arena;

typedef struct registration {
    atomic_ullong begin; /* 0: unused */
    atomic_ullong end;
} registration;

static arena arenas[ARENA_COUNT];
static registration registrations[REGISTERED_LIMIT];
static uint64_t region_begin;
static uint64_t arena_bytes;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *addresses_reserve(uint64_t bytes, int protection)
{
    void *address =
        mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (address == MAP_FAILED) {
        complain_and_abort("no %llu bytes of addresses", (unsigned long long)bytes);
    }
    return address;
}

static void region_create(void)
{
    const uint32_t device_count = settings_get()->device_count;

    arena_bytes = settings_get()->memory_bytes * ADDRESSES_PER_BYTE;
    arena_bytes = (arena_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    region_begin = (uint64_t)addresses_reserve((device_count + 1) * arena_bytes, PROT_NONE);
    for (uint32_t i = 0; i <= device_count; i++) {
        arena *place = &arenas[i == device_count ? PINNED_ARENA : i];

        place->begin = region_begin + i * arena_bytes;
        place->top = place->begin;
        place->allocations =
            addresses_reserve(ALLOCATION_LIMIT * sizeof(allocation), PROT_READ | PROT_WRITE);
    }
}

static uint64_t pages_of(uint64_t bytes)
{
    return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

static void *arena_allocate(arena *place, size_t bytes, bool is_internal)
{
    const uint32_t count = atomic_load(&place->count);
    const uint64_t size = pages_of(bytes == 0 ? 1 : bytes);
    allocation *fresh = &place->allocations[count];

    if (bytes > settings_get()->memory_bytes - place->live_bytes) {
        return NULL;
    }
    if (count == ALLOCATION_LIMIT || size + PAGE_BYTES > place->begin + arena_bytes - place->top) {
        complain("addresses of a device are used up: they are never used twice; a larger "
                 "KVSPAN_STANDIN_MEMORY gives more");
        return NULL;
    }
    fresh->begin = place->top;
    fresh->bytes = bytes;
    fresh->is_internal = is_internal;
    protection_grant(fresh->begin, size);
    memset((void *)fresh->begin, POISON, size);
    if (place != &arenas[PINNED_ARENA] && !place->is_open) {
        protection_lock(fresh->begin, size);
    }
    place->top += size + PAGE_BYTES;
    place->live_bytes += bytes;
    atomic_store(&fresh->is_live, true);
    atomic_store(&place->count, count + 1);
    return (void *)fresh->begin;
}

/* The last allocation that begins at or below an address, or NULL. */
static allocation *arena_find(const arena *place, uint64_t address)
{
    uint32_t low = 0;
    uint32_t high = atomic_load(&((arena *)place)->count);

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (place->allocations[middle].begin <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? NULL : &place->allocations[low - 1];
}

/* Freed memory is filled again, for those who read it unasked, unless it is large. */
static void allocation_end(arena *place, allocation *ended)
{
    const uint64_t size = pages_of(ended->bytes == 0 ? 1 : ended->bytes);

    atomic_store(&ended->is_live, false);
    place->live_bytes -= ended->bytes;
    if (size <= POISONED_BYTES) {
        protection_grant(ended->begin, size);
        memset((void *)ended->begin, POISON, size);
    } else {
        madvise((void *)ended->begin, size, MADV_DONTNEED);
    }
    if (!place->is_open) {
        protection_deny(ended->begin, size);
    }
}

static bool arena_free(arena *place, void *address)
{
    allocation *found = arena_find(place, (uint64_t)address);

    if (found == NULL || found->begin != (uint64_t)address || !atomic_load(&found->is_live) ||
        found->is_internal) {
        return false;
    }
    allocation_end(place, found);
    return true;
}

void *memory_allocate(uint32_t device, size_t bytes, bool is_internal)
{
    pthread_once(&once, region_create);
    return arena_allocate(&arenas[device], bytes, is_internal);
}

void *memory_allocate_pinned(size_t bytes)
{
    pthread_once(&once, region_create);
    return arena_allocate(&arenas[PINNED_ARENA], bytes, false);
}

bool memory_free(uint32_t device, void *address)
{
    pthread_once(&once, region_create);
    return arena_free(&arenas[device], address);
}

bool memory_free_pinned(void *address)
{
    pthread_once(&once, region_create);
    return arena_free(&arenas[PINNED_ARENA], address);
}

bool memory_register(void *address, size_t bytes)
{
    const uint64_t begin = (uint64_t)address;

    for (uint32_t i = 0; i < REGISTERED_LIMIT; i++) {
        registration *slot = &registrations[i];

        if (atomic_load(&slot->begin) == 0) {
            continue;
        }
        if (begin < atomic_load(&slot->end) && atomic_load(&slot->begin) < begin + bytes) {
            return false;
        }
    }
    for (uint32_t i = 0; i < REGISTERED_LIMIT; i++) {
        if (atomic_load(&registrations[i].begin) == 0) {
            atomic_store(&registrations[i].end, begin + bytes);
            atomic_store(&registrations[i].begin, begin);
            return true;
        }
    }
    return false;
}

bool memory_unregister(void *address)
{
    for (uint32_t i = 0; i < REGISTERED_LIMIT; i++) {
        if (address != NULL && atomic_load(&registrations[i].begin) == (uint64_t)address) {
            atomic_store(&registrations[i].begin, 0);
            return true;
        }
    }
    return false;
}

size_t memory_live_bytes(uint32_t device)
{
    return arenas[device].live_bytes;
}

static bool registered_find(uint64_t address, uint64_t bytes, memory_range *range_out)
{
    for (uint32_t i = 0; i < REGISTERED_LIMIT; i++) {
        const uint64_t begin = atomic_load(&registrations[i].begin);
        const uint64_t end = atomic_load(&registrations[i].end);

        if (begin != 0 && address >= begin && address < end && bytes <= end - address) {
            *range_out = (memory_range){ .place = MEMORY_REGISTERED, .begin = begin, .end = end };
            return true;
        }
    }
    return false;
}

/* The arena that an address belongs to, or ARENA_COUNT. */
static uint32_t arena_index(uint64_t address)
{
    const uint32_t device_count = settings_get()->device_count;
    uint64_t index;

    pthread_once(&once, region_create);
    if (address < region_begin) {
        return ARENA_COUNT;
    }
    index = (address - region_begin) / arena_bytes;
    if (index > device_count) {
        return ARENA_COUNT;
    }
    return index == device_count ? PINNED_ARENA : (uint32_t)index;
}

memory_range memory_find(uint64_t address, uint64_t bytes)
{
    const uint32_t index = arena_index(address);
    memory_range range = { .place = MEMORY_PAGEABLE };
    const allocation *found;

    if (index == ARENA_COUNT) {
        registered_find(address, bytes, &range);
        return range;
    }
    range.device = index;
    found = arena_find(&arenas[index], address);
    if (found == NULL || !atomic_load(&((allocation *)found)->is_live) ||
        address - found->begin > found->bytes || bytes > found->bytes - (address - found->begin)) {
        range.place = MEMORY_NOWHERE;
        return range;
    }
    range.place = index == PINNED_ARENA ? MEMORY_PINNED : MEMORY_DEVICE;
    range.begin = found->begin;
    range.end = found->begin + found->bytes;
    return range;
}

void memory_describe(uint64_t address, char text_out[MEMORY_TEXT_BYTES])
{
    const uint32_t index = arena_index(address);
    const allocation *found;
    char owner[32];

    if (index == ARENA_COUNT) {
        snprintf(text_out, MEMORY_TEXT_BYTES, "neither device memory nor pinned host memory");
        return;
    }
    snprintf(owner, sizeof(owner), index == PINNED_ARENA ? "the pinned host" : "device %u", index);
    found = arena_find(&arenas[index], address);
    if (found == NULL) {
        snprintf(text_out, MEMORY_TEXT_BYTES, "before all memory of %s", owner);
        return;
    }
    snprintf(text_out, MEMORY_TEXT_BYTES, "offset %llu of an allocation of %llu bytes of %s%s",
             (unsigned long long)(address - found->begin), (unsigned long long)found->bytes, owner,
             atomic_load(&((allocation *)found)->is_live) ? "" : ", which was freed");
}

/* Without keys all of an arena at once: a call for each allocation would take most of the time of a
 * test. What lies between allocations is accessible as well then, to those who do not ask
 * memory_find(). */
void memory_open(uint32_t device)
{
    arena *place = &arenas[device];

    if (protection_has_keys()) {
        protection_open_key();
    } else if (!place->is_open && place->top != place->begin) {
        place->is_open = true;
        protection_grant(place->begin, place->top - place->begin);
    }
}

void memory_close(uint32_t device)
{
    arena *place = &arenas[device];

    if (place->is_open) {
        place->is_open = false;
        protection_deny(place->begin, place->top - place->begin);
    }
}

void memory_close_thread(void)
{
    if (protection_has_keys()) {
        protection_close_key();
    }
}

void memory_reset(uint32_t device)
{
    arena *place = &arenas[device];
    const uint32_t count = atomic_load(&place->count);

    for (uint32_t i = 0; i < count; i++) {
        if (atomic_load(&place->allocations[i].is_live)) {
            allocation_end(place, &place->allocations[i]);
        }
    }
}

uint32_t memory_report_leaks(void)
{
    uint32_t leak_count = 0;

    for (uint32_t i = 0; i < ARENA_COUNT; i++) {
        const uint32_t count = atomic_load(&arenas[i].count);

        for (uint32_t k = 0; k < count; k++) {
            allocation *each = &arenas[i].allocations[k];

            if (!atomic_load(&each->is_live) || each->is_internal) {
                continue;
            }
            leak_count++;
            complain("leak: %llu bytes of %s %u at 0x%llx", (unsigned long long)each->bytes,
                     i == PINNED_ARENA ? "pinned host memory, arena" : "device", i,
                     (unsigned long long)each->begin);
        }
    }
    for (uint32_t i = 0; i < REGISTERED_LIMIT; i++) {
        if (atomic_load(&registrations[i].begin) != 0) {
            leak_count++;
            complain("leak: host memory registered at 0x%llx",
                     (unsigned long long)atomic_load(&registrations[i].begin));
        }
    }
    return leak_count;
}
