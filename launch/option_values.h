/** @file
 * Values of options: texts from outside become numbers, or messages that name option, value and
 * limits.
 */
#ifndef KVSPAN_LAUNCH_OPTION_VALUES_H
#define KVSPAN_LAUNCH_OPTION_VALUES_H

#include <kvspan/types.h>

/* One option as it was given, without dashes. */
typedef struct kvspan_option {
    const char *name;
    const char *text;
} kvspan_option;

/* A decimal whole number in [low, high]. ARGUMENT. */
kvspan_status kvspan_option_integer(const kvspan_option *option, int64_t low, int64_t high,
                                    int64_t *value_out, kvspan_error *error);
/* The same for what is kept in 32 bits. */
kvspan_status kvspan_option_count(const kvspan_option *option, uint32_t low, uint32_t high,
                                  uint32_t *value_out, kvspan_error *error);
/* And in 64 bits, without a sign: low is no less than 0. */
kvspan_status kvspan_option_count64(const kvspan_option *option, int64_t low, int64_t high,
                                    uint64_t *value_out, kvspan_error *error);

/* A number of bytes in [1, 2^63), with K, M, G or T behind it for powers of 1024; "KiB" to "TiB"
 * mean the same. ARGUMENT. */
kvspan_status kvspan_option_bytes(const kvspan_option *option, uint64_t *value_out,
                                  kvspan_error *error);

/* A decimal number in [low, high], or between them where is_open. ARGUMENT. */
kvspan_status kvspan_option_real(const kvspan_option *option, double low, double high,
                                 uint32_t is_open, double *value_out, kvspan_error *error);

/* A word and what it stands for. */
typedef struct kvspan_option_word {
    const char *word;
    int value;
} kvspan_option_word;

/* One of the words of a list that ends with a NULL word. ARGUMENT lists them. */
kvspan_status kvspan_option_choice(const kvspan_option *option, const kvspan_option_word *words,
                                   int *value_out, kvspan_error *error);

/* The words of element types, for lists of them. */
/* clang-format off */
#define KVSPAN_OPTION_FLOAT_WORDS                            \
    { "bfloat16", KVSPAN_BF16 }, { "bf16", KVSPAN_BF16 },    \
    { "float16", KVSPAN_F16 }, { "f16", KVSPAN_F16 },        \
    { "float32", KVSPAN_F32 }, { "f32", KVSPAN_F32 }
#define KVSPAN_OPTION_QUANTISED_WORDS                        \
    { "int8", KVSPAN_I8 }, { "float8_e4m3", KVSPAN_F8E4M3 }, \
    { "float8_e5m2", KVSPAN_F8E5M2 }
/* clang-format on */

/* kvspan_option_choice() of an element type. ARGUMENT. */
kvspan_status kvspan_option_dtype(const kvspan_option *option, const kvspan_option_word *words,
                                  kvspan_dtype *dtype_out, kvspan_error *error);

#endif
