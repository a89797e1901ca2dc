/** @file
 * The rollout of a trainer: every rank runs this loop, rank 0 holds the prompts. A toy whose q, k
 * and v follow from a token's word and position stands where a transformer would. At the end rank 0
 * attends everything again without a cache and compares.
 *
 *     cc trainer_loop.c $(pkg-config --cflags --libs kvspan_mpi) -lm -o trainer_loop
 *     mpirun -n 2 ./trainer_loop
 * Runs on 1, 2 or 4 ranks; exits with 0 if the outputs are right and all ranks sampled the same.
 */
#include <kvspan/kvspan.h>
#include <kvspan/mpi.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LAYERS = 2,
    Q_HEADS = 4,
    KV_HEADS = 2,
    DIM = 16,
    WIDTH = LAYERS * Q_HEADS * DIM, /* of a token's outputs, and words they can be taken for */
    REQUESTS = 3,
    GENERATED = 12, /* words sampled for each request, one a step */
    MAX_TOKENS = 32,
    STEP_TOKENS = REQUESTS * MAX_TOKENS,
    TIMEOUT_MS = 10000
};

typedef enum projection {
    OF_Q,
    OF_K,
    OF_V
} projection;

static const uint32_t prompt_tokens[REQUESTS] = { 5, 17, 2 };

/* All that a rank has. */
typedef struct rollout {
    kvspan_cache *cache;
    kvspan_ledger *ledger; /* NULL but on rank 0 */
    kvspan_shard shard;
    kvspan_sequence sequences[REQUESTS]; /* on rank 0 */
    uint32_t text[REQUESTS][MAX_TOKENS]; /* on rank 0: the prompt, then what was sampled */
    float q[STEP_TOKENS * Q_HEADS * DIM];
    float kv[2][STEP_TOKENS * KV_HEADS * DIM];
    float outputs[STEP_TOKENS][WIDTH];       /* of the step, all layers */
    float drawn[GENERATED][REQUESTS][WIDTH]; /* the outputs that each word was drawn from */
    uint32_t sampled[GENERATED][REQUESTS];
} rollout;

/* A fixed number in [-1, 1) for each combination. */
static float project(projection what, uint32_t layer, uint32_t head, uint32_t dim, uint32_t word,
                     uint64_t position)
{
    uint64_t bits = ((((uint64_t)what * LAYERS + layer) * Q_HEADS + head) * DIM + dim) << 40 |
                    position << 16 | word;

    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return (float)((bits ^ (bits >> 31)) >> 40) / (float)(1 << 23) - 1.0f;
}

/* Makes some heads of q, k or v for all tokens of a step. */
static kvspan_tensor make(projection what, uint32_t layer, kvspan_range heads,
                          const kvspan_step_view *view, float *data)
{
    const uint32_t *const words = view->payload;

    for (uint32_t i = 0; i < view->token_count * heads.count * DIM; i++) {
        const uint32_t token = i / DIM / heads.count;

        data[i] = project(what, layer, heads.first + i / DIM % heads.count, i % DIM, words[token],
                          (uint64_t)view->positions[token]);
    }
    return (kvspan_tensor){ .data = data,
                            .dtype = KVSPAN_F32,
                            .heads = heads.count,
                            .dim = DIM,
                            .tokens = view->token_count,
                            .token_stride = (int64_t)heads.count * DIM,
                            .head_stride = DIM };
}

/* Rank 0: a row for each request. The words of all new tokens ride to every rank. */
static kvspan_status plan(const rollout *run, uint32_t turn, kvspan_step **step_out,
                          kvspan_error *error)
{
    uint32_t words[STEP_TOKENS];
    uint32_t word_count = 0;
    kvspan_status status = kvspan_step_open(run->ledger, step_out, error);

    for (uint32_t i = 0; status == KVSPAN_OK && i < REQUESTS; i++) {
        const uint32_t first = turn == 0 ? 0 : prompt_tokens[i] + turn - 1;
        const uint32_t count = turn == 0 ? prompt_tokens[i] : 1;

        status = kvspan_step_add(*step_out, run->sequences[i], count, NULL, error);
        memcpy(words + word_count, run->text[i] + first, count * sizeof(words[0]));
        word_count += count;
    }
    return status == KVSPAN_OK
               ? kvspan_step_attach(*step_out, words, word_count * sizeof(words[0]), error)
               : status;
}

