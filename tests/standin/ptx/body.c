/* Bodies of functions: declarations, scopes and labels around the instructions. */
#include "standin/ptx/array.h"
#include "standin/ptx/parser.h"
#include "standin/ptx/warp.h"

uint32_t ptx_parser_frame_room(ptx_parser *parser, uint64_t bytes, uint32_t alignment)
{
    ptx_function *function = parser->function;
    const uint32_t offset = (function->local_bytes + alignment - 1) / alignment * alignment;

    function->local_bytes = offset + (uint32_t)bytes;
    return offset;
}

uint32_t ptx_parser_registers_new(ptx_parser *parser, uint32_t count)
{
    const uint32_t first = parser->next_register;

    parser->next_register += count;
    if (parser->function->register_count < parser->next_register) {
        parser->function->register_count = parser->next_register;
    }
    return first;
}

uint32_t ptx_parser_register(const ptx_parser *parser, const ptx_token *token,
                             bool *is_predicate_out)
{
    uint32_t digits = 0;
    uint64_t number = 0;

    while (digits < token->length && token->text[token->length - digits - 1] >= '0' &&
           token->text[token->length - digits - 1] <= '9') {
        ++digits;
    }
    for (uint32_t i = token->length - digits; i < token->length; ++i) {
        number = 10 * number + (uint64_t)(token->text[i] - '0');
    }
    for (uint32_t i = parser->range_count; i-- > 0;) {
        const ptx_register_range *range = &parser->ranges[i];
        const bool is_named = range->count == 0
                                  ? range->length == token->length &&
                                        memcmp(range->name, token->text, token->length) == 0
                                  : digits && range->length == token->length - digits &&
                                        number < range->count &&
                                        memcmp(range->name, token->text, range->length) == 0;

        if (is_named) {
            if (is_predicate_out) {
                *is_predicate_out = range->is_predicate;
            }
            return range->first + (range->count ? (uint32_t)number : 0);
        }
    }
    return UINT32_MAX;
}

const ptx_local_name *ptx_parser_local_name(const ptx_parser *parser, const ptx_token *token)
{
    for (uint32_t i = parser->name_count; i-- > 0;) {
        const ptx_local_name *name = &parser->names[i];

        if (name->length == token->length && memcmp(name->name, token->text, token->length) == 0) {
            return name;
        }
    }
    return NULL;
}

void ptx_parser_symbol_use(ptx_parser *parser, uint32_t symbol)
{
    ptx_function *function = parser->function;

    *PTX_APPEND(function->used_symbols, function->used_symbol_count) = symbol;
}

ptx_instruction *ptx_parser_instruction_new(ptx_parser *parser, const ptx_token *token)
{
    ptx_function *function = parser->function;
    ptx_instruction *instruction = PTX_APPEND(function->instructions, function->instruction_count);

    instruction->line = token->line;
    instruction->source = token->source;
    return instruction;
}

static void registers_parse(ptx_parser *parser)
{
    enum {
        MOST = 1 << 20
    };
    const bool is_predicate = ptx_token_is(ptx_parser_token(parser), ".pred");

    ++parser->at;
    do {
        const ptx_token *token = ptx_parser_token(parser);
        ptx_register_range *range = PTX_APPEND(parser->ranges, parser->range_count);
        uint64_t count = 0;

        ++parser->at;
        if (ptx_parser_eat(parser, "<")) {
            count = (uint64_t)ptx_parser_integer(parser);
            ptx_parser_need(parser, ">");
        }
        if (count > MOST) {
            ptx_parser_fail(parser, "more than %d registers", MOST);
        }
        *range = (ptx_register_range){ .name = token->text,
                                       .length = token->length,
                                       .count = (uint32_t)count,
                                       .first = ptx_parser_registers_new(
                                           parser, count ? (uint32_t)count : 1),
                                       .is_predicate = is_predicate };
    } while (ptx_parser_eat(parser, ","));
    ptx_parser_need(parser, ";");
}

static void frame_variable_parse(ptx_parser *parser)
{
    ptx_declaration d;

    if (!ptx_parser_declaration(parser, &d)) {
        return;
    }
    *PTX_APPEND(parser->names, parser->name_count) = (ptx_local_name){
        .name = d.name,
        .length = d.length,
        .space = PTX_LOCAL,
        .offset = ptx_parser_frame_room(parser, d.bytes, d.alignment),
        .bytes = (uint32_t)d.bytes,
    };
    ptx_parser_need(parser, ";");
}

void ptx_parser_label_use(ptx_parser *parser, const ptx_token *token, uint32_t *target)
{
    *PTX_APPEND(parser->uses, parser->use_count) = (ptx_label_use){
        .name = token->text,
        .length = token->length,
        .scope = parser->scope,
        .target = target,
        .line = token->line,
    };
}

