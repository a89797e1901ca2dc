/** @file
 * Everything but the interop headers (mpi.h), which need other people's headers.
 *
 * One rule for NULL, in all calls: where a parameter does not say that it may be NULL, a call that
 * returns a status answers ARGUMENT, "NAME is NULL", and any other call gives nothing: 0, NULL, a
 * struct of zeros. What destroys, closes, cancels or notifies does nothing.
 */
#ifndef KVSPAN_KVSPAN_H
#define KVSPAN_KVSPAN_H

#include <kvspan/cache.h>
#include <kvspan/comm.h>
#include <kvspan/config.h>
#include <kvspan/dense_view.h>
#include <kvspan/device.h>
#include <kvspan/digest.h>
#include <kvspan/element_order.h>
#include <kvspan/export.h>
#include <kvspan/ledger.h>
#include <kvspan/model_config.h>
#include <kvspan/prefix_key.h>
#include <kvspan/scheduler.h>
#include <kvspan/status.h>
#include <kvspan/token_rule.h>
#include <kvspan/types.h>

#endif
