/* Declarations, and variables with their initial values. */
#include "standin/ptx/array.h"
#include "standin/ptx/parser.h"

enum {
    MOST_BYTES = 1 << 26
};

static uint32_t vector_elements(ptx_parser *parser)
{
    return ptx_parser_eat(parser, ".v2")   ? 2
           : ptx_parser_eat(parser, ".v4") ? 4
           : ptx_parser_eat(parser, ".v8") ? 8
                                           : 1;
}

bool ptx_parser_declaration(ptx_parser *parser, ptx_declaration *d)
{
    uint32_t elements = 1;
    char word[64];

    *d = (ptx_declaration){ .alignment = 1 };
    while (ptx_parser_token(parser)->text[0] == '.') {
        const ptx_token *token = ptx_parser_token(parser);

        if (ptx_parser_eat(parser, ".align")) {
            d->alignment = (uint32_t)ptx_parser_integer(parser);
            continue;
        }
        if (ptx_parser_eat(parser, ".ptr") || ptx_parser_eat(parser, ".global") ||
            ptx_parser_eat(parser, ".const") || ptx_parser_eat(parser, ".local") ||
            ptx_parser_eat(parser, ".shared")) {
            continue; /* what a pointer points to */
        }
        const uint32_t vector = vector_elements(parser);

        if (vector > 1) {
            elements = vector;
            continue;
        }
        (void)snprintf(word, sizeof word, "%.*s", (int)token->length - 1, token->text + 1);
        d->type = ptx_type_named(word);
        if (d->type == PTX_NO_TYPE) {
            ptx_parser_fail(parser, "unknown type '%.*s'", (int)token->length, token->text);
        }
        ++parser->at;
    }
    if (d->alignment == 0 || d->alignment & (d->alignment - 1)) {
        ptx_parser_fail(parser, "an alignment of %u", d->alignment);
    }
    d->name = ptx_parser_token(parser)->text;
    d->length = ptx_parser_token(parser)->length;
    ++parser->at;
    d->bytes = (uint64_t)elements * ptx_type_bytes(d->type);
    if (d->alignment < d->bytes) {
        d->alignment = (uint32_t)d->bytes;
    }
    while (ptx_parser_eat(parser, "[")) {
        if (ptx_parser_eat(parser, "]")) {
            d->is_open = true;
            d->bytes = 0;
            continue;
        }
        d->bytes *= (uint64_t)ptx_parser_integer(parser);
        ptx_parser_need(parser, "]");
    }
    if (d->type == PTX_NO_TYPE) {
        ptx_parser_fail(parser, "'%.*s' has no type", (int)d->length, d->name);
    }
    if (d->bytes > MOST_BYTES) {
        ptx_parser_fail(parser, "a variable of %llu bytes", (unsigned long long)d->bytes);
    }
    return !parser->has_failed;
}

uint32_t ptx_parser_symbol(const ptx_parser *parser, const ptx_token *token)
{
    const ptx_module *module = parser->module;

    for (uint32_t i = 0; i < module->symbol_count; ++i) {
        if (ptx_token_is(token, module->symbols[i].name)) {
            return i;
        }
    }
    return module->symbol_count;
}

/* One element of an initial value. */
static void element_parse(ptx_parser *parser, const ptx_declaration *d, ptx_symbol *symbol,
                          size_t offset)
{
    const ptx_token *token = ptx_parser_token(parser);
    const uint32_t element_bytes = ptx_type_bytes(d->type);
    uint64_t bits = 0;

    if (offset + element_bytes > symbol->bytes) {
        ptx_parser_fail(parser, "too many initial values");
        return;
    }
    const bool is_generic = ptx_parser_eat(parser, "generic");

    if (is_generic) {
        ptx_parser_need(parser, "(");
        token = ptx_parser_token(parser);
    }
    const uint32_t target = ptx_parser_symbol(parser, token);
    const ptx_function *function = ptx_module_function(parser->module, token->text, token->length);

    if (function) {
        bits = PTX_FUNCTION_BASE + function->index;
        ++parser->at;
    } else if (target < parser->module->symbol_count && element_bytes == 8) {
        ptx_relocation *relocation = PTX_APPEND(symbol->relocations, symbol->relocation_count);

        *relocation = (ptx_relocation){ .offset = offset, .symbol = target };
        ++parser->at;
        bits = ptx_parser_eat(parser, "+") ? (uint64_t)ptx_parser_integer(parser) : 0;
    } else {
        ptx_parser_literal(parser, d->type, &bits);
    }
    memcpy(symbol->initial + offset, &bits, element_bytes);
    if (is_generic) {
        ptx_parser_need(parser, ")");
    }
}

static void initial_parse(ptx_parser *parser, const ptx_declaration *d, ptx_symbol *symbol)
{
    size_t offset = 0;
    uint32_t depth = 0;

    do {
        if (ptx_parser_eat(parser, "{")) {
            ++depth;
        } else if (ptx_parser_eat(parser, "}")) {
            --depth;
        } else if (!ptx_parser_eat(parser, ",")) {
            element_parse(parser, d, symbol, offset);
            offset += ptx_type_bytes(d->type);
        }
    } while (depth && !parser->has_failed);
}

void ptx_parser_variables(ptx_parser *parser)
{
    const ptx_space space = ptx_parser_eat(parser, ".shared")  ? PTX_SHARED
                            : ptx_parser_eat(parser, ".const") ? PTX_CONSTANT
                                                               : PTX_GLOBAL;
    ptx_declaration d;

    ptx_parser_eat(parser, ".global");
    if (ptx_parser_eat(parser, ".attribute")) { /* (.managed), (.unified(1, 2)) */
        ptx_parser_skip_to(parser, ")");
        while (ptx_parser_eat(parser, ")")) {
        }
    }
    if (!ptx_parser_declaration(parser, &d)) {
        return;
    }
    ptx_symbol *symbol = PTX_APPEND(parser->module->symbols, parser->module->symbol_count);

    *symbol = (ptx_symbol){
        .name = ptx_text_copy(d.name, d.length),
        .space = space,
        .bytes = d.bytes,
        .alignment = d.alignment,
        .is_dynamic = space == PTX_SHARED && d.is_open,
        .initial = ptx_allocate(d.bytes, 1),
    };
    if (space != PTX_SHARED) {
        *PTX_APPEND(parser->module->variables, parser->module->variable_count) =
            parser->module->symbol_count - 1;
    }
    /* Functions begin without names: in front of one it is forgotten again. */
    *PTX_APPEND(parser->names, parser->name_count) = (ptx_local_name){
        .name = d.name,
        .length = d.length,
        .space = space,
        .offset = parser->module->symbol_count - 1,
    };
    if (ptx_parser_eat(parser, "=")) {
        initial_parse(parser, &d, symbol);
    }
    ptx_parser_need(parser, ";");
}
