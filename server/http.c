/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "codec.h"
#include "http_priv.h"
#include "json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ANSWER_MAX_BYTES (64u * MIB)
#define ERROR_BODY_MAX_BYTES 4096

static struct http_internal *inside(const struct http_req *req)
{
    assert(req->internal);
    return req->internal;
}

/* ---- reading: path, query, form, headers ---- */

const char *req_var(const struct http_req *req, const char *name)
{
    size_t i = 0;

    while (i < req->var_count && strcmp(req->vars[i].name, name) != 0)
        i++;
    assert(i < req->var_count); /* a handler asks only for what its own template has */
    return req->vars[i].value.p;
}

/* @return the pair of "name=value", or NULL when it cannot be decoded. */
static struct http_pair *decode_pair(struct arena *a, struct text raw)
{
    struct http_pair *pair = arena_alloc(a, sizeof *pair);
    const char *equals = memchr(raw.p, '=', raw.len);
    size_t name_len = equals ? (size_t)(equals - raw.p) : raw.len, len;

    if (!pair)
        return NULL;
    pair->name = uri_decode_query(a, (struct text){raw.p, name_len}, &len);
    pair->value =
        equals ? uri_decode_query(a, (struct text){equals + 1, raw.len - name_len - 1}, &len) : "";
    return pair->name && pair->value ? pair : NULL;
}

static struct http_pair *read_pairs(struct arena *a, struct text raw)
{
    struct http_pair *first = NULL, **last = &first;
    size_t at = 0;

    while (at < raw.len) {
        const char *mark = memchr(raw.p + at, '&', raw.len - at);
        size_t end = mark ? (size_t)(mark - raw.p) : raw.len;

        if (end > at) {
            *last = decode_pair(a, (struct text){raw.p + at, end - at});
            if (*last)
                last = &(*last)->next;
        }
        at = end + 1;
    }
    return first;
}

static struct http_pair *query_pairs(struct http_req *req)
{
    struct http_internal *in = inside(req);

    if (!in->is_query_read) {
        in->pairs = read_pairs(req->arena, in->query);
        in->is_query_read = true;
    }
    return in->pairs;
}

static const struct http_pair *find_pair(const struct http_pair *p, const char *name)
{
    while (p && strcmp(p->name, name) != 0)
        p = p->next;
    return p;
}

static const char *value_of(const struct http_pair *p)
{
    return p ? p->value : NULL;
}

const char *req_query(struct http_req *req, const char *name)
{
    return value_of(find_pair(query_pairs(req), name));
}

const char *req_query_joined(struct http_req *req, const char *name)
{
    const char *all = NULL;

    for (const struct http_pair *p = query_pairs(req); p; p = p->next) {
        if (strcmp(p->name, name) == 0)
            all = all ? arena_printf(req->arena, "%s,%s", all, p->value) : p->value;
    }
    return all;
}

static bool has_media_type(const char *content_type, struct text wanted)
{
    struct text t = text_of(content_type);
    size_t len = 0;

    while (len < t.len && t.p[len] != ';' && t.p[len] != ' ')
        len++;
    return text_eq_nocase((struct text){t.p, len}, wanted);
}

const char *req_form(struct http_req *req, const char *name)
{
    struct http_internal *in = inside(req);

    if (!in->is_form_read) {
        if (in->content_type &&
            has_media_type(in->content_type, TEXT("application/x-www-form-urlencoded")))
            in->form = read_pairs(req->arena, req->body);
        in->is_form_read = true;
    }
    return value_of(find_pair(in->form, name));
}

const char *req_header(struct http_req *req, const char *name)
{
    struct http_internal *in = inside(req);

    return in->header ? in->header(in->ctx, name) : NULL;
}

/* ---- reading: typed parameters (contract 6; 5.4 row 6; errata P26) ---- */

static struct text trimmed(const char *s)
{
    struct text t = text_of(s);

