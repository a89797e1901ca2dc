/** @file
 * Command lines of subcommands, given as lists of texts, and what reading them must come to.
 */
#ifndef KVSPAN_TESTS_LAUNCH_OPTION_LISTS_H
#define KVSPAN_TESTS_LAUNCH_OPTION_LISTS_H

#include <kvspan/status.h>
#include <stddef.h>

/* What is given after the name of the subcommand; ends with NULL. */
#define OPTION_LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* A subcommand's reader of options, as kvspan_run_options_parse() is one. */
typedef kvspan_status option_list_reader(int argc, char **argv, void *options_out,
                                         kvspan_error *error);

kvspan_status option_list_read(option_list_reader *reader, const char *const *list,
                               void *options_out, kvspan_error *error);

/* Fails the test unless the list is accepted. */
void option_list_expect_read(option_list_reader *reader, const char *const *list,
                             void *options_out);

/* Fails the test unless the list is refused in words that contain both texts, with nothing written
 * to the options, which have so many bytes. */
void option_list_expect_refused(option_list_reader *reader, const char *const *list,
                                size_t options_bytes, const char *first, const char *second);

#endif
