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
    const uint32_t end = parser->tokens.count - 1; /* its token is empty, and stays the last */

    return &parser->tokens.tokens[parser->at < end ? parser->at : end];
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

static void parameters_parse(ptx_parser *parser, ptx_function *function, bool is_result)
{
    ptx_declaration d;

    while (!ptx_parser_eat(parser, ")")) {
        if (ptx_parser_eat(parser, ".reg")) { /* and not what is needed next */
            ptx_parser_fail(parser, "parameters in registers are not supported");
        }
        if (!ptx_parser_need(parser, ".param") || !ptx_parser_declaration(parser, &d)) {
            return;
        }
        if (is_result && function->result.name) {
            ptx_parser_fail(parser, "%s has two results", function->name);
            return;
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

static void function_parse(ptx_parser *parser, bool is_entry)
{
    const uint32_t result_at = parser->at;

    if (ptx_token_is(ptx_parser_token(parser), "(")) { /* the result comes before the name */
        ptx_parser_skip_to(parser, ")");
        ++parser->at;
    }
    ptx_function *function = function_named(parser, ptx_parser_token(parser), is_entry);
    const uint32_t behind_name = parser->at + 1;

    if (function->has_body) {
        ptx_parser_fail(parser, "%s is defined twice", function->name);
        return;
    }
    signature_forget(function);
    parser->function = function;
    parser->range_count = parser->name_count = parser->label_count = parser->use_count = 0;
    parser->next_register = PTX_FIRST_REGISTER;
    parser->at = result_at;
    if (ptx_parser_eat(parser, "(")) {
        parameters_parse(parser, function, true);
    }
    parser->at = behind_name;
    if (ptx_parser_eat(parser, "(")) {
        parameters_parse(parser, function, false);
    }
    attributes_parse(parser, function);
    if (!ptx_parser_eat(parser, ";")) {
        function->has_body = true;
        ptx_parser_body(parser);
    }
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

    if (ptx_token_is(token, ".version") || ptx_token_is(token, ".target") ||
        ptx_token_is(token, ".address_size")) {
        line_skip(parser);
        return;
    }
    if (ptx_parser_eat(parser, ".section")) {
        ptx_parser_skip_to(parser, "}");
        ptx_parser_eat(parser, "}");
        return;
    }
    if (ptx_parser_eat(parser, ".pragma") || ptx_parser_eat(parser, ".alias")) {
        ptx_parser_skip_to(parser, ";");
        ptx_parser_eat(parser, ";");
        return;
    }
    while (ptx_parser_eat(parser, ".visible") || ptx_parser_eat(parser, ".weak") ||
           ptx_parser_eat(parser, ".extern") || ptx_parser_eat(parser, ".common")) {
    }
    token = ptx_parser_token(parser);
    if (ptx_parser_eat(parser, ".entry")) {
        function_parse(parser, true);
    } else if (ptx_parser_eat(parser, ".func")) {
        function_parse(parser, false);
    } else if (ptx_token_is(token, ".global") || ptx_token_is(token, ".const") ||
               ptx_token_is(token, ".shared")) {
        ptx_parser_variables(parser);
    } else {
        ptx_parser_fail(parser, "unexpected '%.*s'", (int)token->length, token->text);
    }
}

ptx_module *ptx_module_parse(const char *ptx, char text_out[PTX_TEXT_BYTES])
{
    ptx_module *module = ptx_allocate(1, sizeof *module);
    ptx_parser parser = { .module = module, .text_out = text_out };

    text_out[0] = '\0';
    parser.tokens = ptx_tokens_of(ptx, module);
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
