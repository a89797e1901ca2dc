/** @file
 * Exchanges of device memory over groups of ranks, stream-ordered.
 *
 * A device comm belongs to one cache and one thread; all its exchanges are issued in one order, the
 * same on every rank, on one stream. Backends: host (device memory is the host's), staged (through
 * pinned memory, when nothing better is there), and whatever kvspan_comm_use_… has put on the
 * communicator. Counts and offsets are bytes and are read before a call returns.
 */
#ifndef KVSPAN_COMM_DEVICE_COMM_H
#define KVSPAN_COMM_DEVICE_COMM_H

#include "comm/exchange.h"

/* What comm needs of a device, filled in by whoever has one. */
typedef struct kvspan_device_verbs {
    kvspan_device *device;
    int is_host_memory; /* the device's memory is the host's and its calls are synchronous */
    kvspan_status (*allocate)(kvspan_device *device, uint64_t bytes, void **data_out,
                              kvspan_error *error);
    void (*release)(kvspan_device *device, void *data, uint64_t bytes);
    kvspan_status (*allocate_pinned)(kvspan_device *device, uint64_t bytes, void **data_out,
                                     kvspan_error *error);
    void (*release_pinned)(kvspan_device *device, void *data, uint64_t bytes);
    kvspan_status (*copy)(kvspan_device *device, void *target, const void *source, uint64_t bytes,
                          kvspan_stream stream, kvspan_error *error);
    kvspan_status (*query)(kvspan_device *device, kvspan_stream stream, int *done_out,
                           kvspan_error *error);
} kvspan_device_verbs;

/* One exchange. For an all-gather send is NULL: every rank's own part is in place in receive. */
typedef struct kvspan_device_exchange {
    kvspan_group group;
    const unsigned char *send;
    const uint64_t *send_offsets; /* [member], as are the others */
    const uint64_t *send_counts;
    unsigned char *receive;
    const uint64_t *receive_offsets;
    const uint64_t *receive_counts;
} kvspan_device_exchange;

typedef struct kvspan_device_comm kvspan_device_comm;

/* A backend. prepare, poll and abort may be NULL where there is nothing to do: messages and copies
 * that do not outlive an exchange need none. */
typedef struct kvspan_device_comm_ops {
    const char *name;
    bool counts_own_bytes; /* what it sends does not go through comm */
    bool can_be_captured;  /* exchanges on a captured stream are done again by its replays */
    /* The group will exchange, or parts of it. axis: the mesh axis that it lies along, NULL if it
     * is none or several. Collective over the group. */
    kvspan_status (*prepare)(kvspan_device_comm *self, const kvspan_group *group, const char *axis,
                             kvspan_error *error);
    /* Takes self->arena of arena_bytes, at least 1. After prepare, and like it collective. */
    kvspan_status (*take_arena)(kvspan_device_comm *self, kvspan_error *error);
    kvspan_status (*exchange)(kvspan_device_comm *self, const kvspan_device_exchange *exchange,
                              kvspan_stream stream, kvspan_error *error);
    /* Failures that have come up meanwhile. Never waits. */
    kvspan_status (*poll)(kvspan_device_comm *self, kvspan_error *error);
    /* Ends whatever is under way, on this rank; nothing but destroy may follow. Bounded in time. */
    void (*abort)(kvspan_device_comm *self);
    /* Gives the arena back too. Bounded in time. */
    void (*destroy)(kvspan_device_comm *self);
} kvspan_device_comm_ops;

/* First member of every backend's own struct. */
struct kvspan_device_comm {
    const kvspan_device_comm_ops *ops;
    kvspan_comm *comm;
    kvspan_device_verbs verbs;
    uint32_t timeout_ms; /* of every wait */
    unsigned char *arena;
    uint64_t arena_bytes;
    uint64_t order;      /* rolling hash of the exchanges, equal on ranks with equal ones */
    uint64_t count;      /* exchanges so far */
    kvspan_group last;   /* whose the last one was */
    uint64_t last_ns;    /* when it was issued */
    bool is_replayed;    /* exchanges may be under way that were not issued one by one */
    bool fails_alone;    /* prepare or take_arena has failed where other members cannot know */
    bool is_peer_lost;   /* a backend has seen that a peer is gone, though not which */
    uint64_t sent_bytes; /* to other ranks, by backends that do not send through comm */
    uint64_t sent_messages;
};

