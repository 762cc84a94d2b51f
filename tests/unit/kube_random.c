/* SPDX-License-Identifier: Apache-2.0 */
#include "kube_random.h"

#include "cleanup.h"

#include <string.h>

static uint64_t state = 1;

void random_seed(uint64_t seed)
{
    state = seed * 0x9E3779B97F4A7C15u + 1;
}

unsigned random_below(unsigned below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 16) % below);
}

static void put_space(struct buf *out)
{
    static const char *const spaces[] = {" ", "\n", "\t", "\r\n  "};

    if (random_below(12) == 0)
        buf_append_str(out, spaces[random_below(4)]);
}

/* One character of a string, now and then in another spelling. */
static size_t put_char(struct buf *out, const char *s, size_t left)
{
    unsigned char c = (unsigned char)*s;

    if (c == '"' || c == '\\' || c < 0x20 || (c < 0x80 && random_below(60) == 0)) {
        buf_printf(out, "\\u%04x", c);
        return 1;
    }
    if (c == '/' && random_below(4) == 0) {
        buf_append_str(out, "\\/");
        return 1;
    }
    if (left >= 3 && c >= 0xE1 && c <= 0xEC && random_below(3) == 0) {
        buf_printf(out, "\\u%X%03X", c & 0x0F,
                   (unsigned)(((unsigned char)s[1] & 0x3F) << 6 | ((unsigned char)s[2] & 0x3F)));
        return 3;
    }
    buf_append_char(out, (char)c);
    return 1;
}

static void put_string(struct buf *out, const char *s, size_t len)
{
    buf_append_char(out, '"');
    for (size_t i = 0; i < len;)
        i += put_char(out, s + i, len - i);
    buf_append_char(out, '"');
}

static void put_odd_value(struct buf *out)
{
    static const char *const odd[] = {"null",
                                      "null",
                                      "true",
                                      "false",
                                      "\"\"",
                                      "{}",
                                      "[]",
                                      "7",
                                      "-3",
                                      "1.5",
                                      "1e5",
                                      "\"x\"",
                                      "\"\\u0000\"",
                                      "\"\xED\x95\x9C\"",
                                      "\"\\uD83D\\uDE00\"",
                                      "\"2024-02-30T00:00:00Z\"",
                                      "\"2024-02-29T15:00:00Z\"",
                                      "\"9999-12-31T15:00:00Z\"",
                                      "\"25%\"",
                                      "[null]",
                                      "[1,\"a\"]",
                                      "{\"a\":null}",
                                      "-9223372036854775808",
                                      "9223372036854775807",
                                      "\"RUNNING\"",
                                      "{\"name\":\"n\"}",
                                      "\"last-applied\"",
                                      "[[[[]]]]",
                                      "\"a/b\"",
                                      "\"a-b\""};

    buf_append_str(out, odd[random_below(ARRAY_LEN(odd))]);
}

static void put_value(struct buf *out, const json_t *shape);

static void put_other_member(struct buf *out, unsigned number)
{
    put_space(out);
    buf_printf(out, "\"x%u\":", number);
    put_odd_value(out);
    buf_append_char(out, ',');
}

static void put_object(struct buf *out, json_t *shape)
{
    const char *key;
    json_t *member;
    unsigned number = 0;

    buf_append_char(out, '{');
    json_object_foreach (shape, key, member) {
        if (random_below(10) == 0)
            continue;
        if (random_below(15) == 0)
            put_other_member(out, number++);
        put_string(out, key, strlen(key));
        put_space(out);
        buf_append_char(out, ':');
        put_value(out, member);
        buf_append_char(out, ',');
        put_space(out);
    }
    buf_append_str(out, "\"zz\":0}");
}

static void put_array(struct buf *out, const json_t *shape)
{
    size_t size = json_array_size(shape);
    unsigned count = random_below(6);

    buf_append_char(out, '[');
    for (unsigned i = 0; i < count && size > 0; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        put_value(out, json_array_get(shape, random_below((unsigned)size)));
    }
    buf_append_char(out, ']');
}

/* Short texts are names: give them neighbours, so that sorting and ties have work. */
static void put_text(struct buf *out, const json_t *shape)
{
    static const char *const tails[] = {"", "", "a", "b", "-b", "/x", "B", ".", "\xC3\xA9"};
    const char *tail = tails[random_below(ARRAY_LEN(tails))];
    struct buf b = BUF_INIT(4096);

    buf_append(&b, json_string_value(shape), json_string_length(shape));
    if (b.len < 4)
        buf_append_str(&b, tail);
    put_string(out, b.data ? b.data : "", b.len);
    buf_finish(&b);
}

static void put_value(struct buf *out, const json_t *shape)
{
    put_space(out);
    if (random_below(40) == 0)
        put_odd_value(out);
    else if (json_is_object(shape))
        put_object(out, (json_t *)(uintptr_t)shape);
    else if (json_is_array(shape))
        put_array(out, shape);
    else if (json_is_string(shape))
        put_text(out, shape);
    else if (json_is_integer(shape))
        buf_printf(out, "%lld", (long long)json_integer_value(shape) + random_below(3));
    else
        buf_append_str(out, json_is_true(shape) ? "true" : "null");
    put_space(out);
}

void random_document(struct buf *out, const json_t *shape)
{
    put_value(out, shape);
}

static const char odd_bytes[] =
    "{}[]\",:\\0123456789aeEu+-. \n\x1F\x7F\x80\xA0\xC3\xED\xF4\xFF/tfn";

static void damage_once(struct buf *doc)
{
    size_t i = random_below((unsigned)doc->len);
    char odd = odd_bytes[random_below(sizeof(odd_bytes))]; /* the NUL at its end, too */

    switch (random_below(4)) {
    case 0:
        doc->data[i] = odd;
        return;
    case 1:
        memmove(doc->data + i, doc->data + i + 1, doc->len - i - 1);
        doc->len--;
        return;
    case 2:
        if (buf_append_char(doc, odd) == 0) {
            memmove(doc->data + i + 1, doc->data + i, doc->len - i - 1);
            doc->data[i] = odd;
        }
        return;
    default:
        if (random_below(4) == 0)
            doc->len = i;
    }
}

void random_damage(struct buf *doc)
{
    for (unsigned n = 1 + random_below(2); n > 0 && doc->len > 1; n--)
        damage_once(doc);
}
