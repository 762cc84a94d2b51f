/* SPDX-License-Identifier: Apache-2.0 */
#include "gate.h"
#include "cleanup.h"

#include <string.h>

static const char *const methods[METHOD_COUNT] = {"GET",   "HEAD",   "POST",   "PUT",
                                                  "PATCH", "DELETE", "OPTIONS"};

int gate_method(const char *method, enum http_method *ret, const char **ret_why)
{
    for (int i = 0; i < METHOD_COUNT; i++) {
        if (strcmp(method, methods[i]) == 0) {
            *ret = (enum http_method)i;
            return 0;
        }
    }
    *ret_why = "The request method is not supported.";
    return 501;
}

const char *gate_method_name(enum http_method m)
{
    return methods[m];
}

/* ---- URI ---- */

static int refuse(const char **ret_why, int status, const char *why)
{
    *ret_why = why;
    return status;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* @return the byte of the escape at in[*i] (which is '%'), moving *i to its last character, or -1.
 */
static int escaped_byte(struct text in, size_t *i)
{
    int high, low;

    if (in.len - *i < 3)
        return -1;
    high = hex_value(in.p[*i + 1]);
    low = hex_value(in.p[*i + 2]);
    *i += 2;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Characters that RFC 3986 does not allow in a path, and ';', which the original refuses. */
static bool is_path_char(unsigned char c)
{
    switch (c) {
    case '"':
    case '<':
    case '>':
    case '\\':
    case '^':
    case '`':
    case '{':
    case '|':
    case '}':
    case ';':
    case '#':
        return false;
    default:
        return c > 0x20 && c < 0x7f;
    }
}

/* An escape that would mean something else to a second decoder: / \ % ; and control characters. */
static bool is_forbidden_escape(int byte)
{
    return byte < 0x20 || byte == 0x7f || byte == '/' || byte == '\\' || byte == '%' || byte == ';';
}

static const char *decode_segment(struct text in, char *out, struct text *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < in.len; i++) {
        int c = (unsigned char)in.p[i];

        if (c == '%') {
            c = escaped_byte(in, &i);
            if (c < 0 || is_forbidden_escape(c))
                return "The path holds an escape that is not allowed.";
        } else if (!is_path_char((unsigned char)c)) {
            return "The path holds a character that is not allowed.";
        }
        out[n++] = (char)c;
    }
    out[n] = '\0';
    if (!text_is_utf8(out, n))
        return "The path is not UTF-8.";
    if (strcmp(out, ".") == 0 || strcmp(out, "..") == 0)
        return "Dot segments are not allowed in the path.";
    *ret = (struct text){out, n};
    return NULL;
}

static const char *check_query(struct text q)
{
    for (size_t i = 0; i < q.len; i++) {
        int c = (unsigned char)q.p[i];

        if (c <= 0x20 || c >= 0x7f || c == '#')
            return "The query holds a character that is not allowed.";
        if (c == '%') {
            c = escaped_byte(q, &i);
            if (c < 0x20 || c == 0x7f)
                return "The query holds an escape that is not allowed.";
        }
    }
    return NULL;
}

static const char *split_path(struct text path, char *room, struct gate_path *ret)
{
    size_t at = 1;

    while (at <= path.len) {
        const char *slash = memchr(path.p + at, '/', path.len - at);
        size_t end = slash ? (size_t)(slash - path.p) : path.len;
        struct text raw = {path.p + at, end - at}, seg;
        const char *why;

        if (raw.len == 0 && slash)
            return "Empty segments are not allowed in the path.";
        why = decode_segment(raw, room, &seg);
        if (why)
            return why;
        room += seg.len + 1;
        if (ret->count < GATE_SEGMENTS_MAX)
            ret->seg[ret->count++] = seg;
        else
            ret->is_too_deep = true;
        at = end + 1;
    }
    return NULL;
}

int gate_uri(struct text uri, size_t max_bytes, char *room, struct gate_path *ret,
             const char **ret_why)
{
    const char *mark, *why;
    struct text path = uri;

    *ret = (struct gate_path){
        .query = {"", 0}
    };
    if (uri.len > max_bytes)
        return refuse(ret_why, 414, "The URI is too long.");
    if (uri.len == 0 || uri.p[0] != '/')
        return refuse(ret_why, 400, "The request target must be an absolute path.");
    mark = memchr(uri.p, '?', uri.len);
    if (mark) {
        path.len = (size_t)(mark - uri.p);
        ret->query = (struct text){mark + 1, uri.len - path.len - 1};
    }
    why = split_path(path, room, ret);
    if (!why)
        why = check_query(ret->query);
    return why ? refuse(ret_why, 400, why) : 0;
}

/* ---- headers ---- */

#define NAME(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct known_header {
    struct text name;
    bool is_single; /* a second one is refused; else the first counts */
} known_headers[HDR_KNOWN_COUNT] = {
    [HDR_HOST] = {NAME("Host"),                           true },
    [HDR_CONTENT_LENGTH] = {NAME("Content-Length"),                 true },
    [HDR_TRANSFER_ENCODING] = {NAME("Transfer-Encoding"),              true },
    [HDR_AUTHORIZATION] = {NAME("Authorization"),                  true },
    [HDR_CONTENT_TYPE] = {NAME("Content-Type"),                   true },
    [HDR_CONTENT_ENCODING] = {NAME("Content-Encoding"),               true },
    [HDR_ORIGIN] = {NAME("Origin"),                         true },
    [HDR_EXPECT] = {NAME("Expect"),                         true },
    [HDR_REQUEST_METHOD] = {NAME("Access-Control-Request-Method"),  true },
    [HDR_REQUEST_HEADERS] = {NAME("Access-Control-Request-Headers"), true },
    [HDR_PREFER] = {NAME("Prefer"),                         false},
    [HDR_ULANG] = {NAME("uLang"),                          false},
    [HDR_REQUEST_ID] = {NAME("X-Request-Id"),                   true },
};

