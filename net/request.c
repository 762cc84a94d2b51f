/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "net_internal.h"

#include <openssl/crypto.h>

#define HEADERS_MAX 64
#define HEADER_TEXT_MAX_BYTES (64 * KIB)
#define PATH_MAX_BYTES (16 * KIB)
#define OWN_NODES 4 /* Authorization, Accept, Content-Type, Expect */

enum body_use { BODY_NEVER, BODY_MAY, BODY_ALWAYS };

static const struct method {
    const char *name;
    enum body_use body;
} methods[] = {
    {"GET",    BODY_NEVER },
    {"HEAD",   BODY_NEVER },
    {"POST",   BODY_ALWAYS}, /* also an empty one: Content-Length: 0 */
    {"PUT",    BODY_ALWAYS},
    {"PATCH",  BODY_ALWAYS},
    {"DELETE", BODY_MAY   },
};

/* What this module says itself, or what would change where the request ends (RFC 9112 6). */
static const char *const reserved_headers[] = {
    "Accept",           "Connection", "Content-Length", "Content-Type",
    "Expect",           "Host",       "Keep-Alive",     "Proxy-Authorization",
    "Proxy-Connection", "TE",         "Trailer",        "Transfer-Encoding",
    "Upgrade",
};

static const struct method *find_method(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(methods); i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

bool net_request_is_header_value(const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* RFC 9110 5.6.2: token. */
static bool is_header_name(const char *s)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    if (!*s)
        return false;
    for (; *s; s++) {
        char lower = (char)(*s | 0x20);

        if (!(lower >= 'a' && lower <= 'z') && !(*s >= '0' && *s <= '9') && !strchr(others, *s))
            return false;
    }
    return true;
}

static bool is_reserved(const struct net_pool *p, const char *name)
{
    struct text n = text_of(name);

    for (size_t i = 0; i < ARRAY_LEN(reserved_headers); i++)
        if (text_eq_nocase(n, text_of(reserved_headers[i])))
            return true;
    return p->auth_line && text_eq_nocase(n, TEXT("Authorization"));
}

/* Printable ASCII without blanks: anything else the caller has escaped (RFC 3986 2). */
static bool is_path(const char *s)
{
    size_t len = s ? strlen(s) : 0;

    if (len == 0 || len > PATH_MAX_BYTES || s[0] != '/')
        return false;
    for (size_t i = 0; i < len; i++)
        if (s[i] <= 0x20 || s[i] >= 0x7f || s[i] == '#')
            return false;
    return true;
}

static bool is_blank(const char *s)
{
    return s[strspn(s, " \t")] == '\0';
}

static int check_headers(const struct transfer *t, struct app_error *err)
{
    const struct net_request *req = t->req;

    if (req->header_count > HEADERS_MAX)
        return app_fail(err, APP_INTERNAL, "net: %zu headers", req->header_count);
    for (size_t i = 0; i < req->header_count; i++) {
        const struct net_header *h = &req->headers[i];

        if (!h->name || !h->value || !is_header_name(h->name) || is_reserved(t->pool, h->name))
            return app_fail(err, APP_INTERNAL, "net: header %zu has a name that is not allowed", i);
        if (!net_request_is_header_value(h->value))
            return app_fail(err, APP_INTERNAL, "net: control character in header %s", h->name);
    }
    if ((req->accept && !net_request_is_header_value(req->accept)) ||
        (req->content_type && !net_request_is_header_value(req->content_type)))
        return app_fail(err, APP_INTERNAL, "net: control character in a media type");
    return 0;
}

/* Header lines under construction: the nodes point into the text, nothing is copied by curl. */
struct lines {
    struct curl_slist *nodes;
    size_t count;
    char *text;
    size_t used, cap;
};

static void add_node(struct lines *l, char *line)
{
    struct curl_slist *node = &l->nodes[l->count];

    *node = (struct curl_slist){.data = line};
    if (l->count > 0)
        l->nodes[l->count - 1].next = node;
    l->count++;
}

static size_t line_size(const char *name, const char *value)
{
    return strlen(name) + 2 + strlen(value) + 1;
}

/* "Name;" is curl's way to write a header without a value ("Name:" would drop the header). */
static void add_line(struct lines *l, const char *name, const char *value)
{
    char *line = l->text + l->used;
    size_t room = l->cap - l->used;
    int len = is_blank(value) ? snprintf(line, room, "%s;", name)
                              : snprintf(line, room, "%s: %s", name, value);

    l->used += (size_t)len + 1;
    add_node(l, line);
}

static const char *accept_of(const struct net_request *req)
{
    return req->accept ? req->accept : "application/json";
}

static size_t text_size(const struct net_request *req)
{
    size_t size = line_size("Accept", accept_of(req));

    if (req->content_type)
        size += line_size("Content-Type", req->content_type);
    for (size_t i = 0; i < req->header_count; i++)
        size += line_size(req->headers[i].name, req->headers[i].value);
    return size;
}

static void add_lines(struct transfer *t, struct lines *l)
{
    const struct net_request *req = t->req;

    if (t->pool->auth_line)
        add_node(l, t->pool->auth_line);
    add_line(l, "Accept", accept_of(req));
    if (req->content_type)
        add_line(l, "Content-Type", req->content_type);
    else
        add_node(l, (char *)"Content-Type:"); /* not the form type curl would add to a body */
    add_node(l, (char *)"Expect:"); /* a 417 answer would make curl send the request again */
    for (size_t i = 0; i < req->header_count; i++)
        add_line(l, req->headers[i].name, req->headers[i].value);
}

static int build_headers(struct transfer *t, struct app_error *err)
{
    struct lines l = {.cap = text_size(t->req)};

    if (l.cap > HEADER_TEXT_MAX_BYTES)
        return app_fail(err, APP_INTERNAL, "net: headers of %zu bytes", l.cap);
    l.nodes = calloc(OWN_NODES + t->req->header_count, sizeof *l.nodes);
    l.text = malloc(l.cap);
    if (!l.nodes || !l.text) {
        free(l.nodes);
        free(l.text);
        return app_fail(err, APP_INTERNAL, "net: out of memory");
    }
    add_lines(t, &l);
    t->header_nodes = l.nodes;
    t->header_text = l.text;
    t->header_text_len = l.cap;
    return 0;
}

int net_request_prepare(struct transfer *t, struct app_error *err)
{
    const struct net_request *req = t->req;
    const struct method *m = find_method(req->method);

    if (!m)
        return app_fail(err, APP_INTERNAL, "net: method not known");
    if (m->body == BODY_NEVER && req->body.len > 0)
        return app_fail(err, APP_INTERNAL, "net: %s with a body", m->name);
    if (!is_path(req->path))
        return app_fail(err, APP_INTERNAL, "net: path not allowed");
    if (check_headers(t, err) < 0)
        return -1;
    return build_headers(t, err);
}

static bool apply_body(CURL *e, const struct net_request *req)
{
    const char *bytes = req->body.len ? req->body.p : "";

    return curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_POSTFIELDS, bytes) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.len) == CURLE_OK;
}