    while (t.len && (t.p[0] == ' ' || t.p[0] == '\t')) {
        t.p++;
        t.len--;
    }
    while (t.len && (t.p[t.len - 1] == ' ' || t.p[t.len - 1] == '\t'))
        t.len--;
    return t;
}

static int parse_int(const char *value, int64_t lower, int64_t upper, int64_t *ret)
{
    struct text t = trimmed(value);
    int64_t n;

    if (t.len && t.p[0] == '+') {
        t.p++;
        t.len--;
    }
    if (text_to_i64(t, &n) < 0 || n < lower || n > upper)
        return -1;
    *ret = n;
    return 0;
}

static int parse_bool(const char *value, bool *ret)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {
        {"true",  true },
        {"on",    true },
        {"yes",   true },
        {"1",     true },
        {"false", false},
        {"off",   false},
        {"no",    false},
        {"0",     false}
    };
    struct text t = trimmed(value);

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (text_eq_nocase(t, text_of(words[i].word))) {
            *ret = words[i].value;
            return 0;
        }
    }
    return -1;
}

enum param_type { PARAM_INT, PARAM_LONG, PARAM_BOOL };

/* The typed fields of Params (contract 6): the original names every bad one of a request. */
static const struct typed_param {
    const char *name;
    enum param_type type;
} typed_params[] = {
    {"offset",       PARAM_INT },
    {"limit",        PARAM_INT },
    {"topN",         PARAM_INT },
    {"id",           PARAM_LONG},
    {"includeUsage", PARAM_BOOL},
    {"isGlobal",     PARAM_BOOL},
};

static bool is_bad(const struct typed_param *t, const char *value)
{
    int64_t n;
    bool b;

    if (t->type == PARAM_BOOL)
        return parse_bool(value, &b) < 0;
    if (t->type == PARAM_INT)
        return parse_int(value, INT32_MIN, INT32_MAX, &n) < 0;
    return parse_int(value, INT64_MIN, INT64_MAX, &n) < 0;
}

/* @return true when @p p is the first of its name, a typed field, and not convertible. */
static bool is_bad_pair(const struct http_pair *first, const struct http_pair *p)
{
    if (find_pair(first, p->name) != p)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(typed_params); i++) {
        if (strcmp(typed_params[i].name, p->name) == 0)
            return is_bad(&typed_params[i], p->value);
    }
    return false;
}

/* Names all bad fields, in the order of the query; @p name is one even if it is not in the table.
 */
static int refuse_params(struct http_req *req, const char *name, struct app_error *err)
{
    struct buf names AUTO(buf_finish_p) = BUF_INIT(128);
    bool has_name = false;

    for (const struct http_pair *p = query_pairs(req); p; p = p->next) {
        if (!is_bad_pair(query_pairs(req), p))
            continue;
        buf_append_str(&names, p->name);
        has_name = has_name || strcmp(p->name, name) == 0;
    }
    if (!has_name)
        buf_append_str(&names, name);
    return app_fail_text(err, APP_PARAM_TYPE, "%s : %s",
                         msg_text(MSG_REQUEST_VALUE_IS_MISSING, LANG_EN),
                         names.data ? names.data : name);
}

int req_query_int(struct http_req *req, const char *name, int64_t fallback, int64_t *ret,
                  struct app_error *err)
{
    const char *value = req_query(req, name);
    bool is_long = strcmp(name, "id") == 0;

    if (!value) {
        *ret = fallback;
        return 0;
    }
    if (parse_int(value, is_long ? INT64_MIN : INT32_MIN, is_long ? INT64_MAX : INT32_MAX, ret) < 0)
        return refuse_params(req, name, err);
    return 0;
}

int req_query_bool(struct http_req *req, const char *name, bool fallback, bool *ret,
                   struct app_error *err)
{
    const char *value = req_query(req, name);

    if (!value) {
        *ret = fallback;
        return 0;
    }
    return parse_bool(value, ret) < 0 ? refuse_params(req, name, err) : 0;
}

/* ---- reading: the body ---- */

