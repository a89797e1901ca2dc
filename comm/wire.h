/** @file
 * Numbers in messages: little-endian, at any address.
 */
#ifndef KVSPAN_COMM_WIRE_H
#define KVSPAN_COMM_WIRE_H

#include <stdint.h>

static inline void kvspan_wire_put32(unsigned char *to, uint32_t value)
{
    for (uint32_t i = 0; i < 4; i++) {
        to[i] = (unsigned char)(value >> (8 * i));
    }
}

static inline void kvspan_wire_put64(unsigned char *to, uint64_t value)
{
    for (uint32_t i = 0; i < 8; i++) {
        to[i] = (unsigned char)(value >> (8 * i));
    }
}

static inline uint32_t kvspan_wire_get32(const unsigned char *from)
{
    uint32_t value = 0;

    for (uint32_t i = 0; i < 4; i++) {
        value |= (uint32_t)from[i] << (8 * i);
    }
    return value;
}

static inline uint64_t kvspan_wire_get64(const unsigned char *from)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < 8; i++) {
        value |= (uint64_t)from[i] << (8 * i);
    }
    return value;
}

#endif
