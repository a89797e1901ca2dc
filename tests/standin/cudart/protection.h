/** @file
 * Memory that is accessible only while told so: by a protection key where the processor has them,
 * which costs next to nothing and counts for the calling thread alone, else by changing all of its
 * pages, which counts for the process.
 */
#ifndef KVSPAN_STANDIN_CUDART_PROTECTION_H
#define KVSPAN_STANDIN_CUDART_PROTECTION_H

#include <stdbool.h>
#include <stdint.h>

/* Whether keys are used; false too with KVSPAN_STANDIN_KEYS=0. */
bool protection_has_keys(void);

/* Of whole pages: readable and writable by everybody; by nobody; while the key is open. */
void protection_grant(uint64_t begin, uint64_t bytes);
void protection_deny(uint64_t begin, uint64_t bytes);
void protection_lock(uint64_t begin, uint64_t bytes);

/* The calling thread's access to what is locked. Only where there are keys. */
void protection_open_key(void);
void protection_close_key(void);

#endif
