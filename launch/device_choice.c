#include "launch/device_choice.h"

#include <string.h>

#include "launch/gpu.h"

static const kvspan_option_word isa_words[] = { { "avx2", KVSPAN_ISA_AVX2 },
                                                { "avx512", KVSPAN_ISA_AVX512 },
                                                { "avx512_vnni", KVSPAN_ISA_AVX512_VNNI },
                                                { "avx512_bf16", KVSPAN_ISA_AVX512_BF16 },
                                                { "amx", KVSPAN_ISA_AMX },
                                                { NULL, 0 } };
static const kvspan_option_word name_words[] = {
    { "cpu", 0 }, { "reference", 0 }, { "cuda", 0 }, { NULL, 0 }
};

kvspan_status kvspan_device_choice_name(const kvspan_option *option, kvspan_device_choice *choice,
                                        kvspan_error *error)
{
    int unused = 0;
    const kvspan_status status = kvspan_option_choice(option, name_words, &unused, error);

    choice->name = status == KVSPAN_OK ? option->text : choice->name;
    return status;
}

kvspan_status kvspan_device_choice_threads(const kvspan_option *option,
                                           kvspan_device_choice *choice, kvspan_error *error)
{
    return kvspan_option_count(option, 1, KVSPAN_MAX_CPU_THREADS, &choice->thread_count, error);
}

kvspan_status kvspan_device_choice_isa(const kvspan_option *option, kvspan_device_choice *choice,
                                       kvspan_error *error)
{
    int isa = 0;
    const kvspan_status status = kvspan_option_choice(option, isa_words, &isa, error);

    choice->isa = status == KVSPAN_OK ? (uint32_t)isa : choice->isa;
    return status;
}

bool kvspan_device_choice_is_gpu(const kvspan_device_choice *choice)
{
    return choice->name && strcmp(choice->name, "cuda") == 0;
}

static kvspan_status open_gpu(uint32_t node_rank, kvspan_device **device_out, kvspan_error *error)
{
    uint32_t count = 0;
    const kvspan_status status = kvspan_gpu_count(&count, error);

    return status == KVSPAN_OK ? kvspan_gpu_open(node_rank % count, device_out, error) : status;
}

kvspan_status kvspan_device_choice_open(const kvspan_device_choice *choice, uint32_t node_rank,
                                        kvspan_device **device_out, kvspan_error *error)
{
    const bool is_cpu = choice->name && strcmp(choice->name, "cpu") == 0;
    const bool is_tuned = choice->thread_count > 0 || choice->isa > 0;
    const kvspan_cpu_config config = { .size = sizeof(config),
                                       .thread_count = choice->thread_count,
                                       .isa = choice->isa };

    if (is_cpu || (!choice->name && is_tuned)) {
        return kvspan_device_open_cpu(&config, device_out, error);
    }
    if (choice->thread_count > 1 || choice->isa > 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "device \"%s\" has one thread and no instruction sets to choose",
                           choice->name);
    }
    return kvspan_device_choice_is_gpu(choice)
               ? open_gpu(node_rank, device_out, error)
               : kvspan_device_open(choice->name, 0, device_out, error);
}
