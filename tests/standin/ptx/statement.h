/** @file
 * One instruction as text, split into words and operands, on its way to becoming executable.
 *
 * Each family of instructions builds its own: it takes the modifiers that it knows, checks the
 * operands and picks the function that executes. A modifier that nobody took refuses the function.
 * Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_STATEMENT_H
#define KVSPAN_STANDIN_PTX_STATEMENT_H

#include "standin/ptx/parser.h"
#include "standin/ptx/warp.h"

enum {
    PTX_MAX_WORDS = 20,
    PTX_WORD_BYTES = 48,
    PTX_MAX_OPERANDS = 10
};

typedef struct ptx_operand {
    ptx_value values[PTX_MAX_SOURCES]; /* of a vector; else the first, and the one after `|` */
    uint32_t count;
    bool is_address; /* within brackets */
    bool is_negated; /* after `!` */
    bool is_literal;
    bool is_predicate;
    uint64_t literal;
    int64_t offset;  /* of an address */
    ptx_space space; /* of a name of the frame or of a parameter; else GENERIC */
} ptx_operand;

typedef struct ptx_statement {
    ptx_parser *parser;
    const ptx_token *token;
    char words[PTX_MAX_WORDS][PTX_WORD_BYTES]; /* the name and its modifiers */
    uint32_t word_count;
    uint32_t taken;                         /* which words */
    ptx_operand operands[PTX_MAX_OPERANDS]; /* zeros behind the last */
    uint32_t operand_count;
    ptx_instruction instruction;
} ptx_statement;

/* false: the function is refused. */
typedef bool (*ptx_build)(ptx_statement *statement);

/* Whether the modifier is there; it counts as taken. */
bool ptx_take(ptx_statement *statement, const char *modifier);
/* Its place in the list, which ends with NULL; -1: none of them. */
int ptx_take_one_of(ptx_statement *statement, const char *const *modifiers);
/* The first type that was not yet taken, or PTX_NO_TYPE. */
ptx_type ptx_take_type(ptx_statement *statement);
/* State space, GENERIC if there is none. */
ptx_space ptx_take_space(ptx_statement *statement);
/* .rn .rz .rm .rp, .rn if there is none. */
void ptx_take_rounding(ptx_statement *statement);
void ptx_take_float_flags(ptx_statement *statement); /* .ftz .sat */
/* Modifiers that say where data may be cached: they change nothing here. */
void ptx_take_cache_hints(ptx_statement *statement);

bool ptx_refuse(ptx_statement *statement, const char *why);

/* Operand 0 is the destination, the others are sources; so many, or it is refused. */
bool ptx_operands_simple(ptx_statement *statement, uint32_t source_count);
/* The values of one operand, appended. */
bool ptx_operand_sources(ptx_statement *statement, uint32_t operand);
bool ptx_operand_destinations(ptx_statement *statement, uint32_t operand);
/* An address: its base becomes a source, its offset the instruction's first, second or, from the
 * third source on, third. */
bool ptx_operand_address(ptx_statement *statement, uint32_t operand);
bool ptx_operand_literal(ptx_statement *statement, uint32_t operand, uint64_t *literal_out);

/* NULL: no such instruction. */
ptx_build ptx_build_named(const char *name);

#endif