/* What comm does for a backend that is in another library. */
typedef struct kvspan_comm_services {
    kvspan_status (*all_gather)(kvspan_comm *comm, const kvspan_group *group, const void *mine,
                                size_t bytes, void *all_out, uint32_t timeout_ms,
                                kvspan_error *error);
    kvspan_status (*await)(kvspan_comm *comm, const kvspan_condition *condition,
                           uint32_t timeout_ms, kvspan_error *error);
} kvspan_comm_services;

/* What a backend on a communicator gives: kvspan_comm.device_backend. */
typedef struct kvspan_device_backend {
    const char *name;
    /* Not collective. */
    kvspan_status (*create)(void *context, const kvspan_comm_services *services,
                            kvspan_device_comm **out, kvspan_error *error);
    void (*destroy)(void *context); /* by kvspan_comm_destroy() */
    void *context;
} kvspan_device_backend;

/* The communicator's backend, or staged, or host where the device's memory is the host's. */
kvspan_status kvspan_device_comm_create(kvspan_comm *comm, const kvspan_device_verbs *verbs,
                                        uint32_t max_members, uint32_t timeout_ms,
                                        kvspan_device_comm **out, kvspan_error *error);
/* The name of the backend that is on the communicator, "none" without one. */
const char *kvspan_device_comm_backend(const kvspan_comm *comm);

/* May be NULL. */
void kvspan_device_comm_destroy(kvspan_device_comm *self);

kvspan_status kvspan_device_comm_prepare(kvspan_device_comm *self, const kvspan_group *group,
                                         const char *axis, kvspan_error *error);

/* Device memory that all exchanges are of, as long as self lives: the same bytes on every rank. */
kvspan_status kvspan_device_comm_take_arena(kvspan_device_comm *self, uint64_t bytes,
                                            unsigned char **arena_out, kvspan_error *error);

/* Part of member i: all + offsets[i], counts[i] bytes. This rank's own part is in place already. */
kvspan_status kvspan_device_comm_all_gather(kvspan_device_comm *self, const kvspan_group *group,
                                            unsigned char *all, const uint64_t *offsets,
                                            const uint64_t *counts, kvspan_stream stream,
                                            kvspan_error *error);

/* Sends send + send_offsets[i] to member i and receives its part at receive + receive_offsets[i];
 * the own part is copied. Buffers do not overlap. */
kvspan_status kvspan_device_comm_all_to_all(kvspan_device_comm *self,
                                            const kvspan_device_exchange *exchange,
                                            kvspan_stream stream, kvspan_error *error);

/* Into the rolling hash: what the exchanges from here on are for, a number alike on all ranks. */
void kvspan_device_comm_mark(kvspan_device_comm *self, uint64_t number);

/* Exchanges were captured; and: those of a step that it may have replayed are issued by now. */
void kvspan_device_comm_expect_replays(kvspan_device_comm *self);
void kvspan_device_comm_note_replays(kvspan_device_comm *self);

kvspan_status kvspan_device_comm_poll(kvspan_device_comm *self, kvspan_error *error);
void kvspan_device_comm_abort(kvspan_device_comm *self);

/* The two backends that are always there. */
kvspan_status kvspan_host_comm_create(kvspan_comm *comm, uint32_t max_members,
                                      kvspan_device_comm **out, kvspan_error *error);
kvspan_status kvspan_staged_comm_create(kvspan_comm *comm, uint32_t max_members,
                                        kvspan_device_comm **out, kvspan_error *error);

#endif
