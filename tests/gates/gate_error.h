/** @file
 * Why something could not be read: one line, written by the first who knows.
 */
#ifndef KVSPAN_GATES_GATE_ERROR_H
#define KVSPAN_GATES_GATE_ERROR_H

#include <stdbool.h>

typedef struct gate_error {
    char text[512];
} gate_error;

/* Writes the text and returns false. */
bool gate_fail(gate_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