static const ptx_label *label_find(const ptx_parser *parser, const ptx_label_use *use)
{
    for (uint32_t scope = use->scope;; scope = parser->scope_parents[scope]) {
        for (uint32_t i = 0; i < parser->label_count; ++i) {
            const ptx_label *label = &parser->labels[i];

            if (label->scope == scope && label->length == use->length &&
                memcmp(label->name, use->name, use->length) == 0) {
                return label;
            }
        }
        if (scope == 0) {
            return NULL;
        }
    }
}

static void labels_resolve(ptx_parser *parser)
{
    for (uint32_t i = 0; i < parser->use_count; ++i) {
        const ptx_label_use *use = &parser->uses[i];
        const ptx_label *label = label_find(parser, use);

        if (!label) {
            ptx_parser_refuse(parser, use->line, "no label '%.*s'", (int)use->length, use->name);
        } else if (use->target) {
            *use->target = label->pc;
        } else {
            parser->function->instructions[use->pc].target =
                label->table ? label->table - 1 : label->pc;
        }
    }
}

static void branch_table_parse(ptx_parser *parser, ptx_label *label)
{
    ptx_module *module = parser->module;
    ptx_branch_table *table = PTX_APPEND(module->branch_tables, module->branch_table_count);
    const uint32_t begin = parser->at;

    label->table = module->branch_table_count;
    do {
        ++table->count;
        ++parser->at;
    } while (ptx_parser_eat(parser, ","));
    table->targets = ptx_allocate(table->count, sizeof *table->targets);
    for (uint32_t i = 0; i < table->count; ++i) {
        ptx_parser_label_use(parser, &parser->tokens.tokens[begin + 2 * i], &table->targets[i]);
    }
    ptx_parser_need(parser, ";");
}

static void label_parse(ptx_parser *parser)
{
    const ptx_token *token = ptx_parser_token(parser);
    ptx_label *label = PTX_APPEND(parser->labels, parser->label_count);

    *label = (ptx_label){ .name = token->text,
                          .length = token->length,
                          .scope = parser->scope,
                          .pc = parser->function->instruction_count };
    parser->at += 2;
    if (ptx_parser_eat(parser, ".branchtargets")) {
        branch_table_parse(parser, label);
    } else if (ptx_parser_eat(parser, ".callprototype") || ptx_parser_eat(parser, ".calltargets")) {
        ptx_parser_skip_to(parser, ";"); /* calls say themselves what they pass */
        ptx_parser_need(parser, ";");
    }
}

static void scope_begin(ptx_parser *parser)
{
    *PTX_APPEND(parser->scope_parents, parser->scope_count) = parser->scope;
    parser->scope = parser->scope_count - 1;
}

static void line_parse(ptx_parser *parser);

/* Up to the brace that closes it. Registers of a scope end with it, memory does not. */
static void scope_parse(ptx_parser *parser)
{
    enum {
        DEEPEST = 64
    };
    struct {
        uint32_t range_count, name_count, next_register, scope;
    } outer[DEEPEST] = { { 0 } };
    uint32_t depth = 0;

    do {
        if (ptx_token_is(ptx_parser_token(parser), "{")) {
            if (depth == DEEPEST) {
                ptx_parser_fail(parser, "more than %d scopes", DEEPEST);
                return;
            }
            outer[depth].range_count = parser->range_count;
            outer[depth].name_count = parser->name_count;
            outer[depth].next_register = parser->next_register;
            outer[depth].scope = parser->scope;
            ++depth;
            ++parser->at;
            scope_begin(parser);
        } else if (ptx_token_is(ptx_parser_token(parser), "}")) {
            --depth;
            ++parser->at;
            parser->range_count = outer[depth].range_count;
            parser->name_count = outer[depth].name_count;
            parser->next_register = outer[depth].next_register;
            parser->scope = outer[depth].scope;
        } else {
            line_parse(parser);
        }
    } while (depth && !parser->has_failed);
}

static void line_parse(ptx_parser *parser)
{
    const ptx_token *token = ptx_parser_token(parser);

    if (token->length == 0) {
        ptx_parser_fail(parser, "%s does not end", parser->function->name);
    } else if (ptx_parser_eat(parser, ".reg")) {
        registers_parse(parser);
    } else if (ptx_parser_eat(parser, ".local") || ptx_parser_eat(parser, ".param")) {
        frame_variable_parse(parser);
    } else if (ptx_token_is(token, ".shared") || ptx_token_is(token, ".global") ||
               ptx_token_is(token, ".const")) {
        ptx_parser_variables(parser);
    } else if (ptx_parser_eat(parser, ".pragma")) {
        ptx_parser_skip_to(parser, ";");
        ptx_parser_need(parser, ";");
    } else if (ptx_token_is(token + 1, ":")) {
        label_parse(parser);
    } else {
        ptx_parser_statement(parser);
    }
}

void ptx_parser_body(ptx_parser *parser)
{
    scope_parse(parser);
    labels_resolve(parser);
    /* No fault is ever found at it: any line will do. */
    ptx_parser_instruction_new(parser, ptx_parser_token(parser))->flow = PTX_FLOW_RETURN;
}
