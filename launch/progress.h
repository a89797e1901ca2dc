/** @file
 * How far a run has come: one line on standard error, at most twice a second, never on standard
 * output.
 */
#ifndef KVSPAN_LAUNCH_PROGRESS_H
#define KVSPAN_LAUNCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct kvspan_progress {
    bool is_on;
    bool is_terminal;       /* the line is written over itself; else each is a new one */
    bool has_line;          /* on a terminal: one has been written and not been ended */
    int descriptor;         /* where to */
    uint64_t request_count; /* of the whole run */
    uint64_t next_ms;       /* not before */
    uint64_t last_ms;       /* of the line before */
    uint64_t last_tokens;   /* at the line before */
} kvspan_progress;

/* What a line tells. */
typedef struct kvspan_progress_state {
    uint64_t requests_ended; /* finished or refused */
    uint64_t steps;
    uint64_t tokens; /* appended */
    uint32_t pages_in_use;
    uint32_t pages_total;
} kvspan_progress_state;

/* On if the descriptor (2: standard error) is a terminal or is_forced. */
void kvspan_progress_init(kvspan_progress *progress, int descriptor, bool is_forced,
                          uint64_t request_count);

/* Whether kvspan_progress_show() would write at this time: a cheap question for every step. */
static inline bool kvspan_progress_is_due(const kvspan_progress *progress, uint64_t now_ms)
{
    return progress->is_on && now_ms >= progress->next_ms;
}

/* Writes a line if one is due. now_ms is of any clock that does not go back. */
void kvspan_progress_show(kvspan_progress *progress, const kvspan_progress_state *state,
                          uint64_t now_ms);

/* Ends the line, so that what follows starts a new one. */
void kvspan_progress_end(kvspan_progress *progress);

#endif
