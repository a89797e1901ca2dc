/** @file
 * What every fuzz target has: the entry that libFuzzer and the replay driver call, bytes taken from
 * the input one by one, and a check that ends the program.
 */
#ifndef KVSPAN_TESTS_FUZZ_TARGET_H
#define KVSPAN_TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Tries one input; returns 0. Keeps nothing of it and nothing from one call to the next. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* What is left of an input. Zeros follow its end. */
typedef struct fuzz_input {
    const uint8_t *data;
    size_t left;
} fuzz_input;

static inline uint8_t fuzz_take(fuzz_input *input)
{
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->data++;
}

/* In [first, last], out of one byte. */
static inline uint32_t fuzz_take_between(fuzz_input *input, uint32_t first, uint32_t last)
{
    return first + fuzz_take(input) % (last - first + 1);
}

_Noreturn static inline void fuzz_fail(const char *file, int line, const char *condition)
{
    (void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
    abort();
}

#define fuzz_check(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

#endif
