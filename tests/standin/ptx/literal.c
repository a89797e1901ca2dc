/* Numbers in the text. */
#include "standin/ptx/array.h"
#include "standin/ptx/parser.h"

#include <ctype.h>

static uint64_t fraction_bits(ptx_parser *parser, const ptx_token *token, ptx_type type)
{
    char *end;
    const double value = strtod(token->text, &end);

    if (end != token->text + token->length) {
        ptx_parser_fail(parser, "'%.*s' is no literal here", (int)token->length, token->text);
    }
    return type == PTX_F64 ? ptx_bits_of_double(value) : ptx_bits_of_float((float)value);
}

static uint64_t negated(uint64_t bits, ptx_type type)
{
    return type == PTX_F64 ? bits ^ 1ull << 63 : type == PTX_F32 ? bits ^ 1ull << 31 : 0 - bits;
}

/* 0 and a letter in front. */
static bool has_prefix(const ptx_token *token, char letter)
{
    return token->text[0] == '0' && tolower((unsigned char)token->text[1]) == letter;
}

bool ptx_parser_literal(ptx_parser *parser, ptx_type type, uint64_t *bits_out)
{
    const bool is_negative = ptx_parser_eat(parser, "-");
    const ptx_token *token = ptx_parser_token(parser);
    const char *token_end = token->text + token->length; /* no digit follows */
    char *end;
    uint64_t bits;

    if (!isdigit((unsigned char)token->text[0])) {
        return ptx_parser_fail(parser, "'%.*s' is no number", (int)token->length, token->text);
    }
    if ((token->length == 10 && has_prefix(token, 'f')) ||
        (token->length == 18 && has_prefix(token, 'd'))) {
        bits = strtoull(token->text + 2, &end, 16);
    } else {
        bits = has_prefix(token, 'b') ? strtoull(token->text + 2, &end, 2)
                                      : strtoull(token->text, &end, 0);
        end += *end == 'U' || *end == 'u';
        type = end == token_end ? PTX_NO_TYPE : type;
    }
    bits = end == token_end ? bits : fraction_bits(parser, token, type);
    ++parser->at;
    *bits_out = is_negative ? negated(bits, type) : bits;
    return !parser->has_failed;
}
