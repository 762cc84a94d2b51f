/* SPDX-License-Identifier: Apache-2.0 */
#include "codec.h"

#include <stdbool.h>
#include <string.h>

static const char b64_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char b64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char hex_digits[] = "0123456789abcdef";

static int digit_of(const char *alphabet, char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == alphabet[62] ? 62 : c == alphabet[63] ? 63 : -1;
}

static int decode(struct arena *a, const char *alphabet, struct text in, unsigned char **ret,
                  size_t *ret_len)
{
    size_t out = 0;
    uint32_t bits = 0;
    int have = 0;
    unsigned char *bytes;

    if (in.len % 4 == 1)
        return -1;
    bytes = arena_alloc(a, in.len / 4 * 3 + 3);
    if (!bytes)
        return -1;
    for (size_t i = 0; i < in.len; i++) {
        int d = digit_of(alphabet, in.p[i]);

        if (d < 0)
            return -1;
        bits = bits << 6 | (uint32_t)d;
        have += 6;
        if (have >= 8) {
            have -= 8;
            bytes[out++] = (unsigned char)(bits >> have & 0xff);
        }
    }
    /* bits that belong to no byte must be zero, or one value would have several spellings */
    if (bits & ((1u << have) - 1))
        return -1;
    bytes[out] = '\0';
    *ret = bytes;
    *ret_len = out;
    return 0;
}

static char *encode(struct arena *a, const char *alphabet, bool pad, const void *in, size_t len)
{
    const unsigned char *u = in;
    char *out = len < SIZE_MAX / 2 ? arena_alloc(a, (len + 2) / 3 * 4 + 1) : NULL;
    char *p = out;

    if (!out)
        return NULL;
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t v =
            (uint32_t)u[i] << 16 | (n > 1 ? (uint32_t)u[i + 1] << 8 : 0) | (n > 2 ? u[i + 2] : 0);

        for (size_t k = 0; k <= n; k++)
            *p++ = alphabet[v >> (18 - 6 * k) & 63];
        for (size_t k = n; pad && k < 3; k++)
            *p++ = '=';
    }
    *p = '\0';
    return out;
}

int b64url_decode(struct arena *a, struct text in, unsigned char **ret, size_t *ret_len)
{
    return decode(a, b64_url, in, ret, ret_len);
}

char *b64url_encode(struct arena *a, const void *in, size_t len)
{
    return encode(a, b64_url, false, in, len);
}

int b64_decode(struct arena *a, struct text in, unsigned char **ret, size_t *ret_len)
{
    if (in.len % 4 != 0)
        return -1;
    for (int i = 0; i < 2 && in.len > 0 && in.p[in.len - 1] == '='; i++)
        in.len--;
    return decode(a, b64_std, in, ret, ret_len);
}

char *b64_encode(struct arena *a, const void *in, size_t len)
{
    return encode(a, b64_std, true, in, len);
}

void hex_encode(const void *in, size_t len, char *ret)
{
    const unsigned char *u = in;

    for (size_t i = 0; i < len; i++) {
        ret[2 * i] = hex_digits[u[i] >> 4];
        ret[2 * i + 1] = hex_digits[u[i] & 15];
    }
    ret[2 * len] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int hex_decode(struct text in, unsigned char *ret, size_t len)
{
    if (in.len != 2 * len)
        return -1;
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(in.p[2 * i]), low = hex_value(in.p[2 * i + 1]);

        if (high < 0 || low < 0)
            return -1;
        ret[i] = (unsigned char)(high * 16 + low);
    }
    return 0;
}

static char *percent_decode(struct arena *a, struct text in, bool is_query, size_t *ret_len)
{
    char *out = arena_alloc(a, in.len + 1);
    size_t n = 0;

    if (!out)
        return NULL;
    for (size_t i = 0; i < in.len; i++) {
        unsigned char c = (unsigned char)in.p[i];

        if (c == '%') {
            unsigned char byte;

            if (in.len - i < 3 || hex_decode((struct text){in.p + i + 1, 2}, &byte, 1) < 0)
                return NULL;
            c = byte;
            i += 2;
            if (!is_query && (c == '/' || c == '\\'))
                return NULL;
        } else if (is_query && c == '+') {
            c = ' ';
        }
        if (c < 0x20 || c == 0x7f)
            return NULL;
        out[n++] = (char)c;
    }
    if (!text_is_utf8(out, n))
        return NULL;
    *ret_len = n;
    return out;
}

char *uri_decode_segment(struct arena *a, struct text in, size_t *ret_len)
{
    return percent_decode(a, in, false, ret_len);
}

char *uri_decode_query(struct arena *a, struct text in, size_t *ret_len)
{
    return percent_decode(a, in, true, ret_len);
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

char *uri_encode(struct arena *a, struct text in)
{
    char *out = in.len < SIZE_MAX / 4 ? arena_alloc(a, in.len * 3 + 1) : NULL;
    char *p = out;

    if (!out)
        return NULL;
    for (size_t i = 0; i < in.len; i++) {
        unsigned char c = (unsigned char)in.p[i];

        if (is_unreserved(in.p[i])) {
            *p++ = in.p[i];
            continue;
        }
        *p++ = '%';
        *p++ = "0123456789ABCDEF"[c >> 4];
        *p++ = "0123456789ABCDEF"[c & 15];
    }
    *p = '\0';
    return out;
}
