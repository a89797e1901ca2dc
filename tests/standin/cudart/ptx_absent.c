/* Until the interpreter of PTX is built: every module is refused. */
#include "standin/ptx/ptx.h"

#include <stdio.h>
#include <string.h>

ptx_module *ptx_module_parse(const char *ptx, char text_out[PTX_TEXT_BYTES])
{
    (void)ptx;
    snprintf(text_out, PTX_TEXT_BYTES, "this build has no interpreter of PTX");
    return NULL;
}

void ptx_module_free(ptx_module *module)
{
    (void)module;
}

const ptx_kernel *ptx_module_kernel(const ptx_module *module, const char *name)
{
    (void)module;
    (void)name;
    return NULL;
}

const char *ptx_kernel_name(const ptx_kernel *kernel)
{
    (void)kernel;
    return "";
}

uint32_t ptx_kernel_parameter_count(const ptx_kernel *kernel)
{
    (void)kernel;
    return 0;
}

uint32_t ptx_kernel_parameter_bytes(const ptx_kernel *kernel, uint32_t index)
{
    (void)kernel;
    (void)index;
    return 0;
}

uint32_t ptx_kernel_static_shared_bytes(const ptx_kernel *kernel)
{
    (void)kernel;
    return 0;
}

uint32_t ptx_kernel_max_threads(const ptx_kernel *kernel)
{
    (void)kernel;
    return 0;
}

uint32_t ptx_module_variable_count(const ptx_module *module)
{
    (void)module;
    return 0;
}

const char *ptx_module_variable_name(const ptx_module *module, uint32_t index)
{
    (void)module;
    (void)index;
    return "";
}

size_t ptx_module_variable_bytes(const ptx_module *module, uint32_t index)
{
    (void)module;
    (void)index;
    return 0;
}

void ptx_module_variable_init(const ptx_module *module, uint32_t index, void *storage)
{
    (void)module;
    (void)index;
    (void)storage;
}

void ptx_module_variable_bind(ptx_module *module, uint32_t index, void *storage)
{
    (void)module;
    (void)index;
    (void)storage;
}

bool ptx_schedule_from_environment(ptx_schedule *schedule_out, char text_out[PTX_TEXT_BYTES])
{
    (void)text_out;
    memset(schedule_out, 0, sizeof(*schedule_out));
    return true;
}

bool ptx_launch_run(const ptx_launch *launch, ptx_report *report_out)
{
    (void)launch;
    (void)report_out;
    return false;
}
