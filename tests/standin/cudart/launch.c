#include "standin/cudart/launch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "standin/cudart/capture.h"
#include "standin/cudart/complain.h"
#include "standin/cudart/device_model.h"
#include "standin/cudart/launch_observer.h"
#include "standin/cudart/memory.h"
#include "standin/cudart/record.h"
#include "standin/cudart/state.h"
#include "standin/cudart/zeroed.h"

enum {
    ACCESS_RANGES = 4
};

typedef struct launch {
    ptx_launch what;
    const void **parameters;
    char *bytes; /* which the parameters point into */
    size_t byte_count;
} launch;

/* The allocations that were accessed last: nearly every access is within one of them. */
typedef struct access {
    uint32_t device;
    uint32_t oldest;
    uint64_t begins[ACCESS_RANGES];
    uint64_t ends[ACCESS_RANGES];
    bool is_refused;
} access;

static launch_observer observer;
static ptx_schedule schedule;
static pthread_once_t schedule_once = PTHREAD_ONCE_INIT;

void launch_observe(const launch_observer *fresh)
{
    static const launch_observer nobody = { 0 };

    observer = fresh == NULL ? nobody : *fresh;
}

static void schedule_read(void)
{
    char why[PTX_TEXT_BYTES];

    if (!ptx_schedule_from_environment(&schedule, why)) {
        complain_and_abort("%s", why);
    }
}

static bool access_refuse(access *refused, uint64_t address, bool is_elsewhere,
                          char text_out[PTX_TEXT_BYTES])
{
    char text[MEMORY_TEXT_BYTES];

    refused->is_refused = true;
    memory_describe(address, text);
    (void)snprintf(text_out, PTX_TEXT_BYTES, "%s%s", text,
                   is_elsewhere ? ", which is another device" : "");
    return false;
}

static bool may_access(void *context, uint64_t address, uint32_t bytes, bool is_write,
                       char text_out[PTX_TEXT_BYTES])
{
    access *last = context;
    memory_range range;

    (void)is_write;
    for (uint32_t i = 0; i < ACCESS_RANGES; i++) {
        if (address >= last->begins[i] && address < last->ends[i] &&
            bytes <= last->ends[i] - address) {
            return true;
        }
    }
    range = memory_find(address, bytes);
    if (range.place == MEMORY_NOWHERE || range.place == MEMORY_PAGEABLE) {
        return access_refuse(last, address, false, text_out);
    }
    if (range.place == MEMORY_DEVICE && range.device != last->device) {
        return access_refuse(last, address, true, text_out);
    }
    last->begins[last->oldest] = range.begin;
    last->ends[last->oldest] = range.end;
    last->oldest = (last->oldest + 1) % ACCESS_RANGES;
    return true;
}

static cudaError_t launch_run(void *context, uint32_t device)
{
    const launch *running = context;
    ptx_launch what = running->what;
    access last = { .device = device };
    ptx_report report = { 0 };
    bool is_right;

    what.memory = (ptx_memory){ .context = &last, .may_access = may_access };
    if (observer.begin != NULL) {
        observer.begin(observer.context, &what);
    }
    is_right = ptx_launch_run(&what, &report);
    if (observer.end != NULL) {
        observer.end(observer.context, &what, &report);
    }
    state_lock();
    record_launch(ptx_kernel_name(what.kernel), &report.counts);
    state_unlock();
    if (is_right) {
        return cudaSuccess;
    }
    complain("device %u: %s", device, report.text);
    return last.is_refused ? cudaErrorIllegalAddress : cudaErrorLaunchFailure;
}

static void launch_free(void *context)
{
    launch *ended = context;

    free(ended->parameters);
    free(ended->bytes);
    free(ended);
}

/* Whether any word of the arguments is an address within the same allocation: pointers in device
 * memory are not followed. */
static bool launch_touches(const void *context, uint64_t begin, uint64_t end)
{
    const launch *asked = context;
    const memory_range range = memory_find(begin, end - begin);

    for (size_t at = 0; at + sizeof(uint64_t) <= asked->byte_count; at += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, asked->bytes + at, sizeof(word));
        if (word >= range.begin && word < range.end) {
            return true;
        }
    }
    return false;
}

/* Of a parameter among the copied ones: none is aligned to more. */
static size_t parameter_bytes_kept(const ptx_kernel *kernel, uint32_t index)
{
    return ((size_t)ptx_kernel_parameter_bytes(kernel, index) + 15) / 16 * 16;
}

