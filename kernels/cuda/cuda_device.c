#include "kernels/cuda/cuda_device.h"

#include <kvspan/cuda.h>

#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/attend_plan.h"
#include "kernels/cuda/cuda_call.h"
#include "kernels/cuda/cuda_memory.h"
#include "kernels/cuda/cuda_operations.h"

enum {
    TILE_TOKENS = KVSPAN_PREFILL_ROWS, /* a unit, with one query head to a kv head */
    LOWEST_MAJOR = 8                   /* compute capability */
};

static kvspan_status copy(kvspan_device *device, void *target, const void *source, uint64_t bytes,
                          kvspan_stream stream, kvspan_error *error)
{
    const kvspan_status status = kvspan_cuda_select(device, error);

    if (status != KVSPAN_OK || bytes == 0) {
        return status;
    }
    return kvspan_cuda_judge(
        cudaMemcpyAsync(target, source, bytes, cudaMemcpyDefault, (cudaStream_t)stream),
        "cudaMemcpyAsync", error);
}

/* The runtime's own copy of rows takes strides that are no smaller than a row. */
static kvspan_status copy_rows(kvspan_device *device, const kvspan_copy_rows *rows,
                               kvspan_stream stream, kvspan_error *error)
{
    const int64_t row_bytes = (int64_t)rows->row_bytes;
    kvspan_status status = kvspan_cuda_select(device, error);

    if (status != KVSPAN_OK || row_bytes == 0 || rows->row_count == 0) {
        return status;
    }
    if (rows->target_stride >= row_bytes && rows->source_stride >= row_bytes) {
        return kvspan_cuda_judge(cudaMemcpy2DAsync(rows->target, (size_t)rows->target_stride,
                                                   rows->source, (size_t)rows->source_stride,
                                                   rows->row_bytes, rows->row_count,
                                                   cudaMemcpyDefault, (cudaStream_t)stream),
                                 "cudaMemcpy2DAsync", error);
    }
    for (uint64_t i = 0; status == KVSPAN_OK && i < rows->row_count; i++) {
        status = copy(device, (unsigned char *)rows->target + (int64_t)i * rows->target_stride,
                      (const unsigned char *)rows->source + (int64_t)i * rows->source_stride,
                      rows->row_bytes, stream, error);
    }
    return status;
}

/* Not ready is an answer, not an error. */
static kvspan_status judge_query(cudaError_t code, const char *call, int *done_out,
                                 kvspan_error *error)
{
    if (code == cudaErrorNotReady) {
        (void)cudaGetLastError();
        *done_out = 0;
        return KVSPAN_OK;
    }
    if (code == cudaSuccess) {
        *done_out = 1;
    }
    return kvspan_cuda_judge(code, call, error);
}

static kvspan_status query(kvspan_device *device, kvspan_stream stream, int *done_out,
                           kvspan_error *error)
{
    const kvspan_status status = kvspan_cuda_select(device, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    return judge_query(cudaStreamQuery((cudaStream_t)stream), "cudaStreamQuery", done_out, error);
}

static kvspan_status create_stream(kvspan_device *device, kvspan_stream *stream_out,
                                   kvspan_error *error)
{
    cudaStream_t stream = NULL;
    kvspan_status status = kvspan_cuda_select(device, error);

    if (status == KVSPAN_OK) {
        status = kvspan_cuda_judge(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking),
                                   "cudaStreamCreateWithFlags", error);
    }
    if (status == KVSPAN_OK) {
        *stream_out = stream;
    }
    return status;
}

static void destroy_stream(kvspan_device *device, kvspan_stream stream)
{
    if (stream) {
        (void)kvspan_cuda_select(device, NULL);
        kvspan_cuda_forget(cudaStreamDestroy((cudaStream_t)stream));
    }
}

static kvspan_status create_event(kvspan_device *device, kvspan_event **event_out,
                                  kvspan_error *error)
{
    cudaEvent_t event = NULL;
    kvspan_status status = kvspan_cuda_select(device, error);

    if (status == KVSPAN_OK) {
        status = kvspan_cuda_judge(cudaEventCreateWithFlags(&event, cudaEventDisableTiming),
                                   "cudaEventCreateWithFlags", error);
    }
    if (status == KVSPAN_OK) {
        *event_out = (kvspan_event *)event;
    }
    return status;
}

static void destroy_event(kvspan_device *device, kvspan_event *event)
{
    if (event) {
        (void)kvspan_cuda_select(device, NULL);
        kvspan_cuda_forget(cudaEventDestroy((cudaEvent_t)event));
    }
}

