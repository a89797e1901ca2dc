/** @file
 * Mutexes that notice who uses them wrongly: locked twice by a thread, unlocked by one that has not
 * locked, or destroyed while locked. For programs whose calls of pthread_mutex_init, _lock, _unlock
 * and _destroy the linker leads here: link with strict_mutex.c and KVSPAN_STRICT_MUTEX_OPTIONS.
 */
#ifndef KVSPAN_TESTS_STRICT_MUTEX_H
#define KVSPAN_TESTS_STRICT_MUTEX_H

/* Wrong uses so far, of all threads. */
unsigned strict_mutex_violations(void);

#endif
