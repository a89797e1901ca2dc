/** @file
 * Files of limits: which figure of which kernel may be how large or must be how small.
 *
 *   KERNEL PLACE FIGURE=LIMIT...
 *
 * KERNEL and PLACE (an architecture, or the case that was run) are patterns as fnmatch(3) has them.
 * All lines that match hold, a later one over an earlier one; FIGURE=any takes a limit away; #
 * begins a comment. A kernel that only lines for * match is refused, as is a line that no kernel
 * matches: neither can be forgotten.
 */
#ifndef KVSPAN_GATES_LIMITS_H
#define KVSPAN_GATES_LIMITS_H

#include "gates/gate_error.h"

#include <stdint.h>
#include <stdio.h>

enum {
    LIMIT_FIELDS_MOST = 24
};

typedef enum limit_kind {
    LIMIT_KIND_FACT, /* held against nothing */
    LIMIT_KIND_MOST,
    LIMIT_KIND_COST, /* no more than, and not 0: a cost of work that there has to be */
    LIMIT_KIND_LEAST
} limit_kind;

typedef struct limit_field {
    const char *name;
    limit_kind kind;
} limit_field;

/* What a file may limit. */
typedef struct limit_schema {
    const char *place; /* what the second word of a line names */
    const char *cause; /* why a cost may be 0 */
    uint32_t field_count;
    limit_field fields[LIMIT_FIELDS_MOST];
} limit_schema;

typedef struct limit_set {
    const limit_schema *schema;
    bool is_set[LIMIT_FIELDS_MOST];
    double value[LIMIT_FIELDS_MOST];
    bool is_named; /* by a line that is not for all kernels */
} limit_set;

typedef struct limit_line {
    char *kernel;
    char *place;
    uint32_t number; /* in the file */
    bool is_lifted[LIMIT_FIELDS_MOST];
    bool is_matched;
    limit_set set;
} limit_line;

typedef struct limit_list {
    const limit_schema *schema;
    limit_line *lines;
    uint32_t count;
} limit_list;

/* The schema has to stay. */
bool limit_list_read(limit_list *list, const limit_schema *schema, FILE *file, gate_error *error);
bool limit_list_read_file(limit_list *list, const limit_schema *schema, const char *path,
                          gate_error *error);
void limit_list_fini(limit_list *list);

/* What all lines that match say; marks them matched. */
limit_set limit_list_for(limit_list *list, const char *kernel, const char *place);

/* Writes a line to @p out for each of the figures [field] beyond its limit: kernel, place, figure
 * and limit. Returns how many. */
uint32_t limit_set_check(const limit_set *set, const char *kernel, const char *place,
                         const double *figures, FILE *out);

/* The same for each line that no kernel matched: what it meant to guard is gone. */
uint32_t limit_list_check_matched(const limit_list *list, FILE *out);

#endif
