/** @file
 * A step's message, there and back.
 */
#ifndef KVSPAN_TESTS_STEP_ROUND_TRIP_H
#define KVSPAN_TESTS_STEP_ROUND_TRIP_H

#include "runtime/step/message.h"

/* Encodes, decodes from memory of just the message's bytes, compares. Gives the bytes. */
size_t step_round_trip(const kvspan_changes *changes, const kvspan_step_limits *limits);

#endif
