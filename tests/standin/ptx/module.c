#include "standin/ptx/module.h"

#include "standin/ptx/array.h"

ptx_function *ptx_module_function(ptx_module *module, const char *name, size_t length)
{
    for (uint32_t i = 0; i < module->function_count; ++i) {
        ptx_function *function = module->functions[i];

        if (strlen(function->name) == length && memcmp(function->name, name, length) == 0) {
            return function;
        }
    }
    return NULL;
}

static uint32_t slot_of(const ptx_module *module, uint64_t bits)
{
    uint32_t slot = (uint32_t)((bits * 0x9e3779b97f4a7c15ull) >> 32);

    for (;; ++slot) {
        slot &= module->constant_slot_count - 1;
        const uint32_t entry = module->constant_slots[slot];

        if (!entry || module->constants[entry - 1][0] == bits) {
            return slot;
        }
    }
}

static void constant_slots_grow(ptx_module *module)
{
    free(module->constant_slots);
    module->constant_slot_count =
        module->constant_slot_count ? 2 * module->constant_slot_count : 256;
    module->constant_slots = ptx_allocate(module->constant_slot_count, sizeof(uint32_t));
    for (uint32_t i = 0; i < module->constant_count; ++i) {
        module->constant_slots[slot_of(module, module->constants[i][0])] = i + 1;
    }
}

ptx_value ptx_module_constant(ptx_module *module, uint64_t bits)
{
    if (2 * module->constant_count >= module->constant_slot_count) {
        constant_slots_grow(module);
    }
    const uint32_t slot = slot_of(module, bits);

    if (!module->constant_slots[slot]) {
        uint64_t *lanes = *PTX_APPEND(module->constants, module->constant_count);

        for (uint32_t lane = 0; lane < PTX_LANES; ++lane) {
            lanes[lane] = bits;
        }
        module->constant_slots[slot] = module->constant_count;
    }
    return ptx_value_in(PTX_BANK_CONSTANTS, module->constant_slots[slot] - 1);
}

static bool may_call(const ptx_module *module, const ptx_function *function, uint32_t callee)
{
    if (function->calls_by_address && !module->functions[callee]->is_entry) {
        return true;
    }
    for (uint32_t c = 0; c < function->callee_count; ++c) {
        if (function->callees[c] == callee) {
            return true;
        }
    }
    return false;
}

/* Marks what a function may call; whether there is anything new. */
static bool callees_reach(const ptx_module *module, const ptx_function *function, bool *reached)
{
    bool is_growing = false;

    for (uint32_t k = 0; k < module->function_count; ++k) {
        if (!reached[k] && may_call(module, function, k)) {
            is_growing = true;
            reached[k] = true;
        }
    }
    return is_growing;
}

void ptx_kernel_reach(const ptx_module *module, const ptx_function *kernel, bool *reached)
{
    bool is_growing = true;

    reached[kernel->index] = true;
    while (is_growing) {
        is_growing = false;
        for (uint32_t i = 0; i < module->function_count; ++i) {
            if (reached[i] && callees_reach(module, module->functions[i], reached)) {
                is_growing = true;
            }
        }
    }
}

static uint64_t aligned(uint64_t offset, uint32_t alignment)
{
    return (offset + alignment - 1) / alignment * alignment;
}

uint32_t ptx_kernel_shared_layout(const ptx_module *module, const ptx_function *kernel,
                                  uint64_t *offsets)
{
    bool *reached = ptx_allocate(module->function_count, sizeof *reached);
    bool *used = ptx_allocate(module->symbol_count, sizeof *used);
    uint64_t bytes = 0;

    ptx_kernel_reach(module, kernel, reached);
    for (uint32_t i = 0; i < module->function_count; ++i) {
        for (uint32_t k = 0; reached[i] && k < module->functions[i]->used_symbol_count; ++k) {
            used[module->functions[i]->used_symbols[k]] = true;
        }
    }
    for (uint32_t i = 0; i < module->symbol_count; ++i) {
        const ptx_symbol *symbol = &module->symbols[i];

        if (used[i] && symbol->space == PTX_SHARED && !symbol->is_dynamic) {
            bytes = aligned(bytes, symbol->alignment);
            offsets[i] = bytes;
            bytes += symbol->bytes;
        }
    }
    const uint64_t static_bytes = bytes;

    bytes = aligned(bytes, 16);
    for (uint32_t i = 0; i < module->symbol_count; ++i) {
        const ptx_symbol *symbol = &module->symbols[i];

        if (used[i] && symbol->is_dynamic) {
            bytes = aligned(bytes, symbol->alignment);
        }
    }
    for (uint32_t i = 0; i < module->symbol_count; ++i) {
        if (module->symbols[i].is_dynamic) {
            offsets[i] = bytes;
        }
    }
    free(used);
    free(reached);
    return (uint32_t)static_bytes;
}

