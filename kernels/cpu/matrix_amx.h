/** @file
 * Products of matrices by AMX: rows of queries or weights times tiles of pages, which lie as its
 * instructions want them: a line of 16 units of 4 bytes after the other.
 *
 *   registers 0 to 3   sums: [first or second group of rows][tile or line], or four tiles or lines
 *                      of one
 *             4, 5     the groups of rows
 *             6, 7     what they are multiplied with
 *
 * Up to 16 rows make a group; a row's sums depend on no other. A step takes `unit_lines` lines, 16
 * where the shape allows: how many are added before a sum of floats is rounded depends on it.
 */
#ifndef KVSPAN_KERNELS_CPU_MATRIX_AMX_H
#define KVSPAN_KERNELS_CPU_MATRIX_AMX_H

#include <immintrin.h>
#include <stddef.h>

#include "kernels/cpu/fetch_streams.h"
#include "kernels/cpu/tile_kernels.h"

enum {
    MATRIX_ROWS = 16,
    MATRIX_LINES = 16, /* the most of a step */
    MATRIX_LINE_BYTES = 64,
    MATRIX_UNIT_BYTES = 4,
    MATRIX_TILES = KVSPAN_KEY_TILES
};

#define MATRIX_INLINED static inline __attribute__((always_inline))

typedef enum matrix_kind {
    MATRIX_BF16,     /* bf16 · bf16 to f32 */
    MATRIX_SIGNED,   /* int8 · int8 to int32 */
    MATRIX_UNSIGNED, /* uint8 · int8 */
} matrix_kind;

/* sums += rows · lines, by register numbers; `kind` is a constant. */
#define MATRIX_MULTIPLY(kind, sums, rows, lines) \
    do {                                         \
        if ((kind) == MATRIX_BF16) {             \
            _tile_dpbf16ps(sums, rows, lines);   \
        } else if ((kind) == MATRIX_SIGNED) {    \
            _tile_dpbssd(sums, rows, lines);     \
        } else {                                 \
            _tile_dpbusd(sums, rows, lines);     \
        }                                        \
    } while (0)

/* The intrinsics do not tell the compiler what memory they read. */
MATRIX_INLINED void matrix_barrier(void)
{
    __asm__ volatile("" : : : "memory");
}

/* The rows of the first groups of a matrix and of the last, and the lines of a step. */
typedef struct matrix_shape {
    uint32_t first_rows;
    uint32_t last_rows;
    uint32_t unit_lines;
} matrix_shape;

/* Rows are taken by 16; the last group has what is left. */
MATRIX_INLINED matrix_shape matrix_shape_of(uint32_t rows, uint32_t unit_lines)
{
    const uint32_t left = rows % MATRIX_ROWS;

    return (matrix_shape){ .first_rows = rows < MATRIX_ROWS ? rows : MATRIX_ROWS,
                           .last_rows = rows < MATRIX_ROWS || left == 0 ? MATRIX_ROWS : left,
                           .unit_lines = unit_lines };
}

/* Groups that the next pass takes: two that fit their registers, or one. */
MATRIX_INLINED uint32_t matrix_groups(const matrix_shape *shape, uint32_t left)
{
    const uint32_t both = shape->first_rows + shape->last_rows;

    return left == both || (left > both && shape->last_rows == MATRIX_ROWS) ? 2 : 1;
}

/* The lines of a step where a vector, or the tokens of a page, have so many units: the most that
 * divides them. */
MATRIX_INLINED uint32_t matrix_unit_lines(uint32_t units)
{
    uint32_t lines = MATRIX_LINES;

    while (units % lines != 0) {
        lines /= 2;
    }
    return lines;
}

typedef struct matrix_configuration {
    _Alignas(64) uint8_t palette;
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} matrix_configuration;

static inline void matrix_set(matrix_configuration *to, uint32_t index, uint32_t rows,
                              uint32_t row_bytes)
{
    to->rows[index] = (uint8_t)rows;
    to->row_bytes[index] = (uint16_t)row_bytes;
}

/* Lays the registers out, unless they are. Until matrix_release() the thread's state is larger. */
static inline void matrix_configure(kvspan_tile_workspace *work, const matrix_shape *shape,
                                    int has_four_lines)
{
    const uint32_t second_rows = has_four_lines ? shape->first_rows : shape->last_rows;
    const uint32_t key = shape->first_rows | second_rows << 8 | shape->unit_lines << 16;
    matrix_configuration registers = { .palette = 1 };

    if (work->matrix_key == key) {
        return;
    }
    for (uint32_t i = 0; i < 2; i++) {
        matrix_set(&registers, i, shape->first_rows, MATRIX_LINE_BYTES);
        matrix_set(&registers, 2 + i, second_rows, MATRIX_LINE_BYTES);
        matrix_set(&registers, 4 + i, i == 0 ? shape->first_rows : second_rows,
                   shape->unit_lines * MATRIX_UNIT_BYTES);
        matrix_set(&registers, 6 + i, shape->unit_lines, MATRIX_LINE_BYTES);
    }
    __asm__ volatile("ldtilecfg %0" : : "m"(registers));
    work->matrix_key = key;
}

