#include "standin/ptx/statement.h"

#include "standin/ptx/frame_address.h"

bool ptx_take(ptx_statement *statement, const char *modifier)
{
    for (uint32_t i = 1; i < statement->word_count; ++i) {
        if (!(statement->taken >> i & 1) && strcmp(statement->words[i], modifier) == 0) {
            statement->taken |= 1u << i;
            return true;
        }
    }
    return false;
}

int ptx_take_one_of(ptx_statement *statement, const char *const *modifiers)
{
    for (int i = 0; modifiers[i]; ++i) {
        if (ptx_take(statement, modifiers[i])) {
            return i;
        }
    }
    return -1;
}

ptx_type ptx_take_type(ptx_statement *statement)
{
    for (uint32_t i = 1; i < statement->word_count; ++i) {
        const ptx_type type = ptx_type_named(statement->words[i]);

        if (!(statement->taken >> i & 1) && type != PTX_NO_TYPE) {
            statement->taken |= 1u << i;
            return type;
        }
    }
    return PTX_NO_TYPE;
}

ptx_space ptx_take_space(ptx_statement *statement)
{
    static const struct {
        const char *name;
        ptx_space space;
    } spaces[] = {
        { "global", PTX_GLOBAL },
        { "shared", PTX_SHARED },
        { "shared::cta", PTX_SHARED },
        { "shared::cluster", PTX_SHARED },
        { "local", PTX_LOCAL },
        { "param", PTX_PARAMETER },
        { "param::entry", PTX_PARAMETER },
        { "param::func", PTX_PARAMETER },
        { "const", PTX_CONSTANT },
    };

    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; ++i) {
        if (ptx_take(statement, spaces[i].name)) {
            return spaces[i].space;
        }
    }
    return PTX_GENERIC;
}

void ptx_take_rounding(ptx_statement *statement)
{
    static const char *const modes[] = { "rn", "rz", "rm", "rp", NULL };
    const int mode = ptx_take_one_of(statement, modes);

    statement->instruction.rounding = (uint8_t)(mode < 0 ? 0 : mode);
}

void ptx_take_float_flags(ptx_statement *statement)
{
    statement->instruction.flags |= ptx_take(statement, "ftz") ? PTX_FLAG_FLUSH : 0;
    statement->instruction.flags |= ptx_take(statement, "sat") ? PTX_FLAG_SATURATE : 0;
}

void ptx_take_cache_hints(ptx_statement *statement)
{
    static const char *const hints[] = {
        "nc",
        "ca",
        "cg",
        "cs",
        "lu",
        "cv",
        "wb",
        "wt",
        "L1::evict_normal",
        "L1::evict_unchanged",
        "L1::evict_first",
        "L1::evict_last",
        "L1::no_allocate",
        "L2::evict_last",
        "L2::evict_first",
        "L2::evict_normal",
        "L2::cache_hint",
        "L2::64B",
        "L2::128B",
        "L2::256B",
        NULL,
    };

    while (ptx_take_one_of(statement, hints) >= 0) {
    }
}

bool ptx_refuse(ptx_statement *statement, const char *why)
{
    const ptx_token *token = statement->token;

    return ptx_parser_refuse(statement->parser, token->line, "%.*s: %s", (int)token->length,
                             token->text, why);
}

bool ptx_operand_sources(ptx_statement *statement, uint32_t operand)
{
    const ptx_operand *o = &statement->operands[operand];
    ptx_instruction *i = &statement->instruction;

    if (operand >= statement->operand_count || o->is_address ||
        i->source_count + o->count > PTX_MAX_SOURCES) {
        return ptx_refuse(statement, "operands are missing or of the wrong form");
    }
    for (uint32_t k = 0; k < o->count; ++k) {
        i->sources[i->source_count++] = o->values[k];
    }
    i->flags |= o->is_negated ? PTX_FLAG_NEGATED : 0;
    return true;
}

