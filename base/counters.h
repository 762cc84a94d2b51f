/* SPDX-License-Identifier: Apache-2.0 */
/** Process-wide counters. Threads: any (relaxed atomics); never blocks. */
#ifndef CP_COUNTERS_H
#define CP_COUNTERS_H
#include <stdint.h>

enum counter {
#define COUNTER(id, name, help) id,
#include "counters.def"
#undef COUNTER
    CTR_COUNT
};

void counter_add(enum counter c, uint64_t n);
uint64_t counter_get(enum counter c);
const char *counter_name(enum counter c);
const char *counter_help(enum counter c);
#endif