static inline void matrix_release(kvspan_tile_workspace *work)
{
    if (work->matrix_key != 0) {
        _tile_release();
        work->matrix_key = 0;
    }
}

/* Some rows times tiles of keys. */
typedef struct matrix_keys {
    const unsigned char *rows;
    size_t row_bytes;
    uint32_t row_count;
    const unsigned char *const *tiles;
    uint32_t tile_lines;
    uint32_t unit_lines;
    kvspan_fetch *fetch;
    unsigned char *sums; /* [row] { [tile][16] } */
    size_t sum_bytes;    /* from row to row */
} matrix_keys;

#define MATRIX_KEY(number, keys, tile, line)                                    \
    _tile_loadd(number, (keys)->tiles[tile] + (size_t)(line)*MATRIX_LINE_BYTES, \
                MATRIX_LINE_BYTES);                                             \
    stream_read_lines((keys)->fetch, (keys)->unit_lines)

/* One group of rows, four tiles. */
/* Instructions on tiles are macros that nest. NOLINTNEXTLINE(readability-function-size) */
MATRIX_INLINED void matrix_score_four(const matrix_keys *keys, matrix_kind kind)
{
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (uint32_t line = 0; line < keys->tile_lines; line += keys->unit_lines) {
        _tile_loadd(4, keys->rows + (size_t)line * MATRIX_UNIT_BYTES, keys->row_bytes);
        MATRIX_KEY(6, keys, 0, line);
        MATRIX_MULTIPLY(kind, 0, 4, 6);
        MATRIX_KEY(7, keys, 1, line);
        MATRIX_MULTIPLY(kind, 1, 4, 7);
        MATRIX_KEY(6, keys, 2, line);
        MATRIX_MULTIPLY(kind, 2, 4, 6);
        MATRIX_KEY(7, keys, 3, line);
        MATRIX_MULTIPLY(kind, 3, 4, 7);
    }
    _tile_stored(0, keys->sums, keys->sum_bytes);
    _tile_stored(1, keys->sums + MATRIX_LINE_BYTES, keys->sum_bytes);
    _tile_stored(2, keys->sums + (size_t)2 * MATRIX_LINE_BYTES, keys->sum_bytes);
    _tile_stored(3, keys->sums + (size_t)3 * MATRIX_LINE_BYTES, keys->sum_bytes);
}

/* One group of rows or two, one tile or two. */
/* Instructions on tiles are macros that nest. NOLINTNEXTLINE(readability-function-size) */
MATRIX_INLINED void matrix_score(const matrix_keys *keys, uint32_t first_row, uint32_t group_rows,
                                 matrix_kind kind, const int groups, const int tiles)
{
    const unsigned char *const rows = keys->rows + first_row * keys->row_bytes;
    const unsigned char *const others = rows + group_rows * keys->row_bytes;
    unsigned char *const sums = keys->sums + first_row * keys->sum_bytes;
    unsigned char *const other_sums = sums + group_rows * keys->sum_bytes;

    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (uint32_t line = 0; line < keys->tile_lines; line += keys->unit_lines) {
        _tile_loadd(4, rows + (size_t)line * MATRIX_UNIT_BYTES, keys->row_bytes);
        MATRIX_KEY(6, keys, 0, line);
        MATRIX_MULTIPLY(kind, 0, 4, 6);
        if (tiles == 2) {
            MATRIX_KEY(7, keys, 1, line);
            MATRIX_MULTIPLY(kind, 1, 4, 7);
        }
        if (groups == 2) {
            _tile_loadd(5, others + (size_t)line * MATRIX_UNIT_BYTES, keys->row_bytes);
            MATRIX_MULTIPLY(kind, 2, 5, 6);
            if (tiles == 2) {
                MATRIX_MULTIPLY(kind, 3, 5, 7);
            }
        }
    }
    _tile_stored(0, sums, keys->sum_bytes);
    if (tiles == 2) {
        _tile_stored(1, sums + MATRIX_LINE_BYTES, keys->sum_bytes);
    }
    if (groups == 2) {
        _tile_stored(2, other_sums, keys->sum_bytes);
        if (tiles == 2) {
            _tile_stored(3, other_sums + MATRIX_LINE_BYTES, keys->sum_bytes);
        }
    }
}

