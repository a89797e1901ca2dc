/* Communicators from communicators. */
#include "standin/nccl/call.h"
#include "standin/nccl/comm.h"
#include "standin/nccl/config.h"
#include "standin/nccl/group.h"
#include "standin/nccl/report.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* A child that is being made. */
typedef struct nccl_birth {
    ncclComm_t parent;
    ncclComm_t child; /* NULL for a rank that will have none */
    ncclComm_t *child_out;
    uint64_t number; /* of the split or shrink */
    bool is_shrink;
    int color;
    uint64_t excluded; /* of a shrink: bit r: rank r */
} nccl_birth;

/* The ranks of my color: how many, and how many come before me by (key, rank). */
static void split_count(nccl_birth *self, const nccl_seat *seat)
{
    const size_t at = self->number % SPLITS;
    const int my_key = seat_member(seat, seat->rank)->split[at].key;

    self->child->rank_count = 0;
    self->child->rank = 0;
    for (int rank = 0; rank < seat->rank_count; rank++) {
        const nccl_member *other = seat_member(seat, rank);

        if (other->split[at].color == self->color) {
            self->child->rank_count++;
            self->child->rank += other->split[at].key < my_key ||
                                 (other->split[at].key == my_key && rank < seat->rank);
        }
    }
}

static void shrink_count(nccl_birth *self, const nccl_seat *seat)
{
    self->child->rank_count = 0;
    self->child->rank = 0;
    for (int rank = 0; rank < seat->rank_count; rank++) {
        if ((self->excluded >> rank & 1) == 0) {
            self->child->rank_count++;
            self->child->rank += rank < seat->rank;
        }
    }
}

static bool parents_have_come(const nccl_birth *self, const nccl_seat *seat)
{
    if (self->is_shrink) {
        return true; /* who is left is known */
    }
    for (int rank = 0; rank < seat->rank_count; rank++) {
        if (atomic_load(&seat_member(seat, rank)->splits) < self->number) {
            return false;
        }
    }
    return true;
}

static ncclResult_t child_attach(nccl_birth *self)
{
    char name[SEGMENT_NAME_BYTES];
    const nccl_seat *seat = self->parent->seat;
    int length;

    if (self->is_shrink) {
        shrink_count(self, seat);
        length = snprintf(name, sizeof(name), "%s-k%llu-%llx", seat->name,
                          (unsigned long long)self->number, (unsigned long long)self->excluded);
    } else {
        split_count(self, seat);
        length = snprintf(name, sizeof(name), "%s-s%llu-%d", seat->name,
                          (unsigned long long)self->number, self->color);
    }
    if (length >= (int)sizeof(name)) {
        report_unimplemented("a communicator split so often");
    }
    return seat_attach(name, self->child->rank, self->child->rank_count, self->child->device,
                       &self->child->seat);
}

static bool birth_advance(nccl_job *job, ncclResult_t *result_out)
{
    nccl_birth *self = job->context;

    if (!parents_have_come(self, self->parent->seat)) {
        return false;
    }
    if (!self->child) {
        return true;
    }
    if (!self->child->seat) {
        *result_out = child_attach(self);
        if (*result_out != ncclSuccess) {
            return true;
        }
    }
    if (!seat_is_complete(self->child->seat, result_out)) {
        return false;
    }
    self->child->is_ready = *result_out == ncclSuccess;
    return true;
}

/* Blocking: what came to nothing is nobody's. */
static ncclResult_t birth_start(nccl_birth *self, const char *function)
{
    const nccl_birth copy = *self;
    nccl_job *job = job_create(function, birth_advance, free, self);
    ncclResult_t result;

    job_add_comm(job, self->parent);
    *self->child_out = self->child;
    if (self->child) {
        job_add_comm(job, self->child);
    }
    result = group_add_job(job);
    if (result != ncclSuccess && result != ncclInProgress && copy.child) {
        *copy.child_out = NULL;
        comm_undo(copy.child);
    }
    return result;
}

static nccl_birth *birth_create(ncclComm_t parent, ncclComm_t *child_out, bool has_child,
                                bool is_blocking)
{
    nccl_birth *self = calloc(1, sizeof(*self));

    assert(child_out);
    if (!self) {
        abort();
    }
    self->parent = parent;
    self->child_out = child_out;
    if (has_child) {
        self->child = comm_create(parent->rank, parent->rank_count, parent->device, is_blocking);
    }
    return self;
}

