#include "launch/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    INTERVAL_MS = 500,
    LINE_BYTES = 200
};

void kvspan_progress_init(kvspan_progress *progress, int descriptor, bool is_forced,
                          uint64_t request_count)
{
    const bool is_terminal = isatty(descriptor) == 1;

    *progress = (kvspan_progress){ .is_on = is_terminal || is_forced,
                                   .is_terminal = is_terminal,
                                   .descriptor = descriptor,
                                   .request_count = request_count };
}

/* A line that cannot be written is lost: nothing depends on it. */
static void write_text(const kvspan_progress *progress, const char *text)
{
    const ssize_t written = write(progress->descriptor, text, strlen(text));

    (void)written;
}

void kvspan_progress_show(kvspan_progress *progress, const kvspan_progress_state *state,
                          uint64_t now_ms)
{
    const uint64_t passed_ms = now_ms - progress->last_ms;
    char line[LINE_BYTES];

    if (!kvspan_progress_is_due(progress, now_ms)) {
        return;
    }
    (void)snprintf(
        line, sizeof(line),
        "%s%" PRIu64 "/%" PRIu64 " requests, step %" PRIu64 ", %" PRIu64 " tokens/s, %u/%u pages%s",
        progress->is_terminal ? "\r" : "", state->requests_ended, progress->request_count,
        state->steps,
        passed_ms > 0 ? (state->tokens - progress->last_tokens) * 1000 / passed_ms : 0,
        state->pages_in_use, state->pages_total, progress->is_terminal ? "\033[K" : "\n");
    write_text(progress, line);
    progress->has_line = progress->is_terminal;
    progress->next_ms = now_ms + INTERVAL_MS;
    progress->last_ms = now_ms;
    progress->last_tokens = state->tokens;
}

void kvspan_progress_end(kvspan_progress *progress)
{
    if (progress->has_line) {
        write_text(progress, "\n");
        progress->has_line = false;
    }
}
