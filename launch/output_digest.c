#include "launch/output_digest.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECORD_HEADER_BYTES = 24,
    RECORD_MAX_BYTES = RECORD_HEADER_BYTES + KVSPAN_MAX_DIM * 4,
    FIRST_CAPACITY_TOKENS = 64
};

/* What is kept of a request that is not finished. */
typedef struct request_memory {
    uint64_t *seen; /* [capacity_tokens][layer]: 0 = not computed yet */
    uint64_t capacity_tokens;
    bool is_finished; /* seen is NULL then */
} request_memory;

struct kvspan_output_digest {
    request_memory *requests; /* [request_count] */
    uint32_t request_count;
    uint32_t layer_count;
    kvspan_digest total;
    uint64_t rows;
    uint64_t repeated_rows;
};

kvspan_status kvspan_output_digest_create(uint32_t request_count, uint32_t layer_count,
                                          kvspan_output_digest **digest_out, kvspan_error *error)
{
    kvspan_output_digest *digest;

    if (request_count == 0 || layer_count == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%u requests of %u layers: neither may be 0",
                           request_count, layer_count);
    }
    digest = calloc(1, sizeof(*digest));
    if (!digest) {
        goto err_memory;
    }
    digest->requests = calloc(request_count, sizeof(*digest->requests));
    if (!digest->requests) {
        goto err_free_digest;
    }
    digest->request_count = request_count;
    digest->layer_count = layer_count;
    *digest_out = digest;
    return KVSPAN_OK;

err_free_digest:
    free(digest);
err_memory:
    return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for the digest of %u requests",
                       request_count);
}

void kvspan_output_digest_destroy(kvspan_output_digest *digest)
{
    if (!digest) {
        return;
    }
    for (uint32_t request = 0; request < digest->request_count; request++) {
        free(digest->requests[request].seen);
    }
    free(digest->requests);
    free(digest);
}

/* Makes room for tokens [0, position]. */
static kvspan_status reserve(request_memory *memory, uint64_t position, uint32_t layer_count,
                             kvspan_error *error)
{
    uint64_t capacity = memory->capacity_tokens ? memory->capacity_tokens : FIRST_CAPACITY_TOKENS;
    const uint64_t token_bytes = layer_count * sizeof(*memory->seen);
    uint64_t *seen;

    if (position < memory->capacity_tokens) {
        return KVSPAN_OK;
    }
    while (capacity <= position) {
        capacity *= 2;
    }
    seen = realloc(memory->seen, capacity * token_bytes);
    if (!seen) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY,
                           "no memory for the digests of %" PRIu64 " tokens of %u layers", capacity,
                           layer_count);
    }
    memset(seen + memory->capacity_tokens * layer_count, 0,
           (capacity - memory->capacity_tokens) * token_bytes);
    memory->seen = seen;
    memory->capacity_tokens = capacity;
    return KVSPAN_OK;
}

static void put_little_endian(unsigned char *bytes_out, uint64_t number, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        bytes_out[i] = (unsigned char)(number >> (8 * i));
    }
}

/* The sum over the heads of one token. Elements lie in memory as they go into the record: little-
 * endian on every machine that MPI clusters of today are made of. */
static kvspan_digest digest_heads(unsigned char *record, uint32_t head_first,
                                  const kvspan_tensor *out, uint64_t token)
{
    const uint32_t element_bytes = kvspan_dtype_bytes(out->dtype);
    const size_t row_bytes = (size_t)out->dim * element_bytes;
    kvspan_digest sum = { 0, 0 };

    for (uint32_t head = 0; head < out->heads; head++) {
        const int64_t offset = (int64_t)token * out->token_stride + head * out->head_stride;

        put_little_endian(record + 20, head_first + head, 4);
        memcpy(record + RECORD_HEADER_BYTES,
               (const unsigned char *)out->data + offset * (int64_t)element_bytes, row_bytes);
        sum = kvspan_digest_add(sum, kvspan_digest_bytes(record, RECORD_HEADER_BYTES + row_bytes));
    }
    return sum;
}

static kvspan_status check_place(const kvspan_output_digest *digest, uint64_t request,
                                 uint64_t position, uint32_t layer, kvspan_error *error)
{
    if (request >= digest->request_count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "request %" PRIu64 " is not in [0, %u)",
                           request, digest->request_count);
    }
    if (digest->requests[request].is_finished) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "position %" PRIu64 " of request %" PRIu64 ", which is finished",
                           position, request);
    }
    if (position >= KVSPAN_MAX_SEQUENCE_TOKENS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "position %" PRIu64 " is not in [0, %d)",
                           position, KVSPAN_MAX_SEQUENCE_TOKENS);
    }
    if (layer >= digest->layer_count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "layer %u is not in [0, %u)", layer,
                           digest->layer_count);
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_output_digest_add(kvspan_output_digest *digest, uint64_t request,
                                       uint64_t position, uint32_t layer, uint32_t head_first,
                                       const kvspan_tensor *out, uint64_t token,
                                       kvspan_error *error)
{
    kvspan_status status = check_place(digest, request, position, layer, error);
    unsigned char record[RECORD_MAX_BYTES];
    kvspan_digest sum;
    uint64_t *seen;
    uint64_t mark;

    assert(token < out->tokens);
    assert(out->dim <= KVSPAN_MAX_DIM);
    if (status == KVSPAN_OK) {
        status = reserve(&digest->requests[request], position, digest->layer_count, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    put_little_endian(record, request, 8);
    put_little_endian(record + 8, position, 8);
    put_little_endian(record + 16, layer, 4);
    sum = digest_heads(record, head_first, out, token);
    mark = sum.low ? sum.low : 1;
    seen = &digest->requests[request].seen[position * digest->layer_count + layer];
    if (*seen == 0) {
        *seen = mark;
        digest->total = kvspan_digest_add(digest->total, sum);
        digest->rows += out->heads;
        return KVSPAN_OK;
    }
    if (*seen != mark) {
        return kvspan_fail(error, KVSPAN_ERR_CORRUPT,
                           "request %" PRIu64 ", position %" PRIu64 ", layer %u: computed again, "
                           "the output has digest %016" PRIx64 " and had %016" PRIx64,
                           request, position, layer, mark, *seen);
    }
    digest->repeated_rows += out->heads;
    return KVSPAN_OK;
}

kvspan_status kvspan_output_digest_finish_request(kvspan_output_digest *digest, uint64_t request,
                                                  kvspan_error *error)
{
    request_memory *memory;

    if (request >= digest->request_count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "request %" PRIu64 " is not in [0, %u)",
                           request, digest->request_count);
    }
    memory = &digest->requests[request];
    free(memory->seen);
    *memory = (request_memory){ .is_finished = true };
    return KVSPAN_OK;
}

kvspan_digest kvspan_output_digest_total(const kvspan_output_digest *digest)
{
    return digest->total;
}

uint64_t kvspan_output_digest_rows(const kvspan_output_digest *digest)
{
    return digest->rows;
}

uint64_t kvspan_output_digest_repeated_rows(const kvspan_output_digest *digest)
{
    return digest->repeated_rows;
}
