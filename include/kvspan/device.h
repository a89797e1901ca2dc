/** @file
 * Devices: a kernel column together with the memory it works on.
 */
#ifndef KVSPAN_DEVICE_H
#define KVSPAN_DEVICE_H

#include <kvspan/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Instruction sets of the cpu column, each a superset of the one before. */
typedef enum kvspan_isa {
    KVSPAN_ISA_BEST = 0,        /**< the highest that the machine runs, but AVX512_VNNI for
                                     AVX512_BF16 on Intel's CPUs, which multiply bf16 slower */
    KVSPAN_ISA_AVX2 = 1,        /**< AVX2, FMA, F16C */
    KVSPAN_ISA_AVX512 = 2,      /**< and AVX-512 F, BW, DQ, VL */
    KVSPAN_ISA_AVX512_VNNI = 3, /**< and AVX-512 VNNI, VBMI */
    KVSPAN_ISA_AVX512_BF16 = 4, /**< and AVX-512 BF16 */
    KVSPAN_ISA_AMX = 5 /**< and AMX-TILE, BF16, INT8, which the operating system must grant: opening
                            a device asks it to, for the whole process. It may refuse where a thread
                            has a signal stack too small for the larger state */
} kvspan_isa;

/** The most threads of one cpu device. */
enum {
    KVSPAN_MAX_CPU_THREADS = 1024 /**< threads */
};

/** How a cpu device works. Zero means default in every field but the first. */
typedef struct kvspan_cpu_config {
    size_t size;           /**< sizeof(kvspan_cpu_config) */
    uint32_t thread_count; /**< the caller's included; 0 = the cores this process is bound to */
    uint32_t isa;          /**< kvspan_isa; results are the same bits for all threads, not for all
                                instruction sets */
} kvspan_cpu_config;

/** What a device is, for reports. */
typedef struct kvspan_device_description {
    const char *name;      /**< "reference", "cpu", "cuda" */
    const char *isa;       /**< "portable", "avx2", "avx512", "avx512_vnni", "avx512_bf16", "amx",
                                "sm_90" and the like */
    uint32_t thread_count; /**< that work on its pages; of a GPU, its multiprocessors */
    uint32_t index;        /**< which one of that name this process has; 0 on CPUs */
    const char *model; /**< what its maker calls it; "" on CPUs. As long as the device is open */
} kvspan_device_description;

/**
 * Opens a device.
 *
 * Not collective.
 *
 * @param name  "reference": the portable column, the meaning of every operation. "cpu": vector
 *              instructions and threads, with defaults as for kvspan_device_open_cpu(). "cuda"
 *              answers UNSUPPORTED: kvspan_device_open_cuda() of libkvspan_cuda opens it. NULL =
 *              the best that runs here: cpu, or reference where the machine has not even AVX2.
 * @param index  which of them, 0-based; 0 on CPUs
 * @param[out] device_out  closed with kvspan_device_close()
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT, KVSPAN_ERR_UNSUPPORTED, KVSPAN_ERR_MEMORY
 */
KVSPAN_API kvspan_status kvspan_device_open(const char *name, uint32_t index,
                                            kvspan_device **device_out, kvspan_error *error);

/**
 * Opens a cpu device: a kernel column of vector instructions, and threads of its own that sleep
 * between the calls which use it. One caller at a time.
 *
 * Not collective.
 *
 * @param config  NULL = defaults
 * @param[out] device_out  closed with kvspan_device_close()
 * @param[out] error  may be NULL; names what was asked for and what the machine has
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT, KVSPAN_ERR_UNSUPPORTED (the machine lacks the
 *         instruction set, or is no x86-64), KVSPAN_ERR_MEMORY
 */
KVSPAN_API kvspan_status kvspan_device_open_cpu(const kvspan_cpu_config *config,
                                                kvspan_device **device_out, kvspan_error *error);

/**
 * Tells what a device is.
 *
 * Not collective.
 *
 * @param device  a live device; NULL is described as "none"
 * @return its description; the strings live as long as the device
 */
KVSPAN_API kvspan_device_description kvspan_device_describe(const kvspan_device *device);

/**
 * Tells whether device memory is the host's: then tensors may lie anywhere, copies are not needed,
 * and every call has done its work when it returns.
 *
 * Not collective.
 *
 * @param device  a live device
 * @return 1 or 0; 1 for NULL
 */
KVSPAN_API uint32_t kvspan_device_has_host_memory(const kvspan_device *device);

/**
 * Gives memory on the device, for tensors. Zeroed.
 *
 * Not collective.
 *
 * @param device  a live device
 * @param bytes  at least 1
 * @param[out] data_out  given back with kvspan_device_release(); an address of the device's
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT, KVSPAN_ERR_MEMORY, KVSPAN_ERR_CUDA
 */
KVSPAN_API kvspan_status kvspan_device_allocate(kvspan_device *device, uint64_t bytes,
                                                void **data_out, kvspan_error *error);

/**
 * Gives memory back. What is under way may not use it any more.
 *
 * Not collective.
 *
 * @param device  a live device
 * @param data  of kvspan_device_allocate(); may be NULL
 * @param bytes  that were asked for
 */
KVSPAN_API void kvspan_device_release(kvspan_device *device, void *data, uint64_t bytes);

/**
 * Gives host memory that kvspan_device_copy() can copy from and to. Zeroed.
 *
 * Not collective.
 *
 * @param device  a live device
 * @param bytes  at least 1
 * @param[out] data_out  given back with kvspan_device_release_pinned()
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT, KVSPAN_ERR_MEMORY, KVSPAN_ERR_CUDA
 */
KVSPAN_API kvspan_status kvspan_device_allocate_pinned(kvspan_device *device, uint64_t bytes,
                                                       void **data_out, kvspan_error *error);

/**
 * Gives pinned memory back. What is under way may not use it any more.
 *
 * Not collective.
 *
 * @param device  a live device
 * @param data  of kvspan_device_allocate_pinned(); may be NULL
 * @param bytes  that were asked for
 */
KVSPAN_API void kvspan_device_release_pinned(kvspan_device *device, void *data, uint64_t bytes);

/**
 * Copies between device memory, pinned memory, or both.
 *
 * Not collective. Stream-ordered: both sides stay as they are until the stream is past the copy.
 *
 * @param device  a live device
 * @param target  where to
 * @param source  where from; must not overlap @p target
 * @param bytes  how many
 * @param stream  NULL on CPUs
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT, KVSPAN_ERR_CUDA
 */
KVSPAN_API kvspan_status kvspan_device_copy(kvspan_device *device, void *target, const void *source,
                                            uint64_t bytes, kvspan_stream stream,
                                            kvspan_error *error);

/**
 * Asks whether all that is enqueued on a stream is done. With a cache on the device use
 * kvspan_cache_wait(), which serves the peers.
 *
 * Not collective. Never waits.
 *
 * @param device  a live device
 * @param stream  NULL on CPUs, where everything is done
 * @param[out] done_out  1 or 0
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT, KVSPAN_ERR_CUDA
 */
KVSPAN_API kvspan_status kvspan_device_query(kvspan_device *device, kvspan_stream stream,
                                             uint32_t *done_out, kvspan_error *error);

/**
 * Closes a device, after the caches on it.
 *
 * Not collective.
 *
 * @param device  may be NULL
 */
KVSPAN_API void kvspan_device_close(kvspan_device *device);

#ifdef __cplusplus
}
#endif

#endif
