/* What the stand-in says when its process ends. */
#include <stdio.h>
#include <unistd.h>

#include "standin/cudart/call.h"
#include "standin/cudart/complain.h"
#include "standin/cudart/event.h"
#include "standin/cudart/graph.h"
#include "standin/cudart/memory.h"
#include "standin/cudart/record.h"
#include "standin/cudart/settings.h"
#include "standin/cudart/state.h"
#include "standin/cudart/stream.h"

static uint32_t leaks_report(void)
{
    return memory_report_leaks() + stream_report_leaks() + event_report_leaks() +
           graph_report_leaks();
}

__attribute__((destructor)) static void finish(void)
{
    uint32_t leak_count = 0;

    state_lock();
    record_counts_write();
    if (settings_get()->counts_calls) {
        call_report_counts();
    }
    if (settings_get()->reports_leaks) {
        leak_count = leaks_report();
    }
    state_unlock();
    if (leak_count != 0) {
        complain("%u leaks", leak_count);
        fflush(NULL);
        _exit(SETTINGS_LEAK_EXIT_CODE);
    }
}
