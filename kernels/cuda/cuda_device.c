#include "kernels/cuda/cuda_device.h"

#include <kvspan/cuda.h>

#include <cuda_runtime_api.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/cuda/cuda_operations.h"

enum {
    TILE_TOKENS = 16, /* with 4 q heads to a kv head they fill 64 rows */
    LOWEST_MAJOR = 8, /* compute capability */
    SMALL_ALIGNMENT = 4096,
    LARGE_ALIGNMENT = 2097152,
    WAIT_SECONDS = 60,
    LONGEST_NAP_NS = 100000,
    MOST_BLOCKS = 2147483647
};

/* Device memory that does not begin where the runtime's does. */
typedef struct shifted_memory {
    void *data;
    void *base;
    struct shifted_memory *next;
} shifted_memory;

typedef struct cuda_device {
    kvspan_device base;
    int index;
    uint32_t multiprocessor_count;
    uint64_t domain;
    char isa[16];
    cudaStream_t stream; /* for what is done before a call returns */
    uint64_t *checksum_parts;
    shifted_memory *shifted;
} cuda_device;

static const cuda_device *cuda_of(const kvspan_device *device)
{
    return (const cuda_device *)device;
}

static cuda_device *own(kvspan_device *device)
{
    return (cuda_device *)device;
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* No driver, one that is too old or a stub, or no GPU. */
static int means_no_gpu(cudaError_t code)
{
    return code == cudaErrorStubLibrary || code == cudaErrorInsufficientDriver ||
           code == cudaErrorNoDevice || code == cudaErrorUnknown;
}

/* Names the call and the runtime's error, which is taken back so that the caller's next look at
 * cudaGetLastError() is about the caller's calls. */
static kvspan_status fail_call(kvspan_error *error, kvspan_status status, cudaError_t code,
                               const char *call)
{
    (void)kvspan_fail(error, status, "%s: %s (%s)", call, cudaGetErrorName(code),
                      cudaGetErrorString(code));
    if (error) {
        error->native = (int32_t)code;
    }
    (void)cudaGetLastError();
    return status;
}

static kvspan_status judge(cudaError_t code, const char *call, kvspan_error *error)
{
    if (code == cudaSuccess) {
        return KVSPAN_OK;
    }
    return fail_call(error, code == cudaErrorMemoryAllocation ? KVSPAN_ERR_MEMORY : KVSPAN_ERR_CUDA,
                     code, call);
}

/* Every call begins with it: other libraries change a thread's device too. */
static kvspan_status select_device(const cuda_device *cuda, kvspan_error *error)
{
    return judge(cudaSetDevice(cuda->index), "cudaSetDevice", error);
}

/* ---- what operations need -------------------------------------------------------------------- */

kvspan_status kvspan_cuda_launch_run(kvspan_device *device, const kvspan_cuda_launch *launch,
                                     const void *argument, kvspan_stream stream,
                                     kvspan_error *error)
{
    const dim3 threads = { launch->thread_count, 1, 1 };
    void *arguments[1];
    kvspan_status status;
    cudaError_t code;

    if (launch->block_count == 0) {
        return KVSPAN_OK;
    }
    if (!launch->kernel || launch->block_count > MOST_BLOCKS) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "there is no kernel %s for these types, or not of %" PRIu64 " blocks",
                           launch->name, launch->block_count);
    }
    status = select_device(own(device), error);
    if (status != KVSPAN_OK) {
        return status;
    }
    memcpy(arguments, &argument, sizeof(argument)); /* read only, though the type does not say so */
    code = cudaLaunchKernel(launch->kernel, (dim3){ (unsigned)launch->block_count, 1, 1 }, threads,
                            arguments, launch->shared_bytes, (cudaStream_t)stream);
    if (code != cudaSuccess) {
        char call[64];

        (void)snprintf(call, sizeof(call), "cudaLaunchKernel of %s", launch->name);
        return fail_call(error, KVSPAN_ERR_CUDA, code, call);
    }
    return KVSPAN_OK;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

kvspan_status kvspan_cuda_wait(kvspan_device *device, kvspan_stream stream, kvspan_error *error)
{
    const uint64_t deadline = now_ns() + (uint64_t)WAIT_SECONDS * 1000000000u;
    struct timespec nap = { .tv_nsec = 1000 };
    kvspan_status status = select_device(own(device), error);
    cudaError_t code;

    if (status != KVSPAN_OK) {
        return status;
    }
    for (;;) {
        code = cudaStreamQuery((cudaStream_t)stream);
        if (code != cudaErrorNotReady) {
            return judge(code, "cudaStreamQuery", error);
        }
        if (now_ns() > deadline) {
            status = fail_call(NULL, KVSPAN_ERR_CUDA, code, "cudaStreamQuery");
            (void)kvspan_fail(error, status, "a stream is not done after %d s", WAIT_SECONDS);
            if (error) {
                error->native = (int32_t)code;
            }
            return status;
        }
        (void)nanosleep(&nap, NULL);
        nap.tv_nsec = nap.tv_nsec < LONGEST_NAP_NS ? 2 * nap.tv_nsec : nap.tv_nsec;
    }
}

