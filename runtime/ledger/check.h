/** @file
 * The parts of kvspan_ledger_check(), each CORRUPT with a message that names page and owner.
 */
#ifndef KVSPAN_LEDGER_CHECK_H
#define KVSPAN_LEDGER_CHECK_H

#include "runtime/ledger/ledger_state.h"

/* Tables, reference counts and free queue against each other. */
kvspan_status kvspan_ledger_check_pages(const kvspan_ledger *ledger, kvspan_error *error);

#endif
