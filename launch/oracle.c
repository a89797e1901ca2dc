#include "launch/oracle.h"

#include <assert.h>
#include <math.h>

#include "launch/number_types.h"

/* One row on its way: both evaluations see each stored vector once. */
typedef struct evaluation {
    const kvspan_oracle *oracle;
    double scale;
    double exact_max;
    double exact_sum;
    float naive_max;
    float naive_sum;
    double query[KVSPAN_MAX_DIM];
    double key[KVSPAN_MAX_DIM];
    double value[KVSPAN_MAX_DIM];
    double exact[KVSPAN_MAX_DIM]; /* Σ weight · value, not yet divided by exact_sum */
    float naive[KVSPAN_MAX_DIM];
} evaluation;

static float round_to(kvspan_dtype dtype, float value)
{
    return (float)kvspan_number_round(dtype, value);
}

static void add_token_exactly(evaluation *row)
{
    const kvspan_oracle *oracle = row->oracle;
    double logit = 0.0;
    double weight;

    for (uint32_t dim = 0; dim < oracle->key_dim; dim++) {
        logit += row->query[dim] * row->key[dim];
    }
    logit *= row->scale;
    if (oracle->soft_cap != 0.0f) {
        logit = (double)oracle->soft_cap * tanh(logit / (double)oracle->soft_cap);
    }
    if (logit > row->exact_max) {
        const double shrink = exp(row->exact_max - logit);

        row->exact_max = logit;
        row->exact_sum *= shrink;
        for (uint32_t dim = 0; dim < oracle->value_dim; dim++) {
            row->exact[dim] *= shrink;
        }
    }
    weight = exp(logit - row->exact_max);
    row->exact_sum += weight;
    for (uint32_t dim = 0; dim < oracle->value_dim; dim++) {
        row->exact[dim] += weight * row->value[dim];
    }
}

static void add_token_naively(evaluation *row)
{
    const kvspan_oracle *oracle = row->oracle;
    float logit = 0.0f;
    float weight;

    for (uint32_t dim = 0; dim < oracle->key_dim; dim++) {
        logit += (float)row->query[dim] * (float)row->key[dim];
    }
    logit *= (float)row->scale;
    if (oracle->soft_cap != 0.0f) {
        logit = oracle->soft_cap * tanhf(logit / oracle->soft_cap);
    }
    if (logit > row->naive_max) {
        const float shrink = expf(row->naive_max - logit);

        row->naive_max = logit;
        row->naive_sum *= shrink;
        for (uint32_t dim = 0; dim < oracle->value_dim; dim++) {
            row->naive[dim] *= shrink;
        }
    }
    weight = expf(logit - row->naive_max);
    row->naive_sum += weight;
    weight = round_to(oracle->dtype, weight);
    for (uint32_t dim = 0; dim < oracle->value_dim; dim++) {
        row->naive[dim] += weight * (float)row->value[dim];
    }
}

static void evaluation_init(evaluation *row, const kvspan_oracle *oracle)
{
    row->oracle = oracle;
    row->scale = oracle->scale != 0.0f ? (double)oracle->scale : 1.0 / sqrt(oracle->key_dim);
    row->exact_max = -INFINITY;
    row->exact_sum = 0.0;
    row->naive_max = -INFINITY;
    row->naive_sum = 0.0f;
    for (uint32_t dim = 0; dim < oracle->value_dim; dim++) {
        row->exact[dim] = 0.0;
        row->naive[dim] = 0.0f;
    }
}

void kvspan_oracle_evaluate(const kvspan_oracle *oracle, const kvspan_oracle_place *place,
                            double *exact_out, float *naive_out)
{
    const uint32_t kv_head = place->q_head / (oracle->q_heads / oracle->kv_heads);
    const uint64_t window = oracle->window_tokens;
    const uint64_t first =
        window != 0 && place->position >= window ? place->position - window + 1 : 0;
    kvspan_generate_place at = { KVSPAN_GENERATE_Q, place->layer, place->q_head, place->request,
                                 place->position };
    evaluation row;

    assert(oracle->kv_heads >= 1);
    assert(oracle->q_heads % oracle->kv_heads == 0);
    assert(place->q_head < oracle->q_heads);
    assert(oracle->key_dim >= 1 && oracle->key_dim <= KVSPAN_MAX_DIM);
    assert(oracle->value_dim >= 1 && oracle->value_dim <= KVSPAN_MAX_DIM);

    evaluation_init(&row, oracle);
    oracle->read(oracle->context, &at, oracle->key_dim, row.query);
    at.head = kv_head;
    for (at.position = first; at.position <= place->position; at.position++) {
        at.role = KVSPAN_GENERATE_K;
        oracle->read(oracle->context, &at, oracle->key_dim, row.key);
        at.role = KVSPAN_GENERATE_V;
        oracle->read(oracle->context, &at, oracle->value_dim, row.value);
        add_token_exactly(&row);
        add_token_naively(&row);
    }
    for (uint32_t dim = 0; dim < oracle->value_dim; dim++) {
        exact_out[dim] = row.exact[dim] / row.exact_sum;
        naive_out[dim] = round_to(oracle->dtype, row.naive[dim] / row.naive_sum);
    }
}

/* A difference that no bound excuses if either number is not finite. */
static double difference(double actual, double expected)
{
    const double error = fabs(actual - expected);

    return isfinite(error) ? error : INFINITY;
}

kvspan_oracle_verdict kvspan_oracle_check(const kvspan_oracle *oracle,
                                          const kvspan_oracle_place *place, const void *row)
{
    double exact[KVSPAN_MAX_DIM];
    float naive[KVSPAN_MAX_DIM];
    double largest = 0.0;
    double naive_error = 0.0;
    kvspan_oracle_verdict verdict = { .max_error = -1.0 };

    kvspan_oracle_evaluate(oracle, place, exact, naive);
    for (uint32_t dim = 0; dim < oracle->value_dim; dim++) {
        const double actual = kvspan_number_load(oracle->dtype, row, dim);
        const double error = difference(actual, exact[dim]);

        if (error > verdict.max_error) {
            verdict.max_error = error;
            verdict.expected = exact[dim];
            verdict.actual = actual;
            verdict.worst_dim = dim;
        }
        naive_error = fmax(naive_error, fabs((double)naive[dim] - exact[dim]));
        largest = fmax(largest, fabs(exact[dim]));
    }
    verdict.bound = 2.0 * naive_error + 2.0 * kvspan_number_ulp(oracle->dtype, largest);
    return verdict;
}
