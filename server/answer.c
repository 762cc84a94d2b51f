/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that turns the end of a request into bytes, a log line and samples
 * (design 3.7, 9.4). */
#include "cleanup.h"
#include "clock.h"
#include "counters.h"
#include "log.h"
#include "server_priv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define HEADERS_MAX 32
#define RAW_MAX_BYTES (16u * KIB)
#define SMALL_ANSWER_BYTES (256u * KIB)

struct header_list {
    struct http_extra h[HEADERS_MAX];
    size_t count;
    char retry_after[16], allow[64];
    char origin[512], request_method[32], request_headers[2048];
};

static const struct http_extra security_headers[] = {
    {"X-Content-Type-Options", "nosniff"                                       },
    {"X-XSS-Protection",       "0"                                             },
    {"Cache-Control",          "no-cache, no-store, max-age=0, must-revalidate"},
    {"Pragma",                 "no-cache"                                      },
    {"Expires",                "0"                                             },
    {"X-Frame-Options",        "DENY"                                          },
};

/* Three lines, with or without Origin (errata P9). */
static const char *const vary[] = {"Origin", "Access-Control-Request-Method",
                                   "Access-Control-Request-Headers"};

static void add(struct header_list *l, const char *name, const char *value)
{
    assert(l->count < HEADERS_MAX);
    l->h[l->count++] = (struct http_extra){name, value};
}

static bool is_compat(const struct request *r)
{
    return r->mount && r->mount->api->is_compat;
}

/* ---- status and body ---- */

static int choose_status(const struct request *r)
{
    if (r->gate_status)
        return r->gate_status;
    if (!r->has_failed)
        return r->res.status ? r->res.status : 200;
    if (is_compat(r) && !r->wants_status)
        return 200;
    return app_code_row(r->err.code)->http_status;
}

static void write_failure(struct request *r)
{
    buf_finish(&r->res.body);
    r->res.body.max_bytes = 0;
    if (r->gate_status) {
        res_gate_body(&r->res.body, r->gate_status, r->gate_why);
        r->res.content_type = NULL;
    } else if (is_compat(r)) {
        res_error_body(&r->res.body, &r->err, r->http.lang);
        r->res.content_type = NULL;
    } else {
        res_problem_body(&r->res.body, r->status, &r->err, r->http.request_id);
        r->res.content_type = "application/problem+json";
    }
}

/*
 * An answer stays in memory until its client has taken it, long after its worker is free again: all
 * large ones share one bound. Small ones are bounded by the number of connections.
 */
static void hold(struct request *r)
{
    struct server *s = r->server;
    size_t len = r->res.body.len;

    if (len <= SMALL_ANSWER_BYTES)
        return;
    if (atomic_fetch_add(&s->answers_held, len) + len <= s->o.answers_max_bytes) {
        r->held_bytes = len;
        return;
    }
    atomic_fetch_sub(&s->answers_held, len);
    counter_add(CTR_SHED, 1);
    r->has_failed = true;
    app_fail(&r->err, APP_OVERLOADED, "answers that were not taken fill the memory for them");
}

void answer_release(struct request *r)
{
    atomic_fetch_sub(&r->server->answers_held, r->held_bytes);
    r->held_bytes = 0;
}

/* A handler whose answer did not fit has lost it: say so instead of sending a part. */
static void settle(struct request *r)
{
    if (!r->gate_status && !r->has_failed && buf_failed(&r->res.body)) {
        r->has_failed = true;
        app_fail(&r->err, APP_INTERNAL, "the answer is too large");
    }
    if (r->is_empty_answer && !r->gate_status && !r->has_failed)
        buf_finish(&r->res.body);
    if (!r->gate_status && !r->has_failed)
        hold(r);
    r->status = choose_status(r);
    if (r->gate_status || r->has_failed)
        write_failure(r);
    r->answer_bytes = r->res.body.len;
}

/* ---- headers ---- */

static const char *copy(struct text t, char *room, size_t bytes)
{
    snprintf(room, bytes, "%.*s", (int)(t.len < bytes ? t.len : bytes - 1), t.p);
    return room;
}

static bool is_allowed_origin(const struct server_options *o, struct text origin)
{
    for (size_t i = 0; i < o->cors_origin_count; i++) {
        if (strcmp(o->cors_origins[i], "*") == 0 || text_eq_str(origin, o->cors_origins[i]))
            return true;
    }
    return false;
}

