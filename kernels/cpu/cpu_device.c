#include "kernels/cpu/cpu_device.h"

#include <cpuid.h>
#include <kvspan/sized_struct.h>
#include <stdlib.h>

#include "kernels/cpu/amx_permission.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/widen_tile.h"
#include "kernels/host_device.h"
#include "kernels/host_memory.h"

enum {
    TILE_GROUP = 4, /* q heads to a kv head with which the tokens of an item fill a block */
    CODE_TYPES = 3,
    PARTIAL_BYTES = 4194304 /* for each thread; untouched until it is needed */
};

static const char *isa_name(uint32_t isa)
{
    switch ((kvspan_isa)isa) {
    case KVSPAN_ISA_BEST: break;
    case KVSPAN_ISA_AVX2: return "avx2";
    case KVSPAN_ISA_AVX512: return "avx512";
    case KVSPAN_ISA_AVX512_VNNI: return "avx512_vnni";
    case KVSPAN_ISA_AVX512_BF16: return "avx512_bf16";
    case KVSPAN_ISA_AMX: return "amx";
    }
    return "none of ours";
}

/* Not every compiler has a word for it in __builtin_cpu_supports(). */
static int has_f16c(void)
{
    unsigned eax;
    unsigned ebx;
    unsigned ecx;
    unsigned edx;

    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}

/* The highest of ours that the machine runs; 0 = none. The operating system's part in it (saving
 * the registers) is looked at too. */
static uint32_t machine_isa(void)
{
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !has_f16c()) {
        return 0;
    }
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
        return KVSPAN_ISA_AVX2;
    }
    if (!__builtin_cpu_supports("avx512vbmi") || !__builtin_cpu_supports("avx512vnni")) {
        return KVSPAN_ISA_AVX512;
    }
    if (!__builtin_cpu_supports("avx512bf16")) {
        return KVSPAN_ISA_AVX512_VNNI;
    }
    return kvspan_amx_is_there() ? KVSPAN_ISA_AMX : KVSPAN_ISA_AVX512_BF16;
}

/* The highest that this process may use as well. Only who wants AMX asks for it: that changes what
 * signals of all its threads need. */
static uint32_t granted_isa(uint32_t wanted)
{
    const uint32_t machine = machine_isa();
    const int is_wanted = wanted == KVSPAN_ISA_BEST || wanted == KVSPAN_ISA_AMX;

    return machine == KVSPAN_ISA_AMX && is_wanted && !kvspan_amx_request() ? KVSPAN_ISA_AVX512_BF16
                                                                           : machine;
}

/* Which of those up to `granted` is the fastest. Intel's CPUs take two cycles for each product of
 * bf16 pairs and half a one for each of floats: measured on Emerald Rapids. */
static uint32_t best_isa(uint32_t granted)
{
    return granted == KVSPAN_ISA_AVX512_BF16 && __builtin_cpu_is("intel") ? KVSPAN_ISA_AVX512_VNNI
                                                                          : granted;
}

static kvspan_device_description describe(const kvspan_device *device)
{
    const kvspan_cpu_device *const cpu = (const kvspan_cpu_device *)device;

    return (kvspan_device_description){ .name = "cpu",
                                        .isa = isa_name(cpu->isa),
                                        .thread_count = kvspan_pool_thread_count(cpu->pool),
                                        .model = "" };
}

static uint64_t workspaces_bytes(const kvspan_cpu_device *cpu)
{
    return (uint64_t)kvspan_pool_thread_count(cpu->pool) * KVSPAN_TILE_WORKSPACE_BYTES;
}

static void free_attention(kvspan_cpu_device *cpu)
{
    kvspan_host_memory_release(cpu->partials, cpu->partial_bytes);
    kvspan_host_memory_release(cpu->workspaces, workspaces_bytes(cpu));
    kvspan_host_memory_release(cpu->codes, CODE_TYPES * sizeof(*cpu->codes));
}

static void close_device(kvspan_device *device)
{
    kvspan_cpu_device *const cpu = kvspan_cpu_device_of(device);

    free_attention(cpu);
    kvspan_pool_destroy(cpu->pool);
    free(cpu);
}

static const kvspan_device_ops cpu_ops = {
    .name = "cpu",
    .describe = describe,
    .memory = kvspan_host_device_memory,
    .allocate = kvspan_host_device_allocate, /* first touched by the threads that append */
    .release = kvspan_host_device_release,
    .allocate_pinned = kvspan_host_device_allocate,
    .release_pinned = kvspan_host_device_release,
    .copy = kvspan_host_device_copy,
    .copy_rows = kvspan_host_device_copy_rows,
    .query = kvspan_host_device_query,
    .create_stream = kvspan_host_device_create_stream,
    .destroy_stream = kvspan_host_device_destroy_stream,
    .create_event = kvspan_host_device_create_event,
    .destroy_event = kvspan_host_device_destroy_event,
    .record_event = kvspan_host_device_record_event,
    .await_event = kvspan_host_device_await_event,
    .query_event = kvspan_host_device_query_event,
    .close = close_device,
};

