#include "standin/nccl/report.h"

#include "standin/nccl/settings.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char last[REPORT_BYTES];

static void say(int rank, const char *format, va_list arguments)
{
    char text[REPORT_BYTES];
    int used = rank < 0 ? 0 : snprintf(text, sizeof(text), "rank %d: ", rank);

    vsnprintf(text + used, sizeof(text) - (size_t)used, format, arguments);
    pthread_mutex_lock(&lock);
    memcpy(last, text, sizeof(last));
    pthread_mutex_unlock(&lock);
    fprintf(stderr, "kvspan-nccl: %s\n", text);
}

void report(int rank, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(rank, format, arguments);
    va_end(arguments);
}

ncclResult_t report_misuse(ncclResult_t result, int rank, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(rank, format, arguments);
    va_end(arguments);
    if (settings_get()->aborts_on_misuse) {
        abort();
    }
    return result;
}

const char *report_last(void)
{
    static _Thread_local char copy[REPORT_BYTES];

    pthread_mutex_lock(&lock);
    memcpy(copy, last, sizeof(copy));
    pthread_mutex_unlock(&lock);
    return copy;
}

void report_unimplemented(const char *what)
{
    fprintf(stderr, "kvspan-nccl: %s is not implemented by this stand-in\n", what);
    abort();
}
