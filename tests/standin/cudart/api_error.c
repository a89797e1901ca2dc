#include <stdint.h>

#include "standin/cudart/call.h"

typedef struct error_text {
    int number;
    const char *text;
} error_text;

static const error_text names[] = {
#include "error_names.inc"
};

/* Those that programs print most; for others the name has to do. */
static const error_text texts[] = {
    { cudaSuccess, "no error" },
    { cudaErrorInvalidValue, "invalid argument" },
    { cudaErrorMemoryAllocation, "out of memory" },
    { cudaErrorInvalidConfiguration, "invalid configuration argument" },
    { cudaErrorInsufficientDriver, "CUDA driver version is insufficient for CUDA runtime version" },
    { cudaErrorNoDevice, "no CUDA-capable device is detected" },
    { cudaErrorInvalidDevice, "invalid device ordinal" },
    { cudaErrorNoKernelImageForDevice, "no kernel image is available for execution on the device" },
    { cudaErrorInvalidResourceHandle, "invalid resource handle" },
    { cudaErrorNotReady, "device not ready" },
    { cudaErrorIllegalAddress, "an illegal memory access was encountered" },
    { cudaErrorLaunchFailure, "unspecified launch failure" },
    { cudaErrorNotSupported, "operation not supported" },
    { cudaErrorUnknown, "unknown error" },
};

static const char *text_find(const error_text *table, size_t count, int number)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].number == number) {
            return table[i].text;
        }
    }
    return NULL;
}

const char *cudaGetErrorName(cudaError_t error)
{
    const char *name = text_find(names, sizeof(names) / sizeof(names[0]), (int)error);

    return name == NULL ? "unrecognized error code" : name;
}

const char *cudaGetErrorString(cudaError_t error)
{
    const char *text = text_find(texts, sizeof(texts) / sizeof(texts[0]), (int)error);

    return text == NULL ? cudaGetErrorName(error) : text;
}

cudaError_t cudaGetLastError(void)
{
    return call_last_error(true);
}

cudaError_t cudaPeekAtLastError(void)
{
    return call_last_error(false);
}
