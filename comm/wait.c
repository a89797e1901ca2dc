#include <assert.h>
#include <sched.h>

#include "comm/alarm.h"
#include "comm/clock.h"
#include "comm/state.h"

/* More ranks than cores is normal: spin for what comes at once, then make room for others, then
 * sleep a small part of the time already waited. */
enum {
    SPIN_POLLS = 200,
    YIELD_NS = 1000000,
    SLEEP_MIN_NS = 20000,
    SLEEP_MAX_NS = 500000,
    SLEEP_PART = 100,
    SERVE_NS = 1000000 /* between two looks at the alarm channel */
};

typedef struct poll_pace {
    uint32_t polls;
    uint64_t progress_at_ns;
} poll_pace;

static void pause_between_polls(poll_pace *pace, bool has_progressed, uint64_t now_ns)
{
    const uint64_t idle_ns = now_ns - pace->progress_at_ns;
    uint64_t sleep_ns = idle_ns / SLEEP_PART;

    if (has_progressed) {
        *pace = (poll_pace){ .progress_at_ns = now_ns };
        return;
    }
    if (++pace->polls < SPIN_POLLS) {
        return;
    }
    if (idle_ns < YIELD_NS) {
        (void)sched_yield();
        return;
    }
    sleep_ns = sleep_ns < SLEEP_MIN_NS ? SLEEP_MIN_NS : sleep_ns;
    sleep_ns = sleep_ns > SLEEP_MAX_NS ? SLEEP_MAX_NS : sleep_ns;
    (void)nanosleep(&(const struct timespec){ .tv_nsec = (long)sleep_ns }, NULL);
}

static kvspan_status test_all(kvspan_comm *comm, kvspan_request *requests, uint32_t count,
                              uint32_t *pending_out, kvspan_error *error)
{
    uint32_t pending = 0;

    for (uint32_t i = 0; i < count; i++) {
        bool done = true;

        if (requests[i].handle) {
            const kvspan_status status = kvspan_comm_test(comm, &requests[i], &done, error);

            if (status != KVSPAN_OK) {
                return status;
            }
        }
        pending += done ? 0 : 1;
    }
    *pending_out = pending;
    return KVSPAN_OK;
}

/* Not a verdict yet: the caller's progress failed on this rank. */
static kvspan_status run_progress(kvspan_comm *comm, kvspan_error *error)
{
    kvspan_error why = { 0 };

    if (comm->progress) {
        const kvspan_status status = comm->progress(comm->progress_context, &why);

        if (status != KVSPAN_OK) {
            why.status = status;
            kvspan_comm_raise(comm, &why);
        }
    }
    return kvspan_comm_verdict(comm, error);
}

static kvspan_status idle_timeout(const kvspan_wait *wait, uint32_t timeout_ms, kvspan_error *error)
{
    uint32_t first = 0;

    while (!wait->requests[first].handle) {
        first++;
    }
    return kvspan_fail_rank(error, KVSPAN_ERR_TIMEOUT, wait->requests[first].peer, 0,
                            "nothing came from rank %u within %u ms", wait->requests[first].peer,
                            timeout_ms);
}

static kvspan_status poll_until_done(kvspan_comm *comm, kvspan_request *requests,
                                     const kvspan_wait *wait, uint32_t timeout_ms,
                                     kvspan_error *error)
{
    poll_pace pace = { .progress_at_ns = wait->start_ns };
    uint32_t before = wait->count;

    for (;;) {
        uint32_t pending = 0;
        uint64_t now_ns;
        kvspan_status status = run_progress(comm, error);

        if (status == KVSPAN_OK) {
            status = test_all(comm, requests, wait->count, &pending, error);
        }
        if (status != KVSPAN_OK || pending == 0) {
            return status;
        }
        now_ns = kvspan_clock_ns();
        if (now_ns - comm->served_at_ns >= SERVE_NS) {
            status = kvspan_alarm_serve(comm, now_ns, error);
            if (status != KVSPAN_OK) {
                return status;
            }
        }
        if (wait->kind == KVSPAN_WAIT_IDLE && now_ns >= wait->deadline_ns) {
            return idle_timeout(wait, timeout_ms, error);
        }
        pause_between_polls(&pace, pending < before, now_ns);
        before = pending;
    }
}

