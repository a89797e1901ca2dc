/** @file
 * Makes functions that execute an expression lane by lane. All lanes at once is the usual case and
 * a loop that compilers turn into vector code. Internal.
 *
 * In the expression: `x`, `y`, `z` are the sources as TYPE, `i` the instruction.
 */
#ifndef KVSPAN_STANDIN_PTX_ELEMENTWISE_H
#define KVSPAN_STANDIN_PTX_ELEMENTWISE_H

#include "standin/ptx/warp.h"

#define PTX_LOOP(lanes, BODY)                               \
    if ((lanes) == PTX_ALL_LANES) {                         \
        for (uint32_t lane = 0; lane < PTX_LANES; ++lane) { \
            BODY                                            \
        }                                                   \
    } else {                                                \
        PTX_EACH_LANE(lane, lanes)                          \
        {                                                   \
            BODY                                            \
        }                                                   \
    }

#define PTX_UNARY(NAME, TYPE, EXPRESSION)                                      \
    static void NAME(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes) \
    {                                                                          \
        const uint64_t *a = ptx_source(warp, i, 0);                            \
        uint64_t *d = ptx_destination(warp, i, 0);                             \
                                                                               \
        PTX_LOOP(lanes, {                                                      \
            const TYPE x = (TYPE)a[lane];                                      \
                                                                               \
            d[lane] = (uint64_t)(EXPRESSION);                                  \
        })                                                                     \
    }

#define PTX_BINARY(NAME, TYPE, EXPRESSION)                                     \
    static void NAME(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes) \
    {                                                                          \
        const uint64_t *a = ptx_source(warp, i, 0);                            \
        const uint64_t *b = ptx_source(warp, i, 1);                            \
        uint64_t *d = ptx_destination(warp, i, 0);                             \
                                                                               \
        PTX_LOOP(lanes, {                                                      \
            const TYPE x = (TYPE)a[lane];                                      \
            const TYPE y = (TYPE)b[lane];                                      \
                                                                               \
            d[lane] = (uint64_t)(EXPRESSION);                                  \
        })                                                                     \
    }

#define PTX_TERNARY(NAME, TYPE, EXPRESSION)                                    \
    static void NAME(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes) \
    {                                                                          \
        const uint64_t *a = ptx_source(warp, i, 0);                            \
        const uint64_t *b = ptx_source(warp, i, 1);                            \
        const uint64_t *c = ptx_source(warp, i, 2);                            \
        uint64_t *d = ptx_destination(warp, i, 0);                             \
                                                                               \
        PTX_LOOP(lanes, {                                                      \
            const TYPE x = (TYPE)a[lane];                                      \
            const TYPE y = (TYPE)b[lane];                                      \
            const TYPE z = (TYPE)c[lane];                                      \
                                                                               \
            d[lane] = (uint64_t)(EXPRESSION);                                  \
        })                                                                     \
    }

/* One executing function for each integer type; the key is the ptx_type. */
#define PTX_FOR_INTEGERS(KIND, NAME, EXPRESSION)                                \
    KIND(NAME##_u16, uint16_t, EXPRESSION)                                      \
    KIND(NAME##_s16, int16_t, EXPRESSION)                                       \
    KIND(NAME##_u32, uint32_t, EXPRESSION)                                      \
    KIND(NAME##_s32, int32_t, EXPRESSION)                                       \
    KIND(NAME##_u64, uint64_t, EXPRESSION)                                      \
    KIND(NAME##_s64, int64_t, EXPRESSION)                                       \
    static const ptx_execute NAME[PTX_TYPES] = {                                \
        [PTX_U16] = NAME##_u16, [PTX_S16] = NAME##_s16, [PTX_U32] = NAME##_u32, \
        [PTX_S32] = NAME##_s32, [PTX_U64] = NAME##_u64, [PTX_S64] = NAME##_s64, \
        [PTX_B16] = NAME##_u16, [PTX_B32] = NAME##_u32, [PTX_B64] = NAME##_u64, \
    };

#endif
