/** @file
 * What the command's exit code says.
 */
#ifndef KVSPAN_LAUNCH_EXIT_CODES_H
#define KVSPAN_LAUNCH_EXIT_CODES_H

#include <kvspan/status.h>

typedef enum kvspan_exit_code {
    KVSPAN_EXIT_GOOD = 0,
    KVSPAN_EXIT_CHECK_FAILED = 1, /* an output is wrong, or the books are */
    KVSPAN_EXIT_USAGE = 2,        /* options, configuration, or memory or a GPU that failed here */
    KVSPAN_EXIT_REFUSALS = 3,     /* finished, but some requests can never fit */
    KVSPAN_EXIT_PEER = 4,         /* a rank was late or failed */
    KVSPAN_EXIT_FILE = 5          /* input or output */
} kvspan_exit_code;

/* What a failure of the library comes to. */
kvspan_exit_code kvspan_exit_code_of(kvspan_status status);

#endif
