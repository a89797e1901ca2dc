/** @file
 * What attention must give, in float64 on the stored values, and how wrong a plain evaluation in
 * the stored type is. Number formats, the place of a token and the mask are written here again, so
 * that nothing is shared with the library.
 */
#ifndef KVSPAN_TESTS_ORACLE_H
#define KVSPAN_TESTS_ORACLE_H

#include <stdbool.h>

#include <kvspan/types.h>

enum {
    ORACLE_ALL_MEMBERS = -1
};

/* The nearest number of the type, ties to even. 8-bit types saturate. */
double oracle_round(kvspan_dtype dtype, double value);

/* The gap between the numbers of the type at |value|. */
double oracle_ulp(kvspan_dtype dtype, double value);

double oracle_load(kvspan_dtype dtype, const void *address);

/* Stores oracle_round() of a finite value, or NaN. */
void oracle_store(kvspan_dtype dtype, void *address, double value);

/* Stores a vector of finite f32 numbers as a plane of the type keeps it (types.h), with a scale
 * unless scale is NULL, and replaces it by what was stored. */
void oracle_quantise(kvspan_dtype dtype, double *vector, uint32_t dim, void *elements, void *scale);

/* Where a token is: its member, its column of the page table, its place in the page. */
typedef struct oracle_place {
    uint32_t member;
    uint32_t column;
    uint32_t offset;
} oracle_place;

oracle_place oracle_find(uint32_t page_tokens, uint32_t member_count, uint64_t position);

/* One query of one head and all that it may see. */
typedef struct oracle_query {
    const double *query;  /* [key_dim] */
    const double *keys;   /* element (position, i) at position · key_stride + i */
    const double *values; /* element (position, i) at position · value_stride + i */
    size_t key_stride;
    size_t value_stride;
    uint32_t key_dim;
    uint32_t value_dim;
    uint64_t position; /* of the query; the tokens after it are hidden */
    uint32_t window;   /* tokens seen, itself included; 0 = all */
    uint32_t page_tokens;
    uint32_t member_count;
    int member; /* sees this member's tokens only, or ORACLE_ALL_MEMBERS */
    float scale;
    float soft_cap;   /* 0 = none */
    const bool *tree; /* whether it sees tree_position, tree_position + 1, …; NULL = no tree */
    uint64_t tree_position;
} oracle_query;

/* out: [value_dim]; returns the log-sum-exp. Nothing to see: out 0, −inf. */
double oracle_attend(const oracle_query *query, double *out);

/* The same by one plain pass: logits, e^x and sums in f32, e^x rounded to q's type before
 * it weighs a value, the result rounded to out_dtype. */
void oracle_attend_naive(const oracle_query *query, kvspan_dtype tensor_dtype,
                         kvspan_dtype out_dtype, double *out);

/* How far a row is from the oracle's, how far the naive one is, and the gap between numbers of the
 * output type at the row's largest |O|. A good row: error ≤ 2 · naive_error + 2 · ulp. */
typedef struct oracle_verdict {
    double error; /* infinity for NaN */
    double naive_error;
    double ulp;
} oracle_verdict;

oracle_verdict oracle_judge(const oracle_query *query, kvspan_dtype tensor_dtype,
                            kvspan_dtype out_dtype, const double *got);

#endif
