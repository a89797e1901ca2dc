/* In front of a file that host_mutants.awk has written: which of its calls is taken out. A header
 * of code, since each file has its own; POSIX alone, since tests watch allocations.
 *
 * KVSPAN_HOST_REMOVE   name of the call
 * KVSPAN_HOST_REACHED  file that gets the names of all calls that were come to, or of that one */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum host_call_state {
    HOST_CALL_NEW,
    HOST_CALL_STAYS,
    HOST_CALL_REMOVED
} host_call_state;

/* Threads that come to a call together find the same. */
static _Atomic(host_call_state) host_calls[HOST_CALLS];

static inline void host_note_reached(const char *name)
{
    const char *const path = getenv("KVSPAN_HOST_REACHED");
    char line[256];
    const size_t length = strnlen(name, sizeof(line) - 1);
    const int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;

    if (file >= 0) {
        memcpy(line, name, length);
        line[length] = '\n';
        if (write(file, line, length + 1) < 0) {
            abort();
        }
        (void)close(file);
    }
}

static inline int host_is_removed(unsigned number, const char *name)
{
    if (host_calls[number] == HOST_CALL_NEW) {
        const char *const removed = getenv("KVSPAN_HOST_REMOVE");
        const int is_removed = removed && strcmp(removed, name) == 0;

        host_calls[number] = is_removed ? HOST_CALL_REMOVED : HOST_CALL_STAYS;
        if (is_removed || !removed) {
            host_note_reached(name);
        }
    }
    return host_calls[number] == HOST_CALL_REMOVED;
}