static bool is_token_char(unsigned char c)
{
    switch (c) {
    case '"':
    case '(':
    case ')':
    case ',':
    case '/':
    case ':':
    case ';':
    case '<':
    case '=':
    case '>':
    case '?':
    case '@':
    case '[':
    case '\\':
    case ']':
    case '{':
    case '}':
        return false;
    default:
        return c > 0x20 && c < 0x7f;
    }
}

static bool is_token(struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        if (!is_token_char((unsigned char)t.p[i]))
            return false;
    }
    return t.len > 0;
}

static bool is_field_value(struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.p[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

void gate_headers_begin(struct gate_headers *g, const struct gate_limits *limits)
{
    *g = (struct gate_headers){.limits = limits};
}

static bool stop(struct gate_headers *g, int status, const char *why)
{
    g->status = status;
    g->why = why;
    return false;
}

static bool note_known(struct gate_headers *g, struct text name, struct text value)
{
    for (size_t i = 0; i < HDR_KNOWN_COUNT; i++) {
        const struct known_header *h = &known_headers[i];

        if (h->name.len != name.len || !text_eq_nocase(h->name, name))
            continue;
        if (!g->known[i].p)
            g->known[i] = value;
        else if (h->is_single)
            return stop(g, 400, "A header that may appear once is repeated.");
        return true;
    }
    return true;
}

bool gate_header(struct gate_headers *g, struct text name, struct text value)
{
    if (!value.p)
        value = TEXT("");
    g->count++;
    g->bytes += name.len + value.len + 4; /* ": " and the line end */
    if (g->count > g->limits->count_max)
        return stop(g, 431, "There are too many request headers.");
    if (name.len + value.len > g->limits->header_max_bytes)
        return stop(g, 431, "A request header is too large.");
    if (g->bytes > g->limits->headers_max_bytes)
        return stop(g, 431, "The request headers are too large.");
    if (!is_token(name))
        return stop(g, 400, "A header name is malformed.");
    if (!is_field_value(value))
        return stop(g, 400, "A header value holds a control character.");
    return note_known(g, name, value);
}

static int content_length(struct text t, uint64_t *ret)
{
    int64_t n;

    for (size_t i = 0; i < t.len; i++) {
        if (t.p[i] < '0' || t.p[i] > '9')
            return -1;
    }
    if (text_to_i64(t, &n) < 0)
        return -1;
    *ret = (uint64_t)n;
    return 0;
}

static int check_framing(const struct gate_headers *g, bool is_http11, struct gate_body *ret,
                         const char **ret_why)
{
    struct text te = g->known[HDR_TRANSFER_ENCODING], cl = g->known[HDR_CONTENT_LENGTH];

    if (te.p && cl.p)
        return refuse(ret_why, 400, "Content-Length and Transfer-Encoding exclude each other.");
    if (te.p && (!is_http11 || !text_eq_nocase(te, TEXT("chunked"))))
        return refuse(ret_why, is_http11 ? 501 : 400, "The transfer encoding is not supported.");
    if (cl.p && content_length(cl, &ret->length) < 0)
        return refuse(ret_why, 400, "Content-Length is malformed.");
    ret->is_chunked = te.p != NULL;
    return 0;
}

int gate_headers_end(struct gate_headers *g, bool is_http11, struct gate_body *ret,
                     const char **ret_why)
{
    struct text coding = g->known[HDR_CONTENT_ENCODING], expect = g->known[HDR_EXPECT];

    *ret = (struct gate_body){0};
    if (g->status)
        return refuse(ret_why, g->status, g->why);
    if (is_http11 && g->known[HDR_HOST].len == 0)
        return refuse(ret_why, 400, "The Host header is missing.");
    if (coding.p && !text_eq_nocase(coding, TEXT("identity")))
        return refuse(ret_why, 415, "Compressed request bodies are not supported.");
    if (expect.p && !text_eq_nocase(expect, TEXT("100-continue")))
        return refuse(ret_why, 417, "The expectation cannot be met.");
    return check_framing(g, is_http11, ret, ret_why);
}
