#include "standin/nccl/report.h"

#include "standin/nccl/settings.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char last[REPORT_BYTES];

/* Where the text begins after its rank. */
static size_t rank_write(char text[REPORT_BYTES], int rank)
{
    return rank < 0 ? 0 : (size_t)snprintf(text, REPORT_BYTES, "rank %d: ", rank);
}

static void say(const char text[REPORT_BYTES])
{
    pthread_mutex_lock(&lock);
    memcpy(last, text, strlen(text) + 1);
    pthread_mutex_unlock(&lock);
    (void)fprintf(stderr, "kvspan-nccl: %s\n", text);
}

void report(int rank, const char *format, ...)
{
    char text[REPORT_BYTES];
    const size_t used = rank_write(text, rank);
    va_list arguments;

    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start() is above */
    (void)vsnprintf(text + used, sizeof(text) - used, format, arguments);
    va_end(arguments);
    say(text);
}

ncclResult_t report_misuse(ncclResult_t result, int rank, const char *format, ...)
{
    char text[REPORT_BYTES];
    const size_t used = rank_write(text, rank);
    va_list arguments;

    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start() is above */
    (void)vsnprintf(text + used, sizeof(text) - used, format, arguments);
    va_end(arguments);
    say(text);
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
    (void)fprintf(stderr, "kvspan-nccl: %s is not implemented by this stand-in\n", what);
    abort();
}
