/** @file
 * What is promised of a story in which one call failed: that rank has a status and a sentence that
 * names the call, the others hear of it, nothing is left, and the next life is as good as any.
 */
#ifndef KVSPAN_TESTS_STORY_JUDGE_H
#define KVSPAN_TESTS_STORY_JUDGE_H

#include "runtime/story_process.h"

/* All of a result, for a message; good until the next call. */
const char *story_text(const story_order *order, const story_result *result);

/* The story went to its end and, digest 0: any, attention returned what it should. */
int story_is_good(const cuda_story_end *end, uint64_t digest);

/* These fail the test. */
void story_check_first_life(const story_order *order, const story_result *result, uint64_t digest);
void story_check_second_life(const story_order *order, const story_result *result, uint64_t digest);

/* Nothing hangs, nothing is left, no promise is broken. */
void story_check_rest(const story_order *order, const story_result *result);

#endif
