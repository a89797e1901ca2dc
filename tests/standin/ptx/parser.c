#include "standin/ptx/parser.h"

#include "standin/ptx/array.h"

#include <stdarg.h>

bool ptx_parser_fail(ptx_parser *parser, const char *format, ...)
{
    if (!parser->has_failed) {
        va_list arguments;
        const int length = snprintf(parser->text_out, PTX_TEXT_BYTES,
                                    "PTX line %u: ", ptx_parser_token(parser)->line);

        va_start(arguments, format);
        (void)vsnprintf(parser->text_out + length, PTX_TEXT_BYTES - (size_t)length, format,
                        arguments);
        va_end(arguments);
        parser->has_failed = true;
        parser->at = parser->tokens.count - 1; /* nothing follows */
    }
    return false;
}

bool ptx_parser_refuse(ptx_parser *parser, uint32_t line, const char *format, ...)
{
    char *problem = parser->function->problem;

    if (!problem[0]) {
        va_list arguments;
        const int length = snprintf(problem, PTX_TEXT_BYTES, "PTX line %u: ", line);

        va_start(arguments, format);
        (void)vsnprintf(problem + length, PTX_TEXT_BYTES - (size_t)length, format, arguments);
        va_end(arguments);
    }
    return false;
}

const ptx_token *ptx_parser_token(const ptx_parser *parser)
{
    return &parser->tokens.tokens[parser->at];
}

bool ptx_parser_eat(ptx_parser *parser, const char *text)
{
    if (!ptx_token_is(ptx_parser_token(parser), text)) {
        return false;
    }
    ++parser->at;
    return true;
}

bool ptx_parser_need(ptx_parser *parser, const char *text)
{
    const ptx_token *token = ptx_parser_token(parser);

    return ptx_parser_eat(parser, text) || ptx_parser_fail(parser, "expected '%s', not '%.*s'",
                                                           text, (int)token->length, token->text);
}

void ptx_parser_skip_to(ptx_parser *parser, const char *text)
{
    while (ptx_parser_token(parser)->length && !ptx_token_is(ptx_parser_token(parser), text)) {
        ++parser->at;
    }
}

int64_t ptx_parser_integer(ptx_parser *parser)
{
    uint64_t bits = 0;

    ptx_parser_literal(parser, PTX_NO_TYPE, &bits);
    return (int64_t)bits;
}

static bool fraction_bits(ptx_parser *parser, const char *word, ptx_type type, uint64_t *bits_out)
{
    char *end;
    const double value = strtod(word, &end);

    if (*end) {
        return ptx_parser_fail(parser, "'%s' is no literal here", word);
    }
    *bits_out = type == PTX_F64 ? ptx_bits_of_double(value) : ptx_bits_of_float((float)value);
    return true;
}

static uint64_t negated(uint64_t bits, ptx_type type)
{
    return type == PTX_F64 ? bits ^ 1ull << 63 : type == PTX_F32 ? bits ^ 1ull << 31 : 0 - bits;
}

