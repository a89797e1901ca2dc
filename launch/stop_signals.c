#include "launch/stop_signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* A handler has no other way to tell that it was called. */
static volatile sig_atomic_t pending_signal;

static void note_signal(int number)
{
    pending_signal = number;
}

kvspan_status kvspan_stop_signals_install(kvspan_error *error)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGUSR1 };
    struct sigaction action = { .sa_handler = note_signal };

    /* Restarted, because no system call of a step is worth interrupting: they all return soon. */
    action.sa_flags = SA_RESTART;
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (sigaction(numbers[i], &action, NULL) != 0) {
            return kvspan_fail(error, KVSPAN_ERR_IO, "signal %d cannot be caught: %s", numbers[i],
                               strerror(errno));
        }
    }
    return KVSPAN_OK;
}

int kvspan_stop_signals_pending(void)
{
    return (int)pending_signal;
}
