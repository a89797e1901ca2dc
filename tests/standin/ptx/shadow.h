/** @file
 * Who touched each byte of memory last. Part of races.h. Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_SHADOW_H
#define KVSPAN_STANDIN_PTX_SHADOW_H

#include "standin/ptx/module.h"

typedef struct ptx_touch {
    const ptx_instruction *instruction;
    uint32_t block;     /* its ordinal; 0: nobody touched it */
    uint32_t clock;     /* of the actor */
    uint32_t meetings;  /* of the warp's lanes until then */
    uint32_t execution; /* tells executions of one instruction apart */
    uint16_t thread;    /* or PTX_LANES · actor */
    bool is_atomic;
    bool is_async; /* by the async proxy */
} ptx_touch;

typedef struct ptx_cell {
    ptx_touch write;
    ptx_touch read;
    ptx_touch lane_read; /* the last of another lane than that of `read` */
    ptx_touch warp_read; /* and of another warp */
} ptx_cell;

typedef struct ptx_shadow ptx_shadow;

ptx_shadow *ptx_shadow_create(void);
void ptx_shadow_destroy(ptx_shadow *shadow);

/* The cells of [address, address + bytes): so many, side by side. Bytes of a page share cells by
 * four until one of them is touched alone. The range must not cross a page of 4096 bytes, which
 * aligned accesses never do. */
ptx_cell *ptx_shadow_cells(ptx_shadow *shadow, uint64_t address, uint32_t bytes,
                           uint32_t *count_out);

#endif
