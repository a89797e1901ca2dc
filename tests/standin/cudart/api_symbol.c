/* Variables of the program's modules. */
#include "standin/cudart/call.h"
#include "standin/cudart/copy.h"
#include "standin/cudart/fat_binary.h"
#include "standin/cudart/stream.h"

static cudaError_t symbol_find(const void *symbol, char **address_out, size_t *bytes_out)
{
    void *address;
    const cudaError_t error =
        fat_binary_load_variable(symbol, device_current()->index, &address, bytes_out);

    if (error == cudaSuccess) {
        *address_out = address;
    }
    return error;
}

/* The part of a variable that a copy is about. */
static cudaError_t symbol_part(const void *symbol, size_t bytes, size_t offset, char **address_out)
{
    size_t whole;
    cudaError_t error = symbol_find(symbol, address_out, &whole);

    if (error == cudaSuccess && (offset > whole || bytes > whole - offset)) {
        error = cudaErrorInvalidValue;
    }
    if (error == cudaSuccess) {
        *address_out += offset;
    }
    return error;
}

cudaError_t cudaGetSymbolAddress(void **address_out, const void *symbol)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);
    size_t bytes;

    if (error == cudaSuccess) {
        char *address;

        error = symbol_find(symbol, &address, &bytes);
        if (error == cudaSuccess) {
            *address_out = address;
        }
    }
    return call_end(error);
}

cudaError_t cudaGetSymbolSize(size_t *bytes_out, const void *symbol)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);
    char *address;

    if (error == cudaSuccess) {
        error = symbol_find(symbol, &address, bytes_out);
    }
    return call_end(error);
}

cudaError_t cudaMemcpyToSymbol(const void *symbol, const void *source, size_t bytes, size_t offset,
                               enum cudaMemcpyKind kind)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_IS_UNSAFE);
    char *address = NULL;

    if (error == cudaSuccess) {
        error = symbol_part(symbol, bytes, offset, &address);
    }
    if (error == cudaSuccess) {
        error = copy_now(&(copy_shape){ address, bytes, source, bytes, bytes, 1 }, kind);
    }
    return call_end(error);
}

cudaError_t cudaMemcpyToSymbolAsync(const void *symbol, const void *source, size_t bytes,
                                    size_t offset, enum cudaMemcpyKind kind, cudaStream_t stream)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);
    char *address = NULL;

    if (error == cudaSuccess) {
        error = symbol_part(symbol, bytes, offset, &address);
    }
    if (error == cudaSuccess) {
        error =
            copy_on_stream(&(copy_shape){ address, bytes, source, bytes, bytes, 1 }, kind, stream);
    }
    return call_end(error);
}

cudaError_t cudaMemcpyFromSymbol(void *target, const void *symbol, size_t bytes, size_t offset,
                                 enum cudaMemcpyKind kind)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE | CALL_IS_UNSAFE);
    char *address = NULL;

    if (error == cudaSuccess) {
        error = symbol_part(symbol, bytes, offset, &address);
    }
    if (error == cudaSuccess) {
        error = copy_now(&(copy_shape){ target, bytes, address, bytes, bytes, 1 }, kind);
    }
    return call_end(error);
}

cudaError_t cudaMemcpyFromSymbolAsync(void *target, const void *symbol, size_t bytes, size_t offset,
                                      enum cudaMemcpyKind kind, cudaStream_t stream)
{
    cudaError_t error = call_begin(__func__, CALL_USES_DEVICE);
    char *address = NULL;

    if (error == cudaSuccess) {
        error = symbol_part(symbol, bytes, offset, &address);
    }
    if (error == cudaSuccess) {
        error =
            copy_on_stream(&(copy_shape){ target, bytes, address, bytes, bytes, 1 }, kind, stream);
    }
    return call_end(error);
}
