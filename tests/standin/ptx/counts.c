#include "standin/ptx/counts.h"

enum {
    SECTOR_BYTES = 32,
    BANKS = 32,
    WORD_BYTES = 4,
    MOST_SECTORS = 128
};

static uint32_t sectors_count(uint32_t lanes, const uint64_t *addresses, uint32_t bytes)
{
    uint64_t sectors[MOST_SECTORS];
    uint32_t count = 0;

    PTX_EACH_LANE(lane, lanes)
    {
        const uint64_t last = (addresses[lane] + bytes - 1) / SECTOR_BYTES;

        for (uint64_t sector = addresses[lane] / SECTOR_BYTES; sector <= last; ++sector) {
            uint32_t k = count;

            while (k > 0 && sectors[k - 1] != sector) {
                --k;
            }
            if (k == 0 && count < MOST_SECTORS) {
                sectors[count++] = sector;
            }
        }
    }
    return count;
}

void ptx_count_global(ptx_counts *counts, uint32_t lanes, const uint64_t *addresses, uint32_t bytes,
                      bool is_write)
{
    const uint32_t sectors = sectors_count(lanes, addresses, bytes);
    const uint64_t asked = (uint64_t)bytes * (uint32_t)__builtin_popcount(lanes);

    if (is_write) {
        counts->global_store_requests += 1;
        counts->global_store_sectors += sectors;
        counts->global_store_bytes += asked;
    } else {
        counts->global_load_requests += 1;
        counts->global_load_sectors += sectors;
        counts->global_load_bytes += asked;
    }
}

/* How often the busiest bank has to give a word. */
static uint32_t turn_wavefronts(uint32_t lanes, const uint64_t *offsets, uint32_t bytes)
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
            if (k == counts[bank] && k < BANKS) {
                words[bank][k] = word;
                counts[bank] = (uint8_t)(k + 1);
                most = k + 1 > most ? k + 1 : most;
            }
        }
    }
    return most;
}

void ptx_count_shared(ptx_counts *counts, uint32_t lanes, const uint64_t *offsets, uint32_t bytes)
{
    const uint32_t turns = bytes <= 4 ? 1 : bytes / 4;
    const uint32_t turn_lanes = PTX_LANES / turns;

    counts->shared_requests += 1;
    for (uint32_t turn = 0; turn < turns; ++turn) {
        const uint32_t first = turn * turn_lanes;
        const uint32_t own = lanes & ((uint32_t)(((uint64_t)1 << turn_lanes) - 1) << first);

        if (own) {
            counts->shared_wavefronts += 1;
            counts->shared_conflicts += turn_wavefronts(own, offsets, bytes) - 1;
        }
    }
}
