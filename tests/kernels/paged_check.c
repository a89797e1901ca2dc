#include "paged_case.h"

#include <math.h>
#include <stdlib.h>

#include "column.h"
#include "support/suite.h"

static uint32_t row_of(const paged_case *paged, uint32_t token)
{
    uint32_t row = 0;

    while (token >= paged->row_starts[row + 1]) {
        row++;
    }
    return row;
}

oracle_query paged_case_query(const paged_case *paged, uint32_t token, uint32_t head, int member)
{
    const paged_shape *shape = &paged->shape;
    const uint32_t row = row_of(paged, token);
    const uint32_t kv_head =
        (paged_first_q_head(shape) + head) / shape->group_size - shape->kv_first;
    const size_t query = (size_t)token * paged_case_q_heads(paged) + head;

    const uint32_t first = paged->row_starts[row];
    const bool *const tree = paged->trees[row];

    return (oracle_query){
        .query = paged->queries + query * shape->key_dim,
        .keys = paged->keys[row] + (size_t)kv_head * shape->key_dim,
        .values = paged->values[row] + (size_t)kv_head * shape->value_dim,
        .key_stride = (size_t)shape->kv_heads * shape->key_dim,
        .value_stride = (size_t)shape->kv_heads * shape->value_dim,
        .key_dim = shape->key_dim,
        .value_dim = shape->value_dim,
        .position = (uint64_t)paged->positions[token],
        .window = shape->window,
        .page_tokens = shape->page_tokens,
        .member_count = shape->member_count,
        .member = member,
        .scale = shape->scale,
        .soft_cap = shape->soft_cap,
        .tree = tree ? tree + (size_t)(token - first) * shape->rows[row].token_count : NULL,
        .tree_position = shape->rows[row].position
    };
}

static void check_lse(const oracle_query *query, float lse)
{
    double out[KVSPAN_MAX_DIM];
    const kernel_column *column = column_under_test();
    const double exact = oracle_attend(query, out);

    if (isinf(exact)) {
        ck_assert_msg(isinf(lse) && lse < 0.0f, "LSE %g of nothing", (double)lse);
        return;
    }
    ck_assert_msg(fabs((double)lse - exact) <=
                      column->lse_absolute + column->lse_relative * fabs(exact),
                  "LSE %.9g is not %.9g", (double)lse, exact);
}

/* A row of the naive evaluation may be exact by luck. In f32 its worst row counts for all; rounding
 * of weights to 16 bits is the less the more tokens a row sees, so there the worst head of its
 * token counts. */
static double naive_error_of(const oracle_verdict *verdicts, uint32_t row, uint32_t heads,
                             double worst, kvspan_dtype tensor_dtype)
{
    double error = 0.0;

    if (tensor_dtype == KVSPAN_F32) {
        return worst;
    }
    for (uint32_t head = 0; head < heads; head++) {
        error = fmax(error, verdicts[row / heads * heads + head].naive_error);
    }
    return error;
}

void paged_case_check(const paged_case *paged, const paged_result *result, int member)
{
    const kernel_column *column = column_under_test();
    const kvspan_dtype tensor_dtype = paged->shape.tensor_dtype;
    const uint32_t heads = paged_case_q_heads(paged);
    const uint32_t row_count = paged->token_count * heads;
    oracle_verdict *verdicts = paged_take_memory(row_count, sizeof(*verdicts));
    double worst = 0.0;

    for (uint32_t row = 0; row < row_count; row++) {
        const oracle_query query = paged_case_query(paged, row / heads, row % heads, member);

        verdicts[row] = oracle_judge(&query, tensor_dtype, result->dtype,
                                     result->out + (size_t)row * paged->shape.value_dim);
        worst = fmax(worst, verdicts[row].naive_error);
        check_lse(&query, result->lse[row]);
    }
    for (uint32_t row = 0; row < row_count; row++) {
        const double bound =
            column->naive_factor * naive_error_of(verdicts, row, heads, worst, tensor_dtype) +
            column->ulp_factor * verdicts[row].ulp;

        ck_assert_msg(verdicts[row].error <= bound,
                      "position %d of row %u, q head %u: error %g beyond %g",
                      paged->positions[row / heads], row_of(paged, row / heads), row % heads,
                      verdicts[row].error, bound);
    }
    free(verdicts);
}

void paged_case_check_members(const paged_case *paged, kvspan_dtype out_dtype)
{
    for (uint32_t member = 0; member < paged->shape.member_count; member++) {
        paged_result result = paged_case_attend(paged, member, out_dtype);

        paged_case_check(paged, &result, (int)member);
        paged_result_destroy(&result);
    }
}

void paged_case_check_whole(const paged_case *paged)
{
    const paged_shape *shape = &paged->shape;
    paged_result result = shape->member_count == 1
                              ? paged_case_attend(paged, 0, shape->tensor_dtype)
                              : paged_case_attend_all(paged, shape->tensor_dtype, NULL);

    paged_case_check(paged, &result, ORACLE_ALL_MEMBERS);
    paged_result_destroy(&result);
}
