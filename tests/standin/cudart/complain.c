#include "standin/cudart/complain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void line_write(const char *format, va_list arguments)
{
    char text[2048];
    char line[2080];

    (void)vsnprintf(text, sizeof(text), format, arguments);
    (void)snprintf(line, sizeof(line), "standin-cudart: %s\n", text);
    (void)fputs(line, stderr);
    (void)fflush(stderr);
}

void complain(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    line_write(format, arguments);
    va_end(arguments);
}

_Noreturn void complain_and_abort(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    line_write(format, arguments);
    va_end(arguments);
    abort();
}

_Noreturn void complain_not_implemented(const char *name)
{
    complain_and_abort("%s is not implemented", name);
}
