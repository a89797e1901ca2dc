#include "gates/limits.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static const char *const field_names[LIMIT_FIELD_COUNT] = {
    [LIMIT_THREADS] = "threads",
    [LIMIT_DYNAMIC] = "dynamic",
    [LIMIT_REGISTERS] = "registers",
    [LIMIT_STACK] = "stack",
    [LIMIT_LOCAL_STORES] = "local_stores",
    [LIMIT_LOCAL_IN_LOOPS] = "local_in_loops",
    [LIMIT_CALLS_IN_LOOPS] = "calls_in_loops",
    [LIMIT_INDIRECT_BRANCHES] = "indirect_branches",
    [LIMIT_INNER_LOOPS] = "inner_loops",
    [LIMIT_NARROW_COPIES] = "narrow_copies",
    [LIMIT_NARROW_LOADS] = "narrow_loads",
    [LIMIT_NARROW_STORES] = "narrow_stores",
    [LIMIT_INSTRUCTIONS_512] = "instructions_512",
    [LIMIT_PATH_512] = "path_512",
    [LIMIT_MMA_RATIO] = "mma_ratio",
    [LIMIT_PATH_MMA_RATIO] = "path_mma_ratio",
    [LIMIT_BLOCKS] = "blocks",
    [LIMIT_FLIGHT] = "flight",
    [LIMIT_COPIES] = "copies",
    [LIMIT_MMA] = "mma",
};

