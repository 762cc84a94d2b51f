/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Scope-bound clean-up. AUTO(fn) runs fn(&variable) when the scope ends; always give the variable
 * an initial value. STEAL(p) takes the pointer out of the variable, so that ownership leaves the
 * scope.
 */
#ifndef CP_CLEANUP_H
#define CP_CLEANUP_H
#include <stddef.h>
#include <stdlib.h>

#define AUTO(fn) __attribute__((cleanup(fn)))
#define STEAL(p)                                                                                   \
    __extension__({                                                                                \
        __typeof__(p) s_ = (p);                                                                    \
        (p) = NULL;                                                                                \
        s_;                                                                                        \
    })
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)

static inline void free_p(void *pointer_to_pointer)
{
    free(*(void **)pointer_to_pointer);
}
#endif
