/** @file
 * What every refusal must be: the code, in the error too, and a message with both values.
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

#endif