static bool read_field(limit_line *line, char *text, gate_error *error)
{
    char *value = strchr(text, '=');

    if (value == NULL) {
        return gate_fail(error, "line %u: \"%s\" is no figure=limit", line->number, text);
    }
    *value++ = '\0';
    for (uint32_t field = 0; field < LIMIT_FIELD_COUNT; field++) {
        if (strcmp(text, field_names[field]) != 0) {
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
    const char *arch = strtok_r(NULL, blanks, &rest);
    if (arch == NULL) {
        return gate_fail(error, "line %u: \"%s\" is followed by no architecture", number, kernel);
    }
    limit_line *lines = realloc(list->lines, (list->count + 1) * sizeof(*lines));
    if (lines == NULL) {
        return gate_fail(error, "out of memory");
    }
    list->lines = lines;
    limit_line *line = &lines[list->count];
    *line = (limit_line){
        .kernel = copy_text(kernel),
        .arch = copy_text(arch),
        .number = number,
    };
    list->count++;
    if (line->kernel == NULL || line->arch == NULL) {
        return gate_fail(error, "out of memory");
    }
    for (char *field = strtok_r(NULL, blanks, &rest); field != NULL && *field != '#';
         field = strtok_r(NULL, blanks, &rest)) {
        if (!read_field(line, field, error)) {
            return false;
        }
    }
    return true;
}

bool limit_list_read(limit_list *list, FILE *file, gate_error *error)
{
    char text[1024];

    *list = (limit_list){ 0 };
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

void limit_list_fini(limit_list *list)
{
    for (uint32_t index = 0; index < list->count; index++) {
        free(list->lines[index].kernel);
        free(list->lines[index].arch);
    }
    free(list->lines);
    *list = (limit_list){ 0 };
}

static void apply_line(limit_set *set, const limit_line *line)
{
    for (uint32_t field = 0; field < LIMIT_FIELD_COUNT; field++) {
        if (line->is_lifted[field]) {
            set->is_set[field] = false;
        } else if (line->set.is_set[field]) {
            set->is_set[field] = true;
            set->value[field] = line->set.value[field];
        }
    }
    set->is_named = set->is_named || strcmp(line->kernel, "*") != 0;
}

limit_set limit_list_for(limit_list *list, const kernel_code *kernel)
{
    limit_set set = { 0 };
    char arch[16];

    (void)snprintf(arch, sizeof(arch), "sm_%u", kernel->arch);
    for (uint32_t index = 0; index < list->count; index++) {
        limit_line *line = &list->lines[index];
        if (fnmatch(line->kernel, kernel->name, 0) == 0 && fnmatch(line->arch, arch, 0) == 0) {
            line->is_matched = true;
            apply_line(&set, line);
        }
    }
    return set;
}

launch_shape limit_set_launch(const limit_set *set)
{
    return (launch_shape){
        .block_threads = set->is_set[LIMIT_THREADS] ? (uint32_t)set->value[LIMIT_THREADS] : 0,
        .dynamic_shared_bytes =
            set->is_set[LIMIT_DYNAMIC] ? (uint32_t)set->value[LIMIT_DYNAMIC] : 0,
    };
}

/* What is held against a limit; the launch's facts are held against nothing. */
static double figure_of(const kernel_figures *figures, limit_field field)
{
    static const opcode_census nothing = { 0 };
    const opcode_census *main = figures->main == NULL ? &nothing : &figures->main->all;
    const opcode_census *in_loops = &figures->loops.in_any;

    switch (field) {
    case LIMIT_REGISTERS: return figures->kernel->registers;
    case LIMIT_STACK: return figures->kernel->stack_bytes;
    case LIMIT_LOCAL_STORES: return census_bytes(&figures->all, OPCODE_STL);
    case LIMIT_LOCAL_IN_LOOPS: return in_loops->kinds[OPCODE_LDL] + in_loops->kinds[OPCODE_STL];
    case LIMIT_CALLS_IN_LOOPS: return in_loops->kinds[OPCODE_CALL];
    case LIMIT_INDIRECT_BRANCHES: return figures->indirect_branches;
    case LIMIT_INNER_LOOPS:
        return figures->main == NULL ? 0.0 : loop_list_inner(&figures->loops, figures->main);
    case LIMIT_NARROW_COPIES: return census_narrow(&figures->all, OPCODE_LDGSTS);
    case LIMIT_NARROW_LOADS: return census_narrow_loads(in_loops);
    case LIMIT_NARROW_STORES: return census_narrow_stores(in_loops);
    case LIMIT_INSTRUCTIONS_512: return figures->instructions_512;
    case LIMIT_PATH_512: return figures->path_512;
    case LIMIT_MMA_RATIO: return figures->mma_ratio;
    case LIMIT_PATH_MMA_RATIO: return figures->path_mma_ratio;
    case LIMIT_BLOCKS: return figures->blocks;
    case LIMIT_FLIGHT: return figures->flight_bytes;
    case LIMIT_COPIES: return figures->copies;
    case LIMIT_MMA: return census_mma(main);
    default: return 0.0;
    }
}

/* A cost per copy or product that a loop without any does not have. */
static bool is_cost_per_work(limit_field field)
{
    return field >= LIMIT_INSTRUCTIONS_512 && field <= LIMIT_PATH_MMA_RATIO;
}

/* Of the others more is worse. */
static bool is_least(limit_field field)
{
    return field >= LIMIT_BLOCKS && field <= LIMIT_MMA;
}

static const char *complaint_of(const limit_set *set, limit_field field, double figure)
{
    if (field < LIMIT_REGISTERS || field >= LIMIT_FIELD_COUNT || !set->is_set[field]) {
        return NULL;
    }
    if (is_cost_per_work(field) && figure == 0.0) {
        return "cannot be told: no loop with copies or products; limit";
    }
    if (is_least(field)) {
        return figure < set->value[field] ? "is less than" : NULL;
    }
    return figure > set->value[field] ? "is more than" : NULL;
}

uint32_t limit_set_check(const limit_set *set, const kernel_figures *figures, FILE *out)
{
    const kernel_code *kernel = figures->kernel;
    uint32_t failures = 0;

    if (!set->is_named) {
        (void)fprintf(out, "%s sm_%u: no line of limits names it\n", kernel->name, kernel->arch);
        failures++;
    }
    for (uint32_t index = 0; index < LIMIT_FIELD_COUNT; index++) {
        const limit_field field = (limit_field)index;
        const double figure = figure_of(figures, field);
        const char *complaint = complaint_of(set, field, figure);
        if (complaint != NULL) {
            (void)fprintf(out, "%s sm_%u: %s %.6g %s %.6g\n", kernel->name, kernel->arch,
                          field_names[field], figure, complaint, set->value[field]);
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
                          line->arch);
            failures++;
        }
    }
    return failures;
}
