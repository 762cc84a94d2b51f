/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one request inside libmicrohttpd's callbacks (design section 3; list-engine.md 6).
 *
 *   begin      the request line was read: the raw URI is kept, nothing is judged
 *   header     gate, route, authentication and authorization when they cannot wait, body limit
 *   upload     appends or drops, never answers through the library (a response queued inside an
 * upload is refused) complete   an inline handler runs here; everything else is suspended and
 * handed to the pool worker     (authentication,) handler, resume; the worker does not touch the
 * request after that completed  the only place that logs, counts and frees
 */
#include "cleanup.h"
#include "clock.h"
#include "counters.h"
#include "server_priv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define DROP_MAX_BYTES (64u * KIB) /* of a body nobody reads; over it the connection ends */
#define OVERRUN_MAX_BYTES                                                                          \
    (256u * KIB) /* a chunked body is drained so far past its limit for the sake of a clean 413 */

/* What an unknown path of a compat mount is authenticated as. */
static const struct route unknown_route = {
    .id = "-", .method = "GET", .path = "", .rule = RULE_OWN_DATA, .mode = MODE_INLINE};

static const bool rule_needs_token[RULE_COUNT] = {
#define RULE(name, needs_token, text) [RULE_##name] = (needs_token),
#include "rules.def"
#undef RULE
};

static bool is_managed(const struct request *r)
{
    return r->listener->id == LISTEN_MANAGEMENT;
}

static const char *mhd_header(void *ctx, const char *name)
{
    const struct request *r = ctx;

    return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name);
}

void *request_begin(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct listener *l = cls;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct conn *c = info ? info->socket_context : NULL;
    size_t len = strlen(uri);
    struct request *r = c ? calloc(1, sizeof *r + 2 * (len + 1)) : NULL;

    if (!r)
        return NULL; /* request_handle() ends the connection */
    r->server = l->server;
    r->listener = l;
    r->conn = c;
    r->mhd = mhd;
    memcpy(r->room, uri, len + 1);
    r->raw_uri = (struct text){r->room, len};
    conn_enter_header(c);
    return r;
}

/* ---- header: the gate ---- */

static enum MHD_Result on_one_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                     size_t name_len, const char *value, size_t value_len)
{
    struct request *r = cls;

    (void)kind;
    return gate_header(&r->headers, (struct text){name, name_len}, (struct text){value, value_len})
               ? MHD_YES
               : MHD_NO;
}

static int check_gate(struct request *r, const char *method, const char *version)
{
    const struct server *s = r->server;
    bool is_http11 = strcmp(version, "HTTP/1.0") != 0;
    int status = gate_method(method, &r->method, &r->gate_why);

    gate_headers_begin(&r->headers, &s->gate);
    MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, on_one_header, r);
    if (!status)
        status = gate_uri(r->raw_uri, s->o.uri_max_bytes, r->room + r->raw_uri.len + 1, &r->path,
                          &r->gate_why);
    if (!status)
        status = gate_headers_end(&r->headers, is_http11, &r->framing, &r->gate_why);
    return status;
}

static bool is_request_id(struct text t)
{
    if (t.len < 8 || t.len > 36)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.'))
            return false;
    }
    return true;
}

static void set_request_id(struct request *r)
{
    struct server *s = r->server;
    struct text given = r->headers.known[HDR_REQUEST_ID];

    if (is_request_id(given))
        snprintf(r->http.request_id, sizeof r->http.request_id, "%.*s", (int)given.len, given.p);
    else
        snprintf(r->http.request_id, sizeof r->http.request_id, "%s-%012llx", s->instance,
                 (unsigned long long)atomic_fetch_add_explicit(&s->request_serial, 1,
                                                               memory_order_relaxed));
}

/* ---- header: the route ---- */

static bool has_prefix(const struct mount *m, const struct gate_path *p)
{
    if (p->count < m->prefix_count)
        return false;
    for (size_t i = 0; i < m->prefix_count; i++) {
        if (!text_eq(m->prefix_seg[i], p->seg[i]))
            return false;
    }
    return true;
}

static const struct mount *find_mount(const struct listener *l, const struct gate_path *p)
{
    const struct mount *best = NULL;

    for (size_t i = 0; i < l->mount_count; i++) {
        const struct mount *m = &l->mounts[i];

        if (has_prefix(m, p) && (!best || m->prefix_count > best->prefix_count))
            best = m;
    }
    return best;
}

