/** @file
 * State shared by what parses a module, a function's body and an instruction. Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_PARSER_H
#define KVSPAN_STANDIN_PTX_PARSER_H

#include "standin/ptx/lexer.h"

typedef struct ptx_register_range { /* name, or name0 … name(count - 1) */
    const char *name;
    uint32_t length;
    uint32_t count; /* 0: one register of just this name */
    uint32_t first;
    bool is_predicate;
} ptx_register_range;

/* A name within a function that stands for memory. */
typedef struct ptx_local_name {
    const char *name;
    uint32_t length;
    ptx_space space; /* PARAMETER of a kernel, LOCAL of the frame, SHARED: a symbol */
    uint32_t offset; /* or the index of the symbol */
    uint32_t bytes;
} ptx_local_name;

typedef struct ptx_label {
    const char *name;
    uint32_t length;
    uint32_t scope;
    uint32_t pc;
    uint32_t table; /* index + 1 of the branch table that it names */
} ptx_label;

typedef struct ptx_label_use {
    const char *name;
    uint32_t length;
    uint32_t scope;
    uint32_t *target; /* NULL: target of the instruction `pc` */
    uint32_t pc;
    uint32_t line;
} ptx_label_use;

typedef struct ptx_parser {
    ptx_module *module;
    ptx_tokens tokens;
    uint32_t at;
    bool has_failed;
    char *text_out;

    ptx_function *function; /* that is parsed, or was the last */
    ptx_register_range *ranges;
    uint32_t range_count;
    ptx_local_name *names;
    uint32_t name_count;
    ptx_label *labels;
    uint32_t label_count;
    ptx_label_use *uses;
    uint32_t use_count;
    uint32_t *scope_parents; /* by number of the scope in the module */
    uint32_t scope_count;
    uint32_t scope;
    uint32_t next_register;
} ptx_parser;

/* The module cannot be parsed: keeps the first text, with the line. Returns false. */
bool ptx_parser_fail(ptx_parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The function cannot be executed: keeps the first text, with the line. Returns false. */
bool ptx_parser_refuse(ptx_parser *parser, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

const ptx_token *ptx_parser_token(const ptx_parser *parser);
bool ptx_parser_eat(ptx_parser *parser, const char *text);
bool ptx_parser_need(ptx_parser *parser, const char *text);
void ptx_parser_skip_to(ptx_parser *parser, const char *text);
/* An integer with its sign; anything else fails. */
int64_t ptx_parser_integer(ptx_parser *parser);
/* A literal as its bits: integers, 0f…, 0d…, and decimal fractions as `type` has them. */
bool ptx_parser_literal(ptx_parser *parser, ptx_type type, uint64_t *bits_out);

typedef struct ptx_declaration {
    const char *name;
    uint32_t length;
    ptx_type type;
    uint32_t alignment;
    uint64_t bytes;
    bool is_open; /* [] */
} ptx_declaration;

/* [.align n] .type name [n]… with vectors, from the first token behind the space. */
bool ptx_parser_declaration(ptx_parser *parser, ptx_declaration *declaration_out);
/* .global, .const or .shared variables, up to and with the semicolon. */
void ptx_parser_variables(ptx_parser *parser);
/* A function's, from its first brace, or from the end of the text if there is none. */
void ptx_parser_body(ptx_parser *parser);

const ptx_local_name *ptx_parser_local_name(const ptx_parser *parser, const ptx_token *token);
void ptx_parser_symbol_use(ptx_parser *parser, uint32_t symbol);
/* Index of a symbol of the module, or symbol_count. */
uint32_t ptx_parser_symbol(const ptx_parser *parser, const ptx_token *token);
/* The first of `count` new ones. */
uint32_t ptx_parser_registers_new(ptx_parser *parser, uint32_t count);
/* UINT32_MAX: no register of that name. */
uint32_t ptx_parser_register(const ptx_parser *parser, const ptx_token *token,
                             bool *is_predicate_out); /* may be NULL */
ptx_instruction *ptx_parser_instruction_new(ptx_parser *parser, const ptx_token *token);
void ptx_parser_label_use(ptx_parser *parser, const ptx_token *token, uint32_t *target);

/* Room in the local memory of the frame; returns its offset. */
uint32_t ptx_parser_frame_room(ptx_parser *parser, uint64_t bytes, uint32_t alignment);

/* One instruction from its guard to its semicolon. What is not known refuses the function. */
void ptx_parser_statement(ptx_parser *parser);

#endif
