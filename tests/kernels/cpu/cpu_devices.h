/** @file
 * The cpu devices that a test runs on: every instruction set that the machine has, with 1, 2 and 4
 * threads.
 */
#ifndef KVSPAN_TESTS_CPU_DEVICES_H
#define KVSPAN_TESTS_CPU_DEVICES_H

#include "kernels/device.h"

enum {
    CPU_DEVICE_COUNT = 15
};

/* Opens the number-th; NULL if the machine lacks its instruction set. Prints which it is. */
kvspan_device *cpu_device_open(int number);

#endif