static void find_route(struct request *r)
{
    const struct mount *m = find_mount(r->listener, &r->path);
    const struct text *rest;

    r->mount = m;
    r->http.route = &unknown_route;
    if (!m)
        return;
    r->http.app = m->api->app;
    rest = r->path.seg + m->prefix_count;
    if (!r->path.is_too_deep)
        r->match = router_find(m->router, r->method, rest, r->path.count - m->prefix_count);
    if (!r->match.route)
        return;
    r->http.route = r->match.route;
    r->http.var_count = router_vars(m->router, r->match.index, rest, r->http.vars);
}

/* One of "a, b=c; d" is "http-status". */
static bool prefers_status(struct text prefer)
{
    size_t at = 0;

    while (at < prefer.len) {
        size_t end = at;

        while (end < prefer.len && prefer.p[end] != ',' && prefer.p[end] != ';')
            end++;
        while (at < end && prefer.p[at] == ' ')
            at++;
        if (text_eq_nocase((struct text){prefer.p + at, end - at}, TEXT("http-status")))
            return true;
        while (end < prefer.len && prefer.p[end] != ',')
            end++;
        at = end + 1;
    }
    return false;
}

/* Sign-in answers are always English (contract 5.2). */
static enum lang choose_lang(const struct request *r)
{
    enum route_rule rule = r->http.route->rule;

    if (rule == RULE_PUBLIC || rule == RULE_REFRESH || rule == RULE_IDENTITY)
        return LANG_EN;
    return http_lang_of(r->headers.known[HDR_ULANG]);
}

static void fill_http(struct request *r)
{
    const struct text *h = r->headers.known;

    r->http.internal = &r->internal;
    r->http.arena = arena_create(r->server->o.request_memory_max_bytes);
    r->http.lang = choose_lang(r);
    r->http.deadline_us = r->start_us + (int64_t)r->server->o.request_deadline_ms * US_PER_MS;
    r->http.authorization = h[HDR_AUTHORIZATION].p ? h[HDR_AUTHORIZATION] : TEXT("");
    r->http.peer = r->conn->peer;
    r->http.body = TEXT("");
    r->internal.query = r->path.query;
    r->internal.content_type = h[HDR_CONTENT_TYPE].p;
    r->internal.header = mhd_header;
    r->internal.ctx = r;
    r->is_preflight =
        r->method == METHOD_OPTIONS && h[HDR_ORIGIN].p && h[HDR_REQUEST_METHOD].p && !is_managed(r);
    r->wants_status = r->mount && r->mount->api->is_compat && prefers_status(h[HDR_PREFER]);
}

/* ---- header: who, may they ---- */

static bool is_token_error(enum app_code c)
{
    return c == APP_TOKEN_MISSING || c == APP_TOKEN_INVALID || c == APP_TOKEN_EXPIRED;
}

/* Authenticate and authorize; may wait. Sets has_failed. */
static void admit(struct request *r)
{
    const struct api *api = r->mount->api;
    const struct principal *p = NULL;

    if (api->authenticate(&r->http, &p, &r->err) < 0) {
        r->has_failed = true;
        if (is_token_error(r->err.code))
            counter_add(CTR_TOKENS_REFUSED, 1);
        return;
    }
    r->http.principal = p;
    if (!r->match.route)
        return;
    if (api->authorize(&r->http, r->match.route->rule, &r->err) != 0) {
        r->has_failed = true;
        if (r->err.code == APP_OK)
            app_fail(&r->err, APP_ACCESS_DENIED, "denied");
        counter_add(CTR_ACCESS_DENIED, 1);
        r->must_record = api->record_refusal != NULL;
    }
}

static void fail(struct request *r, enum app_code code, const char *why)
{
    r->has_failed = true;
    app_fail(&r->err, code, "%s", why);
}

static void judge(struct request *r)
{
    const struct api *api = r->mount ? r->mount->api : NULL;

    if (!r->http.arena) {
        fail(r, APP_INTERNAL, "out of memory");
    } else if (r->is_preflight) {
        r->is_empty_answer = true;
    } else if (!api || (!r->match.route && !api->is_compat && r->method != METHOD_OPTIONS)) {
        fail(r, r->match.methods ? APP_METHOD : APP_NO_ROUTE, "no such route");
    } else if (rule_needs_token[r->http.route->rule] && (api->is_compat || r->match.route)) {
        if (api->is_ready && api->is_ready(&r->http))
            admit(r);
        else
            r->is_auth_pending = true;
    }
}

/* ---- header: the body to come ---- */