static void arguments_copy(launch *fresh, void *const *arguments)
{
    const ptx_kernel *kernel = fresh->what.kernel;
    const uint32_t count = ptx_kernel_parameter_count(kernel);
    size_t bytes = 0;
    char *at;

    for (uint32_t i = 0; i < count; i++) {
        bytes += parameter_bytes_kept(kernel, i);
    }
    fresh->parameters = zeroed_allocate(count + 1, sizeof(*fresh->parameters));
    fresh->bytes = zeroed_allocate(1, bytes + 1);
    fresh->byte_count = bytes;
    at = fresh->bytes;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(at, arguments[i], ptx_kernel_parameter_bytes(kernel, i));
        fresh->parameters[i] = at;
        at += parameter_bytes_kept(kernel, i);
    }
    fresh->what.parameters = fresh->parameters;
}

static launch *launch_create(const loaded_kernel *loaded, const launch_shape *shape,
                             void *const *arguments)
{
    launch *fresh = zeroed_allocate(1, sizeof(*fresh));

    fresh->what = (ptx_launch){
        .module = loaded->module,
        .kernel = loaded->kernel,
        .grid = { shape->grid.x, shape->grid.y, shape->grid.z },
        .block = { shape->block.x, shape->block.y, shape->block.z },
        .dynamic_shared_bytes = (uint32_t)shape->dynamic_shared_bytes,
        .schedule = schedule,
    };
    arguments_copy(fresh, arguments);
    return fresh;
}

static bool is_shape_valid(const launch_shape *shape)
{
    const dim3 grid = shape->grid;
    const dim3 block = shape->block;

    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > INT32_MAX || grid.y > DEVICE_GRID_Y ||
        grid.z > DEVICE_GRID_Y) {
        return false;
    }
    return block.x != 0 && block.y != 0 && block.z != 0 && block.x <= DEVICE_BLOCK_THREADS &&
           block.y <= DEVICE_BLOCK_THREADS && block.z <= 64 &&
           (uint64_t)block.x * block.y * block.z <= DEVICE_BLOCK_THREADS;
}

uint32_t launch_dynamic_shared_limit(const registered_kernel *kernel, uint32_t device,
                                     uint32_t static_shared_bytes)
{
    const uint32_t allowed = kernel->dynamic_shared_bytes[device];
    const uint32_t whole = DEVICE_BLOCK_SHARED_BYTES;

    if (allowed != 0) {
        return allowed;
    }
    return static_shared_bytes < whole ? whole - static_shared_bytes : 0;
}

static cudaError_t shape_check(const registered_kernel *kernel, const loaded_kernel *loaded,
                               const launch_shape *shape, uint32_t device)
{
    const uint32_t static_bytes = ptx_kernel_static_shared_bytes(loaded->kernel);
    const uint32_t limit = launch_dynamic_shared_limit(kernel, device, static_bytes);
    const uint32_t max_threads = ptx_kernel_max_threads(loaded->kernel);

    if (!is_shape_valid(shape)) {
        complain("%s: grid %u %u %u, block %u %u %u is invalid", kernel->name, shape->grid.x,
                 shape->grid.y, shape->grid.z, shape->block.x, shape->block.y, shape->block.z);
        return cudaErrorInvalidConfiguration;
    }
    if (max_threads != 0 && shape->block.x * shape->block.y * shape->block.z > max_threads) {
        complain("%s: more threads than the %u of its launch bounds", kernel->name, max_threads);
        return cudaErrorInvalidValue;
    }
    if (shape->dynamic_shared_bytes > limit) {
        complain("%s: %zu bytes of dynamic shared memory, allowed are %u", kernel->name,
                 shape->dynamic_shared_bytes, limit);
        return cudaErrorInvalidValue;
    }
    return cudaSuccess;
}

cudaError_t launch_enqueue(const registered_kernel *kernel, const launch_shape *shape,
                           void *const *arguments)
{
    stream_queue *queue = stream_find(shape->stream);
    loaded_kernel loaded;
    work *what;
    cudaError_t error;

    pthread_once(&schedule_once, schedule_read);
    if (kernel == NULL) {
        return cudaErrorInvalidDeviceFunction;
    }
    if (queue == NULL || queue->device != device_current()) {
        complain("%s launched on no stream of the current device", kernel->name);
        return cudaErrorInvalidResourceHandle;
    }
    error = fat_binary_load_kernel(kernel, queue->device->index, &loaded);
    if (error == cudaSuccess) {
        error = shape_check(kernel, &loaded, shape, queue->device->index);
    }
    if (error != cudaSuccess) {
        return error;
    }
    what = work_create(launch_run, launch_free, launch_create(&loaded, shape, arguments),
                       kernel->name);
    what->touches = launch_touches;
    what->device_mask = 1u << queue->device->index;
    return capture_submit(queue, what, what->name);
}
