/** @file
 * Structs that grow: first member `size_t size`, fields only appended. Header-only, so that every
 * folder reads a caller's struct of any age in the same way.
 */
#ifndef KVSPAN_SIZED_STRUCT_H
#define KVSPAN_SIZED_STRUCT_H

#include <stddef.h>
#include <string.h>

#include <kvspan/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** No struct grows beyond this: a larger size is one that was never set. */
enum {
    KVSPAN_MAX_STRUCT_BYTES = 65536 /**< bytes */
};

/**
 * Copies a caller's struct of any age: a shorter (older) one leaves our newer fields zero, a longer
 * (newer) one is accepted as long as what we do not know is zero.
 *
 * @param[out] known  [known_bytes] our struct, whose first member is its size; written on success
 * @param known_bytes  sizeof of it
 * @param given  the caller's struct
 * @param least_bytes  up to the last field that the first release required: what comes behind, of
 *                     that release or a later one, is zero for a caller that does not have it
 * @param name  of the struct, for the message
 * @param[out] error  may be NULL
 * @return KVSPAN_OK, KVSPAN_ERR_ARGUMENT, KVSPAN_ERR_UNSUPPORTED
 */
static inline kvspan_status kvspan_read_sized(void *known, size_t known_bytes, const void *given,
                                              size_t least_bytes, const char *name,
                                              kvspan_error *error)
{
    const unsigned char *const bytes = (const unsigned char *)given;
    size_t size = 0;

    if (!given) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s is NULL", name);
    }
    memcpy(&size, given, sizeof(size));
    if (size < least_bytes || size > KVSPAN_MAX_STRUCT_BYTES) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "%s.size is %zu, not in [%zu, %d]", name,
                           size, least_bytes, KVSPAN_MAX_STRUCT_BYTES);
    }
    for (size_t i = known_bytes; i < size; i++) {
        if (bytes[i] != 0) {
            return kvspan_fail(error, KVSPAN_ERR_UNSUPPORTED,
                               "%s sets byte %zu, behind the %zu bytes this library knows", name, i,
                               known_bytes);
        }
    }
    memset(known, 0, known_bytes);
    memcpy(known, given, size < known_bytes ? size : known_bytes);
    memcpy(known, &known_bytes, sizeof(known_bytes));
    return KVSPAN_OK;
}

#ifdef __cplusplus
}
#endif

#endif
