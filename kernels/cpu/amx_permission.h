/** @file
 * Whether this process may use AMX, whose registers the operating system saves only for those that
 * have asked.
 */
#ifndef KVSPAN_KERNELS_CPU_AMX_PERMISSION_H
#define KVSPAN_KERNELS_CPU_AMX_PERMISSION_H

/* Whether the CPU has AMX-TILE, AMX-BF16 and AMX-INT8 and the operating system knows of it; asks
 * nothing. */
int kvspan_amx_is_there(void);

/* Asks for all threads of the process, those to come too. Returns 0 where it is refused. */
int kvspan_amx_request(void);

#endif
