#include "launch/option_parser.h"

#include <errno.h>

/* What argp hands to its callback. */
typedef struct parse_state {
    const kvspan_option_parser *parser;
    void *context;
    kvspan_error *error;
    kvspan_status status;
} parse_state;

static kvspan_status take_operand(const parse_state *parse, const char *text)
{
    if (!parse->parser->take_operand) {
        return kvspan_fail(parse->error, KVSPAN_ERR_ARGUMENT, "\"%.60s\" is not an option", text);
    }
    return parse->parser->take_operand(parse->context, text, parse->error);
}

/* argp's callback. */
static error_t take_argument(int key, char *text, struct argp_state *state)
{
    parse_state *parse = state->input;
    const kvspan_option option = { .name = kvspan_option_parser_name(parse->parser, key),
                                   .text = text };

    if (key == ARGP_KEY_ERROR && parse->status == KVSPAN_OK) {
        /* argp has found it and keeps the reason to itself. */
        parse->status = kvspan_fail(parse->error, KVSPAN_ERR_ARGUMENT,
                                    "\"%.60s\" is not known, not clear, or has a value too few "
                                    "or too many",
                                    state->argv[state->next - 1]);
    }
    if (key == ARGP_KEY_ARG) {
        parse->status = take_operand(parse, text);
    } else if (option.name) {
        parse->status = parse->parser->take(parse->context, key, &option, parse->error);
    } else {
        return ARGP_ERR_UNKNOWN;
    }
    return parse->status == KVSPAN_OK ? 0 : EINVAL;
}

static struct argp argp_of(const kvspan_option_parser *parser)
{
    return (struct argp){ .options = parser->options,
                          .parser = take_argument,
                          .args_doc = parser->operand,
                          .doc = parser->documentation };
}

kvspan_status kvspan_option_parser_read(const kvspan_option_parser *parser, int argc, char **argv,
                                        void *context, kvspan_error *error)
{
    const struct argp argp = argp_of(parser);
    parse_state parse = { .parser = parser, .context = context, .error = error };
    const error_t failure =
        argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &parse);

    if (failure != 0 && parse.status == KVSPAN_OK) {
        return kvspan_fail(error, KVSPAN_ERR_MEMORY, "no memory to read options");
    }
    return parse.status;
}

const char *kvspan_option_parser_name(const kvspan_option_parser *parser, int key)
{
    for (const struct argp_option *option = parser->options; option->name || option->doc;
         option++) {
        if (option->key == key && option->name) {
            return option->name;
        }
    }
    return NULL;
}

void kvspan_option_parser_help(const kvspan_option_parser *parser)
{
    const struct argp argp = argp_of(parser);
    char command[64];

    (void)snprintf(command, sizeof(command), "%s", parser->command);
    argp_help(&argp, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC, command);
}