/* Writes the sums of all rows with one tile or two. */
MATRIX_INLINED void matrix_score_groups(const matrix_keys *keys, const matrix_shape *shape,
                                        matrix_kind kind, const int tiles)
{
    uint32_t row = 0;

    while (row < keys->row_count) {
        const uint32_t groups = matrix_groups(shape, keys->row_count - row);

        if (groups == 2) {
            matrix_score(keys, row, shape->first_rows, kind, 2, tiles);
        } else {
            matrix_score(keys, row, shape->first_rows, kind, 1, tiles);
        }
        row += groups == 2 ? shape->first_rows + shape->last_rows : shape->first_rows;
    }
}

/* Writes the sums of all rows with up to MATRIX_TILES tiles. */
MATRIX_INLINED void matrix_multiply_keys(kvspan_tile_workspace *work, const matrix_keys *keys,
                                         uint32_t tiles, matrix_kind kind)
{
    const matrix_shape shape = matrix_shape_of(keys->row_count, keys->unit_lines);
    const int is_one = keys->row_count <= MATRIX_ROWS;
    matrix_keys part = *keys;

    matrix_configure(work, &shape, is_one);
    matrix_barrier();
    if (is_one && tiles == MATRIX_TILES) {
        matrix_score_four(keys, kind);
        return;
    }
    for (uint32_t left = tiles; left > 0; left -= left < 2 ? 1 : 2) {
        if (left >= 2) {
            matrix_score_groups(&part, &shape, kind, 2);
        } else {
            matrix_score_groups(&part, &shape, kind, 1);
        }
        part.tiles += 2;
        part.sums += (size_t)2 * MATRIX_LINE_BYTES;
    }
}

/* Some rows times tiles of values, unit by unit: the tokens of a step. */
typedef struct matrix_values {
    const unsigned char *rows;
    size_t row_bytes;
    uint32_t row_count;
    uint32_t unit_lines;
    uint32_t unit_count;
    const unsigned char *units[KVSPAN_CHUNK_TILES];
    uint32_t offsets[KVSPAN_CHUNK_TILES]; /* bytes from a row's first to its weights of the unit */
    uint32_t line_count;                  /* lines of dims */
    kvspan_fetch *fetch;
    unsigned char *sums; /* [row][line][16] */
    size_t sum_bytes;    /* from row to row */
    int is_first;        /* the sums begin here, as zeros */
} matrix_values;

#define MATRIX_LINE(number, values, unit, line)                                   \
    _tile_loadd(number, (values)->units[unit] + (size_t)(line)*MATRIX_LINE_BYTES, \
                (size_t)(values)->line_count * MATRIX_LINE_BYTES);                \
    stream_read_lines((values)->fetch, (values)->unit_lines)

/* Sums of a group of rows; `at` is their first line's. */
#define MATRIX_BEGIN_SUMS(number, values, at)             \
    do {                                                  \
        if ((values)->is_first) {                         \
            _tile_zero(number);                           \
        } else {                                          \
            _tile_loadd(number, at, (values)->sum_bytes); \
        }                                                 \
    } while (0)

/* One group of rows, four lines or one. */
/* Instructions on tiles are macros that nest. NOLINTNEXTLINE(readability-function-size) */
MATRIX_INLINED void matrix_fold_one(const matrix_values *values, uint32_t first_row, uint32_t line,
                                    matrix_kind kind, const int lines)
{
    const unsigned char *const rows = values->rows + first_row * values->row_bytes;
    unsigned char *const sums =
        values->sums + first_row * values->sum_bytes + (size_t)line * MATRIX_LINE_BYTES;

    MATRIX_BEGIN_SUMS(0, values, sums);
    if (lines == 4) {
        MATRIX_BEGIN_SUMS(1, values, sums + MATRIX_LINE_BYTES);
        MATRIX_BEGIN_SUMS(2, values, sums + (size_t)2 * MATRIX_LINE_BYTES);
        MATRIX_BEGIN_SUMS(3, values, sums + (size_t)3 * MATRIX_LINE_BYTES);
    }
    for (uint32_t unit = 0; unit < values->unit_count; unit++) {
        _tile_loadd(4, rows + values->offsets[unit], values->row_bytes);
        MATRIX_LINE(6, values, unit, line);
        MATRIX_MULTIPLY(kind, 0, 4, 6);
        if (lines == 4) {
            MATRIX_LINE(7, values, unit, line + 1);
            MATRIX_MULTIPLY(kind, 1, 4, 7);
            MATRIX_LINE(6, values, unit, line + 2);
            MATRIX_MULTIPLY(kind, 2, 4, 6);
            MATRIX_LINE(7, values, unit, line + 3);
            MATRIX_MULTIPLY(kind, 3, 4, 7);
        }
    }
    _tile_stored(0, sums, values->sum_bytes);
    if (lines == 4) {
        _tile_stored(1, sums + MATRIX_LINE_BYTES, values->sum_bytes);
        _tile_stored(2, sums + (size_t)2 * MATRIX_LINE_BYTES, values->sum_bytes);
        _tile_stored(3, sums + (size_t)3 * MATRIX_LINE_BYTES, values->sum_bytes);
    }
}

