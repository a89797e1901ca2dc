/** @file
 * What the stand-in has to say: one line on stderr, which ncclGetLastError() gives too.
 */
#ifndef KVSPAN_STANDIN_NCCL_REPORT_H
#define KVSPAN_STANDIN_NCCL_REPORT_H

#include <nccl.h>

enum {
    REPORT_BYTES = 640
};

/* Says what happened; @p rank -1: of no rank. */
__attribute__((format(printf, 2, 3))) void report(int rank, const char *format, ...);

/* Says what the caller did wrong and returns @p result; aborts if KVSPAN_NCCL_MISUSE asks for it.
 */
__attribute__((format(printf, 3, 4))) ncclResult_t report_misuse(ncclResult_t result, int rank,
                                                                 const char *format, ...);

/* The last report of this process; valid until the calling thread asks again. */
const char *report_last(void);

/* Ends the process: the stand-in lacks what was asked for. */
__attribute__((noreturn)) void report_unimplemented(const char *what);

#endif
