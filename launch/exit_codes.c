#include "launch/exit_codes.h"

kvspan_exit_code kvspan_exit_code_of(kvspan_status status)
{
    switch (status) {
    case KVSPAN_OK: return KVSPAN_EXIT_GOOD;
    case KVSPAN_ERR_TIMEOUT:
    case KVSPAN_ERR_LATE:
    case KVSPAN_ERR_PEER:
    case KVSPAN_ERR_TRANSPORT: return KVSPAN_EXIT_PEER;
    case KVSPAN_ERR_IO: return KVSPAN_EXIT_FILE;
    case KVSPAN_ERR_CORRUPT:
    case KVSPAN_ERR_STALE: return KVSPAN_EXIT_CHECK_FAILED;
    default: return KVSPAN_EXIT_USAGE;
    }
}
