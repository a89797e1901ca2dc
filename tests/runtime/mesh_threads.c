#include "runtime/mesh_threads.h"

#include <stdlib.h>
#include <string.h>

#include "support/ranks.h"
#include "support/suite.h"

/* What the ranks of one mesh share. */
typedef struct mesh_job {
    const mesh_case *mesh;
    mesh_rows *rows; /* [rank_count] */
} mesh_job;

static void run_rank(ranks_self *self)
{
    const mesh_job *const job = self->context;
    char text[300] = "";

    if (!mesh_case_run(job->mesh, self->comm, &job->rows[self->rank], text, sizeof(text))) {
        ranks_note(self, __FILE__, __LINE__, "%s, seed of the device %llu: %s", job->mesh->mesh,
                   (unsigned long long)job->mesh->deferred_seed, text);
    }
}

void mesh_threads_run(const mesh_case *mesh, mesh_rows *all)
{
    mesh_job job = { .mesh = mesh, .rows = calloc(mesh->rank_count, sizeof(mesh_rows)) };

    ck_assert_ptr_nonnull(job.rows);
    ranks_run(mesh->rank_count, run_rank, &job);
    memset(all, 0, sizeof(*all));
    for (uint32_t i = 0; i < mesh->rank_count; i++) {
        ck_assert_msg(mesh_rows_join(all, &job.rows[i]), "%s: rank %u has other bits", mesh->mesh,
                      i);
    }
    ck_assert_uint_gt(all->count, 0);
    free(job.rows);
}

mesh_case mesh_threads_case(void)
{
    return (mesh_case){ .mesh = "tp:1",
                        .rank_count = 1,
                        .kv_heads = 4,
                        .q_heads = 16,
                        .key_dim = 16,
                        .value_dim = 24,
                        .page_tokens = 4,
                        .dtype = KVSPAN_BF16,
                        .q_place = KVSPAN_HEADS_OF_KV,
                        .out_place = KVSPAN_HEADS_ALL,
                        .wants_lse = 1 };
}