kvspan_status kvspan_comm_wait(kvspan_comm *comm, kvspan_request *requests, uint32_t count,
                               kvspan_wait_kind kind, uint32_t timeout_ms, kvspan_error *error)
{
    const uint64_t now_ns = kvspan_clock_ns();
    kvspan_wait wait = { .requests = requests,
                         .count = count,
                         .kind = kind,
                         .start_ns = now_ns,
                         .deadline_ns = now_ns + (uint64_t)timeout_ms * KVSPAN_NS_PER_MS };
    kvspan_status status = kvspan_comm_verdict(comm, error);

    if (status == KVSPAN_OK) {
        kvspan_alarm_begin_wait(comm, &wait);
        status = poll_until_done(comm, requests, &wait, timeout_ms, error);
        kvspan_alarm_end_wait(comm);
    }
    if (status != KVSPAN_OK && status != KVSPAN_ERR_TIMEOUT) {
        kvspan_comm_cancel_all(comm, requests, count);
    }
    return status;
}

/* A test may put the time of lateness forward. */
static void set_late(kvspan_wait *wait, const kvspan_condition *condition)
{
    wait->kind = wait->members && condition->late_ns > 0 ? KVSPAN_WAIT_STEP : KVSPAN_WAIT_IDLE;
    wait->deadline_ns = condition->late_ns;
}

/* Past late_ns the search for who is late is not broken off: it ends by itself. */
static kvspan_status poll_until_true(kvspan_comm *comm, const kvspan_condition *condition,
                                     kvspan_wait *wait, uint32_t timeout_ms, kvspan_error *error)
{
    const uint64_t end_ns = wait->start_ns + (uint64_t)timeout_ms * KVSPAN_NS_PER_MS;
    poll_pace pace = { .progress_at_ns = wait->start_ns };

    for (;;) {
        bool is_done = false;
        uint64_t now_ns;
        kvspan_status status = run_progress(comm, error);

        if (status == KVSPAN_OK) {
            status = condition->test(condition->context, &is_done, error);
        }
        if (status != KVSPAN_OK || is_done) {
            return status;
        }
        set_late(wait, condition);
        now_ns = kvspan_clock_ns();
        if (now_ns - comm->served_at_ns >= SERVE_NS) {
            status = kvspan_alarm_serve(comm, now_ns, error);
            if (status != KVSPAN_OK) {
                return status;
            }
        }
        if (now_ns >= end_ns && (wait->kind == KVSPAN_WAIT_IDLE || now_ns < wait->deadline_ns)) {
            return kvspan_fail(error, KVSPAN_ERR_TIMEOUT,
                               "the device has not finished within %u ms", timeout_ms);
        }
        pause_between_polls(&pace, false, now_ns);
    }
}

kvspan_status kvspan_comm_await(kvspan_comm *comm, const kvspan_condition *condition,
                                uint32_t timeout_ms, kvspan_error *error)
{
    const bool has_members = condition->members && condition->members->count > 1;
    kvspan_wait wait = { .members = has_members ? condition->members : NULL,
                         .start_ns = kvspan_clock_ns() };
    kvspan_status status = kvspan_comm_verdict(comm, error);

    set_late(&wait, condition);
    if (status == KVSPAN_OK) {
        kvspan_alarm_begin_wait(comm, &wait);
        status = poll_until_true(comm, condition, &wait, timeout_ms, error);
        kvspan_alarm_end_wait(comm);
    }
    return status;
}

kvspan_status kvspan_comm_poll(kvspan_comm *comm, kvspan_error *error)
{
    kvspan_status status = kvspan_comm_verdict(comm, error);

    assert(!comm->wait);
    if (status == KVSPAN_OK) {
        status = run_progress(comm, error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_alarm_serve(comm, kvspan_clock_ns(), error);
    }
    return status;
}
