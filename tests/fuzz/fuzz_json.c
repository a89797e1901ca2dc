/* JSON as configs use it: the parser, typed members, the writer, and the partition axis. */
#include <string.h>

#include "fuzz_target.h"
#include "runtime/config/partition_json.h"
#include "runtime/json.h"

static void read_members(const kvspan_json *json)
{
    kvspan_json *value = NULL;
    const char *key;

    for (size_t i = 0; i < 100 && (key = kvspan_json_key(json, i, &value)); i++) {
        int64_t whole = -1;
        double real = 0;
        kvspan_error error;

        fuzz_check(kvspan_json_member(json, key) == value);
        if (!kvspan_json_integer(json, key, -5, 1000000, true, &whole, &error)) {
            fuzz_check(whole >= -5);
            fuzz_check(whole <= 1000000);
        }
        (void)kvspan_json_real(json, key, true, &real, &error);
        (void)kvspan_json_text(value);
        fuzz_check(!kvspan_json_element(value, kvspan_json_length(value)));
    }
}

/* What is written is read back to the same text. */
static void write_and_read(const kvspan_json *json)
{
    char *text = kvspan_json_write(json);
    kvspan_json *again = NULL;
    char *text_again;

    if (!text) {
        return;
    }
    fuzz_check(!kvspan_json_parse(text, strlen(text), &again, NULL));
    text_again = kvspan_json_write(again);
    fuzz_check(text_again);
    fuzz_check(strcmp(text, text_again) == 0);
    free(text_again);
    kvspan_json_free(again);
    free(text);
}

/* Every axis name that was accepted ends, and no set is longer than its array. */
static void read_partition_axis(const uint8_t *data, size_t bytes)
{
    char *text = malloc(bytes + 1);
    kvspan_partition_axis axis;
    kvspan_error error = { .status = KVSPAN_OK };

    fuzz_check(text);
    memcpy(text, data, bytes);
    text[bytes] = '\0';
    if (kvspan_partition_axis_read(text, &axis, &error)) {
        fuzz_check(error.status == KVSPAN_ERR_ARGUMENT || error.status == KVSPAN_ERR_MEMORY);
        fuzz_check(memchr(error.message, '\0', sizeof(error.message)));
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    kvspan_json *json = NULL;
    kvspan_error error;

    if (!kvspan_json_parse((const char *)data, bytes, &json, &error)) {
        read_members(json);
        write_and_read(json);
        kvspan_json_free(json);
    }
    read_partition_axis(data, bytes);
    return 0;
}
