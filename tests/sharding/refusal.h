/** @file
 * What every refusal must be: the code, in the error too, a message with both values, and nothing
 * written.
 */
#ifndef KVSPAN_TESTS_SHARDING_REFUSAL_H
#define KVSPAN_TESTS_SHARDING_REFUSAL_H

#include <kvspan/status.h>
#include <string.h>

#include "support/suite.h"

static inline void assert_refused(kvspan_status status, const kvspan_error *error, const char *one,
                                  const char *other)
{
    ck_assert_int_eq(status, KVSPAN_ERR_ARGUMENT);
    ck_assert_int_eq(error->status, KVSPAN_ERR_ARGUMENT);
    ck_assert_msg(strstr(error->message, one), "no \"%s\" in: %s", one, error->message);
    ck_assert_msg(strstr(error->message, other), "no \"%s\" in: %s", other, error->message);
}

/* A refused call leaves its outputs as they were. */
static inline void assert_untouched(const void *output, const void *before, size_t bytes)
{
    ck_assert_msg(memcmp(output, before, bytes) == 0, "a refused call wrote an output");
}

#endif
