#include <kvspan/mpi.h>

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Sends up to this size are copied and finished at once for their caller: MPI may keep the copy of
 * one that a dead rank never takes. */
enum {
    BUFFERED_BYTES = 4096,
    PIECE_BYTES = 1 << 30 /* of a message longer than MPI can count */
};

typedef struct mpi_request {
    struct mpi_request *next; /* in one of the endpoint's lists */
    MPI_Request handle;
    bool is_receive;
    unsigned char *copy; /* [BUFFERED_BYTES] or NULL */
} mpi_request;

/* Invariant: every request is with its owner or in exactly one list. */
typedef struct mpi_endpoint {
    MPI_Comm comm;
    int tag_limit;
    bool is_dirty;           /* MPI may still touch memory or messages of ours */
    mpi_request *sending;    /* copied sends that MPI has not finished */
    mpi_request *spare;      /* plain, ready for use */
    mpi_request *spare_copy; /* with room for a copy */
} mpi_endpoint;

static kvspan_status mpi_fail(kvspan_error *error, const char *call, int code)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    kvspan_status status;

    (void)MPI_Error_string(code, text, &length);
    status = kvspan_fail(error, KVSPAN_ERR_TRANSPORT, "%s: %.200s", call, text);
    if (error) {
        error->native = code;
    }
    return status;
}

static mpi_request *take_request(mpi_endpoint *endpoint, bool has_copy)
{
    mpi_request **list = has_copy ? &endpoint->spare_copy : &endpoint->spare;
    mpi_request *request = *list;

    if (request) {
        *list = request->next;
        request->next = NULL;
        return request;
    }
    request = calloc(1, sizeof(*request));
    if (request && has_copy) {
        request->copy = malloc(BUFFERED_BYTES);
        if (!request->copy) {
            free(request);
            request = NULL;
        }
    }
    return request;
}

static void give_request(mpi_endpoint *endpoint, mpi_request *request)
{
    mpi_request **list = request->copy ? &endpoint->spare_copy : &endpoint->spare;

    request->next = *list;
    *list = request;
}

