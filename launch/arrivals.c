#include "launch/arrivals.h"

static uint64_t next_time_ms(const kvspan_arrivals *arrivals)
{
    return arrivals->times_ms ? arrivals->times_ms[arrivals->next] : 0;
}

static kvspan_status submit_next(kvspan_arrivals *arrivals, kvspan_scheduler *scheduler,
                                 kvspan_error *error)
{
    kvspan_request request = arrivals->requests[arrivals->next];
    kvspan_status status;

    if (arrivals->is_renumbering) {
        request.tag = arrivals->next;
    }
    arrivals->next++;
    status = kvspan_scheduler_submit(scheduler, &request, error);
    return status == KVSPAN_ERR_NEVER_FITS ? KVSPAN_OK : status; /* counted; the others go on */
}

static kvspan_status submit_arrived(kvspan_arrivals *arrivals, kvspan_scheduler *scheduler,
                                    kvspan_error *error)
{
    kvspan_status status = KVSPAN_OK;

    while (status == KVSPAN_OK && arrivals->next < arrivals->request_count &&
           next_time_ms(arrivals) <= arrivals->now_ms) {
        status = submit_next(arrivals, scheduler, error);
    }
    return status;
}

kvspan_status kvspan_arrivals_plan(kvspan_arrivals *arrivals, kvspan_scheduler *scheduler,
                                   kvspan_step **step_out, kvspan_error *error)
{
    kvspan_step *step = NULL;
    kvspan_status status = submit_arrived(arrivals, scheduler, error);

    if (status == KVSPAN_OK) {
        status = kvspan_scheduler_plan(scheduler, &step, error);
    }
    while (status == KVSPAN_OK && !step && arrivals->next < arrivals->request_count) {
        arrivals->now_ms = next_time_ms(arrivals);
        status = submit_arrived(arrivals, scheduler, error);
        if (status == KVSPAN_OK) {
            status = kvspan_scheduler_plan(scheduler, &step, error);
        }
    }
    if (status == KVSPAN_OK) {
        arrivals->now_ms += step ? arrivals->step_ms : 0;
        *step_out = step;
    }
    return status;
}
