/** @file
 * Compares what two ranks believe that a collective is, and says in words where they differ.
 */
#ifndef KVSPAN_STANDIN_NCCL_DESCRIPTION_H
#define KVSPAN_STANDIN_NCCL_DESCRIPTION_H

#include "standin/nccl/segment.h"

/* False, after a report with both values and both ranks, if they differ. */
bool description_compare(const nccl_description *mine, int my_rank, const nccl_description *other,
                         int other_rank);

#endif
