#include "standin/cudart/call.h"
#include "standin/cudart/error_names.h"

/* Those that programs print most; for others the name has to do. */
static const error_name texts[] = {
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
    { -1, NULL },
};

static const char *name_find(const error_name *table, int number)
{
    while (table->name != NULL && table->number != number) {
        table++;
    }
    return table->name;
}

const char *cudaGetErrorName(cudaError_t error)
{
    const char *name = name_find(error_names, (int)error);

    return name == NULL ? "unrecognized error code" : name;
}

const char *cudaGetErrorString(cudaError_t error)
{
    const char *text = name_find(texts, (int)error);

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
