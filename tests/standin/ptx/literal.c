/* Numbers in the text. */
#include "standin/ptx/array.h"
#include "standin/ptx/parser.h"

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