int req_json(struct http_req *req, const json_t **ret, struct app_error *err)
{
    struct http_internal *in = inside(req);

    if (!in->json) {
        if (!in->content_type || !has_media_type(in->content_type, TEXT("application/json")))
            return app_fail(err, APP_MEDIA_TYPE, "Content-Type is not JSON");
        if (req->body.len == 0)
            return app_fail(err, APP_BODY_MISSING, "no body");
        in->json = json_parse(req->body.p, req->body.len, false, err);
    }
    if (!in->json)
        return -1;
    if (!json_is_object(in->json))
        return app_fail(err, APP_BODY_MALFORMED, "the body is not an object");
    *ret = in->json;
    return 0;
}

void http_internal_finish(struct http_internal *in)
{
    json_decref(in->json);
    in->json = NULL;
}

int http_req_attach(struct http_req *req, const char *raw_query, const char *content_type)
{
    struct http_internal *in = arena_alloc(req->arena, sizeof *in);

    if (!in)
        return -1;
    in->query = text_of(raw_query);
    in->content_type = content_type;
    req->internal = in;
    return 0;
}

void http_req_detach(struct http_req *req)
{
    if (req->internal)
        http_internal_finish(req->internal);
    req->internal = NULL;
}

enum lang http_lang_of(struct text ulang)
{
    if (text_eq_nocase(ulang, TEXT("ko")))
        return LANG_KO;
    if (ulang.len >= 3 && text_eq_nocase((struct text){ulang.p, 3}, TEXT("ko_")))
        return LANG_KO;
    return LANG_EN;
}

/* ---- answering ---- */

static int body_full(const struct buf *b, struct app_error *err)
{
    return buf_failed(b) ? app_fail(err, APP_INTERNAL, "the answer is too large") : 0;
}

static void begin_body(struct http_res *res)
{
    if (res->body.max_bytes == 0)
        buf_init(&res->body, ANSWER_MAX_BYTES);
    else
        buf_reset(&res->body);
}

static void append_text(struct buf *b, const char *s)
{
    if (s)
        buf_append_json_string(b, s, strlen(s));
    else
        buf_append_str(b, "null");
}

static void append_e4(struct buf *b, const char *code, const char *message, int status,
                      const char *detail)
{
    buf_printf(b, "{\"resultCode\":\"%s\",\"resultMessage\":", code);
    append_text(b, message);
    buf_printf(b, ",\"httpStatusCode\":%d,\"detailMessage\":", status);
    append_text(b, detail);
}

static void append_success(struct http_req *req, struct http_res *res)
{
    const char *ok = msg_text(MSG_OK, req->lang);

    append_e4(&res->body, "SUCCESS", ok, 200, res->notice ? res->notice : ok);
}

int res_success_raw(struct http_req *req, struct http_res *res, struct buf *members,
                    struct app_error *err)
{
    struct buf taken AUTO(buf_finish_p) = *members;

    *members = (struct buf){.max_bytes = members->max_bytes};
    if (buf_failed(&taken))
        return app_fail(err, APP_INTERNAL, "the answer is too large");
    begin_body(res);
    append_success(req, res);
    if (taken.len) {
        buf_append_char(&res->body, ',');
        buf_append(&res->body, taken.data, taken.len);
    }
    buf_append_char(&res->body, '}');
    return body_full(&res->body, err);
}

static int append_dump(const char *bytes, size_t len, void *buf)
{
    return buf_append(buf, bytes, len);
}

int res_success(struct http_req *req, struct http_res *res, json_t *fields, struct app_error *err)
{
    json_auto_t *owned = fields;
    struct buf members = BUF_INIT(ANSWER_MAX_BYTES);

    if (!owned || !json_is_object(owned))
        return app_fail(err, APP_INTERNAL, "no fields: out of memory, or bytes that are not UTF-8");
    if (json_dump_callback(owned, append_dump, &members, JSON_COMPACT | JSON_EMBED) < 0)
        members.failed = true;
    return res_success_raw(req, res, &members, err);
}

