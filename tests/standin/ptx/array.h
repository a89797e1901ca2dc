/** @file
 * Arrays that grow. Running out of memory ends the program: nothing here could go on.
 */
#ifndef KVSPAN_STANDIN_PTX_ARRAY_H
#define KVSPAN_STANDIN_PTX_ARRAY_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void *ptx_allocate(size_t count, size_t bytes)
{
    void *memory = calloc(count ? count : 1, bytes);

    if (!memory) {
        fprintf(stderr, "ptx: out of memory\n");
        abort();
    }
    return memory;
}

static inline void *ptx_resized(void *memory, size_t count, size_t bytes)
{
    memory = realloc(memory, count * bytes);
    if (!memory) {
        fprintf(stderr, "ptx: out of memory\n");
        abort();
    }
    return memory;
}

/* Room for count + 1 entries: grows at powers of two. */
static inline void *ptx_grown(void *memory, size_t count, size_t bytes)
{
    if (count && (count & (count - 1))) {
        return memory;
    }
    return ptx_resized(memory, count ? 2 * count : 1, bytes);
}

/* Appends one zeroed entry; evaluates to a pointer to it. */
#define PTX_APPEND(array, count)                             \
    ((array) = ptx_grown((array), (count), sizeof *(array)), \
     memset(&(array)[(count)], 0, sizeof *(array)), &(array)[(count)++])

static inline char *ptx_text_copy(const char *text, size_t length)
{
    char *copy = ptx_allocate(length + 1, 1);

    if (length > 0) {
        memcpy(copy, text, length);
    }
    return copy;
}

#endif
