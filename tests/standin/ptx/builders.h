/** @file
 * What builds each family of instructions, by the instructions' names. Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_BUILDERS_H
#define KVSPAN_STANDIN_PTX_BUILDERS_H

#include "standin/ptx/statement.h"

/* arithmetic.c: integers; floating-point types go on to the two below. */
bool ptx_build_arithmetic(ptx_statement *statement);   /* add sub min max div neg abs */
bool ptx_build_multiply(ptx_statement *statement);     /* mul mul24 */
bool ptx_build_multiply_add(ptx_statement *statement); /* mad mad24 */
bool ptx_build_remainder(ptx_statement *statement);
bool ptx_build_carry(ptx_statement *statement);       /* addc subc madc, and add.cc … */
bool ptx_build_dot_product(ptx_statement *statement); /* dp4a dp2a */
bool ptx_build_sad(ptx_statement *statement);

/* floating.c: f32 and f64. */
bool ptx_build_floating(ptx_statement *statement, ptx_type type);
bool ptx_build_function(ptx_statement *statement); /* rcp sqrt … of any type */
bool ptx_build_copysign(ptx_statement *statement);
bool ptx_build_testp(ptx_statement *statement);

/* half.c: f16, bf16 and pairs of them. */
bool ptx_build_half(ptx_statement *statement, ptx_type type);

/* bits.c */
bool ptx_build_logic(ptx_statement *statement); /* and or xor not cnot */
bool ptx_build_shift(ptx_statement *statement); /* shl shr */
bool ptx_build_funnel_shift(ptx_statement *statement);
bool ptx_build_lop3(ptx_statement *statement);
bool ptx_build_prmt(ptx_statement *statement);
bool ptx_build_bit_field(ptx_statement *statement); /* bfe bfi bmsk */
bool ptx_build_bit_count(ptx_statement *statement); /* popc clz brev bfind */

/* compare.c */
bool ptx_build_setp(ptx_statement *statement);
bool ptx_build_set(ptx_statement *statement);
bool ptx_build_selp(ptx_statement *statement);
bool ptx_build_slct(ptx_statement *statement);

/* move.c */
bool ptx_build_mov(ptx_statement *statement);
bool ptx_build_cvta(ptx_statement *statement);
bool ptx_build_isspacep(ptx_statement *statement);
bool ptx_build_mapa(ptx_statement *statement);

/* convert.c */
bool ptx_build_cvt(ptx_statement *statement);

/* control.c */
bool ptx_build_bra(ptx_statement *statement);
bool ptx_build_brx(ptx_statement *statement);
bool ptx_build_call(ptx_statement *statement);
bool ptx_build_end(ptx_statement *statement);     /* ret exit trap brkpt */
bool ptx_build_nothing(ptx_statement *statement); /* prefetch, nanosleep, … */

/* load_store.c */
bool ptx_build_load(ptx_statement *statement);
bool ptx_build_store(ptx_statement *statement);

/* atomics.c */
bool ptx_build_atomic(ptx_statement *statement); /* atom red */
bool ptx_build_fence(ptx_statement *statement);  /* fence membar */

/* lanes.c */
bool ptx_build_shuffle(ptx_statement *statement);
bool ptx_build_vote(ptx_statement *statement);
bool ptx_build_match(ptx_statement *statement);
bool ptx_build_redux(ptx_statement *statement);
bool ptx_build_activemask(ptx_statement *statement);
bool ptx_build_elect(ptx_statement *statement);

/* barriers.c */
bool ptx_build_barrier(ptx_statement *statement); /* bar barrier */

/* matrix.c, matrix_move.c */
bool ptx_build_mma(ptx_statement *statement);
bool ptx_build_ldmatrix(ptx_statement *statement);
bool ptx_build_stmatrix(ptx_statement *statement);

/* async_copy.c, bulk_copy.c, mbarrier.c */
bool ptx_build_copy(ptx_statement *statement);      /* cp.async… */
bool ptx_build_bulk_copy(ptx_statement *statement); /* cp.async.bulk… */
bool ptx_build_mbarrier(ptx_statement *statement);
/* The address of an mbarrier, with the space and .b64 of its instruction. */
bool ptx_operand_mbarrier(ptx_statement *statement, uint32_t operand);

#endif
