/** @file
 * Memory of the devices, and host memory that devices may access.
 *
 * Each device has an arena, a range of addresses of which nothing is ever used twice: an allocation
 * starts on a page, is filled with 0xff, and is followed by a page of nobody's. Outside of
 * operations the host can access none of it, and freed memory never: memory_open() and
 * memory_close(). Pinned host memory is an arena of its own, always accessible until freed.
 *
 * Invariants of an arena: allocations ascend by address and do not overlap; live_bytes sums those
 * that are live; none begins at or above top.
 *
 * Everything but memory_find() and memory_describe() needs the state locked (state.h).
 */
#ifndef KVSPAN_STANDIN_CUDART_MEMORY_H
#define KVSPAN_STANDIN_CUDART_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MEMORY_TEXT_BYTES = 512
};

typedef enum memory_place {
    MEMORY_DEVICE,
    MEMORY_PINNED,     /* by cudaMallocHost() and its like */
    MEMORY_REGISTERED, /* by cudaHostRegister() */
    MEMORY_PAGEABLE,
    MEMORY_NOWHERE /* within an arena, but not within a live allocation */
} memory_place;

typedef struct memory_range {
    memory_place place;
    uint32_t device; /* of MEMORY_DEVICE and MEMORY_NOWHERE */
    uint64_t begin;  /* of the allocation, except with PAGEABLE and NOWHERE */
    uint64_t end;
} memory_range;

/* Fails where the device's memory or its addresses are used up: NULL. */
void *memory_allocate(uint32_t device, size_t bytes, bool is_internal);
void *memory_allocate_pinned(size_t bytes);
/* false: no live allocation begins there. The device has to be idle. */
bool memory_free(uint32_t device, void *address);
bool memory_free_pinned(void *address);
bool memory_register(void *address, size_t bytes);
bool memory_unregister(void *address);

size_t memory_live_bytes(uint32_t device);

/* Where [address, address + bytes) lies. Without a lock, from any thread. */
memory_range memory_find(uint64_t address, uint64_t bytes);
/* Says what is there, for reports: the allocation's size, the offset, whether it was freed. */
void memory_describe(uint64_t address, char text_out[MEMORY_TEXT_BYTES]);

/* Lets this process access live memory of a device, until it is closed. Both may be repeated. */
void memory_open(uint32_t device);
void memory_close(uint32_t device);
/* With keys (protection.h) opening is for the thread that does, until it does this. */
void memory_close_thread(void);

/* Frees all memory of a device, as cudaDeviceReset() does. */
void memory_reset(uint32_t device);

/* Complains of every allocation that is live, but for internal ones. Returns their number. */
uint32_t memory_report_leaks(void);

#endif
