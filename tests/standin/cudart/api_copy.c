#include "standin/cudart/call.h"
#include "standin/cudart/copy.h"
#include "standin/cudart/settings.h"

static copy_shape line_shape(void *target, const void *source, size_t bytes)
{
    return (copy_shape){ target, bytes, source, bytes, bytes, 1 };
}

cudaError_t cudaMemcpy(void *target, const void *source, size_t bytes, enum cudaMemcpyKind kind)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_IS_UNSAFE);
    const copy_shape shape = line_shape(target, source, bytes);

    if (error == cudaSuccess) {
        error = copy_now(&shape, kind);
    }
    return call_end(error);
}

cudaError_t cudaMemcpyAsync(void *target, const void *source, size_t bytes,
                            enum cudaMemcpyKind kind, cudaStream_t stream)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);
    const copy_shape shape = line_shape(target, source, bytes);

    if (error == cudaSuccess) {
        error = copy_on_stream(&shape, kind, stream);
    }
    return call_end(error);
}

cudaError_t cudaMemcpy2D(void *target, size_t target_pitch, const void *source, size_t source_pitch,
                         size_t width, size_t height, enum cudaMemcpyKind kind)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_IS_UNSAFE);
    const copy_shape shape = { target, target_pitch, source, source_pitch, width, height };

    if (error == cudaSuccess) {
        error = copy_now(&shape, kind);
    }
    return call_end(error);
}

cudaError_t cudaMemcpy2DAsync(void *target, size_t target_pitch, const void *source,
                              size_t source_pitch, size_t width, size_t height,
                              enum cudaMemcpyKind kind, cudaStream_t stream)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);
    const copy_shape shape = { target, target_pitch, source, source_pitch, width, height };

    if (error == cudaSuccess) {
        error = copy_on_stream(&shape, kind, stream);
    }
    return call_end(error);
}

static int is_device(int device)
{
    return device >= 0 && (uint32_t)device < settings_get()->device_count;
}

cudaError_t cudaMemcpyPeer(void *target, int target_device, const void *source, int source_device,
                           size_t bytes)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_IS_UNSAFE);
    const copy_shape shape = line_shape(target, source, bytes);

    if (error == cudaSuccess && (!is_device(target_device) || !is_device(source_device))) {
        error = cudaErrorInvalidDevice;
    }
    if (error == cudaSuccess) {
        error = copy_now(&shape, cudaMemcpyDeviceToDevice);
    }
    return call_end(error);
}

cudaError_t cudaMemcpyPeerAsync(void *target, int target_device, const void *source,
                                int source_device, size_t bytes, cudaStream_t stream)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);
    const copy_shape shape = line_shape(target, source, bytes);

    if (error == cudaSuccess && (!is_device(target_device) || !is_device(source_device))) {
        error = cudaErrorInvalidDevice;
    }
    if (error == cudaSuccess) {
        error = copy_on_stream(&shape, cudaMemcpyDeviceToDevice, stream);
    }
    return call_end(error);
}

cudaError_t cudaMemset(void *target, int value, size_t bytes)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_IS_UNSAFE);
    const copy_shape shape = line_shape(target, NULL, bytes);

    if (error == cudaSuccess) {
        error = copy_fill(&shape, value, NULL);
    }
    return call_end(error);
}

cudaError_t cudaMemsetAsync(void *target, int value, size_t bytes, cudaStream_t stream)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);
    const copy_shape shape = line_shape(target, NULL, bytes);

    if (error == cudaSuccess) {
        error = copy_fill(&shape, value, stream);
    }
    return call_end(error);
}

cudaError_t cudaMemset2D(void *target, size_t pitch, int value, size_t width, size_t height)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_IS_UNSAFE);
    const copy_shape shape = { target, pitch, NULL, 0, width, height };

    if (error == cudaSuccess) {
        error = copy_fill(&shape, value, NULL);
    }
    return call_end(error);
}

cudaError_t cudaMemset2DAsync(void *target, size_t pitch, int value, size_t width, size_t height,
                              cudaStream_t stream)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);
    const copy_shape shape = { target, pitch, NULL, 0, width, height };

    if (error == cudaSuccess) {
        error = copy_fill(&shape, value, stream);
    }
    return call_end(error);
}
