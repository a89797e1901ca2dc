#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <kvspan/comm.h>

/* Messages up to this size are copied and finished at once; longer ones wait for their receive, so
 * that a missing receive shows. */
enum {
    BUFFERED_BYTES = 4096,
    MAX_RANKS = 4096
};

typedef enum request_state {
    REQUEST_OPEN,
    REQUEST_DONE,
    REQUEST_TOO_LONG /* a receive whose message was longer */
} request_state;

typedef struct local_endpoint local_endpoint;

/* A send or a receive that its owner still holds, in its endpoint's list. */
typedef struct local_request {
    _Atomic(int) state; /* request_state; the matching thread sets it last */
    struct local_request *previous;
    struct local_request *next;
    struct local_box *box;    /* of the receiver */
    struct local_entry *mine; /* in the box while it is open */
} local_request;

/* A receive without a message or a message without a receive. Guarded by its box. */
typedef struct local_entry {
    struct local_entry *next;
    local_request *request; /* NULL: a buffered message, finished for its sender */
    uint32_t from;
    uint32_t tag;
    size_t bytes;
    unsigned char *data; /* where to write, where to read, or the copy behind this struct */
    unsigned char copy[];
} local_entry;

typedef struct local_queue {
    local_entry *first;
    local_entry **end;
} local_queue;

/* What is under way to one rank. Invariant: no message matches a receive. */
typedef struct local_box {
    pthread_mutex_t mutex;
    local_queue messages;
    local_queue receives;
    atomic_bool is_taken; /* the rank has a communicator */
} local_box;

struct kvspan_local_hub {
    uint32_t rank_count;
    local_box boxes[];
};

struct local_endpoint {
    kvspan_local_hub *hub;
    uint32_t rank;
    local_request *requests;
};

static void queue_init(local_queue *queue)
{
    queue->first = NULL;
    queue->end = &queue->first;
}

static void queue_push(local_queue *queue, local_entry *entry)
{
    entry->next = NULL;
    *queue->end = entry;
    queue->end = &entry->next;
}

static void queue_unlink(local_queue *queue, local_entry **link)
{
    local_entry *entry = *link;

    *link = entry->next;
    if (queue->end == &entry->next) {
        queue->end = link;
    }
}

/* Takes the oldest entry of that sender and tag out of the queue. */
static local_entry *queue_take(local_queue *queue, uint32_t from, uint32_t tag)
{
    for (local_entry **link = &queue->first; *link; link = &(*link)->next) {
        local_entry *entry = *link;

        if (entry->from == from && entry->tag == tag) {
            queue_unlink(queue, link);
            return entry;
        }
    }
    return NULL;
}

static bool queue_remove(local_queue *queue, const local_entry *gone)
{
    for (local_entry **link = &queue->first; *link; link = &(*link)->next) {
        if (*link == gone) {
            queue_unlink(queue, link);
            return true;
        }
    }
    return false;
}

static local_request *request_open(local_endpoint *endpoint, local_box *box)
{
    local_request *request = calloc(1, sizeof(*request));

    if (request) {
        request->box = box;
        request->next = endpoint->requests;
        if (request->next) {
            request->next->previous = request;
        }
        endpoint->requests = request;
    }
    return request;
}

static void request_close(local_endpoint *endpoint, local_request *request)
{
    if (request->next) {
        request->next->previous = request->previous;
    }
    if (request->previous) {
        request->previous->next = request->next;
    } else {
        endpoint->requests = request->next;
    }
    free(request);
}

static void request_finish(local_request *request, request_state state)
{
    request->mine = NULL;
    atomic_store_explicit(&request->state, (int)state, memory_order_release);
}

static local_entry *entry_make(local_request *request, uint32_t from, uint32_t tag, void *data,
                               size_t bytes, size_t copied_bytes)
{
    local_entry *entry = malloc(sizeof(*entry) + copied_bytes);

    if (entry) {
        *entry = (local_entry){
            .request = request, .from = from, .tag = tag, .bytes = bytes, .data = data
        };
    }
    return entry;
}

/* Moves the bytes and finishes both sides. The mutex of the box is held. */
static void deliver(const local_entry *message, const local_entry *receive)
{
    const bool fits = message->bytes <= receive->bytes;

    if (fits && message->bytes > 0) {
        memcpy(receive->data, message->data, message->bytes);
    }
    request_finish(receive->request, fits ? REQUEST_DONE : REQUEST_TOO_LONG);
    if (message->request) {
        request_finish(message->request, REQUEST_DONE);
    }
}

/* The message as it waits for its receive: a copy, or the sender's own memory and request. */
static local_entry *message_make(local_endpoint *endpoint, local_box *box, uint32_t tag,
                                 const void *data, size_t bytes)
{
    local_entry *message = NULL;
    local_request *request;

    if (bytes <= BUFFERED_BYTES) {
        message = entry_make(NULL, endpoint->rank, tag, NULL, bytes, bytes);
        if (message && bytes > 0) {
            message->data = memcpy(message->copy, data, bytes);
        }
        return message;
    }
    request = request_open(endpoint, box);
    if (request) {
        /* Of a message the data is only read. */
        message = entry_make(request, endpoint->rank, tag, (void *)(uintptr_t)data, bytes, 0);
        request->mine = message;
        if (!message) {
            request_close(endpoint, request);
        }
    }
    return message;
}

