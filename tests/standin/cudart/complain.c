#include "standin/cudart/complain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void line_write(const char *format, va_list arguments)
{
    char line[2048] = "standin-cudart: ";
    const size_t begun = strlen(line);

    vsnprintf(line + begun, sizeof(line) - begun - 1, format, arguments);
    strcat(line, "\n");
    fputs(line, stderr);
    fflush(stderr);
}

void complain(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    line_write(format, arguments);
    va_end(arguments);
}

noreturn void complain_and_abort(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    line_write(format, arguments);
    va_end(arguments);
    abort();
}

noreturn void complain_not_implemented(const char *name)
{
    complain_and_abort("%s is not implemented", name);
}
