/** @file
 * MPI as a transport. In a library of its own (libkvspan_mpi), so that nobody else needs MPI.
 */
#ifndef KVSPAN_MPI_H
#define KVSPAN_MPI_H

#include <mpi.h>

#include <kvspan/comm.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Makes a communicator on a private duplicate of @p comm. MPI must be initialised, and stays the
 * caller's to finalise, after kvspan_comm_destroy(). One MPI_Comm_idup is all that is collective;
 * afterwards only MPI_Isend, MPI_Irecv, MPI_Test and MPI_Cancel are called, by one thread
 * (MPI_THREAD_FUNNELED is enough).
 *
 * Collective over @p comm.
 *
 * @param comm  an intracommunicator
 * @param timeout_ms  how long to wait for the duplicate, at least 1
 * @param[out] comm_out  freed with kvspan_comm_destroy()
 * @param[out] error  may be NULL; native holds the MPI code of KVSPAN_ERR_TRANSPORT
 * @return KVSPAN_OK; KVSPAN_ERR_ARGUMENT (MPI is not running; no intracommunicator; timeout_ms 0);
 *         KVSPAN_ERR_MEMORY; KVSPAN_ERR_LATE (not all ranks came; a little memory is left to MPI);
 *         KVSPAN_ERR_TRANSPORT
 */
KVSPAN_API kvspan_status kvspan_comm_create_mpi(MPI_Comm comm, uint32_t timeout_ms,
                                                kvspan_comm **comm_out, kvspan_error *error);

#ifdef __cplusplus
}
#endif

#endif
