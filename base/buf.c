/* SPDX-License-Identifier: Apache-2.0 */
#include "buf.h"
#include "text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf)BUF_INIT(max_bytes);
}

void buf_finish(struct buf *b)
{
    free(b->data);
    buf_init(b, b->max_bytes);
}

void buf_finish_p(struct buf *b)
{
    buf_finish(b);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = '\0';
}

static int fail(struct buf *b)
{
    b->failed = true;
    return -1;
}

int buf_reserve(struct buf *b, size_t extra)
{
    size_t cap = b->cap ? b->cap : 128;
    char *data;

    if (b->failed || b->len > b->max_bytes || extra > b->max_bytes - b->len || extra > SIZE_MAX / 4)
        return fail(b);
    if (b->data && b->len + extra + 1 <= b->cap)
        return 0;
    while (cap < b->len + extra + 1)
        cap *= 2;
    data = realloc(b->data, cap);
    if (!data)
        return fail(b);
    b->data = data;
    b->cap = cap;
    return 0;
}

int buf_append(struct buf *b, const void *bytes, size_t len)
{
    if (buf_reserve(b, len) < 0)
        return -1;
    if (len)
        memcpy(b->data + b->len, bytes, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

int buf_append_str(struct buf *b, const char *s)
{
    return buf_append(b, s, strlen(s));
}

int buf_append_char(struct buf *b, char c)
{
    return buf_append(b, &c, 1);
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (len < 0 || buf_reserve(b, (size_t)len) < 0)
        return fail(b);
    va_start(ap, fmt);
    vsnprintf(b->data + b->len, (size_t)len + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)len;
    return 0;
}

static int append_escape(struct buf *b, unsigned char c)
{
    static const char shorts[] = {
        ['"'] = '"', ['\\'] = '\\', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};

    if (c < sizeof shorts && shorts[c]) {
        char pair[2] = {'\\', shorts[c]};

        return buf_append(b, pair, 2);
    }
    return buf_printf(b, "\\u%04x", c);
}

int buf_append_json_string(struct buf *b, const char *s, size_t len)
{
    size_t i = 0;

    buf_append_char(b, '"');
    while (i < len) {
        unsigned char c = (unsigned char)s[i];
        size_t n = text_utf8_len(s + i, len - i);

        if (n == 0)
            buf_append_str(b, "\xEF\xBF\xBD");
        else if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
            append_escape(b, c);
        else
            buf_append(b, s + i, n);
        i += n ? n : 1;
    }
    return buf_append_char(b, '"');
}

char *buf_steal(struct buf *b, size_t *ret_len)
{
    char *data;

    if (b->failed || buf_reserve(b, 0) < 0)
        return NULL;
    b->data[b->len] = '\0';
    data = b->data;
    if (ret_len)
        *ret_len = b->len;
    b->data = NULL;
    b->len = b->cap = 0;
    return data;
}
