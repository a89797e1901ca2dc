#include "late_bodies.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#include "collective_bodies.h"
#include "comm/agree.h"
#include "comm/clock.h"
#include "comm/exchange.h"

enum {
    PART_BYTES = 5000 /* more than a transport buffers */
};

static kvspan_status exchange_with_all(ranks_self *self, const kvspan_group *world,
                                       uint32_t timeout_ms, kvspan_error *error)
{
    static const unsigned char zeros[PART_BYTES];
    unsigned char all[BODY_MAX_RANKS / 4][PART_BYTES];
    uint64_t offsets[BODY_MAX_RANKS];
    uint64_t counts[BODY_MAX_RANKS];
    kvspan_exchange exchange;
    kvspan_status status = kvspan_exchange_init(&exchange, self->comm, self->rank_count, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    memcpy(all[self->rank], zeros, PART_BYTES);
    for (uint32_t i = 0; i < self->rank_count; i++) {
        offsets[i] = (uint64_t)i * PART_BYTES;
        counts[i] = PART_BYTES;
    }
    status =
        kvspan_exchange_all_gather(&exchange, world, all[0], offsets, counts, timeout_ms, error);
    kvspan_exchange_fini(&exchange);
    return status;
}

/* Waits for the right neighbour, which sends only once it has heard from its own. */
static kvspan_status wait_in_chain(ranks_self *self, kvspan_wait_kind kind, uint32_t timeout_ms,
                                   kvspan_error *error)
{
    kvspan_request request = { 0 };
    uint32_t value = 0;
    const uint32_t right = (self->rank + 1) % self->rank_count;
    kvspan_status status = kvspan_comm_receive(self->comm, KVSPAN_CHANNEL_STEP, right, &value,
                                               sizeof(value), &request, error);

    return status == KVSPAN_OK ? kvspan_comm_wait(self->comm, &request, 1, kind, timeout_ms, error)
                               : status;
}

static kvspan_status wait_for_silent(ranks_self *self, const late_case *late,
                                     const kvspan_group *world, kvspan_error *error)
{
    uint32_t value = 0;
    /* Where the rank before the silent one has a deadline, so has the chain. */
    const bool is_idle = (self->rank + self->rank_count - late->silent) % self->rank_count % 2 == 1;

    switch (late->scenario) {
    case LATE_TREE:
        return kvspan_agree_status(self->comm, world, KVSPAN_OK, NULL, late->deadline_ms, error);
    case LATE_CHAIN: return wait_in_chain(self, KVSPAN_WAIT_STEP, late->deadline_ms, error);
    case LATE_EXCHANGE: return exchange_with_all(self, world, late->deadline_ms, error);
    case LATE_BROADCAST:
        return kvspan_agree_broadcast(self->comm, world, (late->silent + 1) % self->rank_count,
                                      &value, sizeof(value), late->deadline_ms, error);
    default:
        return wait_in_chain(self, is_idle ? KVSPAN_WAIT_IDLE : KVSPAN_WAIT_STEP,
                             is_idle ? BODY_PATIENCE_MS : late->deadline_ms, error);
    }
}

static void sleep_ms(uint32_t ms)
{
    (void)nanosleep(
        &(const struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L }, NULL);
}

static void stay_away(const ranks_self *self, const late_case *late)
{
    if (late->is_stopped) {
        (void)raise(SIGSTOP);
        return;
    }
    while (__atomic_load_n(late->survivors_done, __ATOMIC_ACQUIRE) < self->rank_count - 1) {
        sleep_ms(1);
    }
}

static void survive(const late_case *late)
{
    if (late->survivors_done) {
        (void)__atomic_add_fetch(late->survivors_done, 1, __ATOMIC_RELEASE);
    }
    if (late->wake_after_ms > 0) {
        sleep_ms(late->wake_after_ms);
        (void)kill(late->silent_process, SIGCONT);
    }
}

static void check_verdict(ranks_self *self, const late_case *late, kvspan_status status,
                          const kvspan_error *error, uint32_t waited_ms)
{
    char expected[64];

    ranks_check_status(self, status, KVSPAN_ERR_LATE, error);
    if (error->rank != (int32_t)late->silent) {
        ranks_note(self, __FILE__, __LINE__, "named rank %d, silent was %u, scenario %d: %s",
                   error->rank, late->silent, (int)late->scenario, error->message);
    }
    if (error->epoch != 17) {
        ranks_note(self, __FILE__, __LINE__, "epoch %lu: %s", (unsigned long)error->epoch,
                   error->message);
    }
    (void)snprintf(expected, sizeof(expected), "rank %u is late: silent for ", late->silent);
    ranks_check(self, strncmp(error->message, expected, strlen(expected)) == 0);
    ranks_check(self, strstr(error->message, "last heard of in epoch 17 while epoch 18 waits"));
    if (waited_ms > late->deadline_ms + late->margin_ms) {
        ranks_note(self, __FILE__, __LINE__, "took %u ms, deadline %u ms, scenario %d", waited_ms,
                   late->deadline_ms, (int)late->scenario);
    }
}

static void be_silent(ranks_self *self, const late_case *late)
{
    kvspan_request request = { 0 };
    uint32_t value = 0;

    if (late->scenario == LATE_BROADCAST) {
        (void)kvspan_comm_receive(self->comm, KVSPAN_CHANNEL_AGREE,
                                  (self->rank + 1) % self->rank_count, &value, sizeof(value),
                                  &request, NULL);
    }
    stay_away(self, late);
    kvspan_comm_cancel(self->comm, &request);
}

static void be_late(ranks_self *self, const late_case *late, const kvspan_group *world)
{
    kvspan_error error = { 0 };
    kvspan_error again = { 0 };
    const uint64_t start_ns = kvspan_clock_ns();
    kvspan_status status = wait_for_silent(self, late, world, &error);

    if (late->scenario == LATE_BROADCAST && status == KVSPAN_OK) {
        /* Nobody missed the silent rank yet, so all ask for a sign of life. */
        status = kvspan_agree_status(self->comm, world, KVSPAN_OK, NULL, late->deadline_ms, &error);
    }
    check_verdict(self, late, status, &error,
                  (uint32_t)((kvspan_clock_ns() - start_ns) / KVSPAN_NS_PER_MS));
    if (self->failure[0] == '\0' &&
        (kvspan_comm_verdict(self->comm, &again) != KVSPAN_ERR_LATE ||
         strcmp(again.message, error.message) != 0 || again.rank != error.rank)) {
        ranks_note(self, __FILE__, __LINE__, "the verdict changed: %s", again.message);
    }
}

static kvspan_status meet_all(ranks_self *self, const kvspan_group *world, kvspan_error *error)
{
    const kvspan_status status = kvspan_comm_watch(self->comm, world, error);

    kvspan_comm_set_epoch(self->comm, 17);
    return status == KVSPAN_OK ? exchange_with_all(self, world, BODY_PATIENCE_MS, error) : status;
}

void body_late(ranks_self *self)
{
    const late_case *late = self->context;
    body_group world;
    kvspan_error error = { 0 };
    const kvspan_status status =
        body_group_make(&world, self, 1, 0) ? meet_all(self, &world.group, &error) : KVSPAN_OK;

    if (status != KVSPAN_OK) {
        ranks_note(self, __FILE__, __LINE__, "%s", error.message);
    }
    if (self->rank == late->silent) {
        be_silent(self, late);
        return;
    }
    kvspan_comm_set_epoch(self->comm, 18);
    if (status == KVSPAN_OK) {
        be_late(self, late, &world.group);
    }
    survive(late);
}