static void refuse_gate(struct request *r, int status, const char *why)
{
    r->gate_status = status;
    r->gate_why = why;
    r->must_close = true;
}

static size_t effective_limit(struct request *r)
{
    size_t limit = r->match.route ? r->match.route->body_max_bytes : 0;

    r->body_is_dropped = r->has_failed || r->is_empty_answer || limit == 0;
    if (r->body_is_dropped)
        return DROP_MAX_BYTES; /* a body that means nothing here, as many clients send one with
                                  DELETE */
    return limit < r->server->o.body_max_bytes ? limit : r->server->o.body_max_bytes;
}

static enum MHD_Result expect_body(struct request *r)
{
    bool has_body = r->framing.is_chunked || r->framing.length > 0;

    r->body_limit = effective_limit(r);
    if (r->framing.length > r->body_limit) {
        if (!r->has_failed)
            refuse_gate(r, 413, "The request body is too large.");
        return answer_raw(r);
    }
    buf_init(&r->body, r->body_limit);
    return !has_body || conn_enter(r->conn, CONN_BODY) ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_header(struct request *r, const char *method, const char *version)
{
    struct server *s = r->server;
    int status;

    r->start_us = clock_mono_us();
    r->step = STEP_BODY;
    r->is_counted = !is_managed(r);
    if (r->is_counted)
        atomic_fetch_add(&s->in_flight, 1);
    atomic_fetch_add_explicit(&r->listener->requests, 1, memory_order_relaxed);
    status = check_gate(r, method, version);
    set_request_id(r);
    if (status) {
        refuse_gate(r, status, r->gate_why);
        return answer_raw(r);
    }
    find_route(r);
    fill_http(r);
    /* in_flight was raised before this is read: server_stop() sets the phase, then waits for 0. */
    if (r->is_counted && atomic_load(&s->phase) == SERVER_REFUSING)
        fail(r, APP_OVERLOADED, "the server stops");
    else
        judge(r);
    return expect_body(r);
}

/* ---- upload ---- */

static enum MHD_Result on_upload(struct request *r, const char *bytes, size_t *len)
{
    size_t n = *len;

    *len = 0;
    r->body_seen += n;
    if (r->body_seen > r->body_limit + OVERRUN_MAX_BYTES)
        return answer_raw(r);
    if (r->body_seen > r->body_limit && !r->has_failed && !r->gate_status)
        refuse_gate(r, 413, "The request body is too large.");
    if (r->body_is_dropped || r->gate_status || r->has_failed)
        return MHD_YES;
    if (buf_append(&r->body, bytes, n) < 0)
        fail(r, APP_INTERNAL, "out of memory");
    return MHD_YES;
}

/* ---- handling ---- */

static void run_handler(struct request *r)
{
    const struct route *route = r->match.route;

    if (!route && r->method == METHOD_OPTIONS && r->match.methods) {
        r->is_empty_answer = true;
        return;
    }
    if (!route) {
        fail(r, r->match.methods ? APP_METHOD : APP_NO_ROUTE, "no such route");
        return;
    }
    if (r->is_counted) /* looking at the counters does not move them */
        counter_add(CTR_HANDLERS, 1);
    if (route->handler(&r->http, &r->res, &r->err) < 0) {
        r->has_failed = true;
        if (r->err.code == APP_OK)
            app_fail(&r->err, APP_INTERNAL, "a handler failed without an error");
    }
}

static struct request *request_of(struct pool_job *j)
{
    return (struct request *)(void *)((char *)j - offsetof(struct request, job));
}

static bool take_user_share(struct request *r)
{
    const struct principal *p = r->http.principal;
    struct pool *pool = r->server->pool;

    return !p || pool_rekey_user(pool, &r->job, pool_key(pool, p->auth_id, strlen(p->auth_id)));
}

static void overload(struct request *r, const char *why)
{
    counter_add(CTR_SHED, 1);
    fail(r, APP_OVERLOADED, why);
}

static void work_on(struct request *r)
{
    if (r->is_auth_pending) {
        admit(r);
        if (!r->has_failed && !take_user_share(r))
            overload(r, "too many requests of this user");
    }
    if (!r->has_failed)
        run_handler(r);
    else if (r->must_record)
        r->mount->api->record_refusal(&r->http, &r->err);
    pool_leave(r->server->pool, &r->job);
    if (r->has_failed && r->err.code == APP_CANCELLED && r->job.is_timed_out)
        r->err.code = APP_UPSTREAM_TIMEOUT;
}

static void drop_cancel(struct request *r)
{
    const struct server_cancel_ops *ops = r->server->o.cancel;

    if (ops && r->http.cancel)
        ops->destroy(r->http.cancel);
    r->http.cancel = NULL;
}

static void run_job(struct pool_job *j, enum pool_end end)
{
    struct request *r = request_of(j);
    struct MHD_Connection *mhd = r->mhd;

    if (end == POOL_RUN)
        work_on(r);
    else if (end == POOL_WAITED)
        overload(r, "waited too long for a worker");
    else
        fail(r, APP_CANCELLED, "the server stops");
    drop_cancel(r);
    atomic_store(&r->is_done, true);
    MHD_resume_connection(mhd);
}

static void suspend(struct pool_job *j)
{
    struct request *r = request_of(j);

    r->step = STEP_WORKER;
    MHD_suspend_connection(r->mhd);
}

static void fill_job(struct request *r)
{
    struct pool *p = r->server->pool;
    const struct http_req *h = &r->http;

    r->job.run = run_job;
    r->job.deadline_us = h->deadline_us;
    r->job.cancel = h->cancel;
    if (h->principal)
        r->job.user_key = pool_key(p, h->principal->auth_id, strlen(h->principal->auth_id));
    else if (h->authorization.len)
        r->job.user_key = pool_key(p, h->authorization.p, h->authorization.len);
    else
        r->job.user_key = pool_key(p, h->peer, strlen(h->peer));
    for (size_t i = 0; i < h->var_count; i++) {
        if (strcmp(h->vars[i].name, "cluster") == 0)
            r->job.cluster_key = pool_key(p, h->vars[i].value.p, h->vars[i].value.len);
    }
}

static enum MHD_Result to_worker(struct request *r)
{
    static const char *const reasons[] = {
        [POOL_FULL] = "the worker queue is full",
        [POOL_USER_FULL] = "too many requests of this user",
        [POOL_CLUSTER_FULL] = "too many requests of this cluster",
        [POOL_STOPPING] = "the server stops",
    };
    const struct server_cancel_ops *ops = r->server->o.cancel;
    enum pool_verdict v;