bool ptx_operand_destinations(ptx_statement *statement, uint32_t operand)
{
    const ptx_operand *o = &statement->operands[operand];
    ptx_instruction *i = &statement->instruction;

    if (operand >= statement->operand_count || o->is_address ||
        i->destination_count + o->count > PTX_MAX_DESTINATIONS) {
        return ptx_refuse(statement, "operands are missing or of the wrong form");
    }
    for (uint32_t k = 0; k < o->count; ++k) {
        if (o->values[k] >> PTX_BANK_SHIFT != PTX_BANK_REGISTERS) {
            return ptx_refuse(statement, "a result has to be a register");
        }
        i->destinations[i->destination_count++] = o->values[k];
    }
    return true;
}

bool ptx_operands_simple(ptx_statement *statement, uint32_t source_count)
{
    if (statement->operand_count != source_count + 1) {
        return ptx_refuse(statement, "the number of operands is wrong");
    }
    bool is_good = ptx_operand_destinations(statement, 0);

    for (uint32_t k = 1; k <= source_count && is_good; ++k) {
        is_good = ptx_operand_sources(statement, k);
    }
    return is_good;
}

bool ptx_operand_address(ptx_statement *statement, uint32_t operand)
{
    const ptx_operand *o = &statement->operands[operand];
    ptx_instruction *i = &statement->instruction;

    if (!o->is_address) {
        return ptx_refuse(statement, "an address is missing");
    }
    i->sources[i->source_count++] = o->values[0];
    if (i->source_count == 1) {
        i->offset = o->offset;
    } else if (i->source_count == 2) {
        i->second_offset = o->offset;
    } else {
        i->third_offset = o->offset;
    }
    return true;
}

bool ptx_operand_literal(ptx_statement *statement, uint32_t operand, uint64_t *literal_out)
{
    const ptx_operand *o = &statement->operands[operand];

    if (!o->is_literal) {
        return ptx_refuse(statement, "an operand has to be a number");
    }
    *literal_out = o->literal;
    return true;
}

static ptx_type literal_type(const ptx_statement *statement)
{
    for (uint32_t i = 1; i < statement->word_count; ++i) {
        if (strcmp(statement->words[i], "f64") == 0 || strcmp(statement->words[i], "f32") == 0) {
            return ptx_type_named(statement->words[i]);
        }
    }
    return PTX_NO_TYPE;
}

static bool special_find(const ptx_token *token, ptx_special *special_out)
{
    static const struct {
        const char *name;
        ptx_special special;
    } specials[] = {
        { "%tid.x", PTX_TID_X },
        { "%tid.y", PTX_TID_Y },
        { "%tid.z", PTX_TID_Z },
        { "%ntid.x", PTX_NTID_X },
        { "%ntid.y", PTX_NTID_Y },
        { "%ntid.z", PTX_NTID_Z },
        { "%ctaid.x", PTX_CTAID_X },
        { "%ctaid.y", PTX_CTAID_Y },
        { "%ctaid.z", PTX_CTAID_Z },
        { "%nctaid.x", PTX_NCTAID_X },
        { "%nctaid.y", PTX_NCTAID_Y },
        { "%nctaid.z", PTX_NCTAID_Z },
        { "%laneid", PTX_LANEID },
        { "%warpid", PTX_WARPID },
        { "%nwarpid", PTX_NWARPID },
        { "%lanemask_eq", PTX_LANEMASK_EQ },
        { "%lanemask_le", PTX_LANEMASK_LE },
        { "%lanemask_lt", PTX_LANEMASK_LT },
        { "%lanemask_ge", PTX_LANEMASK_GE },
        { "%lanemask_gt", PTX_LANEMASK_GT },
        { "%smid", PTX_ZERO },
        { "%nsmid", PTX_ONE },
        { "%gridid", PTX_ZERO },
        { "%cluster_ctarank", PTX_ZERO },
        { "%cluster_nctarank", PTX_ONE },
        { "%cluster_ctaid.x", PTX_ZERO },
        { "%cluster_ctaid.y", PTX_ZERO },
        { "%cluster_ctaid.z", PTX_ZERO },
        { "%cluster_nctaid.x", PTX_ONE },
        { "%cluster_nctaid.y", PTX_ONE },
        { "%cluster_nctaid.z", PTX_ONE },
        { "%clusterid.x", PTX_CTAID_X },
        { "%clusterid.y", PTX_CTAID_Y },
        { "%clusterid.z", PTX_CTAID_Z },
        { "%nclusterid.x", PTX_NCTAID_X },
        { "%nclusterid.y", PTX_NCTAID_Y },
        { "%nclusterid.z", PTX_NCTAID_Z },
        { "%dynamic_smem_size", PTX_DYNAMIC_SHARED },
        { "%total_smem_size", PTX_TOTAL_SHARED },
        { "%clock", PTX_CLOCK },
        { "%clock64", PTX_CLOCK },
        { "%globaltimer", PTX_CLOCK },
        { "%globaltimer_lo", PTX_CLOCK },
    };

    for (size_t i = 0; i < sizeof specials / sizeof *specials; ++i) {
        if (ptx_token_is(token, specials[i].name)) {
            *special_out = specials[i].special;
            return true;
        }
    }
    return false;
}