/* Takes back the copied sends that MPI has finished. */
static kvspan_status reap_sends(mpi_endpoint *endpoint)
{
    mpi_request **link = &endpoint->sending;

    while (*link) {
        mpi_request *request = *link;
        int done = 0;

        if (MPI_Test(&request->handle, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) {
            endpoint->is_dirty = true;
            return KVSPAN_ERR_TRANSPORT;
        }
        if (done) {
            *link = request->next;
            give_request(endpoint, request);
        } else {
            link = &request->next;
        }
    }
    return KVSPAN_OK;
}

/* A message of any length as one item: whole pieces and the rest. */
static int make_long_type(size_t bytes, MPI_Datatype *type_out)
{
    const size_t pieces = bytes / PIECE_BYTES;
    MPI_Datatype types[2] = { MPI_DATATYPE_NULL, MPI_BYTE };
    const int counts[2] = { (int)pieces, (int)(bytes % PIECE_BYTES) };
    const MPI_Aint offsets[2] = { 0, (MPI_Aint)(pieces * PIECE_BYTES) };
    int code;

    if (pieces > INT_MAX) {
        return MPI_ERR_COUNT;
    }
    code = MPI_Type_contiguous(PIECE_BYTES, MPI_BYTE, &types[0]);
    if (code != MPI_SUCCESS) {
        return code;
    }
    code = MPI_Type_create_struct(2, counts, offsets, types, type_out);
    (void)MPI_Type_free(&types[0]);
    return code == MPI_SUCCESS ? MPI_Type_commit(type_out) : code;
}

static int start(const mpi_endpoint *endpoint, mpi_request *request, int peer, int tag, void *data,
                 size_t bytes)
{
    MPI_Datatype type = MPI_BYTE;
    int count = (int)bytes;
    int code = MPI_SUCCESS;

    if (bytes > INT_MAX) {
        code = make_long_type(bytes, &type);
        count = 1;
    }
    if (code == MPI_SUCCESS) {
        code = request->is_receive
                   ? MPI_Irecv(data, count, type, peer, tag, endpoint->comm, &request->handle)
                   : MPI_Isend(data, count, type, peer, tag, endpoint->comm, &request->handle);
    }
    if (type != MPI_BYTE) {
        (void)MPI_Type_free(&type); /* MPI keeps it until the message is through */
    }
    return code;
}

static kvspan_status send_copy(mpi_endpoint *endpoint, uint32_t to, uint32_t tag, const void *data,
                               size_t bytes)
{
    mpi_request *request = take_request(endpoint, true);

    if (!request) {
        return KVSPAN_ERR_MEMORY;
    }
    request->is_receive = false;
    if (bytes > 0) {
        memcpy(request->copy, data, bytes);
    }
    if (start(endpoint, request, (int)to, (int)tag, request->copy, bytes) != MPI_SUCCESS) {
        give_request(endpoint, request);
        return KVSPAN_ERR_TRANSPORT;
    }
    request->next = endpoint->sending;
    endpoint->sending = request;
    return reap_sends(endpoint);
}

static kvspan_status mpi_send(void *context, uint32_t to, uint32_t tag, const void *data,
                              size_t bytes, void **request_out)
{
    mpi_endpoint *endpoint = context;
    mpi_request *request;

    if (tag > (uint32_t)endpoint->tag_limit) {
        return KVSPAN_ERR_ARGUMENT;
    }
    if (bytes <= BUFFERED_BYTES) {
        return send_copy(endpoint, to, tag, data, bytes);
    }
    request = take_request(endpoint, false);
    if (!request) {
        return KVSPAN_ERR_MEMORY;
    }
    request->is_receive = false;
    if (start(endpoint, request, (int)to, (int)tag, (void *)(uintptr_t)data, bytes) !=
        MPI_SUCCESS) {
        give_request(endpoint, request);
        return KVSPAN_ERR_TRANSPORT;
    }
    *request_out = request;
    return KVSPAN_OK;
}

static kvspan_status mpi_receive(void *context, uint32_t from, uint32_t tag, void *data,
                                 size_t bytes, void **request_out)
{
    mpi_endpoint *endpoint = context;
    mpi_request *request;

    if (tag > (uint32_t)endpoint->tag_limit) {
        return KVSPAN_ERR_ARGUMENT;
    }
    request = take_request(endpoint, false);
    if (!request) {
        return KVSPAN_ERR_MEMORY;
    }
    request->is_receive = true;
    if (start(endpoint, request, (int)from, (int)tag, data, bytes) != MPI_SUCCESS) {
        give_request(endpoint, request);
        return KVSPAN_ERR_TRANSPORT;
    }
    *request_out = request;
    return KVSPAN_OK;
}

static kvspan_status mpi_test(void *context, void *handle, uint32_t *done_out)
{
    mpi_endpoint *endpoint = context;
    mpi_request *request = handle;
    int done = 0;

    if (MPI_Test(&request->handle, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) {
        give_request(endpoint, request);
        return KVSPAN_ERR_TRANSPORT;
    }
    *done_out = done != 0;
    if (done) {
        give_request(endpoint, request);
    }
    return KVSPAN_OK;
}

/* Only receives can be cancelled safely: Open MPI ends a cancelled one in the same call. */
static kvspan_status mpi_cancel(void *context, void *handle)
{
    mpi_endpoint *endpoint = context;
    mpi_request *request = handle;
    MPI_Status result;
    int is_cancelled = 0;
    int done = 0;

    if (request->is_receive && MPI_Cancel(&request->handle) == MPI_SUCCESS &&
        MPI_Test(&request->handle, &done, &result) == MPI_SUCCESS && done) {
        (void)MPI_Test_cancelled(&result, &is_cancelled);
        endpoint->is_dirty |= !is_cancelled;
        give_request(endpoint, request);
        return KVSPAN_OK;
    }
    if (!request->is_receive && MPI_Test(&request->handle, &done, MPI_STATUS_IGNORE) == 0 && done) {
        give_request(endpoint, request);
        return KVSPAN_OK;
    }
    endpoint->is_dirty = true; /* the request and its memory stay with MPI */
    return KVSPAN_ERR_TIMEOUT;
}

static void free_requests(mpi_request *request)
{
    while (request) {
        mpi_request *next = request->next;

        free(request->copy);
        free(request);
        request = next;
    }
}

static void mpi_destroy(void *context)
{
    mpi_endpoint *endpoint = context;
    int is_finalized = 0;

    (void)MPI_Finalized(&is_finalized);
    if (!is_finalized) {
        (void)reap_sends(endpoint);
    }
    if (endpoint->sending || is_finalized) {
        endpoint->is_dirty = true;
    }
    if (!endpoint->is_dirty) {
        (void)MPI_Comm_free(&endpoint->comm);
    }
    free_requests(endpoint->spare);
    free_requests(endpoint->spare_copy);
    free(endpoint); /* not what is in sending: MPI may still read those copies */
}

static kvspan_status check_usable(MPI_Comm comm, uint32_t timeout_ms, kvspan_error *error)
{
    int is_initialized = 0;
    int is_finalized = 0;
    int is_inter = 0;
    int code;

    (void)MPI_Initialized(&is_initialized);
    (void)MPI_Finalized(&is_finalized);
    if (!is_initialized || is_finalized) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "MPI is %s",
                           is_finalized ? "finalised already" : "not initialised");
    }
    if (comm == MPI_COMM_NULL) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "comm is MPI_COMM_NULL");
    }
    if (timeout_ms == 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "timeout_ms is 0, at least 1 is needed");
    }
    code = MPI_Comm_test_inter(comm, &is_inter);
    if (code != MPI_SUCCESS) {
        return mpi_fail(error, "MPI_Comm_test_inter", code);
    }
    if (is_inter) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "comm is an intercommunicator");
    }
    return KVSPAN_OK;
}

