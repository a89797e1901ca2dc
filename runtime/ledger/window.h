/** @file
 * What a window lets go: which columns of a row the queries to come still see, and what a sequence
 * needs at least. A query at position q of a group with window W sees positions > q - W.
 */
#ifndef KVSPAN_LEDGER_WINDOW_H
#define KVSPAN_LEDGER_WINDOW_H

#include "runtime/ledger/ledger_state.h"

/* The first column that a query at a position sees in a group. */
uint32_t kvspan_window_first_column(const kvspan_ledger *ledger, uint32_t group, uint64_t position);

/* The pages of all groups together that a sequence holds at its worst moment if its tokens come one
 * by one and are committed at once: it can never do with fewer. */
uint64_t kvspan_window_least_pages(const kvspan_ledger *ledger, uint64_t tokens);

/* The pages of all groups together that a sequence of `base` committed tokens holds while it
 * appends up to `tokens`. */
uint64_t kvspan_window_row_pages(const kvspan_ledger *ledger, uint64_t base, uint64_t tokens);

/* Gives back the columns of a live slot that no query to come sees. */
void kvspan_window_slide(kvspan_ledger *ledger, uint32_t slot);

/* ARGUMENT, naming group and numbers, unless a query and an append at a position find all they need
 * in the pages of a live slot. */
kvspan_status kvspan_window_check(const kvspan_ledger *ledger, uint32_t slot, uint64_t position,
                                  kvspan_error *error);

#endif
