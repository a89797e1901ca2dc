/* Prints random functions that mean the same to nvcc and to the host's compiler:
 * fuzz_generate SEED COUNT > expressions.h */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state;

static uint32_t random_below(uint32_t limit)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % limit);
}

static void print_unsigned(uint32_t depth);
static void print_signed(uint32_t depth);
static void print_wide(uint32_t depth);
static void print_float(uint32_t depth);
static void print_double(uint32_t depth);

typedef void (*printer)(uint32_t depth);

/* A pattern: `u s q f d` stand for expressions of their kind, `#` for a number below 256, `@` for
 * one below 32, `&` for one below 64, everything else for itself. */
static void print_pattern(const char *pattern, uint32_t depth)
{
    for (; *pattern; ++pattern) {
        switch (*pattern) {
        case 'u': print_unsigned(depth); break;
        case 's': print_signed(depth); break;
        case 'q': print_wide(depth); break;
        case 'f': print_float(depth); break;
        case 'd': print_double(depth); break;
        case '#': printf("%u", random_below(256)); break;
        case '@': printf("%u", random_below(32)); break;
        case '$': printf("%u", random_below(64)); break;
        default: putchar(*pattern); break;
        }
    }
}

#define PRINT_ONE_OF(patterns, depth) \
    print_pattern((patterns)[random_below(sizeof(patterns) / sizeof *(patterns))], (depth))

static void print_unsigned(uint32_t depth)
{
    static const char *const leaves[] = { "I.A", "I.B",      "I.C",          "@U",
                                          "#U",  "(U32)I.S", "(U32)(I.Q>>$)" };
    static const char *const patterns[] = {
        "(u+u)",
        "(u-u)",
        "(u*u)",
        "(u/(u|1U))",
        "(u%(u|1U))",
        "(u&u)",
        "(u|u)",
        "(u^u)",
        "(u<<(u&31U))",
        "(u>>(u&31U))",
        "(u<u?u:u)",
        "(U32)s",
        "(U32)(q>>$)",
        "((U32)(U8)u|(U32)(U16)u<<8)",
        "BITS(f)",
        "(~u)",
        "POP_COUNT(u)",
        "LEADING_ZEROS(u)",
        "REVERSED(u)",
        "PERMUTED(u,u,u)",
        "LOOKED_UP(u,u,u,#)",
        "FUNNEL(u,u,u)",
        "FIELD_U(u,u,u)",
        "FIELD_S(u,u,u)",
        "INSERTED(u,u,u,u)",
        "TO_U32(f)",
        "(U32)(((U64)u*u)>>32)",
        "(U32)(d<d)",
    };

    if (depth == 0) {
        PRINT_ONE_OF(leaves, 0);
    } else {
        PRINT_ONE_OF(patterns, depth - 1);
    }
}

static void print_signed(uint32_t depth)
{
    static const char *const leaves[] = { "I.S", "I.T", "(S32)I.A", "(-#)" };
    static const char *const patterns[] = {
        "((S32)((U32)s+(U32)s))",
        "((S32)((U32)s*(U32)s))",
        "(s>>(u&31U))",
        "(s/((S32)((U32)s&4095U)+1))",
        "(s%((S32)((U32)s&4095U)+1))",
        "(s<s?s:s)",
        "(S32)(S16)s",
        "(S32)(S8)s",
        "(S32)(((S64)s*s)>>32)",
        "TO_S32(f)",
        "(s<0?(S32)(0-(U32)s):s)",
    };

    if (depth == 0) {
        PRINT_ONE_OF(leaves, 0);
    } else {
        PRINT_ONE_OF(patterns, depth - 1);
    }
}

static void print_wide(uint32_t depth)
{
    static const char *const leaves[] = { "I.Q", "(U64)I.A", "((U64)I.B<<$)" };
    static const char *const patterns[] = {
        "(q+q)",        "(q*q)",        "(q^q)",
        "(q>>(u&63U))", "(q<<(u&63U))", "((U64)u*u)",
        "(U64)(S64)s",  "(q/(q|1U))",   "(U64)((S64)q>>(u&63U))",
        "(q%(q|1U))",   "(q<q?q:q)",    "HIGH_PRODUCT(q,q)",
        "(q&~q)",       "WIDE_BITS(d)",
    };

    if (depth == 0) {
        PRINT_ONE_OF(leaves, 0);
    } else {
        PRINT_ONE_OF(patterns, depth - 1);
    }
}

static void print_float(uint32_t depth)
{
    static const char *const leaves[] = { "I.F", "I.G", "(F32)I.S", "(F32)I.A", "(F32)I.Q" };
    static const char *const patterns[] = {
        "(f+f)",   "(f-f)",     "(f*f)",      "FUSED(f,f,f)", "(f/f)",
        "ROOT(f)", "(f<f?f:f)", "BF16(f)",    "F16(f)",       "(F32)d",
        "E4M3(f)", "E5M2(f)",   "LEAST(f,f)", "MOST(f,f)",    "INTEGRAL(f)",
    };

    if (depth == 0) {
        PRINT_ONE_OF(leaves, 0);
    } else {
        PRINT_ONE_OF(patterns, depth - 1);
    }
}

static void print_double(uint32_t depth)
{
    static const char *const leaves[] = { "(F64)I.F", "(F64)I.S", "(F64)I.Q" };
    static const char *const patterns[] = { "(d+d)", "(d-d)", "(d*d)", "(d/d)", "(F64)f" };

    if (depth == 0) {
        PRINT_ONE_OF(leaves, 0);
    } else {
        PRINT_ONE_OF(patterns, depth - 1);
    }
}

static void print_function(uint32_t index)
{
    const uint32_t rounds = 1 + random_below(3);

    printf("MEANING U64 expression_%u(INPUT I)\n{\n    U32 r = 0;\n", index);
    printf("    for (U32 k = 0; k < %uU; ++k) {\n        r = r * 31U + ", rounds);
    print_unsigned(3);
    printf(";\n        I.A += ");
    print_unsigned(2);
    printf(";\n        if (r & %uU) {\n            I.B ^= ", 1u << random_below(4));
    print_unsigned(2);
    printf(";\n        }\n    }\n    return ((U64)r << 32) ^ ");
    print_wide(3);
    printf(" ^ BITS(");
    print_float(3);
    printf(");\n}\n");
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fprintf(stderr, "usage: fuzz_generate SEED COUNT\n");
        return EXIT_FAILURE;
    }
    const uint32_t count = (uint32_t)strtoul(argv[2], NULL, 10);

    state = strtoull(argv[1], NULL, 10);
    for (uint32_t i = 0; i < count; ++i) {
        print_function(i);
    }
    for (uint32_t i = 0; i < count; ++i) {
        printf("ENTRY(%u)\n", i);
    }
    printf("#define EXPRESSIONS %u\n", count);
    return EXIT_SUCCESS;
}
