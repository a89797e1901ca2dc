#include "runtime/nccl_case.h"

kvspan_status nccl_case_open_cache(mesh_open open, const char *mesh, kvspan_comm *comm,
                                   kvspan_device **device_out, kvspan_cache **cache_out,
                                   kvspan_error *error)
{
    const kvspan_layer_group group = { .layer_count = 1,
                                       .q_heads = 4,
                                       .plane_count = 2,
                                       .planes = { { KVSPAN_KEY, 2, 16, KVSPAN_BF16, 0 },
                                                   { KVSPAN_VALUE, 2, 16, KVSPAN_BF16, 0 } } };
    const kvspan_cache_config config = { .size = sizeof(config),
                                         .group_count = 1,
                                         .groups = &group,
                                         .page_tokens = 8,
                                         .slot_count = 2,
                                         .max_sequence_tokens = 64,
                                         .max_step_tokens = 32,
                                         .page_count = 16,
                                         .memory_limit_bytes = 64u << 20,
                                         .mesh = mesh,
                                         .deadline_ms = NCCL_CASE_WAIT_MS };
    const kvspan_status status = open(comm, device_out, error);

    return status == KVSPAN_OK ? kvspan_cache_create(&config, *device_out, comm, cache_out, error)
                               : status;
}

void nccl_case_check_rows(ranks_self *self, mesh_open open, const char *mesh, int has_sinks)
{
    const mesh_case it = { .mesh = mesh,
                           .rank_count = self->rank_count,
                           .kv_heads = 2,
                           .q_heads = 4,
                           .key_dim = 16,
                           .value_dim = 16,
                           .page_tokens = 4,
                           .dtype = KVSPAN_BF16,
                           .out_place = KVSPAN_HEADS_ALL,
                           .has_sinks = has_sinks,
                           .open = open };
    static mesh_rows rows; /* too large for the stack */
    char text[300] = "";

    if (!mesh_case_run(&it, self->comm, &rows, text, sizeof(text))) {
        ranks_note(self, __FILE__, __LINE__, "%s", text);
    }
}
