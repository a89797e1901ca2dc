/** @file
 * The command line of a subcommand: argp finds the options, the subcommand takes their values, and
 * what is wrong becomes a message. Nothing is printed but help.
 */
#ifndef KVSPAN_LAUNCH_OPTION_PARSER_H
#define KVSPAN_LAUNCH_OPTION_PARSER_H

#include <argp.h>

#include "launch/option_values.h"

typedef struct kvspan_option_parser {
    const char *command;               /* as help tells it, such as "kvspan run" */
    const struct argp_option *options; /* long ones, with keys from 256 on; ends with zeros */
    const char *operand;               /* what help calls a text that is no option; or NULL */
    const char *documentation;         /* argp's: a \v parts what stands before and after */
    /* Takes the value of one option into `context`; `option->text` is NULL where it has none. */
    kvspan_status (*take)(void *context, int key, const kvspan_option *option, kvspan_error *error);
    /* Takes a text that is no option. NULL: there are none, ARGUMENT names it. */
    kvspan_status (*take_operand)(void *context, const char *text, kvspan_error *error);
} kvspan_option_parser;

/* Reads argv, whose first text is a name as main() gets it, up to the first failure of take() or
 * take_operand(), whose status it returns. ARGUMENT names what is not known, not clear, or has a
 * value too few or too many; MEMORY. The order of argv may change. */
kvspan_status kvspan_option_parser_read(const kvspan_option_parser *parser, int argc, char **argv,
                                        void *context, kvspan_error *error);

/* The name of the option that has a key, without dashes; NULL if none has it. */
const char *kvspan_option_parser_name(const kvspan_option_parser *parser, int key);

/* Writes the help of the subcommand to standard output. */
void kvspan_option_parser_help(const kvspan_option_parser *parser);

#endif
