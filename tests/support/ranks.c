#include "support/ranks.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

typedef struct rank_thread {
    pthread_t thread;
    ranks_body body;
    ranks_self self;
} rank_thread;

void ranks_note(ranks_self *self, const char *file, int line, const char *format, ...)
{
    va_list args;
    int length;

    if (self->failure[0] != '\0') {
        return;
    }
    length = snprintf(self->failure, sizeof(self->failure), "rank %u of %u, %s:%d: ", self->rank,
                      self->rank_count, file, line);
    va_start(args, format);
    if (length > 0 && (size_t)length < sizeof(self->failure)) {
        (void)vsnprintf(self->failure + length, sizeof(self->failure) - (size_t)length, format,
                        args);
    }
    va_end(args);
}

static void *run_rank(void *argument)
{
    rank_thread *rank = argument;

    rank->body(&rank->self);
    return NULL;
}

static void start_ranks(rank_thread *ranks, uint32_t rank_count, kvspan_local_hub *hub,
                        ranks_body body, void *context)
{
    for (uint32_t i = 0; i < rank_count; i++) {
        ranks[i].body = body;
        ranks[i].self = (ranks_self){ .rank = i, .rank_count = rank_count, .context = context };
        ck_assert_int_eq(kvspan_comm_create_local(hub, i, &ranks[i].self.comm, NULL), KVSPAN_OK);
    }
    for (uint32_t i = 0; i < rank_count; i++) {
        ck_assert_int_eq(pthread_create(&ranks[i].thread, NULL, run_rank, &ranks[i]), 0);
    }
}

static void join_ranks(rank_thread *ranks, uint32_t rank_count, char *failure)
{
    for (uint32_t i = 0; i < rank_count; i++) {
        ck_assert_int_eq(pthread_join(ranks[i].thread, NULL), 0);
    }
    for (uint32_t i = 0; i < rank_count; i++) {
        kvspan_comm_destroy(ranks[i].self.comm);
        if (ranks[i].self.failure[0] != '\0') {
            (void)fprintf(stderr, "%s\n", ranks[i].self.failure);
            if (failure[0] == '\0') {
                (void)snprintf(failure, RANKS_FAILURE_BYTES, "%s", ranks[i].self.failure);
            }
        }
    }
}

void ranks_run_together(uint32_t case_count, uint32_t rank_count, ranks_body body,
                        void *const *contexts)
{
    rank_thread *ranks = calloc((size_t)case_count * rank_count, sizeof(*ranks));
    kvspan_local_hub **hubs = calloc(case_count, sizeof(kvspan_local_hub *));
    char failure[RANKS_FAILURE_BYTES] = "";

    ck_assert_ptr_nonnull(ranks);
    ck_assert_ptr_nonnull(hubs);
    for (uint32_t i = 0; i < case_count; i++) {
        ck_assert_int_eq(kvspan_local_hub_create(rank_count, &hubs[i], NULL), KVSPAN_OK);
        start_ranks(ranks + (size_t)i * rank_count, rank_count, hubs[i], body, contexts[i]);
    }
    for (uint32_t i = 0; i < case_count; i++) {
        join_ranks(ranks + (size_t)i * rank_count, rank_count, failure);
        kvspan_local_hub_destroy(hubs[i]);
    }
    free(hubs);
    free(ranks);
    ck_assert_msg(failure[0] == '\0', "%s", failure);
}

void ranks_run(uint32_t rank_count, ranks_body body, void *context)
{
    ranks_run_together(1, rank_count, body, &context);
}
