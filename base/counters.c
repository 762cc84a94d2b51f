/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

#include <stdatomic.h>

static _Atomic uint64_t values[CTR_COUNT];

static const char *const names[CTR_COUNT][2] = {
#define COUNTER(id, name, help) [id] = {name, help},
#include "counters.def"
#undef COUNTER
};

void counter_add(enum counter c, uint64_t n)
{
    atomic_fetch_add_explicit(&values[c], n, memory_order_relaxed);
}

uint64_t counter_get(enum counter c)
{
    return atomic_load_explicit(&values[c], memory_order_relaxed);
}

const char *counter_name(enum counter c)
{
    return names[c][0];
}

const char *counter_help(enum counter c)
{
    return names[c][1];
}
