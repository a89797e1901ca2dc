#include "kernels/memory_group.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/small_file.h"

enum {
    PATH_BYTES = 4096,
    TEXT_BYTES = 8192
};

/* How a version of control groups calls things. */
typedef struct group_kind {
    const char *mount;
    const char *limit;
    const char *used;
    const char *droppable; /* in memory.stat, behind a line's end */
} group_kind;

static const group_kind kind_v2 = { "/sys/fs/cgroup", "memory.max", "memory.current",
                                    "\ninactive_file " };
static const group_kind kind_v1 = { "/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                                    "memory.usage_in_bytes", "\ntotal_inactive_file " };

static bool read_file(const char *root, const group_kind *kind, const char *path, const char *name,
                      char *text_out)
{
    char full[PATH_BYTES];
    const int length = snprintf(full, sizeof(full), "%s%s%s/%s", root, kind->mount, path, name);

    return length > 0 && (size_t)length < sizeof(full) &&
           kvspan_small_file_read(full, text_out, TEXT_BYTES, NULL) == KVSPAN_OK;
}

/* False for "max", too: no limit. */
static bool parse_number(const char *text, uint64_t *number_out)
{
    char *end;
    unsigned long long number;

    errno = 0;
    number = strtoull(text, &end, 10);
    if (end == text || errno != 0) {
        return false;
    }
    *number_out = number;
    return true;
}

static uint64_t used_bytes(const char *root, const group_kind *kind, const char *path)
{
    char text[TEXT_BYTES];
    uint64_t used = 0;
    uint64_t droppable = 0;
    const char *line;

    if (!read_file(root, kind, path, kind->used, text) || !parse_number(text, &used) ||
        !read_file(root, kind, path, "memory.stat", text)) {
        return used;
    }
    line = strstr(text, kind->droppable);
    if (line && parse_number(line + strlen(kind->droppable), &droppable)) {
        used -= droppable < used ? droppable : used;
    }
    return used;
}

static void narrow_by(const char *root, const group_kind *kind, const char *path,
                      uint64_t *total_bytes, uint64_t *available_bytes)
{
    char text[TEXT_BYTES];
    uint64_t limit;
    uint64_t used;

    if (!read_file(root, kind, path, kind->limit, text) || !parse_number(text, &limit)) {
        return;
    }
    used = used_bytes(root, kind, path);
    if (limit < *total_bytes) {
        *total_bytes = limit;
    }
    limit -= used < limit ? used : limit;
    if (limit < *available_bytes) {
        *available_bytes = limit;
    }
}

/* A line of /proc/self/cgroup, "number:controllers:path": the group's kind and path, or NULL. */
static const group_kind *parse_line(char *line, char **path_out)
{
    char *const controllers = strchr(line, ':');
    char *const path = controllers ? strchr(controllers + 1, ':') : NULL;

    if (!path) {
        return NULL;
    }
    *path = '\0';
    *path_out = path + 1;
    if (controllers[1] == '\0') {
        return &kind_v2;
    }
    return strstr(controllers + 1, "memory") ? &kind_v1 : NULL;
}

void kvspan_memory_group_narrow(const char *root, uint64_t *total_bytes, uint64_t *available_bytes)
{
    char name[PATH_BYTES];
    char text[TEXT_BYTES];
    char *rest = NULL;

    if (snprintf(name, sizeof(name), "%s/proc/self/cgroup", root) >= (int)sizeof(name) ||
        kvspan_small_file_read(name, text, sizeof(text), NULL) != KVSPAN_OK) {
        return;
    }
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *path = NULL;
        const group_kind *const kind = parse_line(line, &path);

        /* The group itself, then those around it, the mounted root last. */
        for (char *end = kind ? path + strlen(path) : NULL; end; end = strrchr(path, '/')) {
            *end = '\0';
            narrow_by(root, kind, path, total_bytes, available_bytes);
        }
    }
}
