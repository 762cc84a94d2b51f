/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A growing byte buffer with a maximum. The bytes are always followed by a NUL that is not counted.
 *
 * An append that would pass the maximum, or that finds no memory, changes nothing, returns -1 and
 * marks the buffer (buf_failed), so that a chain of appends needs one check at its end. Threads:
 * one user at a time. Never blocks.
 */
#ifndef CP_BUF_H
#define CP_BUF_H
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* owned; NULL while empty */
    size_t len;
    size_t cap;
    size_t max_bytes;
    bool failed;
};

#define BUF_INIT(max)                                                                              \
    {                                                                                              \
        .data = NULL, .len = 0, .cap = 0, .max_bytes = (max), .failed = false                      \
    }

/** Make @p b empty with room for at most @p max_bytes. Allocates nothing yet. */
void buf_init(struct buf *b, size_t max_bytes);
/** Free the bytes; @p b can be used again as if new. */
void buf_finish(struct buf *b);
/** For AUTO(). */
void buf_finish_p(struct buf *b);
/** Forget the bytes, keep the memory and the maximum. */
void buf_reset(struct buf *b);
/** @return 0, or -1 (over the maximum or no memory). */
int buf_append(struct buf *b, const void *bytes, size_t len);
int buf_append_str(struct buf *b, const char *s);
int buf_append_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Append @p s as a quoted JSON string; bytes that are not UTF-8 become U+FFFD. */
int buf_append_json_string(struct buf *b, const char *s, size_t len);
/** Make sure @p extra more bytes fit without moving. @return 0 or -1. */
int buf_reserve(struct buf *b, size_t extra);
/** @return the bytes (malloc'ed, NUL after them), owned by the caller; @p b is empty afterwards.
 * NULL when failed. */
char *buf_steal(struct buf *b, size_t *ret_len);
static inline bool buf_failed(const struct buf *b)
{
    return b->failed;
}
#endif