static void function_free(ptx_function *function)
{
    for (uint32_t i = 0; i < function->parameter_count; ++i) {
        free(function->parameters[i].name);
    }
    free(function->parameters);
    free(function->result.name);
    free(function->instructions);
    free(function->used_symbols);
    free(function->callees);
    free(function->name);
    free(function);
}

void ptx_module_free(ptx_module *module)
{
    if (!module) {
        return;
    }
    for (uint32_t i = 0; i < module->function_count; ++i) {
        function_free(module->functions[i]);
    }
    for (uint32_t i = 0; i < module->symbol_count; ++i) {
        free(module->symbols[i].name);
        free(module->symbols[i].initial);
        free(module->symbols[i].relocations);
    }
    for (uint32_t i = 0; i < module->branch_table_count; ++i) {
        free(module->branch_tables[i].targets);
    }
    for (uint32_t i = 0; i < module->file_count; ++i) {
        free(module->files[i]);
    }
    free(module->functions);
    free(module->symbols);
    free(module->variables);
    free(module->constants);
    free(module->constant_slots);
    free(module->calls);
    free(module->branch_tables);
    free(module->files);
    free(module);
}

uint32_t ptx_module_kernel_count(const ptx_module *module)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < module->function_count; ++i) {
        count += module->functions[i]->is_entry;
    }
    return count;
}

const ptx_kernel *ptx_module_kernel_at(const ptx_module *module, uint32_t index)
{
    for (uint32_t i = 0; i < module->function_count; ++i) {
        if (module->functions[i]->is_entry && index-- == 0) {
            return module->functions[i];
        }
    }
    return NULL;
}

const ptx_kernel *ptx_module_kernel(const ptx_module *module, const char *name)
{
    for (uint32_t i = 0; i < module->function_count; ++i) {
        if (module->functions[i]->is_entry && strcmp(module->functions[i]->name, name) == 0) {
            return module->functions[i];
        }
    }
    return NULL;
}

const char *ptx_kernel_name(const ptx_kernel *kernel)
{
    return kernel->name;
}

uint32_t ptx_kernel_parameter_count(const ptx_kernel *kernel)
{
    return kernel->parameter_count;
}

uint32_t ptx_kernel_parameter_bytes(const ptx_kernel *kernel, uint32_t index)
{
    return kernel->parameters[index].bytes;
}

uint32_t ptx_kernel_static_shared_bytes(const ptx_kernel *kernel)
{
    return kernel->static_shared_bytes;
}

uint32_t ptx_kernel_max_threads(const ptx_kernel *kernel)
{
    return kernel->max_threads;
}

uint32_t ptx_kernel_instruction_count(const ptx_kernel *kernel)
{
    return kernel->instruction_count;
}

uint32_t ptx_module_variable_count(const ptx_module *module)
{
    return module->variable_count;
}

const char *ptx_module_variable_name(const ptx_module *module, uint32_t index)
{
    return module->symbols[module->variables[index]].name;
}

size_t ptx_module_variable_bytes(const ptx_module *module, uint32_t index)
{
    return module->symbols[module->variables[index]].bytes;
}

void ptx_module_variable_init(const ptx_module *module, uint32_t index, void *storage)
{
    const ptx_symbol *symbol = &module->symbols[module->variables[index]];

    memcpy(storage, symbol->initial, symbol->bytes);
    for (uint32_t i = 0; i < symbol->relocation_count; ++i) {
        const ptx_relocation *relocation = &symbol->relocations[i];
        uint8_t *place = (uint8_t *)storage + relocation->offset;
        uint64_t address;

        memcpy(&address, place, sizeof address);
        address += (uint64_t)(uintptr_t)module->symbols[relocation->symbol].storage;
        memcpy(place, &address, sizeof address);
    }
}

void ptx_module_variable_bind(ptx_module *module, uint32_t index, void *storage)
{
    module->symbols[module->variables[index]].storage = storage;
}
