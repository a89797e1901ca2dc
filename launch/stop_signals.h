/** @file
 * Signals that ask a run to end at the next step boundary: SIGINT (a person), SIGTERM (a batch
 * system), SIGUSR1 (a batch system's early warning).
 */
#ifndef KVSPAN_LAUNCH_STOP_SIGNALS_H
#define KVSPAN_LAUNCH_STOP_SIGNALS_H

#include <kvspan/status.h>

/* From now on the three signals are noted instead of ending the process. After MPI_Init, which
 * installs handlers of its own. IO. */
kvspan_status kvspan_stop_signals_install(kvspan_error *error);

/* The signal that came last, 0 if none has. */
int kvspan_stop_signals_pending(void);

#endif
