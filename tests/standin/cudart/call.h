/** @file
 * What every call of the runtime does first and last: it is counted, fails if told to, and says
 * the error that the device has taken; the state is locked in between.
 *
 *     cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);
 *
 *     if (error == cudaSuccess) {
 *         error = …;
 *     }
 *     return call_end(error);
 */
#ifndef KVSPAN_STANDIN_CUDART_CALL_H
#define KVSPAN_STANDIN_CUDART_CALL_H

#include <cuda_runtime_api.h>

#include <stdbool.h>
#include <stdint.h>

typedef enum call_kind {
    CALL_USES_DRIVER = 0,
    CALL_USES_DEVICE = 1, /* says the device's sticky error */
    CALL_IS_UNSAFE = 2,   /* ends captures that it could upset */
    CALL_ALLOCATES = 4,   /* fails with cudaErrorMemoryAllocation when told to */
    CALL_GIVES_BACK = 8   /* does so even if it says an error: nobody could try again */
} call_kind;

/* name NULL: neither counted nor told to fail. */
cudaError_t call_begin(const char *name, unsigned kinds);
cudaError_t call_end(cudaError_t error);

/* cudaGetLastError() without counting. */
cudaError_t call_last_error(bool is_cleared);

void call_report_counts(void);

#endif
