/** @file
 * The figures as tables.
 */
#ifndef KVSPAN_GATES_REPORT_H
#define KVSPAN_GATES_REPORT_H

#include "gates/figures.h"

#include <stdio.h>

void report_heading(FILE *out);

/* One row per kernel and architecture, its name last. */
void report_row(const kernel_figures *figures, FILE *out);

/* Its instructions by kind and width, and those of each of its loops. */
void report_census(const kernel_figures *figures, FILE *out);

#endif
