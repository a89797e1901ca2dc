#include "standin/ptx/lexer.h"

#include "standin/ptx/array.h"

#include <ctype.h>

typedef struct lexer {
    const char *at;
    uint32_t line;
    ptx_source_place source;
    ptx_tokens tokens;
    ptx_module *module;
} lexer;

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '%' || c == '.';
}

static bool starts_with(const lexer *l, const char *word)
{
    return strncmp(l->at, word, strlen(word)) == 0 && isspace((unsigned char)l->at[strlen(word)]);
}

static const char *line_end(const char *at)
{
    while (*at && *at != '\n') {
        ++at;
    }
    return at;
}

static void comment_skip(lexer *l)
{
    l->at += 2;
    while (*l->at && !(l->at[0] == '*' && l->at[1] == '/')) {
        l->line += *l->at++ == '\n';
    }
    l->at += *l->at ? 2 : 0;
}

/* A decimal number behind `at`; NULL if there is none. Not by sscanf(), which looks for the end of
 * the whole text first. */
static const char *number_take(const char *at, unsigned *number_out)
{
    char *end = NULL;
    const unsigned long number = strtoul(at, &end, 10);

    if (end == at || number > UINT32_MAX) {
        return NULL;
    }
    *number_out = (unsigned)number;
    return end;
}

static void location_take(lexer *l)
{
    unsigned file = 0;
    unsigned line = 0;
    const char *rest = number_take(l->at + strlen(".loc"), &file);

    if (rest && number_take(rest, &line)) {
        l->source = (ptx_source_place){ .file = file, .line = line };
    }
    l->at = line_end(l->at);
}

static void file_take(lexer *l)
{
    enum {
        MOST_FILES = 1 << 16
    };
    const char *end = line_end(l->at);
    const char *name = memchr(l->at, '"', (size_t)(end - l->at));
    unsigned file = MOST_FILES;

    if (name && number_take(l->at + strlen(".file"), &file) && file < MOST_FILES) {
        const char *name_end = memchr(name + 1, '"', (size_t)(end - name - 1));

        while (l->module->file_count <= file) {
            PTX_APPEND(l->module->files, l->module->file_count);
        }
        name_end = name_end ? name_end : end;
        free(l->module->files[file]);
        l->module->files[file] = ptx_text_copy(name + 1, (size_t)(name_end - name - 1));
    }
    l->at = end;
}

static void token_take(lexer *l)
{
    const char *begin = l->at;

    if (*begin == '"') {
        do {
            ++l->at;
        } while (*l->at && *l->at != '"' && *l->at != '\n');
        l->at += *l->at == '"';
    } else if (is_word(*begin)) {
        const bool is_directive = *begin == '.'; /* ends at the next one: .reg.b32 */

        l->at += is_directive;
        while ((is_word(*l->at) && !(is_directive && *l->at == '.')) ||
               (l->at[0] == ':' && l->at[1] == ':' && is_word(l->at[2]))) {
            l->at += l->at[0] == ':' ? 2 : 1;
        }
    } else {
        ++l->at;
    }
    *PTX_APPEND(l->tokens.tokens, l->tokens.count) = (ptx_token){
        .text = begin,
        .length = (uint32_t)(l->at - begin),
        .line = l->line,
        .source = l->source,
    };
}

ptx_tokens ptx_tokens_of(const char *ptx, ptx_module *module)
{
    lexer l = { .at = ptx, .line = 1, .module = module };

    while (*l.at) {
        if (*l.at == '\n') {
            ++l.line;
            ++l.at;
        } else if (isspace((unsigned char)*l.at)) {
            ++l.at;
        } else if (l.at[0] == '/' && l.at[1] == '/') {
            l.at = line_end(l.at);
        } else if (l.at[0] == '/' && l.at[1] == '*') {
            comment_skip(&l);
        } else if (starts_with(&l, ".loc")) {
            location_take(&l);
        } else if (starts_with(&l, ".file")) {
            file_take(&l);
        } else {
            token_take(&l);
        }
    }
    *PTX_APPEND(l.tokens.tokens, l.tokens.count) = (ptx_token){ .text = l.at, .line = l.line };
    return l.tokens;
}

void ptx_tokens_fini(ptx_tokens *tokens)
{
    free(tokens->tokens);
}

bool ptx_token_is(const ptx_token *token, const char *text)
{
    return token->length == strlen(text) && memcmp(token->text, text, token->length) == 0;
}
