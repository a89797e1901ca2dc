#include "support/suite.h"

#include <stdlib.h>

#include "runtime/mesh_case.h"
#include "support/ranks.h"

/* A mesh for every number of ranks: the one where the most happens. */
static const char *mesh_of(uint32_t rank_count)
{
    switch (rank_count) {
    case 2: return "tp:2";
    case 3: return "sp:3";
    case 4: return "tp:2,sp:2";
    case 8: return "dp:2,tp:2,sp:2";
    default: return NULL;
    }
}

static void run_rank(ranks_self *self)
{
    const mesh_case mesh = { .mesh = mesh_of(self->rank_count),
                             .rank_count = self->rank_count,
                             .kv_heads = 2,
                             .q_heads = 8,
                             .key_dim = 16,
                             .value_dim = 24,
                             .page_tokens = 4,
                             .dtype = KVSPAN_BF16,
                             .q_place = KVSPAN_HEADS_EVEN,
                             .out_place = KVSPAN_HEADS_ALL,
                             .wants_lse = 1 };
    mesh_rows *const rows = malloc(sizeof(*rows));
    char text[300] = "";

    ranks_check(self, rows);
    if (!mesh_case_run(&mesh, self->comm, rows, text, sizeof(text))) {
        ranks_note(self, __FILE__, __LINE__, "%s", text);
    }
    free(rows);
}

START_TEST(rows_are_right_between_processes)
{
    ranks_run_mpi(run_rank, NULL);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("runtime/cache_mesh_mpi");
    TCase *mpi = tcase_create("mpi");

    tcase_add_test(mpi, rows_are_right_between_processes);
    suite_add_tcase(suite, mpi);
    return suite_run_mpi(suite, &argc, &argv);
}