bool ptx_parser_literal(ptx_parser *parser, ptx_type type, uint64_t *bits_out)
{
    const bool is_negative = ptx_parser_eat(parser, "-");
    const ptx_token *token = ptx_parser_token(parser);
    char word[64];
    char *end;
    uint64_t bits;

    if (token->length == 0 || token->length >= sizeof word || token->text[0] < '0' ||
        token->text[0] > '9') {
        return ptx_parser_fail(parser, "'%.*s' is no number", (int)token->length, token->text);
    }
    memcpy(word, token->text, token->length);
    word[token->length] = '\0';
    const bool is_hexadecimal_float =
        (token->length == 10 && (word[1] == 'f' || word[1] == 'F') && word[0] == '0') ||
        (token->length == 18 && (word[1] == 'd' || word[1] == 'D') && word[0] == '0');

    if (is_hexadecimal_float) {
        bits = strtoull(word + 2, &end, 16);
    } else if (word[0] == '0' && (word[1] == 'b' || word[1] == 'B')) {
        bits = strtoull(word + 2, &end, 2);
    } else {
        bits = strtoull(word, &end, 0);
        end += *end == 'U' || *end == 'u';
    }
    if (*end && !fraction_bits(parser, word, type, &bits)) {
        return false;
    }
    if (!*end && !is_hexadecimal_float) {
        type = PTX_NO_TYPE;
    }
    ++parser->at;
    *bits_out = is_negative ? negated(bits, type) : bits;
    return true;
}

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
    while (ptx_parser_token(parser)->text[0] == '.' && ptx_parser_token(parser)->length) {
        const ptx_token *token = ptx_parser_token(parser);

        if (ptx_parser_eat(parser, ".align")) {
            d->alignment = (uint32_t)ptx_parser_integer(parser);
            continue;
        }
        if (ptx_parser_eat(parser, ".ptr") || ptx_parser_eat(parser, ".global") ||
            ptx_parser_eat(parser, ".const") || ptx_parser_eat(parser, ".shared")) {
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
            return ptx_parser_fail(parser, "unknown type '.%s'", word);
        }
        ++parser->at;
    }
    d->name = ptx_parser_token(parser)->text;
    d->length = ptx_parser_token(parser)->length;
    ++parser->at;
    d->bytes = (uint64_t)elements * ptx_type_bytes(d->type);
    if (d->alignment < d->bytes && d->bytes <= 16) {
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
        return ptx_parser_fail(parser, "'%.*s' has no type", (int)d->length, d->name);
    }
    if (d->bytes > 1ull << 32) {
        return ptx_parser_fail(parser, "a variable of %llu bytes", (unsigned long long)d->bytes);
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
static bool element_parse(ptx_parser *parser, const ptx_declaration *d, ptx_symbol *symbol,
                          size_t offset)
{
    const ptx_token *token = ptx_parser_token(parser);
    const uint32_t element_bytes = ptx_type_bytes(d->type);
    uint64_t bits = 0;

    if (offset + element_bytes > symbol->bytes) {
        return ptx_parser_fail(parser, "too many initial values");
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
    } else if (!ptx_parser_literal(parser, d->type, &bits)) {
        return false;
    }
    memcpy(symbol->initial + offset, &bits, element_bytes);
    return !is_generic || ptx_parser_need(parser, ")");
}

static bool initial_parse(ptx_parser *parser, const ptx_declaration *d, ptx_symbol *symbol)
{
    size_t offset = 0;
    uint32_t depth = 0;

    do {
        if (ptx_parser_eat(parser, "{")) {
            ++depth;
        } else if (ptx_parser_eat(parser, "}")) {
            --depth;
        } else if (!ptx_parser_eat(parser, ",")) {
            if (!element_parse(parser, d, symbol, offset)) {
                return false;
            }
            offset += ptx_type_bytes(d->type);
        }
    } while (depth && !parser->has_failed);
    return !parser->has_failed;
}

bool ptx_parser_variables(ptx_parser *parser, bool is_extern)
{
    const ptx_space space = ptx_parser_eat(parser, ".shared")  ? PTX_SHARED
                            : ptx_parser_eat(parser, ".const") ? PTX_CONSTANT
                                                               : PTX_GLOBAL;
    ptx_declaration d;

    if (space == PTX_GLOBAL) {
        ptx_parser_need(parser, ".global");
    }
    ptx_parser_eat(parser, ".attribute");
    if (!ptx_parser_declaration(parser, &d)) {
        return false;
    }
    ptx_symbol *symbol = PTX_APPEND(parser->module->symbols, parser->module->symbol_count);

    *symbol = (ptx_symbol){
        .name = ptx_text_copy(d.name, d.length),
        .space = space,
        .bytes = d.bytes,
        .alignment = d.alignment,
        .is_dynamic = space == PTX_SHARED && (d.is_open || is_extern),
        .initial = ptx_allocate(d.bytes, 1),
    };
    if (space != PTX_SHARED) {
        *PTX_APPEND(parser->module->variables, parser->module->variable_count) =
            parser->module->symbol_count - 1;
    }
    if (parser->function) {
        *PTX_APPEND(parser->names, parser->name_count) = (ptx_local_name){
            .name = d.name,
            .length = d.length,
            .space = space,
            .offset = parser->module->symbol_count - 1,
        };
    }
    if (ptx_parser_eat(parser, "=") && !initial_parse(parser, &d, symbol)) {
        return false;
    }
    return ptx_parser_need(parser, ";");
}

static bool parameters_parse(ptx_parser *parser, ptx_function *function, bool is_result)
{
    ptx_declaration d;

    while (!ptx_parser_eat(parser, ")")) {
        if (ptx_parser_eat(parser, ".reg")) {
            return ptx_parser_fail(parser, "parameters in registers are not supported");
        }
        if (!ptx_parser_need(parser, ".param") || !ptx_parser_declaration(parser, &d)) {
            return false;
        }
        ptx_parameter *parameter =
            is_result ? &function->result
                      : PTX_APPEND(function->parameters, function->parameter_count);
        uint32_t offset;

        if (function->is_entry) {
            offset = (function->parameter_bytes + d.alignment - 1) / d.alignment * d.alignment;
            function->parameter_bytes = offset + (uint32_t)d.bytes;
        } else {
            offset = ptx_parser_frame_room(parser, d.bytes, d.alignment);
        }
        *parameter = (ptx_parameter){ .name = ptx_text_copy(d.name, d.length),
                                      .bytes = (uint32_t)d.bytes,
                                      .offset = offset };
        *PTX_APPEND(parser->names, parser->name_count) = (ptx_local_name){
            .name = d.name,
            .length = d.length,
            .space = function->is_entry ? PTX_PARAMETER : PTX_LOCAL,
            .offset = offset,
            .bytes = (uint32_t)d.bytes,
        };
        ptx_parser_eat(parser, ",");
    }
    return !parser->has_failed;
}

/* .maxntid and its like, up to the body or the semicolon. */
static void attributes_parse(ptx_parser *parser, ptx_function *function)
{
    while (ptx_parser_token(parser)->length && !ptx_token_is(ptx_parser_token(parser), "{") &&
           !ptx_token_is(ptx_parser_token(parser), ";")) {
        if (ptx_parser_eat(parser, ".maxntid") || ptx_parser_eat(parser, ".reqntid")) {
            int64_t threads = ptx_parser_integer(parser);

            while (ptx_parser_eat(parser, ",")) {
                threads *= ptx_parser_integer(parser);
            }
            function->max_threads = (uint32_t)threads;
        } else {
            ++parser->at;
        }
    }
}

static ptx_function *function_named(ptx_parser *parser, const ptx_token *token, bool is_entry)
{
    ptx_function *function = ptx_module_function(parser->module, token->text, token->length);

    if (function) {
        return function;
    }
    function = ptx_allocate(1, sizeof *function);
    function->name = ptx_text_copy(token->text, token->length);
    function->index = parser->module->function_count;
    function->is_entry = is_entry;
    function->register_count = PTX_FIRST_REGISTER;
    /* An array of pointers. NOLINTNEXTLINE(bugprone-sizeof-expression) */
    *PTX_APPEND(parser->module->functions, parser->module->function_count) = function;
    return function;
}

/* A declaration may come before the definition: what it said is forgotten. */
static void signature_forget(ptx_function *function)
{
    for (uint32_t i = 0; i < function->parameter_count; ++i) {
        free(function->parameters[i].name);
    }
    free(function->result.name);
    function->result = (ptx_parameter){ 0 };
    function->parameter_count = 0;
    function->parameter_bytes = 0;
    function->local_bytes = 0;
    free(function->parameters);
    function->parameters = NULL;
}

static bool function_parse(ptx_parser *parser, bool is_entry)
{
    const uint32_t result_at = parser->at;

    if (ptx_token_is(ptx_parser_token(parser), "(")) { /* the result comes before the name */
        ptx_parser_skip_to(parser, ")");
        ++parser->at;
    }
    ptx_function *function = function_named(parser, ptx_parser_token(parser), is_entry);
    const uint32_t behind_name = parser->at + 1;

    if (function->has_body) {
        return ptx_parser_fail(parser, "%s is defined twice", function->name);
    }
    signature_forget(function);
    parser->function = function;
    parser->range_count = parser->name_count = parser->label_count = parser->use_count = 0;
    parser->scope_count = parser->scope = 0;
    parser->next_register = PTX_FIRST_REGISTER;
    parser->at = result_at;
    if (ptx_parser_eat(parser, "(") && !parameters_parse(parser, function, true)) {
        return false;
    }
    parser->at = behind_name;
    if (ptx_parser_eat(parser, "(") && !parameters_parse(parser, function, false)) {
        return false;
    }
    attributes_parse(parser, function);
    if (!ptx_parser_eat(parser, ";")) {
        function->has_body = true;
        ptx_parser_body(parser);
    }
    parser->function = NULL;
    return !parser->has_failed;
}

static void section_skip(ptx_parser *parser)
{
    ptx_parser_skip_to(parser, "{");
    ptx_parser_skip_to(parser, "}");
    ptx_parser_eat(parser, "}");
}

static void line_skip(ptx_parser *parser)
{
    const uint32_t line = ptx_parser_token(parser)->line;

    while (ptx_parser_token(parser)->length && ptx_parser_token(parser)->line == line) {
        ++parser->at;
    }
}

static void directive_parse(ptx_parser *parser)
{
    const ptx_token *token = ptx_parser_token(parser);
    bool is_extern = false;

    if (ptx_token_is(token, ".version") || ptx_token_is(token, ".target") ||
        ptx_token_is(token, ".address_size")) {
        line_skip(parser);
        return;
    }
    if (ptx_parser_eat(parser, ".section")) {
        section_skip(parser);
        return;
    }
    if (ptx_parser_eat(parser, ".pragma") || ptx_parser_eat(parser, ".alias")) {
        ptx_parser_skip_to(parser, ";");
        ptx_parser_eat(parser, ";");
        return;
    }
    for (;; ++parser->at) {
        token = ptx_parser_token(parser);
        is_extern |= ptx_token_is(token, ".extern");
        if (!ptx_token_is(token, ".visible") && !ptx_token_is(token, ".weak") &&
            !ptx_token_is(token, ".extern") && !ptx_token_is(token, ".common")) {
            break;
        }
    }
    if (ptx_parser_eat(parser, ".entry")) {
        function_parse(parser, true);
    } else if (ptx_parser_eat(parser, ".func")) {
        while (ptx_parser_eat(parser, ".noreturn") || ptx_parser_eat(parser, ".noinline")) {
        }
        function_parse(parser, false);
    } else if (ptx_token_is(token, ".global") || ptx_token_is(token, ".const") ||
               ptx_token_is(token, ".shared")) {
        ptx_parser_variables(parser, is_extern);
    } else {
        ptx_parser_fail(parser, "unexpected '%.*s'", (int)token->length, token->text);
    }
}

ptx_module *ptx_module_parse(const char *ptx, char text_out[PTX_TEXT_BYTES])
{
    ptx_module *module = ptx_allocate(1, sizeof *module);
    ptx_parser parser = { .module = module, .text_out = text_out };

    text_out[0] = '\0';
    ptx_tokens_init(&parser.tokens, ptx, module);
    while (ptx_parser_token(&parser)->length && !parser.has_failed) {
        directive_parse(&parser);
    }
    ptx_tokens_fini(&parser.tokens);
    free(parser.ranges);
    free(parser.names);
    free(parser.labels);
    free(parser.uses);
    free(parser.scope_parents);
    if (parser.has_failed) {
        ptx_module_free(module);
        return NULL;
    }
    uint64_t *offsets = ptx_allocate(module->symbol_count, sizeof *offsets);

    for (uint32_t i = 0; i < module->function_count; ++i) {
        if (module->functions[i]->is_entry) {
            module->functions[i]->static_shared_bytes =
                ptx_kernel_shared_layout(module, module->functions[i], offsets);
        }
    }
    free(offsets);
    return module;
}
