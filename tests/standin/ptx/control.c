/* Branches, calls and ends; instructions that do nothing here. */
#include "standin/ptx/array.h"
#include "standin/ptx/builders.h"
#include "standin/ptx/device_calls.h"

bool ptx_build_bra(ptx_statement *statement)
{
    ptx_parser *parser = statement->parser;

    ptx_take(statement, "uni");
    statement->instruction.flow = PTX_FLOW_BRANCH;
    ptx_parser_label_use(parser, ptx_parser_token(parser), NULL);
    ++parser->at;
    return true;
}

bool ptx_build_brx(ptx_statement *statement)
{
    ptx_parser *parser = statement->parser;
    ptx_instruction *i = &statement->instruction;
    const uint32_t index = ptx_parser_register(parser, ptx_parser_token(parser), NULL);

    ptx_take(statement, "uni");
    if (!ptx_take(statement, "idx") || index == UINT32_MAX) {
        return ptx_refuse(statement, "needs .idx and a register");
    }
    i->flow = PTX_FLOW_BRANCH_INDEXED;
    i->sources[0] = index;
    ++parser->at;
    ptx_parser_need(parser, ",");
    ptx_parser_label_use(parser, ptx_parser_token(parser), NULL);
    ++parser->at;
    return true;
}

/* (name, name …): variables of the frame. */
static bool call_operands(ptx_statement *statement, uint32_t *offsets, uint32_t *bytes,
                          uint32_t *count, uint32_t most)
{
    ptx_parser *parser = statement->parser;

    ptx_parser_need(parser, "(");
    while (!ptx_parser_eat(parser, ")")) {
        const ptx_local_name *name = ptx_parser_local_name(parser, ptx_parser_token(parser));

        if (!name || name->space != PTX_LOCAL || *count == most) {
            return ptx_refuse(statement, "passes what is no .param of the function");
        }
        offsets[*count] = name->offset;
        bytes[*count] = name->bytes;
        ++*count;
        ++parser->at;
        ptx_parser_eat(parser, ",");
    }
    return true;
}

static bool callee_parse(ptx_statement *statement, ptx_call *call)
{
    ptx_parser *parser = statement->parser;
    ptx_function *function = parser->function;
    const ptx_token *token = ptx_parser_token(parser);
    const ptx_function *callee = ptx_module_function(parser->module, token->text, token->length);
    const uint32_t reg = ptx_parser_register(parser, token, NULL);

    ++parser->at;
    if (callee) {
        call->callee = callee;
        *PTX_APPEND(function->callees, function->callee_count) = callee->index;
        return true;
    }
    if (reg == UINT32_MAX) {
        return ptx_parser_refuse(parser, token->line, "call of unknown function '%.*s'",
                                 (int)token->length, token->text);
    }
    statement->instruction.sources[0] = reg;
    function->calls_by_address = true;
    return true;
}

bool ptx_build_call(ptx_statement *statement)
{
    ptx_parser *parser = statement->parser;
    ptx_call call = { 0 };
    uint32_t result_count = 0;

    ptx_take(statement, "uni");
    statement->instruction.flow = PTX_FLOW_CALL;
    if (ptx_token_is(ptx_parser_token(parser), "(")) {
        if (!call_operands(statement, &call.result_offset, &call.result_bytes, &result_count, 1)) {
            return false;
        }
        ptx_parser_need(parser, ",");
    }
    if (!callee_parse(statement, &call)) {
        return false;
    }
    if (ptx_parser_eat(parser, ",") &&
        !call_operands(statement, call.argument_offsets, call.argument_bytes, &call.argument_count,
                       sizeof call.argument_bytes / sizeof *call.argument_bytes)) {
        return false;
    }
    if (ptx_parser_eat(parser, ",")) {
        ++parser->at; /* the prototype */
    }
    statement->instruction.target = parser->module->call_count;
    *PTX_APPEND(parser->module->calls, parser->module->call_count) = call;
    return true;
}

static void execute_trap(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    ptx_fault(warp, i, ptx_lowest_lane(lanes), "trap");
}

bool ptx_build_end(ptx_statement *statement)
{
    ptx_instruction *i = &statement->instruction;
    const char *name = statement->words[0];

    ptx_take(statement, "uni");
    if (strcmp(name, "ret") == 0) {
        i->flow = PTX_FLOW_RETURN;
    } else if (strcmp(name, "exit") == 0) {
        i->flow = PTX_FLOW_EXIT;
    } else {
        i->execute = execute_trap;
    }
    return true;
}

static void execute_nothing(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    (void)warp;
    (void)i;
    (void)lanes;
}

static void execute_sleep(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)
{
    (void)i;
    (void)lanes;
    warp->yields = true;
}

/* Hints, and what only hardware has. All their modifiers are taken. Nobody looks at a policy. */
bool ptx_build_nothing(ptx_statement *statement)
{
    const char *name = statement->words[0];

    statement->taken = UINT32_MAX;
    statement->instruction.execute =
        strcmp(name, "nanosleep") == 0 ? execute_sleep : execute_nothing;
    return strcmp(name, "createpolicy") != 0 || ptx_operand_destinations(statement, 0);
}
