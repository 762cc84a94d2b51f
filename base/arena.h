/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Memory that lives as long as its owner (a request, a parse) and is freed in one go.
 *
 * Every arena has a maximum in bytes; beyond it, and when malloc fails, the allocating calls return
 * NULL. Under AddressSanitizer each allocation is a malloc of its own, so that an overrun is seen.
 * Threads: one user at a time. Never blocks.
 */
#ifndef CP_ARENA_H
#define CP_ARENA_H
#include <stdarg.h>
#include <stddef.h>

struct arena;

/** @return a new, empty arena that holds at most @p max_bytes, or NULL when memory is short. */
struct arena *arena_create(size_t max_bytes);
/** Free @p a and all it holds; NULL is allowed. */
void arena_destroy(struct arena *a);
/** For AUTO(): struct arena *a AUTO(arena_destroy_p) = arena_create(...). */
void arena_destroy_p(struct arena **a);

/** @return @p size zeroed bytes (size 0 gives a valid pointer), aligned for any type, or NULL. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((warn_unused_result));
/** @return zeroed room for @p count elements of @p size bytes, overflow checked, or NULL. */
void *arena_array(struct arena *a, size_t count, size_t size) __attribute__((warn_unused_result));
/** @return a NUL-terminated copy of @p len bytes of @p s, or NULL. */
char *arena_strndup(struct arena *a, const char *s, size_t len) __attribute__((warn_unused_result));
/** @return a copy of the string @p s (NULL gives NULL), or NULL. */
char *arena_strdup(struct arena *a, const char *s) __attribute__((warn_unused_result));
/** As arena_strdup(), with A-Z as a-z. */
char *arena_strdup_lower(struct arena *a, const char *s) __attribute__((warn_unused_result));
/** @return the formatted text, or NULL. */
char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), warn_unused_result));
/** @return bytes handed out so far; for limits and metrics. */
size_t arena_used(const struct arena *a);
#endif