static kvspan_status record_event(kvspan_device *device, kvspan_event *event, kvspan_stream stream,
                                  kvspan_error *error)
{
    const kvspan_status status = kvspan_cuda_select(device, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    return kvspan_cuda_judge(cudaEventRecord((cudaEvent_t)event, (cudaStream_t)stream),
                             "cudaEventRecord", error);
}

static kvspan_status await_event(kvspan_device *device, kvspan_stream stream, kvspan_event *event,
                                 kvspan_error *error)
{
    const kvspan_status status = kvspan_cuda_select(device, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    return kvspan_cuda_judge(cudaStreamWaitEvent((cudaStream_t)stream, (cudaEvent_t)event, 0),
                             "cudaStreamWaitEvent", error);
}

static kvspan_status query_event(kvspan_device *device, kvspan_event *event, int *done_out,
                                 kvspan_error *error)
{
    const kvspan_status status = kvspan_cuda_select(device, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    return judge_query(cudaEventQuery((cudaEvent_t)event), "cudaEventQuery", done_out, error);
}

static kvspan_status is_capturing(kvspan_device *device, kvspan_stream stream, int *capturing_out,
                                  kvspan_error *error)
{
    enum cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
    kvspan_status status = kvspan_cuda_select(device, error);

    if (status == KVSPAN_OK) {
        status = kvspan_cuda_judge(cudaStreamIsCapturing((cudaStream_t)stream, &capture),
                                   "cudaStreamIsCapturing", error);
    }
    if (status == KVSPAN_OK) {
        *capturing_out = capture != cudaStreamCaptureStatusNone;
    }
    return status;
}

/* No driver, one that is too old or a stub, or no GPU. */
static int means_no_gpu(cudaError_t code)
{
    return code == cudaErrorStubLibrary || code == cudaErrorInsufficientDriver ||
           code == cudaErrorNoDevice || code == cudaErrorUnknown;
}

static kvspan_device_description describe(const kvspan_device *device)
{
    const kvspan_cuda_device *const cuda = (const kvspan_cuda_device *)device;

    return (kvspan_device_description){ .name = "cuda",
                                        .isa = cuda->isa,
                                        .thread_count = cuda->multiprocessor_count,
                                        .index = (uint32_t)cuda->index,
                                        .model = cuda->model };
}

static void close_device(kvspan_device *device)
{
    kvspan_cuda_device *const cuda = kvspan_cuda_device_of(device);

    destroy_stream(device, cuda->stream);
    kvspan_cuda_memory_release_pinned(device, cuda->checksum_parts, 0);
    free(cuda);
}

static const kvspan_device_ops cuda_ops = {
    .name = "cuda",
    .describe = describe,
    .memory = kvspan_cuda_memory_query,
    .allocate = kvspan_cuda_memory_allocate,
    .release = kvspan_cuda_memory_release,
    .allocate_pinned = kvspan_cuda_memory_allocate_pinned,
    .release_pinned = kvspan_cuda_memory_release_pinned,
    .copy = copy,
    .copy_rows = copy_rows,
    .query = query,
    .create_stream = create_stream,
    .destroy_stream = destroy_stream,
    .create_event = create_event,
    .destroy_event = destroy_event,
    .record_event = record_event,
    .await_event = await_event,
    .query_event = query_event,
    .is_capturing = is_capturing,
    .close = close_device,
};

/* Structs of libkvspan's are used here, which callers cannot see and versions may change. */
static kvspan_status check_version(kvspan_error *error)
{
    if (strcmp(kvspan_version(), KVSPAN_VERSION_TEXT) != 0) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "libkvspan_cuda is of version %s, libkvspan of %s", KVSPAN_VERSION_TEXT,
                           kvspan_version());
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_cuda_count(uint32_t *count_out, kvspan_error *error)
{
    int count = 0; /* stays as it is where there is no driver */
    const cudaError_t code = cudaGetDeviceCount(&count);

    if (!count_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "count_out is NULL");
    }
    if (means_no_gpu(code)) {
        return kvspan_cuda_fail(error, KVSPAN_ERR_UNSUPPORTED, code,
                                "device \"cuda\" needs a GPU and its driver: cudaGetDeviceCount");
    }
    if (code != cudaSuccess) {
        return kvspan_cuda_judge(code, "cudaGetDeviceCount", error);
    }
    if (count <= 0) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED, "device \"cuda\" needs a GPU, found %d",
                           count);
    }
    *count_out = (uint32_t)count;
    return KVSPAN_OK;
}

