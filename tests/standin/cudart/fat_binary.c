#include "standin/cudart/fat_binary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "standin/cudart/complain.h"
#include "standin/cudart/memory.h"
#include "standin/cudart/settings.h"
#include "standin/cudart/zeroed.h"
#include "standin/ptx/removal.h"

enum {
    WRAPPER_MAGIC = 0x466243b1,
    HEADER_MAGIC = (int)0xba55ed50,
    KIND_PTX = 1,
    IMAGE_LIMIT = 16
};

typedef struct wrapper {
    int32_t magic;
    int32_t version;
    const char *data;
    const void *unused;
} wrapper;

typedef struct header {
    int32_t magic;
    uint16_t version;
    uint16_t header_bytes;
    uint64_t entries_bytes;
} header;

typedef struct entry {
    uint16_t kind;
    uint16_t version;
    uint32_t header_bytes;
    uint64_t payload_bytes;
    uint32_t unused[3];
    uint32_t architecture;
} entry;

typedef struct image {
    uint32_t architecture;
    const char *text;
    size_t bytes;
} image;

typedef struct registered_variable {
    struct registered_variable *next;
    const void *host;
    const char *name;
} registered_variable;

struct fat_binary {
    fat_binary *next;
    bool is_gone;
    uint32_t image_count;
    image images[IMAGE_LIMIT];
    registered_kernel *kernels;
    registered_variable *variables;
    ptx_module *modules[SETTINGS_DEVICE_LIMIT];
    void **storages[SETTINGS_DEVICE_LIMIT]; /* [variable of the module] */
};

static fat_binary *binaries;

static void images_find(fat_binary *owner, const char *data)
{
    const header *head = (const header *)data;
    const char *at = data + head->header_bytes;
    const char *end = at + head->entries_bytes;

    if (head->magic != HEADER_MAGIC) {
        complain_and_abort("a fat binary whose header nobody knows");
    }
    while (at < end) {
        const entry *each = (const entry *)at;

        if (each->kind == KIND_PTX && owner->image_count < IMAGE_LIMIT) {
            owner->images[owner->image_count++] =
                (image){ each->architecture, at + each->header_bytes, each->payload_bytes };
        }
        at += each->header_bytes + each->payload_bytes;
    }
}

static const image *image_choose(const fat_binary *owner)
{
    const image *best = NULL;

    for (uint32_t i = 0; i < owner->image_count; i++) {
        const image *each = &owner->images[i];

        if (each->architecture <= settings_get()->architecture &&
            (best == NULL || best->architecture < each->architecture)) {
            best = each;
        }
    }
    return best;
}

/* The image as a text that ends; freed by the caller. NULL: it is compressed. */
static char *image_text(const image *read)
{
    const size_t length = strnlen(read->text, read->bytes);
    char *text = zeroed_allocate(length + 1, 1);

    memcpy(text, read->text, length);
    if (strstr(text, ".version") == NULL) {
        free(text);
        return NULL;
    }
    return text;
}

static void mutants_list(const fat_binary *owner)
{
    const image *chosen = image_choose(owner);
    char *text = chosen == NULL ? NULL : image_text(chosen);
    FILE *to = fopen(settings_get()->mutants_file, "a");

    if (to == NULL) {
        complain_and_abort("%s cannot be written", settings_get()->mutants_file);
    }
    if (text != NULL) {
        ptx_removal_list(text, to);
    }
    free(text);
    (void)fclose(to);
}

fat_binary *fat_binary_register(const void *wrapped)
{
    const wrapper *found = wrapped;
    fat_binary *fresh = zeroed_allocate(1, sizeof(*fresh));

    if (found->magic != WRAPPER_MAGIC) {
        complain_and_abort("a fat binary whose wrapper nobody knows");
    }
    images_find(fresh, found->data);
    if (settings_get()->mutants_file != NULL) {
        mutants_list(fresh);
    }
    fresh->next = binaries;
    binaries = fresh;
    return fresh;
}

void fat_binary_unregister(fat_binary *gone)
{
    gone->is_gone = true;
}

void fat_binary_register_kernel(fat_binary *owner, const void *host, const char *name)
{
    registered_kernel *fresh = zeroed_allocate(1, sizeof(*fresh));

    fresh->owner = owner;
    fresh->host = host;
    fresh->name = name;
    fresh->next = owner->kernels;
    owner->kernels = fresh;
}

void fat_binary_register_variable(fat_binary *owner, const void *host, const char *name)
{
    registered_variable *fresh = zeroed_allocate(1, sizeof(*fresh));

    fresh->host = host;
    fresh->name = name;
    fresh->next = owner->variables;
    owner->variables = fresh;
}

