/** @file
 * A short life of a cache, for tests that let one thing in it fail: create, three steps of two
 * layers with a gather of the heads, a closing all-gather, destroy.
 */
#ifndef KVSPAN_TESTS_CACHE_STORY_H
#define KVSPAN_TESTS_CACHE_STORY_H

#include <stdbool.h>

#include <kvspan/comm.h>

enum {
    STORY_DEADLINE_MS = 300
};

typedef struct cache_story {
    const char *mesh; /* NULL: all ranks on tp */
    kvspan_status status;
    kvspan_error error;
    bool is_opening; /* it ended before the first call that others take part in */
    bool is_closing; /* the steps were done when it ended */
} cache_story;

/* Runs one rank of it; comm may be NULL. Everything is given back whatever the status. */
void cache_story_run(cache_story *story, kvspan_comm *comm);

#endif