    r->http.cancel = ops ? ops->create() : NULL;
    fill_job(r);
    v = pool_submit(r->server->pool, &r->job, suspend);
    if (v == POOL_OK)
        return MHD_YES; /* the request may belong to a worker already: do not touch it */
    drop_cancel(r);
    overload(r, reasons[v]);
    return answer_queue(r);
}

static enum MHD_Result on_complete(struct request *r)
{
    if (!conn_enter_busy(r->conn))
        return MHD_NO;
    if (r->body.len)
        r->http.body = (struct text){r->body.data, r->body.len};
    if (r->gate_status || (r->has_failed && !r->must_record) || r->is_empty_answer)
        return answer_queue(r);
    if (r->is_auth_pending || r->must_record ||
        (r->match.route && r->match.route->mode == MODE_WORKER))
        return to_worker(r);
    run_handler(r);
    return answer_queue(r);
}

/* NOLINTNEXTLINE(readability-function-size): the type is the library's */
enum MHD_Result request_handle(void *cls, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_size, void **request)
{
    struct request *r = *request;

    (void)cls, (void)mhd, (void)url;
    if (!r)
        return MHD_NO;
    switch (r->step) {
    case STEP_HEADER:
        return on_header(r, method, version);
    case STEP_BODY:
        return *upload_size ? on_upload(r, upload, upload_size) : on_complete(r);
    case STEP_WORKER:
        return atomic_load(&r->is_done) ? answer_queue(r) : MHD_YES;
    case STEP_ANSWERED:
        break;
    }
    return MHD_YES;
}

void request_completed(void *cls, struct MHD_Connection *mhd, void **request,
                       enum MHD_RequestTerminationCode why)
{
    struct request *r = *request;
    struct server *s;

    (void)cls, (void)mhd;
    if (!r)
        return;
    s = r->server;
    *request = NULL;
    if (r->step != STEP_HEADER)
        answer_account(r, why == MHD_REQUEST_TERMINATED_COMPLETED_OK || r->is_raw);
    answer_release(r);
    conn_enter(r->conn, CONN_IDLE);
    if (r->is_counted)
        atomic_fetch_sub(&s->in_flight, 1);
    http_internal_finish(&r->internal);
    buf_finish(&r->body);
    buf_finish(&r->res.body);
    arena_destroy(r->http.arena);
    free(r);
}
