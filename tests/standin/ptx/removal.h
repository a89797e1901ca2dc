/** @file
 * Takes instructions out of a module's text, all that come from one place of the source: what a
 * test must notice. A mutant is named
 *
 *     KIND@FILE:LINE            or    KIND@FILE:LINE<CALLER:LINE    where the place was inlined
 *
 * | kind | what is taken out |
 * |---|---|
 * | barrier | bar.sync, barrier.sync; bar.red.or, of which each thread keeps its own predicate |
 * | warp | bar.warp.sync |
 * | wait | cp.async.wait_group, cp.async.wait_all |
 * | commit | cp.async.commit_group |
 * | fence | fence, membar |
 * | mask | the choice of −infinity in a selp |
 * | fill | how few bytes a cp.async copies at least: it copies all |
 * | skip | a guarded branch forward: what it would jump over is always executed |
 * | jump | the guard of such a branch: what it would jump over never is |
 *
 * What mbarriers and bulk copies order is not taken out.
 *
 * jump is no mutant of the list: where nobody can notice a skip, as the branch chooses a quick way
 * to what the slow one gives, too, it is the quick way alone that remains.
 */
#ifndef KVSPAN_STANDIN_PTX_REMOVAL_H
#define KVSPAN_STANDIN_PTX_REMOVAL_H

#include <stdint.h>
#include <stdio.h>

/* Overwrites the mutant's instructions in the text; how many there were. */
uint32_t ptx_removal_apply(char *text, const char *mutant);

/* Writes the name of each instruction's mutant, a line each, repeated where instructions share one.
 */
void ptx_removal_list(char *text, FILE *to);

#endif
