/** @file
 * Texts on stderr, each a line that begins with "standin-cudart: ", written at once.
 */
#ifndef KVSPAN_STANDIN_CUDART_COMPLAIN_H
#define KVSPAN_STANDIN_CUDART_COMPLAIN_H

#include <stdnoreturn.h>

void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
noreturn void complain_and_abort(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What every call does that the stand-in lacks. */
noreturn void complain_not_implemented(const char *name);

#endif
