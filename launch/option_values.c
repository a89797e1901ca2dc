#include "launch/option_values.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LIST_BYTES = 120
};

/* Reads the digits at the start of a text; the rest is left to the caller. */
static kvspan_status read_integer(const kvspan_option *option, int64_t *value_out,
                                  const char **rest_out, kvspan_error *error)
{
    const char *digits = option->text + (option->text[0] == '-');
    char *rest = NULL;
    long long value;

    if (!isdigit((unsigned char)digits[0])) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "--%s is \"%.40s\", not a whole number",
                           option->name, option->text);
    }
    errno = 0;
    value = strtoll(option->text, &rest, 10);
    if (errno == ERANGE) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "--%s is %.40s, beyond the 64 bits of [%lld, %lld]", option->name,
                           option->text, (long long)INT64_MIN, (long long)INT64_MAX);
    }
    *value_out = value;
    *rest_out = rest;
    return KVSPAN_OK;
}

kvspan_status kvspan_option_integer(const kvspan_option *option, int64_t low, int64_t high,
                                    int64_t *value_out, kvspan_error *error)
{
    int64_t value = 0;
    const char *rest = "";
    const kvspan_status status = read_integer(option, &value, &rest, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    if (rest[0] != '\0') {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "--%s is \"%.40s\", not a whole number",
                           option->name, option->text);
    }
    if (value < low || value > high) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "--%s is %lld, not in [%lld, %lld]",
                           option->name, (long long)value, (long long)low, (long long)high);
    }
    *value_out = value;
    return KVSPAN_OK;
}

kvspan_status kvspan_option_count(const kvspan_option *option, uint32_t low, uint32_t high,
                                  uint32_t *value_out, kvspan_error *error)
{
    int64_t value = 0;
    const kvspan_status status = kvspan_option_integer(option, low, high, &value, error);

    if (status == KVSPAN_OK) {
        *value_out = (uint32_t)value;
    }
    return status;
}

kvspan_status kvspan_option_count64(const kvspan_option *option, int64_t low, int64_t high,
                                    uint64_t *value_out, kvspan_error *error)
{
    int64_t value = 0;
    const kvspan_status status = kvspan_option_integer(option, low, high, &value, error);

    if (status == KVSPAN_OK) {
        *value_out = (uint64_t)value;
    }
    return status;
}

/* The power of two that a suffix stands for, -1 if it is none. */
static int suffix_bits(const char *suffix)
{
    static const char letters[] = "KMGT";
    const char *letter =
        suffix[0] != '\0' ? strchr(letters, toupper((unsigned char)suffix[0])) : NULL;

    if (suffix[0] == '\0') {
        return 0;
    }
    if (!letter || (suffix[1] != '\0' && strcmp(suffix + 1, "iB") != 0)) {
        return -1;
    }
    return 10 * (int)(letter - letters + 1);
}

kvspan_status kvspan_option_bytes(const kvspan_option *option, uint64_t *value_out,
                                  kvspan_error *error)
{
    int64_t value = 0;
    const char *suffix = "";
    int bits;
    const kvspan_status status = read_integer(option, &value, &suffix, error);

    if (status != KVSPAN_OK) {
        return status;
    }
    bits = suffix_bits(suffix);
    if (bits < 0) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT,
                           "--%s is \"%.40s\": a number of bytes may end in K, M, G or T",
                           option->name, option->text);
    }
    if (value < 1 || value > INT64_MAX >> bits) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "--%s is %.40s, not in [1, %lld] bytes",
                           option->name, option->text, (long long)INT64_MAX);
    }
    *value_out = (uint64_t)value << bits;
    return KVSPAN_OK;
}

kvspan_status kvspan_option_real(const kvspan_option *option, double low, double high,
                                 uint32_t is_open, double *value_out, kvspan_error *error)
{
    char *rest = NULL;
    const double value = strtod(option->text, &rest);

    if (rest == option->text || rest[0] != '\0' || !isfinite(value) ||
        isspace((unsigned char)option->text[0])) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "--%s is \"%.40s\", not a number",
                           option->name, option->text);
    }
    if (is_open ? value <= low || value >= high : value < low || value > high) {
        return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "--%s is %g, not %s%g and %g", option->name,
                           value, is_open ? "strictly between " : "between ", low, high);
    }
    *value_out = value;
    return KVSPAN_OK;
}

kvspan_status kvspan_option_choice(const kvspan_option *option, const kvspan_option_word *words,
                                   int *value_out, kvspan_error *error)
{
    char list[LIST_BYTES] = "";
    size_t bytes = 0;

    for (const kvspan_option_word *word = words; word->word; word++) {
        if (strcmp(word->word, option->text) == 0) {
            *value_out = word->value;
            return KVSPAN_OK;
        }
        bytes += (size_t)snprintf(list + bytes, bytes < LIST_BYTES ? LIST_BYTES - bytes : 0, "%s%s",
                                  bytes > 0 ? ", " : "", word->word);
        bytes = bytes < LIST_BYTES ? bytes : LIST_BYTES;
    }
    return kvspan_fail(error, KVSPAN_ERR_ARGUMENT, "--%s is \"%.40s\", not one of: %s",
                       option->name, option->text, list);
}

kvspan_status kvspan_option_dtype(const kvspan_option *option, const kvspan_option_word *words,
                                  kvspan_dtype *dtype_out, kvspan_error *error)
{
    int dtype = 0;
    const kvspan_status status = kvspan_option_choice(option, words, &dtype, error);

    if (status == KVSPAN_OK) {
        *dtype_out = (kvspan_dtype)dtype;
    }
    return status;
}
