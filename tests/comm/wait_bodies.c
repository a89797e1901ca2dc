#include "wait_bodies.h"

#include <string.h>

#include "collective_bodies.h"

static void wait_in_vain(ranks_self *self, uint32_t from, uint32_t *value, kvspan_request *request)
{
    kvspan_error error = { 0 };

    ranks_check_status(self,
                       kvspan_comm_receive(self->comm, KVSPAN_CHANNEL_STEP, from, value,
                                           sizeof(*value), request, &error),
                       KVSPAN_OK, &error);
    for (uint32_t i = 0; i < 3; i++) {
        ranks_check_status(
            self,
            kvspan_comm_wait(self->comm, request, 1, KVSPAN_WAIT_IDLE, i == 0 ? 0 : 5, &error),
            KVSPAN_ERR_TIMEOUT, &error);
        ranks_check(self, request->handle != NULL);
    }
    ranks_check(self, kvspan_comm_sent_messages(self->comm, KVSPAN_CHANNEL_ALARM) == 0);
    ranks_check(self, kvspan_comm_verdict(self->comm, NULL) == KVSPAN_OK);
}

static void timeout_round(ranks_self *self, uint32_t from)
{
    const uint32_t sent = 1000 + from;
    kvspan_error error = { 0 };
    kvspan_request request = { 0 };
    kvspan_status status = KVSPAN_OK;
    uint32_t value = 0;
    char all[BODY_MAX_RANKS];

    if (self->rank == 0) {
        wait_in_vain(self, from, &value, &request);
    }
    /* Only now may the other rank send. */
    ranks_check_status(
        self,
        kvspan_comm_all_gather(self->comm, &(const char){ 1 }, 1, all, BODY_PATIENCE_MS, &error),
        KVSPAN_OK, &error);
    if (self->rank == from) {
        status = kvspan_comm_send(self->comm, KVSPAN_CHANNEL_STEP, 0, &sent, sizeof(sent), &request,
                                  &error);
    }
    ranks_check_status(self, status, KVSPAN_OK, &error);
    ranks_check_status(
        self, kvspan_comm_wait(self->comm, &request, 1, KVSPAN_WAIT_IDLE, BODY_PATIENCE_MS, &error),
        KVSPAN_OK, &error);
    ranks_check(self, self->rank != 0 || value == sent);
}

/* Rank 0 waits in vain for each other rank, then gets what the same receive was posted for. */
void body_timeout_leaves_the_receive_usable(ranks_self *self)
{
    for (uint32_t from = 1; from < self->rank_count && self->failure[0] == '\0'; from++) {
        timeout_round(self, from);
    }
}

/* The last rank fails while the others wait, some idle and some inside a step. */
void body_raise_reaches_everyone(ranks_self *self)
{
    const uint32_t culprit = self->rank_count - 1;
    kvspan_error error = { 0 };
    kvspan_request request = { 0 };
    uint32_t value = 0;

    if (self->rank_count == 1) {
        return;
    }
    kvspan_comm_set_epoch(self->comm, 12);
    if (self->rank == culprit) {
        const kvspan_error why = {
            .status = KVSPAN_ERR_CORRUPT, .rank = -1, .epoch = 11, .message = "page 7 is broken"
        };

        kvspan_comm_raise(self->comm, &why);
        ranks_check(self, kvspan_comm_verdict(self->comm, &error) == KVSPAN_ERR_CORRUPT);
        ranks_check(self, kvspan_comm_poll(self->comm, &error) == KVSPAN_ERR_CORRUPT);
    } else {
        const kvspan_wait_kind kind = self->rank % 2 ? KVSPAN_WAIT_IDLE : KVSPAN_WAIT_STEP;

        ranks_check_status(self,
                           kvspan_comm_receive(self->comm, KVSPAN_CHANNEL_STEP,
                                               (self->rank + 1) % culprit, &value, sizeof(value),
                                               &request, &error),
                           KVSPAN_OK, &error);
        ranks_check_status(
            self, kvspan_comm_wait(self->comm, &request, 1, kind, BODY_PATIENCE_MS, &error),
            KVSPAN_ERR_PEER, &error);
        ranks_check(self, request.handle == NULL);
        ranks_check(self, kvspan_comm_send(self->comm, KVSPAN_CHANNEL_STEP, 0, &value, 4, &request,
                                           &error) == KVSPAN_ERR_PEER);
    }
    ranks_check(self, error.rank == (int32_t)culprit);
    ranks_check(self, error.epoch == 11);
    ranks_check(self, strcmp(error.message, "page 7 is broken") == 0);
}

/* A message longer than its receive ends in TRANSPORT at the receiver, and nothing behind the
 * receive's capacity is written; the others learn who failed. */
void body_long_message_is_refused(ranks_self *self)
{
    const unsigned char sent[64] = { 1 };
    unsigned char got[64] = { 0 };
    kvspan_error error = { 0 };
    kvspan_request request = { 0 };
    kvspan_status status;

    if (self->rank_count == 1) {
        return;
    }
    if (self->rank == 1) {
        ranks_check_status(self,
                           kvspan_comm_send(self->comm, KVSPAN_CHANNEL_STEP, 0, sent, sizeof(sent),
                                            &request, &error),
                           KVSPAN_OK, &error);
    }
    status = kvspan_comm_receive(self->comm, KVSPAN_CHANNEL_STEP, self->rank == 0 ? 1 : 0, got, 32,
                                 &request, &error);
    ranks_check_status(self, status, KVSPAN_OK, &error);
    status = kvspan_comm_wait(self->comm, &request, 1, KVSPAN_WAIT_STEP, BODY_PATIENCE_MS, &error);
    ranks_check_status(self, status, self->rank == 0 ? KVSPAN_ERR_TRANSPORT : KVSPAN_ERR_PEER,
                       &error);
    ranks_check(self, self->rank == 0 ? error.rank == 1 : error.rank == 0);
    for (size_t i = 32; i < sizeof(got); i++) {
        ranks_check(self, got[i] == 0);
    }
}
