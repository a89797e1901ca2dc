/** @file
 * An engine with a scheduler of its own. Requests arrive while others run; rank 0 plans step n + 1
 * while step n computes, has nothing to do between two bursts, and stops every rank by a rider.
 * Keys are all equal, so attention is the mean of the values so far, and each output is checked.
 *
 *     cc engine_loop.c $(pkg-config --cflags --libs kvspan_mpi) -lm -o engine_loop
 *     mpirun -n 2 ./engine_loop
 * Runs on 1 or 2 ranks; exits with 0 if every output on every rank is right.
 */
#include <kvspan/kvspan.h>
#include <kvspan/mpi.h>

#include <math.h>
#include <stdlib.h>
#include <threads.h>

enum {
    HEADS = 2,
    DIM = 8,
    REQUESTS = 6,
    SLOTS = 3,
    STEP_TOKENS = 64,
    IDLE_MS = 5,
    TIMEOUT_MS = 10000
};

/* A request, and what the engine knows of it. Arrival is counted in turns of rank 0's loop. */
typedef struct request {
    uint32_t arrival;
    uint32_t prompt_tokens;
    uint32_t total_tokens;
    uint32_t planned_tokens;
    kvspan_sequence sequence; /* 0: not running */
} request;

typedef struct engine {
    kvspan_cache *cache;
    kvspan_ledger *ledger; /* NULL but on rank 0 */
    kvspan_shard shard;
    request requests[REQUESTS];
    float zeros[STEP_TOKENS * HEADS * DIM];
    float values[STEP_TOKENS * HEADS * DIM];
    float outputs[STEP_TOKENS * HEADS * DIM];
    uint64_t wrong_numbers;
    uint64_t tokens;
    uint64_t timeouts;
} engine;

/* Frees what has ended and adds a row for what is running or may start. Pages that are short now
 * come back when others end: the request waits. */
static kvspan_status add_row(engine *run, uint32_t index, uint32_t turn, kvspan_step *step,
                             kvspan_error *error)
{
    request *const asked = &run->requests[index];
    const kvspan_sequence_config config = { .size = sizeof(config),
                                            .tag = index,
                                            .token_count = asked->prompt_tokens };
    const uint32_t count = asked->planned_tokens == 0 ? asked->prompt_tokens : 1;
    kvspan_status status = KVSPAN_OK;

    if (asked->planned_tokens == asked->total_tokens || asked->arrival > turn) {
        return KVSPAN_OK;
    }
    if (!asked->sequence) {
        status = kvspan_sequence_create(run->ledger, &config, &asked->sequence, NULL, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_step_add(step, asked->sequence, count, NULL, error);
    }
    if (status == KVSPAN_OK) {
        asked->planned_tokens += count;
    }
    return status == KVSPAN_ERR_NO_PAGES || status == KVSPAN_ERR_NO_SLOTS ? KVSPAN_OK : status;
}

/* Rank 0: the next step, which is empty if nothing is to be done, and says so if that is for good.
 */
static kvspan_status plan(engine *run, uint32_t turn, kvspan_step **step_out, kvspan_error *error)
{
    uint32_t stops = 1; /* the rider */
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; status == KVSPAN_OK && i < REQUESTS; i++) {
        request *const asked = &run->requests[i];

        if (asked->sequence && asked->planned_tokens == asked->total_tokens) {
            status = kvspan_sequence_free(run->ledger, asked->sequence, error);
            asked->sequence = 0;
        }
    }
    if (status == KVSPAN_OK) {
        status = kvspan_step_open(run->ledger, step_out, error);
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < REQUESTS; i++) {
        if (run->requests[i].planned_tokens < run->requests[i].total_tokens) {
            stops = 0;
        }
        status = add_row(run, i, turn, *step_out, error);
    }
    return status == KVSPAN_OK ? kvspan_step_attach(*step_out, &stops, sizeof(stops), error)
                               : status;
}

static kvspan_tensor tensor(float *data, uint32_t heads, const kvspan_step_view *view)
{
    return (kvspan_tensor){ data, KVSPAN_F32, heads, DIM, view->token_count, (int64_t)heads * DIM,
                            DIM };
}

/* The value of a token; over positions 0 … p its mean is that of position p / 2. */
static float value(uint64_t tag, uint32_t head, double position)
{
    return (float)((double)tag + 8.0 * head + position / 64.0);
}

/* Every rank: one layer, its own kv heads in, all heads out, all of them checked. */
static kvspan_status forward(engine *run, const kvspan_step_view *view, kvspan_error *error)
{
    const kvspan_range heads = run->shard.kv_heads;
    const kvspan_attention attention = { .size = sizeof(attention), .out_heads = KVSPAN_HEADS_ALL };
    const kvspan_tensor q = tensor(run->zeros, heads.count, view);
    const kvspan_tensor kv[2] = { q, tensor(run->values, heads.count, view) };
    kvspan_tensor out = tensor(run->outputs, HEADS, view);
    kvspan_status status;

    for (uint32_t row = 0; row < view->row_count; row++) {
        for (uint32_t i = 0; i < view->rows[row].token_count * heads.count * DIM; i++) {
            const uint32_t first = view->rows[row].first_token * heads.count * DIM;
            const uint32_t token = i / DIM / heads.count;

            run->values[first + i] = value(view->rows[row].tag, heads.first + i / DIM % heads.count,
                                           (double)(view->rows[row].position + token));
        }
    }
    status = kvspan_cache_append(run->cache, 0, kv, NULL, error);
    if (status == KVSPAN_OK) {
        status = kvspan_cache_attend(run->cache, 0, &q, &attention, &out, NULL, error);
    }
    for (uint32_t row = 0; status == KVSPAN_OK && row < view->row_count; row++) {
        for (uint32_t i = 0; i < view->rows[row].token_count * HEADS * DIM; i++) {
            const uint32_t first = view->rows[row].first_token * HEADS * DIM;
            const uint64_t position = view->rows[row].position + i / DIM / HEADS;
            const float right = value(view->rows[row].tag, i / DIM % HEADS, (double)position / 2.0);

            run->wrong_numbers += !(fabsf(run->outputs[first + i] - right) < 1e-4f);
        }
    }
    run->tokens += view->token_count;
    return status;
}