/* Every rank: its own heads in, all heads out, layer by layer; then the step is over. */
static kvspan_status forward(rollout *run, const kvspan_step_view *view, kvspan_error *error)
{
    const kvspan_attention attention = { .size = sizeof(attention),
                                         .q_heads = KVSPAN_HEADS_EVEN,
                                         .out_heads = KVSPAN_HEADS_ALL };
    kvspan_status status = KVSPAN_OK;

    for (uint32_t layer = 0; status == KVSPAN_OK && layer < LAYERS; layer++) {
        const kvspan_tensor q = make(OF_Q, layer, run->shard.q_heads_even, view, run->q);
        const kvspan_tensor kv[2] = { make(OF_K, layer, run->shard.kv_heads, view, run->kv[0]),
                                      make(OF_V, layer, run->shard.kv_heads, view, run->kv[1]) };
        kvspan_tensor out = q;

        out.data = &run->outputs[0][(size_t)layer * Q_HEADS * DIM];
        out.heads = Q_HEADS;
        out.token_stride = WIDTH;
        status = kvspan_cache_append(run->cache, layer, kv, NULL, error);
        if (status == KVSPAN_OK) {
            status = kvspan_cache_attend(run->cache, layer, &q, &attention, &out, NULL, error);
        }
    }
    return status == KVSPAN_OK ? kvspan_step_end(run->cache, NULL, error) : status;
}

/* The next word is where the outputs are largest. */
static uint32_t sample(const float outputs[WIDTH])
{
    uint32_t best = 0;

    for (uint32_t word = 1; word < WIDTH; word++) {
        best = outputs[word] > outputs[best] ? word : best;
    }
    return best;
}

/* One step: every rank draws each request's next word from its last token, all the same one. */
static kvspan_status take_turn(rollout *run, uint32_t turn, kvspan_error *error)
{
    kvspan_step *step = NULL;
    kvspan_step_view view;
    kvspan_status status = run->ledger ? plan(run, turn, &step, error) : KVSPAN_OK;

    if (status == KVSPAN_OK) {
        do { /* TIMEOUT: rank 0 has sent nothing yet; nothing is lost */
            status = kvspan_step_begin(run->cache, step, NULL, TIMEOUT_MS, &view, error);
        } while (status == KVSPAN_ERR_TIMEOUT);
    }
    if (status == KVSPAN_OK) {
        status = forward(run, &view, error);
    }
    for (uint32_t i = 0; status == KVSPAN_OK && i < view.row_count; i++) {
        const kvspan_row *const row = &view.rows[i];
        const float *const last = run->outputs[row->first_token + row->token_count - 1];
        uint32_t *const word = &run->sampled[turn][row->tag];

        memcpy(run->drawn[turn][row->tag], last, sizeof(run->drawn[turn][row->tag]));
        *word = sample(last);
        if (run->ledger) {
            run->text[row->tag][prompt_tokens[row->tag] + turn] = *word;
            status =
                kvspan_sequence_commit(run->ledger, run->sequences[row->tag], word, 1, NULL, error);
        }
    }
    return status;
}

static kvspan_status roll_out(rollout *run, kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    for (uint32_t i = 0; run->ledger && status == KVSPAN_OK && i < REQUESTS; i++) {
        const kvspan_sequence_config config = { .size = sizeof(config),
                                                .tag = i,
                                                .tokens = run->text[i],
                                                .token_count = prompt_tokens[i] };

        for (uint32_t j = 0; j < prompt_tokens[i]; j++) {
            run->text[i][j] = (i * 31 + j * 7) % WIDTH;
        }
        status = kvspan_sequence_create(run->ledger, &config, &run->sequences[i], NULL, error);
    }
    for (uint32_t turn = 0; status == KVSPAN_OK && turn < GENERATED; turn++) {
        status = take_turn(run, turn, error);
    }
    for (uint32_t i = 0; run->ledger && status == KVSPAN_OK && i < REQUESTS; i++) {
        status = kvspan_sequence_free(run->ledger, run->sequences[i], error);
    }
    return status;
}

/* Attends text[0 .. position] as in the textbook, softmax(q·k / √dim)·v: how far outputs are off.
 */
