/** @file
 * Small collectives of the control plane, over a group: broadcast, agreement, minimum, all-gather.
 * All are collective over the group, wait with a deadline, and end in LATE or PEER if a rank does
 * not come.
 */
#ifndef KVSPAN_COMM_AGREE_H
#define KVSPAN_COMM_AGREE_H

#include "comm/comm.h"

/* Root is a member index. */
kvspan_status kvspan_agree_broadcast(kvspan_comm *comm, const kvspan_group *group, uint32_t root,
                                     void *data, size_t bytes, uint32_t timeout_ms,
                                     kvspan_error *error);

/* Every rank brings a status (and, if it is not OK, its error); all return that of the lowest
 * failing rank of the communicator, with its text and its rank. OK if none failed. */
kvspan_status kvspan_agree_status(kvspan_comm *comm, const kvspan_group *group,
                                  kvspan_status status, const kvspan_error *mine,
                                  uint32_t timeout_ms, kvspan_error *error);

enum {
    KVSPAN_AGREE_MAX_WORDS = 64, /* of all fields of one agreement: 1 each, a text 4 */
    KVSPAN_AGREE_TEXT_BYTES = 32 /* with the NUL; longer ones are cut */
};

typedef enum kvspan_agree_kind {
    KVSPAN_AGREE_NUMBER,
    KVSPAN_AGREE_REAL,
    KVSPAN_AGREE_TEXT
} kvspan_agree_kind;

/* What must be equal on all ranks, of any kind but of the same name and kind everywhere. MISMATCH
 * on every rank names the lowest rank that differs from the group's first, the field, and both
 * values.
 */
typedef struct kvspan_agree_field {
    const char *name;
    kvspan_agree_kind kind;
    int64_t number;
    double real;
    const char *text;
} kvspan_agree_field;

kvspan_status kvspan_agree_equal(kvspan_comm *comm, const kvspan_group *group,
                                 const kvspan_agree_field *fields, uint32_t field_count,
                                 uint32_t timeout_ms, kvspan_error *error);

/* all_out: [member][bytes]. */
kvspan_status kvspan_agree_all_gather(kvspan_comm *comm, const kvspan_group *group,
                                      const void *mine, size_t bytes, void *all_out,
                                      uint32_t timeout_ms, kvspan_error *error);

#endif