uint64_t *kvspan_cuda_checksum_parts(kvspan_device *device)
{
    return own(device)->checksum_parts;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static kvspan_status query_memory(kvspan_device *device, kvspan_device_memory *memory_out,
                                  kvspan_error *error)
{
    size_t free_bytes = 0;
    size_t total_bytes = 0;
    kvspan_status status = select_device(own(device), error);

    if (status == KVSPAN_OK) {
        status = judge(cudaMemGetInfo(&free_bytes, &total_bytes), "cudaMemGetInfo", error);
    }
    if (status != KVSPAN_OK) {
        return status;
    }
    *memory_out = (kvspan_device_memory){ .total_bytes = total_bytes,
                                          .used_bytes = total_bytes - free_bytes,
                                          .domain = own(device)->domain };
    return KVSPAN_OK;
}

static kvspan_status fail_memory(uint64_t bytes, const char *call, cudaError_t code,
                                 kvspan_error *error)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "%s of %" PRIu64 " bytes", call, bytes);
    return judge(code, text, error);
}

/* More than is asked for, from an aligned address on. */
static kvspan_status allocate_shifted(cuda_device *cuda, uint64_t bytes, uint64_t alignment,
                                      void **data_out, kvspan_error *error)
{
    shifted_memory *const memory = malloc(sizeof(*memory));
    cudaError_t code;

    if (!memory) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "cannot get %zu bytes for a list",
                           sizeof(*memory));
    }
    code = cudaMalloc(&memory->base, bytes + alignment);
    if (code != cudaSuccess) {
        free(memory);
        return fail_memory(bytes + alignment, "cudaMalloc", code, error);
    }
    memory->data =
        (unsigned char *)memory->base + (alignment - (uintptr_t)memory->base % alignment);
    memory->next = cuda->shifted;
    cuda->shifted = memory;
    *data_out = memory->data;
    return KVSPAN_OK;
}

/* What the runtime gives is nearly always aligned as we want it. */
static kvspan_status allocate_aligned(cuda_device *cuda, uint64_t bytes, void **data_out,
                                      kvspan_error *error)
{
    const uint64_t alignment = bytes >= LARGE_ALIGNMENT ? LARGE_ALIGNMENT : SMALL_ALIGNMENT;
    void *data = NULL;
    const cudaError_t code = cudaMalloc(&data, bytes);

    if (code != cudaSuccess) {
        return fail_memory(bytes, "cudaMalloc", code, error);
    }
    if ((uintptr_t)data % alignment == 0) {
        *data_out = data;
        return KVSPAN_OK;
    }
    (void)cudaFree(data);
    return allocate_shifted(cuda, bytes, alignment, data_out, error);
}

static void release(kvspan_device *device, void *data, uint64_t bytes)
{
    void *base = data;

    (void)bytes;
    if (!data || select_device(own(device), NULL) != KVSPAN_OK) {
        return;
    }
    for (shifted_memory **link = &own(device)->shifted; *link; link = &(*link)->next) {
        shifted_memory *const memory = *link;

        if (memory->data == data) {
            base = memory->base;
            *link = memory->next;
            free(memory);
            break;
        }
    }
    if (cudaFree(base) != cudaSuccess) {
        (void)cudaGetLastError();
    }
}

