#include "option_lists.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"

enum {
    MOST_ARGUMENTS = 40,
    UNTOUCHED = 0xA5
};

kvspan_status option_list_read(option_list_reader *reader, const char *const *list,
                               void *options_out, kvspan_error *error)
{
    static char program[] = "subcommand";
    char *argv[MOST_ARGUMENTS + 2] = { program };
    int argc = 1;

    while (list[argc - 1]) {
        ck_assert_int_le(argc, MOST_ARGUMENTS);
        argv[argc] = (char *)(uintptr_t)list[argc - 1];
        argc++;
    }
    return reader(argc, argv, options_out, error);
}

void option_list_expect_read(option_list_reader *reader, const char *const *list, void *options_out)
{
    kvspan_error error = { 0 };

    ck_assert_msg(option_list_read(reader, list, options_out, &error) == KVSPAN_OK, "%s",
                  error.message);
}

void option_list_expect_refused(option_list_reader *reader, const char *const *list,
                                size_t options_bytes, const char *first, const char *second)
{
    unsigned char *options = malloc(options_bytes);
    kvspan_error error = { 0 };

    ck_assert_ptr_nonnull(options);
    memset(options, UNTOUCHED, options_bytes);
    ck_assert_msg(option_list_read(reader, list, options, &error) == KVSPAN_ERR_ARGUMENT,
                  "%s was accepted", list[0]);
    for (size_t i = 0; i < options_bytes; i++) {
        ck_assert_uint_eq(options[i], UNTOUCHED);
    }
    free(options);
    ck_assert_msg(strstr(error.message, first) != NULL, "\"%s\" has no \"%s\"", error.message,
                  first);
    ck_assert_msg(strstr(error.message, second) != NULL, "\"%s\" has no \"%s\"", error.message,
                  second);
}