int res_done(struct http_req *req, struct http_res *res, struct app_error *err)
{
    begin_body(res);
    append_success(req, res);
    buf_append_str(&res->body, ",\"nextActionUrl\":\"-\"}");
    return body_full(&res->body, err);
}

int res_json(struct http_res *res, json_t *object, struct app_error *err)
{
    json_auto_t *owned = object;

    if (!owned)
        return app_fail(err, APP_INTERNAL, "no object: out of memory, or bytes that are not UTF-8");
    begin_body(res);
    if (json_dump_callback(owned, append_dump, &res->body, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
        res->body.failed = true;
    return body_full(&res->body, err);
}

int res_header(struct http_res *res, const char *name, const char *value, struct app_error *err)
{
    if (res->extra_count == HTTP_EXTRA_HEADERS || strpbrk(name, "\r\n") || strpbrk(value, "\r\n"))
        return app_fail(err, APP_INTERNAL, "header %s", name);
    res->extra[res->extra_count++] = (struct http_extra){name, value};
    return 0;
}

/* ---- error bodies ---- */

/* Bodies that the original makes before a language is known (contract 5.2; errata P30). */
static enum lang lang_of_error(enum app_code code, enum lang lang)
{
    switch (code) {
    case APP_BODY_MISSING:
    case APP_BODY_MALFORMED:
    case APP_PARAM_TYPE:
    case APP_NO_ROUTE:
    case APP_METHOD:
    case APP_MEDIA_TYPE:
        return LANG_EN;
    default:
        return lang;
    }
}

static const char *text_of_error(enum msg_id id, const struct app_error *e, enum lang lang)
{
    if (id == MSG_TEXT_OF_ERROR)
        return e->text;
    return msg_text(id == MSG_OF_ERROR ? e->message_id : id, lang);
}

/* A login failure names its reason only in the detail; every other code that carries a text shows
 * it there, too. */
static const char *detail_of_error(const struct app_code_row *row, const struct app_error *e,
                                   enum lang lang)
{
    if (e->text[0] && row->result_message != MSG_TEXT_OF_ERROR)
        return e->text;
    return text_of_error(row->detail_message, e, lang);
}

int res_error_body(struct buf *body, const struct app_error *e, enum lang lang)
{
    const struct app_code_row *row = app_code_row(e->code);
    enum lang l = lang_of_error(e->code, lang);

    if (body->max_bytes == 0)
        buf_init(body, ERROR_BODY_MAX_BYTES);
    append_e4(body, "FAIL", text_of_error(row->result_message, e, l), row->body_code,
              detail_of_error(row, e, l));
    buf_append_str(body, row->kind == BODY_STATUS ? ",\"nextActionUrl\":\"-\"}" : "}");
    return buf_failed(body) ? -1 : 0;
}

int res_gate_body(struct buf *body, int status, const char *detail)
{
    if (body->max_bytes == 0)
        buf_init(body, ERROR_BODY_MAX_BYTES);
    append_e4(body, "FAIL", msg_text(MSG_BAD_REQUEST, LANG_EN), status, detail);
    buf_append_char(body, '}');
    return buf_failed(body) ? -1 : 0;
}

int res_problem_body(struct buf *body, int status, const struct app_error *e,
                     const char *request_id)
{
    const struct app_code_row *row = app_code_row(e->code);
    const char *title = text_of_error(row->result_message, e, LANG_EN);
    const char *detail = e->text[0] ? e->text : text_of_error(row->detail_message, e, LANG_EN);

    if (body->max_bytes == 0)
        buf_init(body, ERROR_BODY_MAX_BYTES);
    buf_append_str(body, "{\"type\":\"about:blank\",\"title\":");
    append_text(body, title ? title : app_code_name(e->code));
    buf_printf(body, ",\"status\":%d,\"detail\":", status);
    append_text(body, detail ? detail : title);
    buf_printf(body, ",\"code\":\"%s\",\"requestId\":", app_code_name(e->code));
    append_text(body, request_id);
    buf_append_char(body, '}');
    return buf_failed(body) ? -1 : 0;
}
