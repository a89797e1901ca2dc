/* mbarrier and cp.async.bulk: not supported yet. */
#include "standin/ptx/builders.h"

bool ptx_build_mbarrier(ptx_statement *statement)
{
    return ptx_refuse(statement, "is not supported");
}

bool ptx_build_bulk_copy(ptx_statement *statement)
{
    return ptx_refuse(statement, "is not supported");
}