/* Zeroed on a stream of our own and waited for: whatever stream uses it first finds it so. */
static kvspan_status allocate(kvspan_device *device, uint64_t bytes, void **data_out,
                              kvspan_error *error)
{
    void *data = NULL;
    kvspan_status status = select_device(own(device), error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (bytes == 0) {
        *data_out = NULL;
        return KVSPAN_OK;
    }
    status = allocate_aligned(own(device), bytes, &data, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    status = judge(cudaMemsetAsync(data, 0, bytes, own(device)->stream), "cudaMemsetAsync", error);
    if (status == KVSPAN_OK) {
        status = kvspan_cuda_wait(device, own(device)->stream, error);
    }
    if (status != KVSPAN_OK) {
        release(device, data, bytes);
        return status;
    }
    *data_out = data;
    return KVSPAN_OK;
}

/* Pages of the host's, so that they are aligned; the runtime does not zero them. */
static kvspan_status allocate_pinned(kvspan_device *device, uint64_t bytes, void **data_out,
                                     kvspan_error *error)
{
    void *data = NULL;
    kvspan_status status = select_device(own(device), error);
    cudaError_t code;

    if (status != KVSPAN_OK) {
        return status;
    }
    if (bytes == 0) {
        *data_out = NULL;
        return KVSPAN_OK;
    }
    code = cudaHostAlloc(&data, bytes, cudaHostAllocMapped | cudaHostAllocPortable);
    if (code != cudaSuccess) {
        return fail_memory(bytes, "cudaHostAlloc", code, error);
    }
    memset(data, 0, bytes);
    *data_out = data;
    return KVSPAN_OK;
}

static void release_pinned(kvspan_device *device, void *data, uint64_t bytes)
{
    (void)bytes;
    if (data && select_device(own(device), NULL) == KVSPAN_OK &&
        cudaFreeHost(data) != cudaSuccess) {
        (void)cudaGetLastError();
    }
}

static kvspan_status copy(kvspan_device *device, void *target, const void *source, uint64_t bytes,
                          kvspan_stream stream, kvspan_error *error)
{
    const kvspan_status status = select_device(own(device), error);

    if (status != KVSPAN_OK || bytes == 0) {
        return status;
    }
    return judge(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDefault, (cudaStream_t)stream),
                 "cudaMemcpyAsync", error);
}

/* The runtime's own copy of rows takes strides that are no smaller than a row. */
static kvspan_status copy_rows(kvspan_device *device, const kvspan_copy_rows *rows,
                               kvspan_stream stream, kvspan_error *error)
{
    const int64_t row_bytes = (int64_t)rows->row_bytes;
    kvspan_status status = select_device(own(device), error);

    if (status != KVSPAN_OK || row_bytes == 0 || rows->row_count == 0) {
        return status;
    }
    if (rows->target_stride >= row_bytes && rows->source_stride >= row_bytes) {
        return judge(cudaMemcpy2DAsync(rows->target, (size_t)rows->target_stride, rows->source,
                                       (size_t)rows->source_stride, rows->row_bytes,
                                       rows->row_count, cudaMemcpyDefault, (cudaStream_t)stream),
                     "cudaMemcpy2DAsync", error);
    }
    for (uint64_t i = 0; status == KVSPAN_OK && i < rows->row_count; i++) {
        status = copy(device, (unsigned char *)rows->target + (int64_t)i * rows->target_stride,
                      (const unsigned char *)rows->source + (int64_t)i * rows->source_stride,
                      rows->row_bytes, stream, error);
    }
    return status;
}

/* ---- streams and events ---------------------------------------------------------------------- */

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
    return judge(code, call, error);
}

static kvspan_status query(kvspan_device *device, kvspan_stream stream, int *done_out,
                           kvspan_error *error)
{
    const kvspan_status status = select_device(own(device), error);

    if (status != KVSPAN_OK) {
        return status;
    }
    return judge_query(cudaStreamQuery((cudaStream_t)stream), "cudaStreamQuery", done_out, error);
}

static kvspan_status create_stream(kvspan_device *device, kvspan_stream *stream_out,
                                   kvspan_error *error)
{
    cudaStream_t stream = NULL;
    kvspan_status status = select_device(own(device), error);

    if (status == KVSPAN_OK) {
        status = judge(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking),
                       "cudaStreamCreateWithFlags", error);
    }
    if (status == KVSPAN_OK) {
        *stream_out = stream;
    }
    return status;
}

static void destroy_stream(kvspan_device *device, kvspan_stream stream)
{
    if (stream && select_device(own(device), NULL) == KVSPAN_OK &&
        cudaStreamDestroy((cudaStream_t)stream) != cudaSuccess) {
        (void)cudaGetLastError();
    }
}

static kvspan_status create_event(kvspan_device *device, kvspan_event **event_out,
                                  kvspan_error *error)
{
    cudaEvent_t event = NULL;
    kvspan_status status = select_device(own(device), error);

    if (status == KVSPAN_OK) {
        status = judge(cudaEventCreateWithFlags(&event, cudaEventDisableTiming),
                       "cudaEventCreateWithFlags", error);
    }
    if (status == KVSPAN_OK) {
        *event_out = (kvspan_event *)event;
    }
    return status;
}

static void destroy_event(kvspan_device *device, kvspan_event *event)
{
    if (event && select_device(own(device), NULL) == KVSPAN_OK &&
        cudaEventDestroy((cudaEvent_t)event) != cudaSuccess) {
        (void)cudaGetLastError();
    }
}

static kvspan_status record_event(kvspan_device *device, kvspan_event *event, kvspan_stream stream,
                                  kvspan_error *error)
{
    const kvspan_status status = select_device(own(device), error);

    if (status != KVSPAN_OK) {
        return status;
    }
    return judge(cudaEventRecord((cudaEvent_t)event, (cudaStream_t)stream), "cudaEventRecord",
                 error);
}