static void add_cors(struct request *r, struct header_list *l)
{
    const struct text *h = r->headers.known;

    if (!h[HDR_ORIGIN].p || h[HDR_ORIGIN].len >= sizeof l->origin ||
        !is_allowed_origin(&r->server->o, h[HDR_ORIGIN]))
        return;
    add(l, "Access-Control-Allow-Origin", copy(h[HDR_ORIGIN], l->origin, sizeof l->origin));
    add(l, "Access-Control-Allow-Credentials", "true");
    if (!r->is_preflight)
        return;
    add(l, "Access-Control-Allow-Methods",
        copy(h[HDR_REQUEST_METHOD], l->request_method, sizeof l->request_method));
    if (h[HDR_REQUEST_HEADERS].len && h[HDR_REQUEST_HEADERS].len < sizeof l->request_headers)
        add(l, "Access-Control-Allow-Headers",
            copy(h[HDR_REQUEST_HEADERS], l->request_headers, sizeof l->request_headers));
    add(l, "Access-Control-Max-Age", "7200");
}

static bool has_extra(const struct http_res *res, const char *name)
{
    for (size_t i = 0; i < res->extra_count; i++) {
        if (strcmp(res->extra[i].name, name) == 0)
            return true;
    }
    return false;
}

static void add_fixed(struct request *r, struct header_list *l)
{
    for (size_t i = 0; i < ARRAY_LEN(security_headers); i++) {
        if (!has_extra(&r->res, security_headers[i].name))
            add(l, security_headers[i].name, security_headers[i].value);
    }
    if (r->listener->id == LISTEN_MANAGEMENT)
        return;
    for (size_t i = 0; i < ARRAY_LEN(vary); i++)
        add(l, "Vary", vary[i]);
    add_cors(r, l);
}

static int retry_after_s(const struct request *r)
{
    if (r->res.retry_after_s)
        return r->res.retry_after_s;
    if (r->gate_status)
        return r->gate_status == 503;
    return r->has_failed && app_code_row(r->err.code)->http_status == 503;
}

static void add_by_outcome(struct request *r, struct header_list *l)
{
    bool is_refused_method = r->has_failed && r->err.code == APP_METHOD;
    bool is_plain_options = r->is_empty_answer && !r->is_preflight;

    if (retry_after_s(r)) {
        snprintf(l->retry_after, sizeof l->retry_after, "%d", retry_after_s(r));
        add(l, "Retry-After", l->retry_after);
    }
    if (r->match.methods && (is_refused_method || is_plain_options)) {
        router_allow(r->match.methods, l->allow, sizeof l->allow);
        add(l, "Allow", l->allow);
    }
    if (r->wants_status && !r->gate_status) {
        add(l, "Preference-Applied", "http-status");
        add(l, "Vary", "Prefer");
    }
    if (r->status == 401)
        add(l, "WWW-Authenticate", "Bearer");
}

static void list_headers(struct request *r, struct header_list *l)
{
    l->count = 0;
    if (r->res.body.len)
        add(l, "Content-Type", r->res.content_type ? r->res.content_type : "application/json");
    add(l, "X-Request-Id", r->http.request_id);
    add_fixed(r, l);
    add_by_outcome(r, l);
    for (size_t i = 0; i < r->res.extra_count; i++)
        add(l, r->res.extra[i].name, r->res.extra[i].value);
    if (r->must_close || r->is_raw ||
        (r->is_counted && atomic_load(&r->server->phase) != SERVER_SERVING))
        add(l, "Connection", "close");
}

/* ---- through libmicrohttpd ---- */

static struct MHD_Response *make_response(struct request *r)
{
    size_t len;
    char *bytes;

    if (r->res.body.len == 0)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    bytes = buf_steal(&r->res.body, &len);
    return bytes ? MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_MUST_FREE) : NULL;
}

enum MHD_Result answer_queue(struct request *r)
{
    struct header_list l;
    struct MHD_Response *response;
    enum MHD_Result rc;

