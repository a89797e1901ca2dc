/** @file
 * What all ranks agree on before the first page exists: settings, mesh, and how many pages.
 */
#ifndef KVSPAN_CACHE_AGREEMENT_H
#define KVSPAN_CACHE_AGREEMENT_H

#include "kernels/device.h"
#include "runtime/cache/geometry.h"

/* Collective over the communicator. MISMATCH names field, rank and both values. column: the name of
 * the device's. */
kvspan_status kvspan_agree_on_settings(kvspan_comm *comm, const kvspan_group *world,
                                       const kvspan_settings *settings,
                                       const kvspan_axis_roles *roles, const char *column,
                                       kvspan_error *error);

/* Collective over the communicator. Gathers every rank's usable bytes, shares a memory that several
 * ranks live in equally among them, and plans. plan_out is equal on all ranks. */
kvspan_status kvspan_agree_on_capacity(kvspan_comm *comm, const kvspan_group *world,
                                       const kvspan_settings *settings,
                                       const kvspan_axis_roles *roles, kvspan_device *device,
                                       kvspan_plan *plan_out, kvspan_error *error);

#endif
