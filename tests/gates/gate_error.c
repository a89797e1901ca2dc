#include "gates/gate_error.h"

#include <stdarg.h>
#include <stdio.h>

bool gate_fail(gate_error *error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    return false;
}