static kvspan_status local_send(void *context, uint32_t to, uint32_t tag, const void *data,
                                size_t bytes, void **request_out)
{
    local_endpoint *endpoint = context;
    local_box *box = &endpoint->hub->boxes[to];
    local_entry *message = message_make(endpoint, box, tag, data, bytes);
    local_entry *receive;

    if (!message) {
        return KVSPAN_ERR_MEMORY;
    }
    *request_out = message->request;
    pthread_mutex_lock(&box->mutex);
    receive = queue_take(&box->receives, endpoint->rank, tag);
    if (receive) {
        deliver(message, receive);
    } else {
        queue_push(&box->messages, message);
        message = NULL;
    }
    pthread_mutex_unlock(&box->mutex);
    free(message);
    free(receive);
    return KVSPAN_OK;
}

static kvspan_status local_receive(void *context, uint32_t from, uint32_t tag, void *data,
                                   size_t bytes, void **request_out)
{
    local_endpoint *endpoint = context;
    local_box *box = &endpoint->hub->boxes[endpoint->rank];
    local_request *request = request_open(endpoint, box);
    local_entry *receive = request ? entry_make(request, from, tag, data, bytes, 0) : NULL;
    local_entry *message;

    if (!receive) {
        if (request) {
            request_close(endpoint, request);
        }
        return KVSPAN_ERR_MEMORY;
    }
    pthread_mutex_lock(&box->mutex);
    message = queue_take(&box->messages, from, tag);
    if (message) {
        deliver(message, receive);
    } else {
        queue_push(&box->receives, receive);
        request->mine = receive;
        receive = NULL;
    }
    pthread_mutex_unlock(&box->mutex);
    free(message);
    free(receive);
    *request_out = request;
    return KVSPAN_OK;
}

static kvspan_status local_test(void *context, void *handle, uint32_t *done_out)
{
    local_request *request = handle;
    const int state = atomic_load_explicit(&request->state, memory_order_acquire);

    *done_out = state != REQUEST_OPEN;
    if (state != REQUEST_OPEN) {
        request_close(context, request);
    }
    return state == REQUEST_TOO_LONG ? KVSPAN_ERR_TRANSPORT : KVSPAN_OK;
}

static kvspan_status local_cancel(void *context, void *handle)
{
    local_request *request = handle;
    local_entry *gone;

    pthread_mutex_lock(&request->box->mutex);
    gone = request->mine;
    if (gone && !queue_remove(&request->box->receives, gone)) {
        (void)queue_remove(&request->box->messages, gone);
    }
    pthread_mutex_unlock(&request->box->mutex);
    free(gone);
    request_close(context, request);
    return KVSPAN_OK;
}

static void local_destroy(void *context)
{
    local_endpoint *endpoint = context;

    for (local_request *request = endpoint->requests, *next; request; request = next) {
        next = request->next;
        (void)local_cancel(endpoint, request);
    }
    atomic_store(&endpoint->hub->boxes[endpoint->rank].is_taken, false);
    free(endpoint);
}

kvspan_status kvspan_local_hub_create(uint32_t rank_count, kvspan_local_hub **hub_out,
                                      kvspan_error *error)
{
    kvspan_local_hub *hub;

    if (!hub_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "hub_out is NULL");
    }
    if (rank_count == 0 || rank_count > MAX_RANKS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%u ranks are not in [1, %d]", rank_count,
                           MAX_RANKS);
    }
    hub = calloc(1, sizeof(*hub) + rank_count * sizeof(local_box));
    if (!hub) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a hub of %u ranks", rank_count);
    }
    hub->rank_count = rank_count;
    for (uint32_t rank = 0; rank < rank_count; rank++) {
        (void)pthread_mutex_init(&hub->boxes[rank].mutex, NULL);
        queue_init(&hub->boxes[rank].messages);
        queue_init(&hub->boxes[rank].receives);
    }
    *hub_out = hub;
    return KVSPAN_OK;
}

void kvspan_local_hub_destroy(kvspan_local_hub *hub)
{
    for (uint32_t rank = 0; hub && rank < hub->rank_count; rank++) {
        local_entry *message = hub->boxes[rank].messages.first;

        while (message) {
            local_entry *next = message->next;

            free(message);
            message = next;
        }
        (void)pthread_mutex_destroy(&hub->boxes[rank].mutex);
    }
    free(hub);
}

kvspan_status kvspan_comm_create_local(kvspan_local_hub *hub, uint32_t rank, kvspan_comm **comm_out,
                                       kvspan_error *error)
{
    kvspan_transport transport = { .size = sizeof(transport),
                                   .rank = rank,
                                   .send = local_send,
                                   .receive = local_receive,
                                   .test = local_test,
                                   .cancel = local_cancel,
                                   .destroy = local_destroy };
    local_endpoint *endpoint;
    kvspan_status status;

    if (!hub || !comm_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL", hub ? "comm_out" : "hub");
    }
    if (rank >= hub->rank_count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "rank %u is not in [0, %u)", rank,
                           hub->rank_count);
    }
    if (atomic_exchange(&hub->boxes[rank].is_taken, true)) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "rank %u of this hub has a communicator already", rank);
    }
    endpoint = calloc(1, sizeof(*endpoint));
    if (!endpoint) {
        status = kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a rank of a hub");
        goto err_give_rank;
    }
    *endpoint = (local_endpoint){ .hub = hub, .rank = rank };
    transport.rank_count = hub->rank_count;
    transport.context = endpoint;
    status = kvspan_comm_create(&transport, comm_out, error);
    if (status != KVSPAN_OK) {
        goto err_destroy_endpoint;
    }
    return KVSPAN_OK;

err_destroy_endpoint:
    local_destroy(endpoint); /* gives the rank back, too */
    return status;
err_give_rank:
    atomic_store(&hub->boxes[rank].is_taken, false);
    return status;
}