static kvspan_status await_event(kvspan_device *device, kvspan_stream stream, kvspan_event *event,
                                 kvspan_error *error)
{
    const kvspan_status status = select_device(own(device), error);

    if (status != KVSPAN_OK) {
        return status;
    }
    return judge(cudaStreamWaitEvent((cudaStream_t)stream, (cudaEvent_t)event, 0),
                 "cudaStreamWaitEvent", error);
}

static kvspan_status query_event(kvspan_device *device, kvspan_event *event, int *done_out,
                                 kvspan_error *error)
{
    const kvspan_status status = select_device(own(device), error);

    if (status != KVSPAN_OK) {
        return status;
    }
    return judge_query(cudaEventQuery((cudaEvent_t)event), "cudaEventQuery", done_out, error);
}

/* ---- open and close -------------------------------------------------------------------------- */

static kvspan_device_description describe(const kvspan_device *device)
{
    const cuda_device *const cuda = cuda_of(device);

    return (kvspan_device_description){ .name = "cuda",
                                        .isa = cuda->isa,
                                        .thread_count = cuda->multiprocessor_count };
}

static void close_device(kvspan_device *device)
{
    cuda_device *const cuda = own(device);

    destroy_stream(device, cuda->stream);
    release_pinned(device, cuda->checksum_parts, 0);
    free(cuda);
}

static const kvspan_device_ops cuda_ops = {
    .name = "cuda",
    .describe = describe,
    .memory = query_memory,
    .allocate = allocate,
    .release = release,
    .allocate_pinned = allocate_pinned,
    .release_pinned = release_pinned,
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

static kvspan_status check_index(uint32_t index, kvspan_error *error)
{
    int count = 0; /* stays as it is where there is no driver */
    const cudaError_t code = cudaGetDeviceCount(&count);

    if (means_no_gpu(code)) {
        return fail_call(error, KVSPAN_ERR_UNSUPPORTED, code,
                         "device \"cuda\" needs a GPU and its driver: cudaGetDeviceCount");
    }
    if (code != cudaSuccess) {
        return judge(code, "cudaGetDeviceCount", error);
    }
    if (count <= 0) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED, "device \"cuda\" needs a GPU, found %d",
                           count);
    }
    if (index >= (uint32_t)count) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "device \"cuda\" has indices below %d, not %u", count, index);
    }
    return KVSPAN_OK;
}

static kvspan_status read_capability(cuda_device *cuda, kvspan_error *error)
{
    int major = 0;
    int minor = 0;
    int multiprocessors = 0;
    kvspan_status status =
        judge(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, cuda->index),
              "cudaDeviceGetAttribute", error);

    if (status == KVSPAN_OK) {
        status =
            judge(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, cuda->index),
                  "cudaDeviceGetAttribute", error);
    }
    if (status == KVSPAN_OK) {
        status = judge(
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

/* Of the machine's boot and the GPU's place in it: FNV-1a of both. */
static kvspan_status read_domain(cuda_device *cuda, kvspan_error *error)
{
    char text[128] = "";
    FILE *const file = fopen("/proc/sys/kernel/random/boot_id", "r");
    size_t length = 0;
    kvspan_status status;

    if (file) {
        length = fread(text, 1, 64, file);
        (void)fclose(file);
    }
    status = judge(cudaDeviceGetPCIBusId(text + length, (int)(sizeof(text) - length), cuda->index),
                   "cudaDeviceGetPCIBusId", error);
    cuda->domain = 14695981039346656037u;
    for (const char *byte = text; *byte; byte++) {
        cuda->domain = (cuda->domain ^ (unsigned char)*byte) * 1099511628211u;
    }
    return status;
}

/* What needs the GPU itself, whose context the first of these calls makes. */
static kvspan_status take_resources(cuda_device *cuda, kvspan_error *error)
{
    kvspan_stream stream = NULL;
    void *parts = NULL;
    kvspan_status status = create_stream(&cuda->base, &stream, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    status =
        allocate_pinned(&cuda->base, KVSPAN_CUDA_CHECKSUM_PARTS * sizeof(uint64_t), &parts, error);
    if (status != KVSPAN_OK) {
        destroy_stream(&cuda->base, stream);
        return status;
    }
    cuda->stream = (cudaStream_t)stream;
    cuda->checksum_parts = parts;
    return KVSPAN_OK;
}

kvspan_status kvspan_device_open_cuda(uint32_t index, kvspan_device **device_out,
                                      kvspan_error *error)
{
    cuda_device *cuda;
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
    *cuda = (cuda_device){
        .base = { .ops = &cuda_ops, .kernels = &kvspan_kernels_cuda, .tile_tokens = TILE_TOKENS },
        .index = (int)index
    };
    status = read_capability(cuda, error);
    if (status == KVSPAN_OK) {
        status = read_domain(cuda, error);
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
