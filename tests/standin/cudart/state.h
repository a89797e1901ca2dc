/** @file
 * One lock for all that the stand-in knows. It is given back while an operation runs, so that the
 * devices of a process work at the same time and a device can wait for another.
 */
#ifndef KVSPAN_STANDIN_CUDART_STATE_H
#define KVSPAN_STANDIN_CUDART_STATE_H

#include <stdint.h>

void state_lock(void);
void state_unlock(void);

/* Waits, unlocked, until something changed or the time is over. */
void state_wait(uint32_t wait_us);
/* Says that something changed. */
void state_changed(void);

double state_time_ms(void);

#endif
