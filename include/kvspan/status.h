/** @file
 * Status codes and error text, shared by every folder. Header-only, so that no folder has to link
 * another one to report a failure.
 */
#ifndef KVSPAN_STATUS_H
#define KVSPAN_STATUS_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Result of every call that can fail: what the caller can do next. ABI: append, never renumber. */
typedef enum kvspan_status {
    KVSPAN_OK = 0,              /**< Done; outputs are written. */
    KVSPAN_ERR_ARGUMENT = 1,    /**< The caller broke a documented precondition; nothing changed. */
    KVSPAN_ERR_UNSUPPORTED = 2, /**< Not built in, or not on this machine. */
    KVSPAN_ERR_MEMORY = 3,      /**< Host or device memory is exhausted. */
    KVSPAN_ERR_NO_PAGES = 4,    /**< Free or preempt something and retry; nothing changed. */
    KVSPAN_ERR_NEVER_FITS = 5,  /**< No amount of freeing helps; nothing changed. */
    KVSPAN_ERR_TIMEOUT = 6,     /**< Nothing came yet; nothing is lost: call again. */
    KVSPAN_ERR_LATE = 7,       /**< A named rank missed the deadline inside a step; handle spent. */
    KVSPAN_ERR_PEER = 8,       /**< A named rank failed first; handle spent. */
    KVSPAN_ERR_MISMATCH = 9,   /**< Ranks disagree on what must be equal. */
    KVSPAN_ERR_STALE = 10,     /**< A message is of another step than the one that is due. */
    KVSPAN_ERR_IO = 11,        /**< A file could not be read or written. */
    KVSPAN_ERR_CORRUPT = 12,   /**< Bytes are not what their sender or writer meant. */
    KVSPAN_ERR_CUDA = 13,      /**< The CUDA runtime failed. */
    KVSPAN_ERR_NCCL = 14,      /**< NCCL failed. */
    KVSPAN_ERR_TRANSPORT = 15, /**< The transport (MPI, or the caller's own) failed. */
    KVSPAN_ERR_NO_SLOTS = 16,  /**< End a sequence and retry; nothing changed. */
} kvspan_status;

/** Why a call failed. Owned by the caller; written only when the call fails. */
typedef struct kvspan_error {
    kvspan_status status; /**< the code the failed call returned */
    int32_t rank;         /**< the rank it is about (late, failed, disagreeing), -1 none */
    uint64_t epoch;       /**< the step it happened in, 0 none */
    int32_t native;       /**< cudaError_t, ncclResult_t or MPI code, 0 none */
    char message[236];    /**< one sentence, NUL-terminated, cut if longer */
} kvspan_error;

/**
 * Gives the name of a status code, such as "KVSPAN_ERR_LATE".
 *
 * @param status  any value
 * @return a static string, never NULL
 */
static inline const char *kvspan_status_name(kvspan_status status)
{
    switch (status) {
    case KVSPAN_OK: return "KVSPAN_OK";
    case KVSPAN_ERR_ARGUMENT: return "KVSPAN_ERR_ARGUMENT";
    case KVSPAN_ERR_UNSUPPORTED: return "KVSPAN_ERR_UNSUPPORTED";
    case KVSPAN_ERR_MEMORY: return "KVSPAN_ERR_MEMORY";
    case KVSPAN_ERR_NO_PAGES: return "KVSPAN_ERR_NO_PAGES";
    case KVSPAN_ERR_NEVER_FITS: return "KVSPAN_ERR_NEVER_FITS";
    case KVSPAN_ERR_TIMEOUT: return "KVSPAN_ERR_TIMEOUT";
    case KVSPAN_ERR_LATE: return "KVSPAN_ERR_LATE";
    case KVSPAN_ERR_PEER: return "KVSPAN_ERR_PEER";
    case KVSPAN_ERR_MISMATCH: return "KVSPAN_ERR_MISMATCH";
    case KVSPAN_ERR_STALE: return "KVSPAN_ERR_STALE";
    case KVSPAN_ERR_IO: return "KVSPAN_ERR_IO";
    case KVSPAN_ERR_CORRUPT: return "KVSPAN_ERR_CORRUPT";
    case KVSPAN_ERR_CUDA: return "KVSPAN_ERR_CUDA";
    case KVSPAN_ERR_NCCL: return "KVSPAN_ERR_NCCL";
    case KVSPAN_ERR_TRANSPORT: return "KVSPAN_ERR_TRANSPORT";
    case KVSPAN_ERR_NO_SLOTS: return "KVSPAN_ERR_NO_SLOTS";
    }
    return "KVSPAN_ERR_UNKNOWN";
}

/**
 * Records why a call fails.
 *
 * @param[out] error  may be NULL
 * @param status  the code
 * @param format  one printf-style sentence that names the argument and both values
 * @return @p status, so that a caller can return it at once
 */
__attribute__((format(printf, 3, 4))) static inline kvspan_status
kvspan_fail(kvspan_error *error, kvspan_status status, const char *format, ...)
{
    if (error) {
        va_list args;

        error->status = status;
        error->rank = -1;
        error->epoch = 0;
        error->native = 0;
        va_start(args, format);
        (void)vsnprintf(error->message, sizeof(error->message), format, args);
        va_end(args);
    }
    return status;
}

/**
 * Records why a call fails because of a rank.
 *
 * @param[out] error  may be NULL
 * @param status  the code
 * @param rank  the rank it is about, of the communicator the caller gave
 * @param epoch  the step it happened in, 0 outside any
 * @param format  one printf-style sentence that names the argument and both values
 * @return @p status
 */
__attribute__((format(printf, 5, 6))) static inline kvspan_status
kvspan_fail_rank(kvspan_error *error, kvspan_status status, uint32_t rank, uint64_t epoch,
                 const char *format, ...)
{
    if (error) {
        va_list args;

        error->status = status;
        error->rank = (int32_t)rank;
        error->epoch = epoch;
        error->native = 0;
        va_start(args, format);
        (void)vsnprintf(error->message, sizeof(error->message), format, args);
        va_end(args);
    }
    return status;
}

#ifdef __cplusplus
}
#endif

#endif
