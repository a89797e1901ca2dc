#include "launch/run.h"

#include <stdio.h>

#include "launch/exit_codes.h"

int kvspan_run(const kvspan_run_options *options)
{
    (void)options;
    (void)fprintf(stderr, "kvspan: run is not written yet\n");
    return KVSPAN_EXIT_USAGE;
}
