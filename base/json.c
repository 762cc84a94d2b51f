/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <string.h>

struct scan {
    size_t depth, values, strings;
};

/* @return the index after the string that begins at @p i; the parser itself finds what is wrong
 * inside it */
static size_t skip_string(const char *s, size_t len, size_t i)
{
    for (i++; i < len && s[i] != '"'; i++)
        if (s[i] == '\\')
            i++;
    return i + 1;
}

/* Bounds only: whether the text is JSON at all is for the parser to say. */
static bool within_limits(const char *s, size_t len)
{
    struct scan n = {0, 0, 0};

    for (size_t i = 0; i < len;) {
        char c = s[i];

        if (c == '"') {
            n.strings++;
            i = skip_string(s, len, i);
            continue;
        }
        if ((c == '{' || c == '[') && ++n.depth > JSON_DEPTH_MAX)
            return false;
        if ((c == '}' || c == ']') && n.depth > 0)
            n.depth--;
        if (c == ',' || c == '{' || c == '[')
            n.values++;
        if (n.values > JSON_VALUES_MAX || n.strings > JSON_STRINGS_MAX)
            return false;
        i++;
    }
    return n.strings <= JSON_STRINGS_MAX;
}

json_t *json_parse(const char *bytes, size_t len, bool allow_nul, struct app_error *err)
{
    json_error_t why;
    json_t *doc;
    size_t flags = JSON_REJECT_DUPLICATES | (allow_nul ? JSON_ALLOW_NUL : 0);

    if (len == 0 || memchr(bytes, 0, len)) {
        app_fail(err, APP_BODY_MALFORMED, len ? "raw NUL in JSON" : "empty JSON");
        return NULL;
    }
    if (!within_limits(bytes, len)) {
        app_fail(err, APP_BAD_REQUEST, "JSON over the limits of depth or count");
        return NULL;
    }
    doc = json_loadb(bytes, len, flags, &why);
    if (doc)
        return doc;
    if (json_error_code(&why) == json_error_duplicate_key)
        app_fail(err, APP_BAD_REQUEST, "duplicate key at byte %d", why.position);
    else
        app_fail(err, APP_BODY_MALFORMED, "not JSON at line %d column %d", why.line, why.column);
    return NULL;
}

struct text json_text(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);

    if (!json_is_string(v))
        return (struct text){NULL, 0};
    return (struct text){json_string_value(v), json_string_length(v)};
}

const char *json_str_or(const json_t *obj, const char *key, const char *fallback)
{
    struct text t = json_text(obj, key);

    return t.p && strlen(t.p) == t.len ? t.p : fallback;
}

bool json_int(const json_t *obj, const char *key, int64_t *ret)
{
    const json_t *v = json_object_get(obj, key);

    if (!json_is_integer(v))
        return false;
    *ret = json_integer_value(v);
    return true;
}
