/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <string.h>

static unsigned char lower(unsigned char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool text_eq(struct text a, struct text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool text_eq_str(struct text a, const char *s)
{
    return text_eq(a, text_of(s));
}

static bool same_nocase(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (lower((unsigned char)a[i]) != lower((unsigned char)b[i]))
            return false;
    return true;
}

bool text_eq_nocase(struct text a, struct text b)
{
    return a.len == b.len && same_nocase(a.p, b.p, a.len);
}

bool text_contains_nocase(struct text haystack, struct text needle)
{
    if (needle.len > haystack.len)
        return false;
    for (size_t i = 0; i + needle.len <= haystack.len; i++)
        if (same_nocase(haystack.p + i, needle.p, needle.len))
            return true;
    return false;
}

int text_cmp(struct text a, struct text b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.p, b.p, n) : 0;

    return c ? c : (a.len > b.len) - (a.len < b.len);
}

bool text_starts_with(struct text a, const char *prefix)
{
    size_t n = strlen(prefix);

    return a.len >= n && memcmp(a.p, prefix, n) == 0;
}

bool text_is_blank(const char *s)
{
    return s[strspn(s, " \t\r\n")] == '\0';
}

bool text_eq_secret(struct text a, struct text b)
{
    volatile unsigned char diff = a.len != b.len;

    for (size_t i = 0; i < a.len && i < b.len; i++)
        diff |= (unsigned char)(a.p[i] ^ b.p[i]);
    return diff == 0;
}

void text_wipe(struct text t)
{
    union {
        const char *borrowed;
        char *owned;
    } bytes = {.borrowed = t.p};

    if (t.len)
        explicit_bzero(bytes.owned, t.len);
}

int text_to_i64(struct text t, int64_t *ret)
{
    bool negative = t.len > 0 && t.p[0] == '-';
    size_t i = negative ? 1 : 0;
    int64_t value = 0;

    if (i == t.len)
        return -1;
    for (; i < t.len; i++) {
        int digit = t.p[i] - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return -1;
    }
    if (!negative && __builtin_sub_overflow((int64_t)0, value, &value))
        return -1;
    *ret = value;
    return 0;
}

size_t text_utf8_len(const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t n;

    if (len == 0)
        return 0;
    if (u[0] < 0x80)
        return 1;
    n = u[0] >= 0xF0 ? 4 : u[0] >= 0xE0 ? 3 : 2;
    if (u[0] < 0xC2 || u[0] > 0xF4 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((u[i] & 0xC0) != 0x80)
            return 0;
    /* overlong forms, surrogates and values over U+10FFFF show in the second byte */
    if ((u[0] == 0xE0 && u[1] < 0xA0) || (u[0] == 0xED && u[1] > 0x9F) ||
        (u[0] == 0xF0 && u[1] < 0x90) || (u[0] == 0xF4 && u[1] > 0x8F))
        return 0;
    return n;
}

bool text_is_utf8(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = text_utf8_len(s + i, len - i);

        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool text_is_dns1123_label(struct text t)
{
    if (t.len == 0 || t.len > 63 || !is_alnum(t.p[0]) || !is_alnum(t.p[t.len - 1]))
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (!is_alnum(t.p[i]) && t.p[i] != '-')
            return false;
    return true;
}

bool text_is_dns1123_subdomain(struct text t)
{
    size_t start = 0;

    if (t.len == 0 || t.len > 253)
        return false;
    for (size_t i = 0; i <= t.len; i++) {
        if (i < t.len && t.p[i] != '.')
            continue;
        /* a subdomain's labels have no length limit of their own besides the 253 in all */
        if (i == start || !is_alnum(t.p[start]) || !is_alnum(t.p[i - 1]))
            return false;
        start = i + 1;
    }
    for (size_t i = 0; i < t.len; i++)
        if (!is_alnum(t.p[i]) && t.p[i] != '-' && t.p[i] != '.')
            return false;
    return true;
}