/* Every rank. A step that rank 0 has planned already waits in *next. */
static kvspan_status serve(engine *run, kvspan_error *error)
{
    kvspan_step *next = NULL;
    uint32_t turn = 0;
    uint32_t stops = 0;
    kvspan_status status = run->ledger ? plan(run, turn, &next, error) : KVSPAN_OK;

    while (status == KVSPAN_OK && !stops) {
        kvspan_step_view view;
        kvspan_step *const step = next;

        status = kvspan_step_begin(run->cache, step, NULL, IDLE_MS, &view, error);
        if (status == KVSPAN_ERR_TIMEOUT) { /* rank 0 is idle: nothing is lost, look again */
            run->timeouts++;
            status = KVSPAN_OK;
            continue;
        }
        if (status == KVSPAN_OK) {
            stops = *(const uint32_t *)view.payload;
        }
        if (status == KVSPAN_OK && run->ledger && !stops) {
            status = plan(run, ++turn, &next, error); /* on GPUs: while this step computes */
        }
        if (status == KVSPAN_OK && view.token_count > 0) {
            status = forward(run, &view, error);
        }
        if (status == KVSPAN_OK) {
            status = kvspan_step_end(run->cache, NULL, error);
        }
        if (status == KVSPAN_OK && run->ledger && view.token_count == 0 && !stops) {
            (void)thrd_sleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL); /* nobody asks */
            status = kvspan_cache_wait(run->cache, NULL, 1, error);
        }
    }
    return status;
}

static kvspan_status create_cache(engine *run, kvspan_comm *comm, kvspan_device **device_out,
                                  kvspan_error *error)
{
    const kvspan_layer_group layers = { .layer_count = 1,
                                        .q_heads = HEADS,
                                        .plane_count = 2,
                                        .planes = { { KVSPAN_KEY, HEADS, DIM, KVSPAN_F32, 0 },
                                                    { KVSPAN_VALUE, HEADS, DIM, KVSPAN_F32, 0 } } };
    const kvspan_cache_config config = { .size = sizeof(config),
                                         .group_count = 1,
                                         .groups = &layers,
                                         .page_tokens = 4,
                                         .slot_count = SLOTS, /* fewer than requests: some wait */
                                         .max_sequence_tokens = 32,
                                         .max_step_tokens = STEP_TOKENS,
                                         .arena_bytes = 1 << 20,
                                         .run_ahead_steps = 2,
                                         .deadline_ms = TIMEOUT_MS };
    kvspan_status status = kvspan_device_open(NULL, 0, device_out, error);

    if (status == KVSPAN_OK) {
        status = kvspan_cache_create(&config, *device_out, comm, &run->cache, error);
    }
    if (status == KVSPAN_OK) {
        run->ledger = kvspan_cache_ledger(run->cache);
        status = kvspan_cache_shard(run->cache, 0, &run->shard, error);
    }
    return status;
}

int main(int argc, char **argv)
{
    static engine run;
    uint64_t all_tokens = 0;
    kvspan_comm *comm = NULL;
    kvspan_device *device = NULL;
    kvspan_error error = { 0 };
    kvspan_status status;

    for (uint32_t i = 0; i < REQUESTS; i++) { /* two bursts, and nothing in between */
        run.requests[i] = (request){ .arrival = i < 4 ? i : 60 + i,
                                     .prompt_tokens = 1 + i * 7 % 17,
                                     .total_tokens = 1 + i * 7 % 17 + 5 * (i % 4) };
        all_tokens += run.requests[i].total_tokens;
    }
    (void)MPI_Init(&argc, &argv);
    status = kvspan_comm_create_mpi(MPI_COMM_WORLD, TIMEOUT_MS, &comm, &error);
    if (status == KVSPAN_OK) {
        status = create_cache(&run, comm, &device, &error);
    }
    if (status == KVSPAN_OK) {
        status = serve(&run, &error);
    }
    kvspan_cache_destroy(run.cache);
    kvspan_device_close(device);
    kvspan_comm_destroy(comm);
    if (status != KVSPAN_OK) {
        (void)fprintf(stderr, "%s: %s\n", kvspan_status_name(status), error.message);
        (void)MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    }
    (void)printf("%llu of %llu tokens, %llu numbers wrong, idle %llu times\n",
                 (unsigned long long)run.tokens, (unsigned long long)all_tokens,
                 (unsigned long long)run.wrong_numbers, (unsigned long long)run.timeouts);
    (void)MPI_Finalize();
    return run.tokens == all_tokens && run.wrong_numbers == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