static kvspan_status check_index(uint32_t index, kvspan_error *error)
{
    uint32_t count = 0;
    const kvspan_status status = kvspan_cuda_count(&count, error);

    if (status == KVSPAN_OK && index >= count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "device \"cuda\" has indices below %u, not %u", count, index);
    }
    return status;
}

static kvspan_status read_capability(kvspan_cuda_device *cuda, kvspan_error *error)
{
    int major = 0;
    int minor = 0;
    int multiprocessors = 0;
    kvspan_status status = kvspan_cuda_judge(
        cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, cuda->index),
        "cudaDeviceGetAttribute", error);

    if (status == KVSPAN_OK) {
        status = kvspan_cuda_judge(
            cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, cuda->index),
            "cudaDeviceGetAttribute", error);
    }
    if (status == KVSPAN_OK) {
        status = kvspan_cuda_judge(
            cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, cuda->index),
            "cudaDeviceGetAttribute", error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    if (major < LOWEST_MAJOR) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "device \"cuda\" needs compute capability %d.0, GPU %d has %d.%d",
                           LOWEST_MAJOR, cuda->index, major, minor);
    }
    (void)snprintf(cuda->isa, sizeof(cuda->isa), "sm_%d%d", major, minor);
    cuda->multiprocessor_count = (uint32_t)multiprocessors;
    return KVSPAN_OK;
}

static kvspan_status read_model(kvspan_cuda_device *cuda, kvspan_error *error)
{
    struct cudaDeviceProp properties = { 0 };
    const kvspan_status status = kvspan_cuda_judge(
        cudaGetDeviceProperties(&properties, cuda->index), "cudaGetDeviceProperties", error);

    if (status == KVSPAN_OK) {
        (void)snprintf(cuda->model, sizeof(cuda->model), "%.*s", (int)sizeof(cuda->model) - 1,
                       properties.name);
    }
    return status;
}

/* Of the machine's boot and the GPU's place in it: FNV-1a of both. */
static kvspan_status read_domain(kvspan_cuda_device *cuda, kvspan_error *error)
{
    char text[128] = "";
    FILE *const file = fopen("/proc/sys/kernel/random/boot_id", "r");
    size_t length = 0;
    kvspan_status status;

    if (file) {
        length = fread(text, 1, 64, file);
        (void)fclose(file);
    }
    status = kvspan_cuda_judge(
        cudaDeviceGetPCIBusId(text + length, (int)(sizeof(text) - length), cuda->index),
        "cudaDeviceGetPCIBusId", error);
    cuda->domain = 14695981039346656037u;
    for (const char *byte = text; *byte; byte++) {
        cuda->domain = (cuda->domain ^ (unsigned char)*byte) * 1099511628211u;
    }
    return status;
}

/* What needs the GPU itself, whose context the first of these calls makes. */
static kvspan_status take_resources(kvspan_cuda_device *cuda, kvspan_error *error)
{
    kvspan_stream stream = NULL;
    void *parts = NULL;
    kvspan_status status = create_stream(&cuda->base, &stream, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    status = kvspan_cuda_memory_allocate_pinned(
        &cuda->base, KVSPAN_CUDA_CHECKSUM_PARTS * sizeof(uint64_t), &parts, error);
    if (status != KVSPAN_OK) {
        destroy_stream(&cuda->base, stream);
        return status;
    }
    cuda->stream = stream;
    cuda->checksum_parts = parts;
    return KVSPAN_OK;
}

kvspan_status kvspan_device_open_cuda(uint32_t index, kvspan_device **device_out,
                                      kvspan_error *error)
{
    kvspan_cuda_device *cuda;
    kvspan_status status;

    if (!device_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "device_out is NULL");
    }
    status = check_version(error);
    if (status == KVSPAN_OK) {
        status = check_index(index, error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    cuda = malloc(sizeof(*cuda));
    if (!cuda) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "cannot get %zu bytes for a device",
                           sizeof(*cuda));
    }
    *cuda = (kvspan_cuda_device){
        .base = { .ops = &cuda_ops, .kernels = &kvspan_kernels_cuda, .tile_tokens = TILE_TOKENS },
        .index = (int)index
    };
    status = read_capability(cuda, error);
    if (status == KVSPAN_OK) {
        status = read_domain(cuda, error);
    }
    if (status == KVSPAN_OK) {
        status = read_model(cuda, error);
    }
    if (status == KVSPAN_OK) {
        status = take_resources(cuda, error);
    }
    if (status != KVSPAN_OK) {
        free(cuda);
        return status;
    }
    *device_out = &cuda->base;
    return KVSPAN_OK;
}
