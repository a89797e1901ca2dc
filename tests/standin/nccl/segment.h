/** @file
 * The shared memory of one communicator: who its ranks are, what each is at, and a mailbox for
 * every ordered pair of them.
 *
 * A segment has a name until all ranks have attached: so nothing is left behind by ranks that die
 * later, and an id cannot be used twice. Names begin with the process that made the id; segments of
 * such processes that are gone are removed when the next id is made.
 *
 * Everything here is atomic and nothing waits: work on streams uses it from any thread.
 */
#ifndef KVSPAN_STANDIN_NCCL_SEGMENT_H
#define KVSPAN_STANDIN_NCCL_SEGMENT_H

#include <nccl.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "standin/nccl/operation.h"

enum {
    SEGMENT_RANKS_MAX = 64,
    SEGMENT_NAME_BYTES = 96,
    MAILBOX_BYTES = 64 * 1024,
    DESCRIPTIONS = 4, /* a rank is at most one collective ahead of the slowest */
    SPLITS = 2,       /* likewise */
    ORDER_COMMS = 8
};

typedef enum member_state {
    MEMBER_ABSENT,
    MEMBER_ATTACHED,
    MEMBER_FINALIZED,
    MEMBER_DESTROYED,
    MEMBER_ABORTED
} member_state;

enum {
    WINDOW_NONE = -1,  /* the buffer is in no symmetric window */
    WINDOW_UNUSED = -2 /* this rank's buffer is not used, or another place stands for it */
};

/* Where a buffer lies in the symmetric windows of its communicator. */
typedef struct window_place {
    int64_t window; /* the number of its registration, or one of the above */
    uint64_t offset;
} window_place;

/* What a rank believes that a collective is. */
typedef struct nccl_description {
    uint64_t number; /* of the collective in its communicator, from 1 */
    uint64_t splits; /* ncclCommSplit calls on the communicator before it */
    uint64_t count;
    int32_t kind;
    int32_t type;
    int32_t reduction;
    int32_t root;
    window_place send;
    window_place receive;
    uint32_t order_count;
    struct {
        uint64_t comm;        /* another communicator of the same device */
        uint64_t collectives; /* that were issued on it before this one */
    } order[ORDER_COMMS];
} nccl_description;

typedef struct nccl_member {
    _Atomic int32_t state;
    _Atomic int32_t process;
    int32_t device;
    uint64_t visible_devices;                    /* hash of what its device numbers mean */
    _Atomic uint64_t published;                  /* collectives described so far */
    nccl_description descriptions[DESCRIPTIONS]; /* [number % DESCRIPTIONS] */
    _Atomic uint64_t activity;                   /* see segment_activity_set() */
    _Atomic uint64_t splits;
    struct {
        int32_t color;
        int32_t key;
    } split[SPLITS];          /* [number % SPLITS] */
    _Atomic uint64_t windows; /* registrations begun */
} nccl_member;

/* What the sender of a chunk believes that it is. */
typedef struct chunk_label {
    uint64_t collective; /* its number, or, for a send, the collectives before it */
    uint64_t count;      /* elements of the whole message */
    uint64_t chunk_bytes;
    int32_t kind; /* operation_kind */
    int32_t type;
} chunk_label;

typedef struct nccl_mailbox {
    _Atomic uint64_t produced; /* chunks; by the sender */
    _Atomic uint64_t consumed; /* by the receiver; full while it is less */
    chunk_label label;
    _Alignas(64) unsigned char bytes[MAILBOX_BYTES];
} nccl_mailbox;

/* A rank's place at a segment. Counted: the communicator and its work on streams each hold one. */
typedef struct nccl_seat {
    struct nccl_segment *segment;
    size_t segment_bytes;
    char name[SEGMENT_NAME_BYTES];
    uint64_t hash; /* of the name: what the communicator is called on every rank */
    int rank;
    int rank_count;
    _Atomic int32_t holds;
    _Atomic bool is_stopped;      /* aborted or revoked here: nothing moves any more */
    _Atomic int32_t error;        /* the asynchronous error, ncclResult_t */
    _Atomic uint64_t next_ticket; /* work given out */
    _Atomic uint64_t serving;     /* work in turn: one communicator's work runs in order */
    _Atomic uint64_t running;     /* threads that are inside work */
    _Atomic uint64_t pending;     /* work that is not done */
    _Atomic uint64_t operations;  /* started, for KVSPAN_NCCL_ASYNC_ERROR */
} nccl_seat;

/* Fills an id that names a segment nobody has. */
void segment_id_make(ncclUniqueId *id_out);

/* The name of an id's segment; false if it is no id of segment_id_make(). */
bool segment_id_name(const ncclUniqueId *id, char name_out[SEGMENT_NAME_BYTES]);

/* Attaches a rank; the last takes the segment's name away. Names both values if another rank knows
 * another rank count, and refuses a rank that is there already. */
ncclResult_t seat_attach(const char *name, int rank, int rank_count, int device,
                         nccl_seat **seat_out);

/* Whether every rank has attached; refuses two ranks with one device. The last takes the name away.
 */
bool seat_is_complete(nccl_seat *self, ncclResult_t *result_out);

/* Ends this rank's membership, for others to see. */
void seat_leave(nccl_seat *self, member_state state);

void seat_take(nccl_seat *self);
void seat_give(nccl_seat *self);

/* The first error stays. */
void seat_fail(nccl_seat *self, ncclResult_t error);

nccl_member *seat_member(const nccl_seat *self, int rank);
nccl_mailbox *seat_mailbox(const nccl_seat *self, int from, int to);

/* What this rank is at: for reports of others. @p peer -1: all. */
void seat_activity_set(nccl_seat *self, operation_kind kind, int peer, uint64_t number);

/* Says in words what a rank is at, or why it is not. */
void seat_activity_text(const nccl_seat *self, int rank, char *text, size_t text_bytes);

/* False once the process of a rank is gone. */
bool seat_peer_is_alive(const nccl_seat *self, int rank);

#endif
