/** @file
 * The sizes of a ledger: which are allowed, and what zero stands for.
 */
#ifndef KVSPAN_LEDGER_LEDGER_CONFIG_H
#define KVSPAN_LEDGER_LEDGER_CONFIG_H

#include <kvspan/ledger.h>

/* The config with defaults filled in. ARGUMENT names the field, its value and the limits;
 * UNSUPPORTED the option. */
kvspan_status kvspan_ledger_config_read(const kvspan_ledger_config *config,
                                        kvspan_ledger_config *read_out, kvspan_error *error);

#endif
