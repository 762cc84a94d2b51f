/* SPDX-License-Identifier: Apache-2.0 */
/** Small text helpers on pointer + length. Threads: any; nothing here blocks or allocates. */
#ifndef CP_TEXT_H
#define CP_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Borrowed bytes; not NUL-terminated unless said so. */
struct text {
    const char *p;
    size_t len;
};

#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})

static inline struct text text_of(const char *s)
{
    return (struct text){s, s ? __builtin_strlen(s) : 0};
}

bool text_eq(struct text a, struct text b);
bool text_eq_str(struct text a, const char *s);
/** ASCII letters compare equal in either case; other bytes must match. */
bool text_eq_nocase(struct text a, struct text b);
/** ASCII case-insensitive substring search. An empty needle is always found. */
bool text_contains_nocase(struct text haystack, struct text needle);
/** Bytewise order, shorter first on a common prefix. @return <0, 0, >0 */
int text_cmp(struct text a, struct text b);
bool text_starts_with(struct text a, const char *prefix);
/** @return true when @p s holds nothing but blanks, tabs and line ends. */
bool text_is_blank(const char *s);
/** Compare in constant time for equal lengths; for secrets. */
bool text_eq_secret(struct text a, struct text b);
/** Overwrite the bytes of @p t so that no compiler leaves it out; the owner must allow writing to
 * them. */
void text_wipe(struct text t);
/** Parse all of @p t as a decimal integer with optional minus. @return 0 and *ret, or -1 (empty,
 * junk, out of range). */
int text_to_i64(struct text t, int64_t *ret);
/** @return bytes of the UTF-8 sequence at @p s (1-4), or 0 when the bytes are not valid UTF-8 (RFC
 * 3629). */
size_t text_utf8_len(const char *s, size_t len);
bool text_is_utf8(const char *s, size_t len);
/** A DNS-1123 label: 1-63 of a-z 0-9 -, alphanumeric at both ends (Kubernetes object names). */
bool text_is_dns1123_label(struct text t);
/** A DNS-1123 subdomain: labels joined by dots, at most 253 bytes. */
bool text_is_dns1123_subdomain(struct text t);
#endif
