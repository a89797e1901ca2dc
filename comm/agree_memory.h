/** @file
 * What the small collectives send and receive. Not on the stack: a transport that cannot cancel may
 * go on to use it behind the failed call.
 */
#ifndef KVSPAN_COMM_AGREE_MEMORY_H
#define KVSPAN_COMM_AGREE_MEMORY_H

#include "comm/agree.h"
#include "comm/tree.h"

enum {
    KVSPAN_AGREE_RECORD_BYTES = 24 + sizeof(((kvspan_error *)0)->message),
    KVSPAN_AGREE_VALUES_BYTES = 8 * (KVSPAN_AGREE_MAX_WORDS + 1)
};

/* One collective at a time uses it. */
typedef struct kvspan_agree_memory {
    unsigned char record[KVSPAN_AGREE_RECORD_BYTES]; /* this rank's, then that of all */
    unsigned char records[KVSPAN_TREE_MAX_CHILDREN][KVSPAN_AGREE_RECORD_BYTES];
    unsigned char values[KVSPAN_AGREE_VALUES_BYTES];
} kvspan_agree_memory;

#endif