static ncclResult_t quiet_check(ncclComm_t parent, const char *function)
{
    if (atomic_load(&parent->seat->pending) != 0 && !atomic_load(&parent->seat->is_stopped)) {
        return report_misuse(ncclInvalidUsage, parent->rank,
                             "%s while the communicator has operations that are not done",
                             function);
    }
    return ncclSuccess;
}

static ncclResult_t split(ncclComm_t comm, int color, int key, ncclComm_t *newcomm,
                          const ncclConfig_t *config)
{
    static const char function[] = "ncclCommSplit";
    bool is_blocking = comm->is_blocking;
    ncclResult_t result = config_read(config, function, comm->rank, &is_blocking);
    nccl_member *me = seat_member(comm->seat, comm->rank);
    nccl_birth *birth;

    if (result == ncclSuccess && (!newcomm || color < NCCL_SPLIT_NOCOLOR)) {
        result = report_misuse(ncclInvalidArgument, comm->rank, "%s: color %d", function, color);
    }
    if (result == ncclSuccess) {
        result = quiet_check(comm, function);
    }
    if (result != ncclSuccess) {
        return result;
    }
    birth = birth_create(comm, newcomm, color != NCCL_SPLIT_NOCOLOR, is_blocking);
    birth->color = color;
    birth->number = ++comm->splits;
    me->split[birth->number % SPLITS].color = color;
    me->split[birth->number % SPLITS].key = key;
    atomic_store(&me->splits, birth->number);
    return birth_start(birth, function);
}

ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t *newcomm,
                           ncclConfig_t *config)
{
    ncclResult_t result = call_begin("ncclCommSplit");

    if (result == ncclSuccess) {
        result = comm_enter(comm, "ncclCommSplit", COMM_USE_MANAGE);
        if (result == ncclSuccess) {
            result = split(comm, color, key, newcomm, config);
            comm_leave(comm);
        }
    }
    return result == ncclSuccess || result == ncclInProgress ? result : group_fail(result);
}

static ncclResult_t shrink(ncclComm_t comm, const int *excluded, int excluded_count,
                           ncclComm_t *newcomm, const ncclConfig_t *config, int flags)
{
    static const char function[] = "ncclCommShrink";
    bool is_blocking = comm->is_blocking;
    uint64_t excluded_ranks = 0;
    nccl_birth *birth;
    ncclResult_t result = config_read(config, function, comm->rank, &is_blocking);

    for (int i = 0; i < excluded_count && result == ncclSuccess; i++) {
        if (!excluded || excluded[i] < 0 || excluded[i] >= comm->rank_count ||
            excluded[i] == comm->rank) {
            result = report_misuse(ncclInvalidArgument, comm->rank, "%s: rank %d is excluded",
                                   function, excluded ? excluded[i] : -1);
        } else {
            excluded_ranks |= (uint64_t)1 << excluded[i];
        }
    }
    if (result == ncclSuccess &&
        (!newcomm || excluded_count < 1 || (flags & ~NCCL_SHRINK_ABORT) != 0)) {
        result = report_misuse(ncclInvalidArgument, comm->rank, "%s: %d excluded ranks, flags %d",
                               function, excluded_count, flags);
    }
    if (result == ncclSuccess && flags == NCCL_SHRINK_DEFAULT) {
        result = quiet_check(comm, function);
    }
    if (result != ncclSuccess) {
        return result;
    }
    if (flags == NCCL_SHRINK_ABORT) {
        atomic_store(&comm->seat->is_stopped, true);
        comm->is_revoked = true;
    }
    birth = birth_create(comm, newcomm, true, is_blocking);
    birth->is_shrink = true;
    birth->excluded = excluded_ranks;
    birth->number = ++comm->shrinks;
    return birth_start(birth, function);
}

ncclResult_t ncclCommShrink(ncclComm_t comm, int *excludeRanksList, int excludeRanksCount,
                            ncclComm_t *newcomm, ncclConfig_t *config, int shrinkFlags)
{
    static const char function[] = "ncclCommShrink";
    ncclResult_t result = call_begin(function);

    if (result == ncclSuccess) {
        result = comm_enter(comm, function,
                            shrinkFlags == NCCL_SHRINK_ABORT ? COMM_USE_RECOVER : COMM_USE_MANAGE);
        if (result == ncclSuccess) {
            result =
                shrink(comm, excludeRanksList, excludeRanksCount, newcomm, config, shrinkFlags);
            comm_leave(comm);
        }
    }
    return result == ncclSuccess || result == ncclInProgress ? result : group_fail(result);
}
