/** @file
 * What an instruction word is, as far as the gates ask: the low nine bits name the operation, the
 * three above them where its operands come from. Found by compiling probes for sm_80, sm_90 and
 * sm_100 and confirmed against a disassembler (docs/gates.md).
 */
#ifndef KVSPAN_GATES_OPCODE_H
#define KVSPAN_GATES_OPCODE_H

#include "gates/kernel_code.h"

typedef enum opcode_kind {
    OPCODE_OTHER,
    OPCODE_NOP,
    OPCODE_LDGSTS,    /* asynchronous copy from global to shared memory */
    OPCODE_LDGDEPBAR, /* commits a group of them */
    OPCODE_DEPBAR,    /* waits for groups of them */
    OPCODE_LD,        /* of memory that the compiler did not know to be global */
    OPCODE_ST,
    OPCODE_LDG,
    OPCODE_STG,
    OPCODE_LDS,
    OPCODE_STS,
    OPCODE_LDL, /* local memory: what does not fit registers */
    OPCODE_STL,
    OPCODE_LDSM, /* matrix fragments from shared memory */
    OPCODE_STSM,
    OPCODE_HMMA, /* matrix products */
    OPCODE_IMMA,
    OPCODE_QMMA,
    OPCODE_HGMMA,
    OPCODE_QGMMA,
    OPCODE_BULK, /* copies by the tensor memory unit */
    OPCODE_MUFU,
    OPCODE_SHFL,
    OPCODE_BAR,
    OPCODE_CALL,
    OPCODE_RET,
    OPCODE_BRA,
    OPCODE_INDIRECT, /* a branch to what a register holds */
    OPCODE_EXIT,
    OPCODE_KIND_COUNT
} opcode_kind;

opcode_kind opcode_of(sass_word word);

/* Whole words, "LDGSTS". */
const char *opcode_name(opcode_kind kind);

/* Bytes that each thread moves: of the kinds LDGSTS to STL. */
uint32_t opcode_access_bytes(sass_word word, uint32_t arch);

/* Of DEPBAR: groups of copies that may still be under way after it. */
uint32_t opcode_pending_groups(sass_word word);

/* Whether the instruction always happens: no predicate, nor one of its own on a branch. */
bool opcode_is_unconditional(sass_word word);

/* Whether warps that are whole always take this branch (BRA.CONV) or never do (BRA.DIV): what lies
 * on the other way is slow code for warps that are not, no part of a loop. */
bool opcode_is_taken_if_whole(sass_word word);
bool opcode_is_taken_if_split(sass_word word);

/* Of a branch or a relative call at @p index: the index it goes to; false if it is none of
 * @p word_count instructions. */
bool opcode_target(sass_word word, uint32_t arch, uint32_t index, uint32_t word_count,
                   uint32_t *target_out);

#endif