/* One group of rows or two, two lines or one. */
/* Instructions on tiles are macros that nest. NOLINTNEXTLINE(readability-function-size) */
MATRIX_INLINED void matrix_fold_two(const matrix_values *values, uint32_t first_row,
                                    uint32_t group_rows, uint32_t line, matrix_kind kind,
                                    const int groups, const int lines)
{
    const unsigned char *const rows = values->rows + first_row * values->row_bytes;
    const unsigned char *const others = rows + group_rows * values->row_bytes;
    unsigned char *const sums =
        values->sums + first_row * values->sum_bytes + (size_t)line * MATRIX_LINE_BYTES;
    unsigned char *const other_sums = sums + group_rows * values->sum_bytes;

    MATRIX_BEGIN_SUMS(0, values, sums);
    if (lines == 2) {
        MATRIX_BEGIN_SUMS(1, values, sums + MATRIX_LINE_BYTES);
    }
    if (groups == 2) {
        MATRIX_BEGIN_SUMS(2, values, other_sums);
        if (lines == 2) {
            MATRIX_BEGIN_SUMS(3, values, other_sums + MATRIX_LINE_BYTES);
        }
    }
    for (uint32_t unit = 0; unit < values->unit_count; unit++) {
        _tile_loadd(4, rows + values->offsets[unit], values->row_bytes);
        MATRIX_LINE(6, values, unit, line);
        MATRIX_MULTIPLY(kind, 0, 4, 6);
        if (lines == 2) {
            MATRIX_LINE(7, values, unit, line + 1);
            MATRIX_MULTIPLY(kind, 1, 4, 7);
        }
        if (groups == 2) {
            _tile_loadd(5, others + values->offsets[unit], values->row_bytes);
            MATRIX_MULTIPLY(kind, 2, 5, 6);
            if (lines == 2) {
                MATRIX_MULTIPLY(kind, 3, 5, 7);
            }
        }
    }
    _tile_stored(0, sums, values->sum_bytes);
    if (lines == 2) {
        _tile_stored(1, sums + MATRIX_LINE_BYTES, values->sum_bytes);
    }
    if (groups == 2) {
        _tile_stored(2, other_sums, values->sum_bytes);
        if (lines == 2) {
            _tile_stored(3, other_sums + MATRIX_LINE_BYTES, values->sum_bytes);
        }
    }
}

/* All rows, where they are more than a group. */
MATRIX_INLINED void matrix_fold_groups(const matrix_values *values, const matrix_shape *shape,
                                       uint32_t line, matrix_kind kind, const int lines)
{
    uint32_t row = 0;

    while (row < values->row_count) {
        const uint32_t groups = matrix_groups(shape, values->row_count - row);

        if (groups == 2) {
            matrix_fold_two(values, row, shape->first_rows, line, kind, 2, lines);
        } else {
            matrix_fold_two(values, row, shape->first_rows, line, kind, 1, lines);
        }
        row += groups == 2 ? shape->first_rows + shape->last_rows : shape->first_rows;
    }
}

/* Adds to the sums of all rows. */
MATRIX_INLINED void matrix_multiply_values(kvspan_tile_workspace *work, const matrix_values *values,
                                           matrix_kind kind)
{
    const matrix_shape shape = matrix_shape_of(values->row_count, values->unit_lines);
    const int is_one = values->row_count <= MATRIX_ROWS;
    uint32_t line = 0;

    matrix_configure(work, &shape, is_one);
    matrix_barrier();
    if (is_one) {
        for (; line + 4 <= values->line_count; line += 4) {
            matrix_fold_one(values, 0, line, kind, 4);
        }
        for (; line < values->line_count; line++) {
            matrix_fold_one(values, 0, line, kind, 1);
        }
        return;
    }
    for (; line + 2 <= values->line_count; line += 2) {
        matrix_fold_groups(values, &shape, line, kind, 2);
    }
    if (line < values->line_count) {
        matrix_fold_groups(values, &shape, line, kind, 1);
    }
}

#endif