static double distance(const uint32_t *text, uint32_t position, const float outputs[WIDTH])
{
    double most = 0.0;

    for (uint32_t i = 0; i < LAYERS * Q_HEADS; i++) {
        const uint32_t layer = i / Q_HEADS;
        const uint32_t head = i % Q_HEADS;
        const uint32_t kv_head = head / (Q_HEADS / KV_HEADS);
        double right[DIM] = { 0.0 };
        double total = 0.0;

        for (uint32_t j = 0; j <= position; j++) {
            double weight = 0.0;

            for (uint32_t dim = 0; dim < DIM; dim++) {
                weight += (double)project(OF_Q, layer, head, dim, text[position], position) *
                          (double)project(OF_K, layer, kv_head, dim, text[j], j);
            }
            weight = exp(weight / sqrt(DIM));
            total += weight;
            for (uint32_t dim = 0; dim < DIM; dim++) {
                right[dim] += weight * (double)project(OF_V, layer, kv_head, dim, text[j], j);
            }
        }
        for (uint32_t dim = 0; dim < DIM; dim++) {
            const double off = fabs(right[dim] / total - (double)outputs[i * DIM + dim]);

            most = fmax(most, isnan(off) ? INFINITY : off);
        }
    }
    return most;
}

/* Collective: compares the words of all ranks, and rank 0's outputs with the right ones. */
static kvspan_status judge(const rollout *run, kvspan_comm *comm, int *code_out,
                           kvspan_error *error)
{
    const uint32_t rank_count = kvspan_comm_rank_count(comm);
    const size_t bytes = sizeof(run->sampled);
    unsigned char *const all = malloc(rank_count * bytes);
    uint32_t unequal_ranks = 0;
    double most = 0.0;
    kvspan_status status;

    if (!all) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u ranks", rank_count);
    }
    status = kvspan_comm_all_gather(comm, run->sampled, bytes, all, TIMEOUT_MS, error);
    for (uint32_t i = 0; status == KVSPAN_OK && i < rank_count; i++) {
        unequal_ranks += memcmp(all + i * bytes, run->sampled, bytes) != 0;
    }
    free(all);
    if (status != KVSPAN_OK) {
        return status;
    }
    for (uint32_t i = 0; run->ledger && i < GENERATED * REQUESTS; i++) {
        const uint32_t request = i % REQUESTS;
        const uint32_t turn = i / REQUESTS;

        most = fmax(most, distance(run->text[request], prompt_tokens[request] + turn - 1,
                                   run->drawn[turn][request]));
    }
    if (run->ledger) {
        (void)printf("%d words, %u of %u ranks sampled others; outputs off by %.1e at most\n",
                     GENERATED * REQUESTS, unequal_ranks, rank_count, most);
    }
    *code_out = unequal_ranks == 0 && most < 1e-5 ? EXIT_SUCCESS : EXIT_FAILURE;
    return KVSPAN_OK;
}

static kvspan_status create_cache(rollout *run, kvspan_comm *comm, kvspan_device **device_out,
                                  kvspan_error *error)
{
    const kvspan_plane keys = { KVSPAN_KEY, KV_HEADS, DIM, KVSPAN_F32, 0 };
    const kvspan_plane values = { KVSPAN_VALUE, KV_HEADS, DIM, KVSPAN_F32, 0 };
    const kvspan_layer_group layers = {
        .layer_count = LAYERS, .q_heads = Q_HEADS, .plane_count = 2, .planes = { keys, values }
    };
    const kvspan_cache_config config = { .size = sizeof(config),
                                         .group_count = 1,
                                         .groups = &layers,
                                         .page_tokens = 4,
                                         .slot_count = REQUESTS,
                                         .max_sequence_tokens = MAX_TOKENS,
                                         .max_step_tokens = STEP_TOKENS,
                                         .arena_bytes = 1 << 20, /* as many pages as fit */
                                         .mesh = "tp:-1" };      /* all ranks share the heads */
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
    static rollout run;
    kvspan_comm *comm = NULL;
    kvspan_device *device = NULL;
    kvspan_error error = { 0 };
    int code = EXIT_FAILURE;
    kvspan_status status;

    (void)MPI_Init(&argc, &argv);
    status = kvspan_comm_create_mpi(MPI_COMM_WORLD, TIMEOUT_MS, &comm, &error);
    if (status == KVSPAN_OK) {
        status = create_cache(&run, comm, &device, &error);
    }
    if (status == KVSPAN_OK) {
        status = roll_out(&run, &error);
    }
    if (status == KVSPAN_OK) {
        status = judge(&run, comm, &code, &error);
    }
    kvspan_cache_destroy(run.cache); /* never waits, also after a failure */
    kvspan_device_close(device);
    kvspan_comm_destroy(comm);
    if (status != KVSPAN_OK) { /* the other ranks may wait for this one */
        (void)fprintf(stderr, "%s: %s\n", kvspan_status_name(status), error.message);
        (void)MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    }
    (void)MPI_Finalize();
    return code;
}
