/** @file
 * The door of every function of the library: is it in the version that the stand-in plays, and is
 * this the call that was asked to fail?
 */
#ifndef KVSPAN_STANDIN_NCCL_CALL_H
#define KVSPAN_STANDIN_NCCL_CALL_H

#include <nccl.h>

#include <stdint.h>

/* ncclInvalidUsage for a function of a newer version, ncclSystemError for the call that fails. */
ncclResult_t call_begin(const char *function);

/* As call_begin(), of a call that gives back: it does so even if it was asked to fail, since nobody
 * could try again. What it says then comes from call_end(), which is given its result. */
ncclResult_t call_begin_giving_back(const char *function);
ncclResult_t call_end(ncclResult_t result);

/* How many calls there were, without those of ncclCommGetAsyncError. */
uint64_t call_count(void);

#endif