/* A name that stands for memory. */
static bool memory_name_parse(ptx_statement *statement, ptx_operand *o)
{
    ptx_parser *parser = statement->parser;
    const ptx_token *token = ptx_parser_token(parser);
    const ptx_local_name *name = ptx_parser_local_name(parser, token);

    if (name && (name->space == PTX_LOCAL || name->space == PTX_PARAMETER)) {
        const ptx_value offset = ptx_module_constant(parser->module, name->offset);

        o->space = name->space;
        o->values[o->count++] =
            name->space == PTX_LOCAL ? ptx_frame_address(parser, token, offset) : offset;
        ++parser->at;
        return true;
    }
    const ptx_function *function = ptx_module_function(parser->module, token->text, token->length);
    const uint32_t symbol = name ? name->offset : ptx_parser_symbol(parser, token);

    if (symbol < parser->module->symbol_count) {
        ptx_parser_symbol_use(parser, symbol);
        o->values[o->count++] = ptx_value_in(PTX_BANK_SYMBOLS, symbol);
    } else if (function) {
        o->values[o->count++] =
            ptx_module_constant(parser->module, PTX_FUNCTION_BASE + function->index);
    } else {
        return ptx_parser_refuse(parser, token->line, "unknown operand '%.*s'", (int)token->length,
                                 token->text);
    }
    ++parser->at;
    return true;
}

static bool value_parse(ptx_statement *statement, ptx_operand *o)
{
    ptx_parser *parser = statement->parser;
    const ptx_token *token = ptx_parser_token(parser);
    const uint32_t reg = ptx_parser_register(parser, token, &o->is_predicate);
    ptx_special special;

    if (o->count == PTX_MAX_SOURCES) {
        return ptx_refuse(statement, "too many operands");
    }
    if (ptx_parser_eat(parser, "_")) {
        o->values[o->count++] = PTX_SINK;
        return true;
    }
    if (reg != UINT32_MAX) {
        o->values[o->count++] = reg;
        ++parser->at;
        return true;
    }
    if (ptx_token_is(token, "-") || (token->text[0] >= '0' && token->text[0] <= '9')) {
        o->is_literal = ptx_parser_literal(parser, literal_type(statement), &o->literal);
        o->values[o->count++] = ptx_module_constant(parser->module, o->literal);
        return o->is_literal;
    }
    if (special_find(token, &special)) {
        o->values[o->count++] = ptx_value_in(PTX_BANK_SPECIALS, special);
        ++parser->at;
        return true;
    }
    if (ptx_parser_eat(parser, "WARP_SZ")) {
        o->values[o->count++] = ptx_module_constant(parser->module, PTX_LANES);
        return true;
    }
    return memory_name_parse(statement, o);
}