/* An easy handle is used again and again, so each of these options is set each time. */
static bool apply_method(CURL *e, const struct net_request *req)
{
    const struct method *m = find_method(req->method);
    bool is_good;

    if (m->body == BODY_ALWAYS || req->body.len > 0)
        is_good = apply_body(e, req);
    else if (strcmp(m->name, "HEAD") == 0)
        is_good = curl_easy_setopt(e, CURLOPT_NOBODY, 1L) == CURLE_OK;
    else
        is_good = curl_easy_setopt(e, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    return is_good && curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, m->name) == CURLE_OK;
}

int net_request_apply(struct transfer *t)
{
    CURL *e = t->easy;
    const struct net_request *req = t->req;
    /* curl repeats a request by itself when a kept connection turns out dead; never on a fresh one.
     */
    long is_fresh = req->is_idempotent ? 0 : 1;

    if (!apply_method(e, req) || curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, is_fresh) != CURLE_OK ||
        curl_easy_setopt(e, CURLOPT_REQUEST_TARGET, req->path) != CURLE_OK ||
        curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->header_nodes) != CURLE_OK)
        return -1;
    return 0;
}

void net_request_finish(struct transfer *t)
{
    if (t->header_text)
        OPENSSL_cleanse(t->header_text, t->header_text_len);
    free(t->header_text);
    free(t->header_nodes);
    t->header_text = NULL;
    t->header_nodes = NULL;
}
