/** @file
 * JSON: the one place that knows the library that parses it. Readers name what is wrong (field,
 * value, limit); writers keep the order of keys.
 */
#ifndef KVSPAN_RUNTIME_JSON_H
#define KVSPAN_RUNTIME_JSON_H

#include <stdbool.h>

#include <kvspan/types.h>

enum {
    KVSPAN_JSON_MAX_BYTES = 64 << 20 /* of one document; a parsed one takes some 20 times that */
};

typedef struct kvspan_json kvspan_json; /* a value; owned by the document it is part of */

/* Parses one document of `length` bytes; duplicate keys and trailing bytes are refused. ARGUMENT
 * names line, column and what was expected. Freed with kvspan_json_free(). */
kvspan_status kvspan_json_parse(const char *text, size_t length, kvspan_json **json_out,
                                kvspan_error *error);
void kvspan_json_free(kvspan_json *json);

bool kvspan_json_is_object(const kvspan_json *json);
bool kvspan_json_is_array(const kvspan_json *json);
bool kvspan_json_is_null(const kvspan_json *json);
/* NULL if absent or not an object. */
kvspan_json *kvspan_json_member(const kvspan_json *json, const char *key);
/* i-th key of an object in document order, NULL past the last; its value in *value_out. Takes i
 * steps: for small objects. */
const char *kvspan_json_key(const kvspan_json *json, size_t index, kvspan_json **value_out);
size_t kvspan_json_length(const kvspan_json *json);                      /* elements of an array */
kvspan_json *kvspan_json_element(const kvspan_json *json, size_t index); /* NULL past the end */
/* NULL if not a string. */
const char *kvspan_json_text(const kvspan_json *json);

/* A whole number of the object's member `key` in [low, high]. ARGUMENT names key, value and limits;
 * absent: ARGUMENT if required, else value_out is untouched. */
kvspan_status kvspan_json_integer(const kvspan_json *object, const char *key, int64_t low,
                                  int64_t high, bool is_required, int64_t *value_out,
                                  kvspan_error *error);
kvspan_status kvspan_json_real(const kvspan_json *object, const char *key, bool is_required,
                               double *value_out, kvspan_error *error);
/* true or false; absent and wrong as above. */
kvspan_status kvspan_json_boolean(const kvspan_json *object, const char *key, bool is_required,
                                  bool *value_out, kvspan_error *error);

/* Building: a new empty object (NULL: no memory), members in the order of adding. Adding is false
 * for lack of memory or to NULL; a number that is not finite becomes null, bytes that are not UTF-8
 * become '?'. */
kvspan_json *kvspan_json_object(void);
bool kvspan_json_add_integer(kvspan_json *object, const char *key, int64_t value);
bool kvspan_json_add_real(kvspan_json *object, const char *key, double value);
bool kvspan_json_add_text(kvspan_json *object, const char *key, const char *value);
bool kvspan_json_add_null(kvspan_json *object, const char *key);
/* Hands the value over to the object, or frees it. */
bool kvspan_json_add(kvspan_json *object, const char *key, kvspan_json *value);
kvspan_json *kvspan_json_array(void);
bool kvspan_json_append(kvspan_json *array, kvspan_json *value); /* as kvspan_json_add() */
bool kvspan_json_append_text(kvspan_json *array, const char *value);
/* Its compact text, freed with free(); NULL for lack of memory or of an object. */
char *kvspan_json_write(const kvspan_json *json);

#endif