static uint64_t now_ms(void)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* On LATE, MPI still writes to *copy: it must stay. */
static kvspan_status duplicate(MPI_Comm comm, uint32_t timeout_ms, MPI_Comm *copy,
                               kvspan_error *error)
{
    const uint64_t deadline_ms = now_ms() + timeout_ms;
    MPI_Request request = MPI_REQUEST_NULL;
    int done = 0;
    int code = MPI_Comm_idup(comm, copy, &request);

    if (code != MPI_SUCCESS) {
        return mpi_fail(error, "MPI_Comm_idup", code);
    }
    for (;;) {
        code = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS) {
            return mpi_fail(error, "MPI_Comm_idup", code);
        }
        if (done) {
            return KVSPAN_OK;
        }
        if (now_ms() >= deadline_ms) {
            return kvspan_fail(error, KVSPAN_ERR_LATE,
                               "not all ranks came to duplicate the communicator within %u ms",
                               timeout_ms);
        }
        (void)sched_yield();
    }
}

static kvspan_status describe(const mpi_endpoint *endpoint, kvspan_transport *transport,
                              kvspan_error *error)
{
    int rank = 0;
    int rank_count = 0;
    int code = MPI_Comm_set_errhandler(endpoint->comm, MPI_ERRORS_RETURN);

    if (code == MPI_SUCCESS) {
        code = MPI_Comm_rank(endpoint->comm, &rank);
    }
    if (code == MPI_SUCCESS) {
        code = MPI_Comm_size(endpoint->comm, &rank_count);
    }
    if (code != MPI_SUCCESS) {
        return mpi_fail(error, "MPI_Comm_size", code);
    }
    transport->rank = (uint32_t)rank;
    transport->rank_count = (uint32_t)rank_count;
    return KVSPAN_OK;
}

/* What the standard promises if the attribute says nothing. */
static int tag_limit(MPI_Comm comm)
{
    int *limit = NULL;
    int is_set = 0;

    (void)MPI_Comm_get_attr(comm, MPI_TAG_UB, (void *)&limit, &is_set);
    return is_set && limit ? *limit : 32767;
}

kvspan_status kvspan_comm_create_mpi(MPI_Comm comm, uint32_t timeout_ms, kvspan_comm **comm_out,
                                     kvspan_error *error)
{
    kvspan_transport transport = { .size = sizeof(transport),
                                   .send = mpi_send,
                                   .receive = mpi_receive,
                                   .test = mpi_test,
                                   .cancel = mpi_cancel,
                                   .destroy = mpi_destroy };
    mpi_endpoint *endpoint;
    kvspan_status status;

    if (!comm_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "comm_out is NULL");
    }
    status = check_usable(comm, timeout_ms, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    endpoint = calloc(1, sizeof(*endpoint));
    if (!endpoint) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for an MPI transport");
    }
    endpoint->comm = MPI_COMM_NULL;
    status = duplicate(comm, timeout_ms, &endpoint->comm, error);
    if (status == KVSPAN_ERR_LATE) {
        return status; /* the endpoint is MPI's to write to */
    }
    if (status != KVSPAN_OK) {
        free(endpoint);
        return status;
    }
    endpoint->tag_limit = tag_limit(endpoint->comm);
    transport.context = endpoint;
    status = describe(endpoint, &transport, error);
    if (status == KVSPAN_OK) {
        status = kvspan_comm_create(&transport, comm_out, error);
    }
    if (status != KVSPAN_OK) {
        mpi_destroy(endpoint);
    }
    return status;
}
