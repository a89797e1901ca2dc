#include "kernels/small_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static kvspan_status fail_read(const char *path, kvspan_error *error)
{
    return kvspan_fail(error, KVSPAN_ERR_IO, "cannot read %s: %s", path, strerror(errno));
}

kvspan_status kvspan_small_file_read(const char *path, char *text_out, size_t text_bytes,
                                     kvspan_error *error)
{
    FILE *const file = fopen(path, "r");
    size_t length;

    if (!file) {
        return fail_read(path, error);
    }
    length = fread(text_out, 1, text_bytes - 1, file);
    text_out[length] = '\0';
    if (fclose(file) != 0 || length == 0) {
        return fail_read(path, error);
    }
    return KVSPAN_OK;
}
