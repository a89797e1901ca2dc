#include "gates/kernel_code.h"

#include <stdlib.h>
#include <string.h>

static bool list_grow(kernel_list *list)
{
    const uint32_t capacity = list->capacity == 0 ? 16 : 2 * list->capacity;
    kernel_code *kernels = realloc(list->kernels, capacity * sizeof(*kernels));

    if (kernels == NULL) {
        return false;
    }
    list->kernels = kernels;
    list->capacity = capacity;
    return true;
}

kernel_code *kernel_list_add(kernel_list *list, const char *name, uint32_t word_count)
{
    if (list->count == list->capacity && !list_grow(list)) {
        return NULL;
    }
    kernel_code *kernel = &list->kernels[list->count];
    *kernel = (kernel_code){
        .name = malloc(strlen(name) + 1),
        .words = calloc(word_count == 0 ? 1 : word_count, sizeof(sass_word)),
        .word_count = word_count,
    };
    if (kernel->name == NULL || kernel->words == NULL) {
        free(kernel->name);
        free(kernel->words);
        return NULL;
    }
    memcpy(kernel->name, name, strlen(name) + 1);
    list->count++;
    return kernel;
}

static int compare_kernels(const void *left, const void *right)
{
    const kernel_code *a = left;
    const kernel_code *b = right;
    const int order = strcmp(a->name, b->name);

    return order != 0 ? order : (a->arch > b->arch) - (a->arch < b->arch);
}

void kernel_list_sort(kernel_list *list)
{
    if (list->count > 0) {
        qsort(list->kernels, list->count, sizeof(list->kernels[0]), compare_kernels);
    }
}

void kernel_list_fini(kernel_list *list)
{
    for (uint32_t kernel = 0; kernel < list->count; kernel++) {
        free(list->kernels[kernel].name);
        free(list->kernels[kernel].words);
        free(list->kernels[kernel].jumps);
    }
    free(list->kernels);
    *list = (kernel_list){ 0 };
}
