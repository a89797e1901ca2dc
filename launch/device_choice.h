/** @file
 * Which device the command works on, as options say it.
 */
#ifndef KVSPAN_LAUNCH_DEVICE_CHOICE_H
#define KVSPAN_LAUNCH_DEVICE_CHOICE_H

#include <stdbool.h>

#include <kvspan/device.h>

#include "launch/option_values.h"

#define KVSPAN_DEVICE_CHOICE_NAMES                                                               \
    "cpu (vector instructions), cuda (a GPU for each rank of a machine, in turn), or reference " \
    "(portable, obvious, slow; the default where the CPU has not even AVX2)"
#define KVSPAN_DEVICE_CHOICE_THREADS \
    "Threads of the device cpu (as many as cores that the process is bound to)"
#define KVSPAN_DEVICE_CHOICE_ISAS                                                                   \
    "Instructions of the device cpu: avx2, avx512, avx512_vnni, avx512_bf16 or amx (the most that " \
    "the CPU has, but avx512_vnni for avx512_bf16 on Intel's)"

/* Zero-initialised it is the best device with its defaults. */
typedef struct kvspan_device_choice {
    const char *name;
    uint32_t thread_count;
    uint32_t isa;
} kvspan_device_choice;

/* Each takes one option. ARGUMENT. */
kvspan_status kvspan_device_choice_name(const kvspan_option *option, kvspan_device_choice *choice,
                                        kvspan_error *error);
kvspan_status kvspan_device_choice_threads(const kvspan_option *option,
                                           kvspan_device_choice *choice, kvspan_error *error);
kvspan_status kvspan_device_choice_isa(const kvspan_option *option, kvspan_device_choice *choice,
                                       kvspan_error *error);

/* Whether it is a GPU. */
bool kvspan_device_choice_is_gpu(const kvspan_device_choice *choice);

/* Opens it; a GPU by node_rank, this rank's place among those of its machine, modulo how many GPUs
 * there are. ARGUMENT (threads or instructions of a device that is not cpu), and what
 * kvspan_device_open() and kvspan_device_open_cpu() answer. */
kvspan_status kvspan_device_choice_open(const kvspan_device_choice *choice, uint32_t node_rank,
                                        kvspan_device **device_out, kvspan_error *error);

#endif