    r->step = STEP_ANSWERED;
    settle(r);
    list_headers(r, &l);
    response = make_response(r);
    if (!response)
        return MHD_NO;
    for (size_t i = 0; i < l.count; i++)
        MHD_add_response_header(response, l.h[i].name, l.h[i].value);
    rc = MHD_queue_response(r->mhd, (unsigned)r->status, response);
    MHD_destroy_response(response);
    return rc;
}

/* ---- past it ---- */

static void append_date(struct buf *out)
{
    time_t now = (time_t)clock_unix_s();
    struct tm tm;
    char text[40];

    if (gmtime_r(&now, &tm) && strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm))
        buf_printf(out, "Date: %s\r\n", text);
}

static void begin_raw(struct buf *out, int status)
{
    buf_printf(out, "HTTP/1.1 %d %s\r\n", status, MHD_get_reason_phrase_for((unsigned)status));
    append_date(out);
}

static void end_raw(struct buf *out, const struct buf *body, bool is_head)
{
    buf_printf(out, "Content-Length: %zu\r\n\r\n", body->len);
    if (body->len && !is_head)
        buf_append(out, body->data, body->len);
}

enum MHD_Result answer_raw(struct request *r)
{
    struct buf out AUTO(buf_finish_p) = BUF_INIT(RAW_MAX_BYTES);
    struct header_list l;

    /* The watch no longer answers for this connection; when it did already, nothing is sent. */
    if (!conn_enter(r->conn, CONN_BUSY))
        return MHD_NO;
    r->step = STEP_ANSWERED;
    r->is_raw = true;
    settle(r);
    list_headers(r, &l);
    begin_raw(&out, r->status);
    for (size_t i = 0; i < l.count; i++)
        buf_printf(&out, "%s: %s\r\n", l.h[i].name, l.h[i].value);
    end_raw(&out, &r->res.body, r->method == METHOD_HEAD && !r->gate_status);
    conn_send_raw(r->conn, &out);
    return MHD_NO;
}

void answer_bare(struct buf *out, int status, const char *why)
{
    struct buf body AUTO(buf_finish_p) = BUF_INIT(1024);

    res_gate_body(&body, status, why);
    begin_raw(out, status);
    buf_append_str(out, "Content-Type: application/json\r\nConnection: close\r\n");
    if (status == 503)
        buf_append_str(out, "Retry-After: 1\r\n");
    end_raw(out, &body, false);
}

/* ---- the record ---- */

static const char *code_of(const struct request *r)
{
    if (r->gate_status)
        return "GATE";
    return app_code_name(r->has_failed ? r->err.code : APP_OK);
}

static void log_access(const struct request *r, bool is_whole, int64_t duration_us)
{
    struct log_line l;

    log_begin(&l, LOG_INFO, "request");
    log_str(&l, "request_id", r->http.request_id);
    log_str(&l, "api", r->mount ? r->mount->api->name : NULL);
    log_str(&l, "route", r->match.route ? r->match.route->id : NULL);
    log_str(&l, "method", r->gate_status == 501 ? NULL : gate_method_name(r->method));
    log_int(&l, "status", r->status);
    log_str(&l, "code", code_of(r));
    log_int(&l, "duration_us", duration_us);
    log_int(&l, "bytes", (int64_t)r->answer_bytes);
    log_str(&l, "peer", r->conn->peer);
    log_str(&l, "user", r->http.principal ? r->http.principal->auth_id : NULL);
    if (r->gate_status)
        log_str(&l, "detail", r->gate_why);
    else if (r->has_failed && r->err.detail[0])
        log_str(&l, "detail", r->err.detail);
    if (!is_whole)
        log_str(&l, "cut", "the connection ended before the answer was sent");
    log_end(&l);
}

void answer_account(struct request *r, bool is_whole)
{
    int64_t duration_us = clock_mono_us() - r->start_us;
    size_t index;

    if (r->gate_status) {
        counter_add(CTR_GATE_REFUSED, 1);
        atomic_fetch_add_explicit(&r->listener->gate_refused, 1, memory_order_relaxed);
    } else if (r->mount) {
        index = r->match.route ? r->match.index : r->mount->api->route_count;
        metrics_note(&r->mount->metrics[index], r->has_failed ? r->err.code : APP_OK, duration_us);
    }
    if (r->server->o.log_access && r->listener->id != LISTEN_MANAGEMENT)
        log_access(r, is_whole, duration_us);
}
