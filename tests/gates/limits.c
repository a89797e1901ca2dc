#include "gates/limits.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static bool read_field(limit_line *line, const limit_schema *schema, char *text, gate_error *error)
{
    char *value = strchr(text, '=');

    if (value == NULL) {
        return gate_fail(error, "line %u: \"%s\" is no figure=limit", line->number, text);
    }
    *value++ = '\0';
    for (uint32_t field = 0; field < schema->field_count; field++) {
        if (strcmp(text, schema->fields[field].name) != 0) {
            continue;
        }
        char *end;
        line->is_lifted[field] = strcmp(value, "any") == 0;
        line->set.is_set[field] = !line->is_lifted[field];
        line->set.value[field] = strtod(value, &end);
        if (!line->is_lifted[field] &&
            (end == value || *end != '\0' || !(line->set.value[field] >= 0.0))) {
            return gate_fail(error, "line %u: %s=%s: no number", line->number, text, value);
        }
        return true;
    }
    return gate_fail(error, "line %u: no figure is named \"%s\"", line->number, text);
}

static char *copy_text(const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *const copy = malloc(bytes);

    return copy == NULL ? NULL : memcpy(copy, text, bytes);
}

static bool read_line(limit_list *list, char *text, uint32_t number, gate_error *error)
{
    static const char blanks[] = " \t\r\n";
    char *rest;
    const char *kernel = strtok_r(text, blanks, &rest);

    if (kernel == NULL || *kernel == '#') {
        return true;
    }
    const char *place = strtok_r(NULL, blanks, &rest);
    if (place == NULL) {
        return gate_fail(error, "line %u: \"%s\" is followed by no %s", number, kernel,
                         list->schema->place);
    }
    limit_line *lines = realloc(list->lines, (list->count + 1) * sizeof(*lines));
    if (lines == NULL) {
        return gate_fail(error, "out of memory");
    }
    list->lines = lines;
    limit_line *line = &lines[list->count];
    *line = (limit_line){
        .kernel = copy_text(kernel),
        .place = copy_text(place),
        .number = number,
    };
    list->count++;
    if (line->kernel == NULL || line->place == NULL) {
        return gate_fail(error, "out of memory");
    }
    for (char *field = strtok_r(NULL, blanks, &rest); field != NULL && *field != '#';
         field = strtok_r(NULL, blanks, &rest)) {
        if (!read_field(line, list->schema, field, error)) {
            return false;
        }
    }
    return true;
}

bool limit_list_read(limit_list *list, const limit_schema *schema, FILE *file, gate_error *error)
{
    char text[1024];

    *list = (limit_list){ .schema = schema };
    for (uint32_t number = 1; fgets(text, sizeof(text), file) != NULL; number++) {
        if (strchr(text, '\n') == NULL && !feof(file)) {
            limit_list_fini(list);
            return gate_fail(error, "line %u has more than %zu characters", number,
                             sizeof(text) - 2);
        }
        if (!read_line(list, text, number, error)) {
            limit_list_fini(list);
            return false;
        }
    }
    return true;
}

bool limit_list_read_file(limit_list *list, const limit_schema *schema, const char *path,
                          gate_error *error)
{
    FILE *file = fopen(path, "r");

    if (file == NULL) {
        return gate_fail(error, "%s: cannot be opened", path);
    }
    gate_error cause;
    const bool is_read = limit_list_read(list, schema, file, &cause);
    (void)fclose(file);
    return is_read || gate_fail(error, "%s: %.400s", path, cause.text);
}

void limit_list_fini(limit_list *list)
{
    for (uint32_t index = 0; index < list->count; index++) {
        free(list->lines[index].kernel);
        free(list->lines[index].place);
    }
    free(list->lines);
    *list = (limit_list){ 0 };
}

static void apply_line(limit_set *set, const limit_line *line)
{
    for (uint32_t field = 0; field < set->schema->field_count; field++) {
        if (line->is_lifted[field]) {
            set->is_set[field] = false;
        } else if (line->set.is_set[field]) {
            set->is_set[field] = true;
            set->value[field] = line->set.value[field];
        }
    }
    set->is_named = set->is_named || strcmp(line->kernel, "*") != 0;
}

limit_set limit_list_for(limit_list *list, const char *kernel, const char *place)
{
    limit_set set = { .schema = list->schema };

    for (uint32_t index = 0; index < list->count; index++) {
        limit_line *line = &list->lines[index];
        if (fnmatch(line->kernel, kernel, 0) == 0 && fnmatch(line->place, place, 0) == 0) {
            line->is_matched = true;
            apply_line(&set, line);
        }
    }
    return set;
}

static bool is_beyond(limit_kind kind, double figure, double limit)
{
    switch (kind) {
    case LIMIT_KIND_MOST: return figure > limit;
    case LIMIT_KIND_COST: return figure > limit || figure == 0.0;
    case LIMIT_KIND_LEAST: return figure < limit;
    default: return false;
    }
}

/* What is said between a figure and the limit that it is beyond. */
static const char *complaint_of(const limit_set *set, limit_kind kind, double figure)
{
    if (kind == LIMIT_KIND_COST && figure == 0.0) {
        return set->schema->cause;
    }
    return kind == LIMIT_KIND_LEAST ? "is less than" : "is more than";
}

uint32_t limit_set_check(const limit_set *set, const char *kernel, const char *place,
                         const double *figures, FILE *out)
{
    uint32_t failures = 0;

    if (!set->is_named) {
        (void)fprintf(out, "%s %s: no line of limits names it\n", kernel, place);
        failures++;
    }
    for (uint32_t index = 0; index < set->schema->field_count; index++) {
        const limit_field *field = &set->schema->fields[index];
        if (set->is_set[index] && is_beyond(field->kind, figures[index], set->value[index])) {
            (void)fprintf(out, "%s %s: %s %.6g %s %.6g\n", kernel, place, field->name,
                          figures[index], complaint_of(set, field->kind, figures[index]),
                          set->value[index]);
            failures++;
        }
    }
    return failures;
}

uint32_t limit_list_check_matched(const limit_list *list, FILE *out)
{
    uint32_t failures = 0;

    for (uint32_t index = 0; index < list->count; index++) {
        const limit_line *line = &list->lines[index];
        if (!line->is_matched) {
            (void)fprintf(out, "limits line %u: no kernel is %s %s\n", line->number, line->kernel,
                          line->place);
            failures++;
        }
    }
    return failures;
}
