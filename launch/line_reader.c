#include "launch/line_reader.h"

#include <inttypes.h>
#include <stdlib.h>

#include "launch/input_file.h"

kvspan_status kvspan_line_reader_open(kvspan_line_reader *reader, const char *path,
                                      size_t max_line_bytes, kvspan_error *error)
{
    kvspan_status status;

    *reader = (kvspan_line_reader){ .path = path, .max_line_bytes = max_line_bytes };
    status = kvspan_input_open(path, &reader->file, error);
    if (status != KVSPAN_OK) {
        return status;
    }
    reader->line = malloc(max_line_bytes + 1);
    if (!reader->line) {
        (void)fclose(reader->file);
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory for a line of %zu bytes",
                           max_line_bytes);
    }
    return KVSPAN_OK;
}

void kvspan_line_reader_close(kvspan_line_reader *reader)
{
    free(reader->line);
    (void)fclose(reader->file);
}

kvspan_status kvspan_line_reader_next(kvspan_line_reader *reader, kvspan_error *error)
{
    int byte = getc_unlocked(reader->file);

    reader->line_bytes = 0;
    reader->line_number++;
    reader->is_at_end = byte == EOF;
    while (byte != EOF && byte != '\n') {
        if (reader->line_bytes == reader->max_line_bytes) {
            return kvspan_fail(error, KVSPAN_ERR_IO, "%s, line %" PRIu64 ": more than %zu bytes",
                               kvspan_input_name(reader->path), reader->line_number,
                               reader->max_line_bytes);
        }
        reader->line[reader->line_bytes++] = (char)byte;
        byte = getc_unlocked(reader->file);
    }
    reader->line[reader->line_bytes] = '\0';
    if (ferror(reader->file)) {
        return kvspan_input_fail(reader->path, "cannot be read", error);
    }
    return KVSPAN_OK;
}

bool kvspan_line_reader_is_blank(const kvspan_line_reader *reader)
{
    for (size_t i = 0; i < reader->line_bytes; i++) {
        const char byte = reader->line[i];

        if (byte != ' ' && byte != '\t' && byte != '\r') {
            return false;
        }
    }
    return true;
}

kvspan_status kvspan_line_reader_fail(const kvspan_line_reader *reader, const char *reason,
                                      kvspan_error *error)
{
    return kvspan_fail(error, KVSPAN_ERR_IO, "%s, line %" PRIu64 ": %s",
                       kvspan_input_name(reader->path), reader->line_number, reason);
}
