/* SPDX-License-Identifier: Apache-2.0 */
/** Strict base64, base64url, hex and percent coding. Threads: any. Nothing blocks; memory comes
 * from the arena. */
#ifndef CP_CODEC_H
#define CP_CODEC_H
#include "arena.h"
#include "text.h"

#include <stdint.h>

/**
 * Decode base64url without padding, strictly: only the alphabet, no impossible length, unused bits
 * zero (RFC 4648 3.5, 5; RFC 7515 2). @return 0 with *ret (NUL after it) and *ret_len, or -1 (bad
 * text or no memory).
 */
int b64url_decode(struct arena *a, struct text in, unsigned char **ret, size_t *ret_len);
/** @return base64url of @p in without padding, NUL-terminated, or NULL (no memory). */
char *b64url_encode(struct arena *a, const void *in, size_t len);
/** As b64url_decode() for base64 with padding (RFC 4648 4); white space is refused. */
int b64_decode(struct arena *a, struct text in, unsigned char **ret, size_t *ret_len);
/** @return base64 with padding, NUL-terminated, or NULL. */
char *b64_encode(struct arena *a, const void *in, size_t len);
/** Write 2*len lower-case hex digits and a NUL into @p ret. */
void hex_encode(const void *in, size_t len, char *ret);
/** Decode hex of either case. @return 0, or -1 when @p in is not exactly 2*len hex digits. */
int hex_decode(struct text in, unsigned char *ret, size_t len);

/**
 * Decode one path segment (RFC 3986 2.1) as UTF-8.
 * @return the text, NUL-terminated, in *ret_len bytes; NULL for a bad escape, for bytes that are
 * not UTF-8, for %00 and other control characters, for an encoded slash or backslash, and when
 * memory is short.
 */
char *uri_decode_segment(struct arena *a, struct text in, size_t *ret_len);
/** As uri_decode_segment() for one query name or value: '+' is a blank, slashes are allowed. */
char *uri_decode_query(struct arena *a, struct text in, size_t *ret_len);
/** @return @p in with everything but RFC 3986 unreserved characters percent-encoded: one path
 * segment or query value. */
char *uri_encode(struct arena *a, struct text in);
#endif
