#include "standin/ptx/counts.h"

enum {
    SECTOR_BYTES = 32,
    BANKS = 32,
    WORD_BYTES = 4,
    MEMBERS = sizeof(ptx_counts) / sizeof(uint64_t)
};

/* The bytes of a sector that are asked for, a bit for each. */
typedef struct sector {
    uint64_t number;
    uint32_t bytes;
} sector;

static void traffic_count(ptx_traffic *traffic, uint32_t lanes, const uint64_t *addresses,
                          const uint8_t *sizes)
{
    sector sectors[PTX_LANES];
    uint32_t count = 0;
    uint32_t bytes = 0;

    PTX_EACH_LANE(lane, lanes)
    {
        const uint64_t number = addresses[lane] / SECTOR_BYTES;
        const uint64_t mask = ((uint64_t)1 << sizes[lane]) - 1;
        uint32_t k = count;

        while (k > 0 && sectors[k - 1].number != number) {
            --k;
        }
        if (k == 0) {
            sectors[count] = (sector){ .number = number };
            k = ++count;
        }
        sectors[k - 1].bytes |= (uint32_t)(mask << addresses[lane] % SECTOR_BYTES);
    }
    for (uint32_t k = 0; k < count; ++k) {
        bytes += (uint32_t)__builtin_popcount(sectors[k].bytes);
    }
    traffic->requests += 1;
    traffic->sectors += count;
    traffic->ideal_sectors += (bytes + SECTOR_BYTES - 1) / SECTOR_BYTES;
    traffic->bytes += bytes;
}

void ptx_count_global(ptx_run *run, uint32_t lanes, const uint64_t *addresses, const uint8_t *sizes,
                      bool is_write)
{
    const ptx_range *watched = &run->launch->watched;
    ptx_counts *counts = &run->report->counts;
    uint32_t watched_lanes = 0;

    traffic_count(is_write ? &counts->stores : &counts->loads, lanes, addresses, sizes);
    if (is_write) {
        return;
    }
    PTX_EACH_LANE(lane, lanes)
    {
        if (addresses[lane] >= watched->begin && addresses[lane] < watched->end) {
            watched_lanes |= 1u << lane;
        }
    }
    if (watched_lanes) {
        traffic_count(&counts->watched_loads, watched_lanes, addresses, sizes);
    }
}

static void range_count(ptx_traffic *traffic, uint64_t begin, uint64_t end)
{
    traffic->requests += 1;
    traffic->sectors += (end - 1) / SECTOR_BYTES - begin / SECTOR_BYTES + 1;
    traffic->ideal_sectors += (end - begin + SECTOR_BYTES - 1) / SECTOR_BYTES;
    traffic->bytes += end - begin;
}

void ptx_count_bulk(ptx_run *run, uint64_t address, uint32_t bytes, bool is_write)
{
    const ptx_range *watched = &run->launch->watched;
    ptx_counts *counts = &run->report->counts;
    const uint64_t begin = address > watched->begin ? address : watched->begin;
    const uint64_t end = address + bytes < watched->end ? address + bytes : watched->end;

    range_count(is_write ? &counts->stores : &counts->loads, address, address + bytes);
    if (!is_write && begin < end) {
        range_count(&counts->watched_loads, begin, end);
    }
    counts->shared_requests += 1;
    counts->shared_wavefronts += (bytes + BANKS * WORD_BYTES - 1) / (BANKS * WORD_BYTES);
}

/* How often the busiest bank has to give a word after its first one. */
static uint32_t turn_conflicts(uint32_t lanes, const uint64_t *offsets, uint32_t bytes)
{
    uint32_t words[BANKS][BANKS];
    uint8_t counts[BANKS] = { 0 };
    uint32_t most = 0;

    PTX_EACH_LANE(lane, lanes)
    {
        const uint32_t last = (uint32_t)(offsets[lane] + bytes - 1) / WORD_BYTES;

        for (uint32_t word = (uint32_t)offsets[lane] / WORD_BYTES; word <= last; ++word) {
            const uint32_t bank = word % BANKS;
            uint32_t k = 0;

            while (k < counts[bank] && words[bank][k] != word) {
                ++k;
            }
            if (k == counts[bank]) {
                words[bank][k] = word;
                counts[bank] += 1;
                most = k > most ? k : most;
            }
        }
    }
    return most;
}

void ptx_count_shared(ptx_counts *counts, uint32_t lanes, const uint64_t *offsets, uint32_t bytes)
{
    const uint32_t turns = (bytes + WORD_BYTES - 1) / WORD_BYTES;
    const uint32_t turn_lanes = PTX_LANES / turns;

    counts->shared_requests += 1;
    for (uint32_t turn = 0; turn < turns; ++turn) {
        const uint32_t first = turn * turn_lanes;
        const uint32_t own = lanes & ((uint32_t)(((uint64_t)1 << turn_lanes) - 1) << first);

        if (own) {
            counts->shared_wavefronts += 1;
            counts->shared_conflicts += turn_conflicts(own, offsets, bytes);
        }
    }
}

void ptx_counts_add(ptx_counts *sum, const ptx_counts *after, const ptx_counts *before)
{
    uint64_t sums[MEMBERS];
    uint64_t afters[MEMBERS];
    uint64_t befores[MEMBERS];

    memcpy(sums, sum, sizeof sums);
    memcpy(afters, after, sizeof afters);
    memcpy(befores, before, sizeof befores);
    for (uint32_t k = 0; k < MEMBERS; ++k) {
        sums[k] += afters[k] - befores[k];
    }
    memcpy(sum, sums, sizeof sums);
}