static bool operand_parse(ptx_statement *statement)
{
    ptx_parser *parser = statement->parser;

    if (statement->operand_count == PTX_MAX_OPERANDS) {
        return ptx_refuse(statement, "too many operands");
    }
    ptx_operand *o = &statement->operands[statement->operand_count++];

    if (ptx_parser_eat(parser, "{")) {
        do {
            if (!value_parse(statement, o)) {
                return false;
            }
        } while (ptx_parser_eat(parser, ","));
        return ptx_parser_need(parser, "}");
    }
    if (ptx_parser_eat(parser, "[")) {
        o->is_address = true;
        if (!value_parse(statement, o)) {
            return false;
        }
        if (ptx_parser_eat(parser, "+") || ptx_token_is(ptx_parser_token(parser), "-")) {
            o->offset = ptx_parser_integer(parser);
        }
        if (ptx_token_is(ptx_parser_token(parser), ",")) {
            return ptx_refuse(statement, "addresses with coordinates are not supported");
        }
        return ptx_parser_need(parser, "]");
    }
    o->is_negated = ptx_parser_eat(parser, "!");
    return value_parse(statement, o) && (!ptx_parser_eat(parser, "|") || value_parse(statement, o));
}

static bool words_split(ptx_statement *statement)
{
    const ptx_token *token = statement->token;
    uint32_t length = 0;

    statement->word_count = 1;
    for (uint32_t k = 0; k < token->length; ++k) {
        char *word = statement->words[statement->word_count - 1];

        if (token->text[k] == '.') {
            if (statement->word_count == PTX_MAX_WORDS) {
                return ptx_refuse(statement, "too many modifiers");
            }
            ++statement->word_count;
            length = 0;
        } else if (length + 1 < PTX_WORD_BYTES) {
            word[length++] = token->text[k];
        }
    }
    return true;
}

static bool guard_parse(ptx_statement *statement)
{
    ptx_parser *parser = statement->parser;

    if (ptx_parser_eat(parser, "@")) {
        statement->instruction.guard_is_negated = ptx_parser_eat(parser, "!");
        const ptx_token *token = ptx_parser_token(parser);
        const uint32_t reg = ptx_parser_register(parser, token, NULL);

        if (reg == UINT32_MAX) {
            return ptx_parser_refuse(parser, token->line, "unknown guard '%.*s'",
                                     (int)token->length, token->text);
        }
        statement->instruction.guard = reg;
        ++parser->at;
    }
    return true;
}

/* Branches and calls name labels and functions: they read their operands themselves. */
static bool has_own_operands(const ptx_statement *statement)
{
    return strcmp(statement->words[0], "bra") == 0 || strcmp(statement->words[0], "brx") == 0 ||
           strcmp(statement->words[0], "call") == 0;
}

static bool statement_build(ptx_statement *statement)
{
    ptx_parser *parser = statement->parser;

    if (!guard_parse(statement)) {
        return false;
    }
    const ptx_token *token = ptx_parser_token(parser);

    statement->token = token;
    ++parser->at;
    if (!words_split(statement)) {
        return false;
    }
    const ptx_build build = ptx_build_named(statement->words[0]);

    if (!build) {
        return ptx_refuse(statement, "unknown instruction");
    }
    if (!has_own_operands(statement) && !ptx_token_is(ptx_parser_token(parser), ";")) {
        do {
            if (!operand_parse(statement)) {
                return false;
            }
        } while (ptx_parser_eat(parser, ","));
    }
    if (!build(statement)) {
        return ptx_refuse(statement, "not in this form"); /* unless it was told already */
    }
    for (uint32_t i = 1; i < statement->word_count; ++i) {
        if (!(statement->taken >> i & 1)) {
            return ptx_parser_refuse(parser, token->line, "%.*s: modifier '.%s' is not supported",
                                     (int)token->length, token->text, statement->words[i]);
        }
    }
    return ptx_token_is(ptx_parser_token(parser), ";") ||
           ptx_refuse(statement, "operands are left over");
}

void ptx_parser_statement(ptx_parser *parser)
{
    ptx_statement statement = { .parser = parser, .token = ptx_parser_token(parser) };
    const uint32_t uses = parser->use_count;

    if (statement_build(&statement)) {
        ptx_instruction *i = ptx_parser_instruction_new(parser, statement.token);

        statement.instruction.line = i->line;
        statement.instruction.source = i->source;
        *i = statement.instruction;
        for (uint32_t k = uses; k < parser->use_count; ++k) { /* of labels: now there is a pc */
            parser->uses[k].pc = parser->function->instruction_count - 1;
        }
    } else {
        parser->use_count = uses; /* they have no pc */
        ptx_parser_skip_to(parser, ";");
    }
    ptx_parser_eat(parser, ";");
}