/* Reads the caller's config and resolves what it leaves open. */
static kvspan_status read_config(const kvspan_cpu_config *given, kvspan_cpu_config *config_out,
                                 kvspan_error *error)
{
    kvspan_cpu_config config = { .size = sizeof(config) };
    uint32_t machine;

    if (given) {
        const kvspan_status status = kvspan_read_sized(&config, sizeof(config), given,
                                                       sizeof(config), "kvspan_cpu_config", error);

        if (status != KVSPAN_OK) {
            return status;
        }
    }
    if (config.thread_count > KVSPAN_MAX_CPU_THREADS) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "thread_count %u is above %d",
                           config.thread_count, KVSPAN_MAX_CPU_THREADS);
    }
    if (config.isa > KVSPAN_ISA_AMX) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "isa %u is none of kvspan_isa, 0 to %d",
                           config.isa, KVSPAN_ISA_AMX);
    }
    machine = granted_isa(config.isa);
    if (config.isa > machine || machine == 0) {
        return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                           "device \"cpu\" needs %s, this machine has %s",
                           isa_name(config.isa ? config.isa : KVSPAN_ISA_AVX2), isa_name(machine));
    }
    config.isa = config.isa ? config.isa : best_isa(machine);
    *config_out = config;
    return KVSPAN_OK;
}

static void choose_tile_kernels(kvspan_cpu_device *cpu)
{
    cpu->floats = &kvspan_tile_kernels_avx512_vnni;
    if (cpu->isa == KVSPAN_ISA_AVX2) {
        cpu->floats = &kvspan_tile_kernels_avx2;
    } else if (cpu->isa == KVSPAN_ISA_AVX512) {
        cpu->floats = &kvspan_tile_kernels_avx512;
    }
    cpu->pairs = cpu->floats;
    if (cpu->isa == KVSPAN_ISA_AVX512_BF16) {
        cpu->pairs = &kvspan_tile_kernels_avx512_bf16;
    } else if (cpu->isa == KVSPAN_ISA_AMX) {
        cpu->pairs = &kvspan_tile_kernels_amx;
    }
}

/* What attention works in, so that it takes no memory later. */
static kvspan_status create_attention(kvspan_cpu_device *cpu, kvspan_error *error)
{
    void *codes = NULL;
    void *workspaces = NULL;
    void *partials = NULL;
    kvspan_status status =
        kvspan_host_memory_allocate(CODE_TYPES * sizeof(*cpu->codes), &codes, error);

    choose_tile_kernels(cpu);
    if (status == KVSPAN_OK) {
        status = kvspan_host_memory_allocate(workspaces_bytes(cpu), &workspaces, error);
    }
    if (status == KVSPAN_OK) {
        cpu->partial_bytes = (uint64_t)kvspan_pool_thread_count(cpu->pool) * PARTIAL_BYTES;
        status = kvspan_host_memory_allocate(cpu->partial_bytes, &partials, error);
    }
    cpu->base.tile_tokens = cpu->pairs->block_rows / TILE_GROUP;
    cpu->codes = codes;
    cpu->workspaces = workspaces;
    cpu->partials = partials;
    if (status != KVSPAN_OK) {
        free_attention(cpu);
        return status;
    }
    for (uint32_t i = 0; i < CODE_TYPES; i++) {
        kvspan_code_table_fill(&cpu->codes[i], (kvspan_dtype)(KVSPAN_F8E4M3 + i));
    }
    return KVSPAN_OK;
}

kvspan_status kvspan_device_open_cpu(const kvspan_cpu_config *config, kvspan_device **device_out,
                                     kvspan_error *error)
{
    kvspan_cpu_config known = { 0 };
    kvspan_cpu_device *cpu;
    kvspan_status status;

    if (!device_out) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "device_out is NULL");
    }
    status = read_config(config, &known, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    cpu = malloc(sizeof(*cpu));
    if (!cpu) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "cannot get %zu bytes for a device",
                           sizeof(*cpu));
    }
    *cpu = (kvspan_cpu_device){
        .base = { .ops = &cpu_ops, .kernels = &kvspan_kernels_cpu, .host_memory = 1 },
        .isa = (kvspan_isa)known.isa,
        .pages = kvspan_page_kernels_of((kvspan_isa)known.isa)
    };
    status = kvspan_pool_create(known.thread_count, &cpu->pool, error);
    if (status != KVSPAN_OK) {
        goto err_free_cpu;
    }
    status = create_attention(cpu, error);
    if (status != KVSPAN_OK) {
        goto err_destroy_pool;
    }
    *device_out = &cpu->base;
    return KVSPAN_OK;

err_destroy_pool:
    kvspan_pool_destroy(cpu->pool);
err_free_cpu:
    free(cpu);
    return status;
}
