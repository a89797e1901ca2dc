#include "support/suite.h"

#include <math.h>

#include "kernels/cpu/cpu_devices.h"
#include "kernels/cpu/widen_tile.h"
#include "kernels/number_formats.h"
#include "kernels/reference/rows.h"

enum {
    CODES = 256,
    LINE_BYTES = 64,
    UNIT_BYTES = 4,
    LINE_UNITS = LINE_BYTES / UNIT_BYTES
};

static const kvspan_dtype types[] = { KVSPAN_I8, KVSPAN_F8E4M3, KVSPAN_F8E5M2 };

/* Where the byte of a tile goes: of each line's units the first pairs make a line, and so do the
 * second, `lines` behind it. */
static uint32_t place_of(uint32_t byte, uint32_t lines)
{
    const uint32_t line = byte / LINE_BYTES;
    const uint32_t unit = byte / UNIT_BYTES % LINE_UNITS;
    const uint32_t second = byte / 2 % 2;
    const uint32_t target_line = line / lines * 2 * lines + second * lines + line % lines;

    return target_line * LINE_UNITS * 2 + unit * 2 + byte % 2;
}

static void expect_wide(kvspan_dtype dtype, uint8_t code, uint16_t bf16)
{
    const float found = kvspan_f32_from_bf16(bf16);
    float expected;

    kvspan_row_load(dtype, &code, 1, &expected);
    ck_assert_msg(
        isnan(expected) ? isnan(found) : found == expected && !signbit(found) == !signbit(expected),
        "type %d, code 0x%02x is %a, not %a", (int)dtype, code, (double)found, (double)expected);
}

/* Every code, at 64 places of tiles of each shape. */
START_TEST(every_code_keeps_its_value)
{
    static const uint32_t line_counts[] = { 1, 2, 4 };
    kvspan_device *const device = cpu_device_open(0); /* AVX2 */
    _Alignas(64) unsigned char tile[CODES];
    _Alignas(64) uint16_t wide[CODES];
    kvspan_code_table codes;

    if (!device) {
        return;
    }
    kvspan_code_table_fill(&codes, types[_i]);
    for (uint32_t turn = 0; turn < 3 * LINE_BYTES; turn++) {
        const uint32_t lines = line_counts[turn % 3];

        for (uint32_t byte = 0; byte < CODES; byte++) {
            tile[byte] = (unsigned char)(byte * 5 + turn / 3);
        }
        kvspan_widen_tile_avx2(&codes, tile, tile, CODES / LINE_BYTES / lines, lines, wide);
        for (uint32_t byte = 0; byte < CODES; byte++) {
            expect_wide(types[_i], tile[byte], wide[place_of(byte, lines)]);
        }
    }
    kvspan_device_close(device);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels/cpu/widen_tile");
    TCase *cases = tcase_create("widen_tile");

    tcase_add_loop_test(cases, every_code_keeps_its_value, 0, 3);
    suite_add_tcase(suite, cases);
    return suite_run(suite);
}