registered_kernel *fat_binary_kernel(const void *host_or_handle)
{
    for (fat_binary *owner = binaries; owner != NULL; owner = owner->next) {
        registered_kernel *each = owner->is_gone ? NULL : owner->kernels;

        while (each != NULL && each->host != host_or_handle &&
               (const void *)each != host_or_handle) {
            each = each->next;
        }
        if (each != NULL) {
            return each;
        }
    }
    return NULL;
}

static cudaError_t variables_create(fat_binary *owner, uint32_t device)
{
    ptx_module *module = owner->modules[device];
    const uint32_t count = ptx_module_variable_count(module);

    owner->storages[device] = zeroed_allocate(count + 1, sizeof(void *));
    for (uint32_t i = 0; i < count; i++) {
        void *storage = memory_allocate(device, ptx_module_variable_bytes(module, i), true);

        if (storage == NULL) {
            return cudaErrorMemoryAllocation;
        }
        owner->storages[device][i] = storage;
        memory_open(device);
        ptx_module_variable_init(module, i, storage);
        ptx_module_variable_bind(module, i, storage);
    }
    return cudaSuccess;
}

static cudaError_t module_load(fat_binary *owner, uint32_t device)
{
    const image *chosen = image_choose(owner);
    char why[PTX_TEXT_BYTES];
    char *text;

    if (owner->modules[device] != NULL) {
        return cudaSuccess;
    }
    if (chosen == NULL) {
        complain("no PTX for sm_%u: compile with -gencode arch=compute_%u,code=compute_%u",
                 settings_get()->architecture, settings_get()->architecture,
                 settings_get()->architecture);
        return cudaErrorNoKernelImageForDevice;
    }
    text = image_text(chosen);
    if (text == NULL) {
        complain("PTX is compressed: compile with --no-compress");
        return cudaErrorNoKernelImageForDevice;
    }
    if (settings_get()->removed != NULL && ptx_removal_apply(text, settings_get()->removed) > 0) {
        complain("%s is taken out", settings_get()->removed);
    }
    owner->modules[device] = ptx_module_parse(text, why);
    free(text);
    if (owner->modules[device] == NULL) {
        complain("PTX of compute_%u: %s", chosen->architecture, why);
        return cudaErrorInvalidPtx;
    }
    return variables_create(owner, device);
}

cudaError_t fat_binary_load_kernel(const registered_kernel *kernel, uint32_t device,
                                   loaded_kernel *loaded_out)
{
    const cudaError_t error = module_load(kernel->owner, device);

    if (error != cudaSuccess) {
        return error;
    }
    loaded_out->module = kernel->owner->modules[device];
    loaded_out->kernel = ptx_module_kernel(loaded_out->module, kernel->name);
    if (loaded_out->kernel == NULL) {
        complain("the PTX has no kernel %s", kernel->name);
        return cudaErrorInvalidDeviceFunction;
    }
    return cudaSuccess;
}

static cudaError_t variable_find(fat_binary *owner, const char *name, uint32_t device,
                                 void **address_out, size_t *bytes_out)
{
    const cudaError_t error = module_load(owner, device);
    const ptx_module *module = owner->modules[device];

    if (error != cudaSuccess) {
        return error;
    }
    for (uint32_t i = 0; i < ptx_module_variable_count(module); i++) {
        if (strcmp(ptx_module_variable_name(module, i), name) == 0) {
            *address_out = owner->storages[device][i];
            *bytes_out = ptx_module_variable_bytes(module, i);
            return cudaSuccess;
        }
    }
    complain("the PTX has no variable %s", name);
    return cudaErrorInvalidSymbol;
}

cudaError_t fat_binary_load_variable(const void *host, uint32_t device, void **address_out,
                                     size_t *bytes_out)
{
    for (fat_binary *owner = binaries; owner != NULL; owner = owner->next) {
        const registered_variable *each = owner->is_gone ? NULL : owner->variables;

        while (each != NULL && each->host != host) {
            each = each->next;
        }
        if (each != NULL) {
            return variable_find(owner, each->name, device, address_out, bytes_out);
        }
    }
    return cudaErrorInvalidSymbol;
}

void fat_binary_reset(uint32_t device)
{
    for (fat_binary *owner = binaries; owner != NULL; owner = owner->next) {
        ptx_module_free(owner->modules[device]);
        free(owner->storages[device]);
        owner->modules[device] = NULL;
        owner->storages[device] = NULL;
        for (registered_kernel *each = owner->kernels; each != NULL; each = each->next) {
            each->dynamic_shared_bytes[device] = 0;
        }
    }
}
