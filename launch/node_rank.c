#include "launch/node_rank.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NAME_BYTES = 64
};

kvspan_status kvspan_node_rank(kvspan_comm *comm, uint32_t timeout_ms, uint32_t *rank_out,
                               kvspan_error *error)
{
    const uint32_t rank = kvspan_comm_rank(comm);
    char name[NAME_BYTES] = "";
    char *const names = calloc(kvspan_comm_rank_count(comm), NAME_BYTES);
    uint32_t before = 0;
    kvspan_status status;

    if (!names) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for %u host names",
                           kvspan_comm_rank_count(comm));
    }
    (void)gethostname(name, NAME_BYTES - 1); /* without one all ranks count as neighbours */
    status = kvspan_comm_all_gather(comm, name, NAME_BYTES, names, timeout_ms, error);
    for (uint32_t i = 0; status == KVSPAN_OK && i < rank; i++) {
        before += memcmp(names + (size_t)i * NAME_BYTES, name, NAME_BYTES) == 0;
    }
    free(names);
    if (status == KVSPAN_OK) {
        *rank_out = before;
    }
    return status;
}
