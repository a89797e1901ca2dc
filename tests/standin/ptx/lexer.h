/** @file
 * Splits PTX into tokens, each with its line and the source place that .loc gave. Internal.
 */
#ifndef KVSPAN_STANDIN_PTX_LEXER_H
#define KVSPAN_STANDIN_PTX_LEXER_H

#include "standin/ptx/module.h"

typedef struct ptx_token {
    const char *text; /* in the PTX */
    uint32_t length;
    uint32_t line;
    ptx_source_place source;
} ptx_token;

typedef struct ptx_tokens {
    ptx_token *tokens; /* ends with one of length 0 */
    uint32_t count;
} ptx_tokens;

/* Words include dots, `%`, `$` and `::`; every other character is a token. Comments and .loc are
 * left out, .file names go into the module. Freed with ptx_tokens_fini(). */
ptx_tokens ptx_tokens_of(const char *ptx, ptx_module *module);
void ptx_tokens_fini(ptx_tokens *tokens);

bool ptx_token_is(const ptx_token *token, const char *text);

#endif
