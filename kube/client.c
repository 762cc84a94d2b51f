/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include "cleanup.h"
#include "clock.h"
#include "codec.h"
#include "impersonate.h"
#include "internal.h"
#include "json.h"
#include "list.h"
#include "quantity.h"
#include "status.h"
#include "view.h"

#include <string.h>

#define HEADERS_MAX (KUBE_IDENTITY_HEADERS_MAX + 1)
#define SEND_ARENA_BYTES ((size_t)64 * KIB)
#define PATH_ARENA_BYTES ((size_t)64 * KIB)
#define REQUEST_ID_MAX_BYTES 128
#define LIST_ANSWER_MAX_BYTES ((size_t)1 << 30)
#define USAGE_WAIT_US (3 * US_PER_S)
#define PING_WAIT_US (1 * US_PER_S)
#define PING_MAX_BYTES ((size_t)64 * KIB)
#define SHORT_WAIT_US (1 * US_PER_S)

/* ---- one request ---- */

void kube_response_finish(struct net_response *res)
{
    buf_finish(&res->body);
}

void kube_response_finish_p(struct net_response *res)
{
    kube_response_finish(res);
}

static bool is_request_id_ok(const char *id)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-._";
    size_t len = id ? strlen(id) : 0;

    return len > 0 && len <= REQUEST_ID_MAX_BYTES && strspn(id, allowed) == len;
}

/* The only headers that ever go upstream besides those of net: nothing of a client's request is
 * forwarded (finding 10: a forwarded Connection header can strip the impersonation). */
static int fill_headers(struct arena *a, const struct kube_call *call, struct net_header *headers,
                        size_t *ret_count, struct app_error *err)
{
    size_t n = 0;

    if (call->identity && kube_identity_headers(a, call->identity, headers, &n, err) < 0)
        return -1;
    if (is_request_id_ok(call->request_id))
        headers[n++] = (struct net_header){"X-Request-Id", call->request_id};
    *ret_count = n;
    return 0;
}

/* Remembers that it was the sink, not the cluster, that ended the transfer. */
struct watched_sink {
    net_sink_fn sink;
    void *ctx;
    bool has_refused;
};

static int watch_sink(void *ctx, const char *bytes, size_t len)
{
    struct watched_sink *w = ctx;

    if (w->sink(w->ctx, bytes, len) == 0)
        return 0;
    w->has_refused = true;
    return -1;
}

static int transfer(const struct kube_call *call, const struct kube_transfer *t,
                    struct watched_sink *sink, struct net_response *ret, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(SEND_ARENA_BYTES);
    struct net_header headers[HEADERS_MAX];
    struct net_request req = t->req;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (fill_headers(a, call, headers, &req.header_count, err) < 0)
        return -1;
    req.headers = headers;
    req.path = arena_printf(a, "%s%s", call->cluster->prefix, t->req.path);
    req.deadline_us = call->deadline_us;
    req.cancel = call->cancel;
    if (!req.path)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (sink)
        return net_stream(call->cluster->pool, &req, watch_sink, sink, ret, err);
    return net_call(call->cluster->pool, &req, ret, err);
}

static bool is_read(const struct net_request *req)
{
    return strcmp(req->method, "GET") == 0;
}

static int exchange(const struct kube_call *call, const struct kube_transfer *t,
                    struct watched_sink *sink, struct net_response *ret, struct app_error *err)
{
    if (transfer(call, t, t->sink ? sink : NULL, ret, err) < 0 ||
        kube_check_answer(ret, t->req.accept ? t->req.accept : MEDIA_JSON, !is_read(&t->req), err) <
            0) {
        kube_response_finish(ret);
        return -1;
    }
    return 0;
}

/* A caller that came with next to no time left says nothing about the cluster either. */
static enum breaker_outcome outcome_of(enum app_code code, bool is_short)
{
    if (code == APP_UPSTREAM_TIMEOUT)
        return is_short ? BREAKER_NEUTRAL : BREAKER_FAILED;
    if (code == APP_UPSTREAM_UNREACHABLE || code == APP_UPSTREAM_BROKEN)
        return BREAKER_FAILED;
    if (code == APP_CANCELLED || code == APP_OVERLOADED || code == APP_INTERNAL)
        return BREAKER_NEUTRAL;
    return BREAKER_OK;
}

static int send_admitted(const struct kube_call *call, const struct kube_transfer *t,
                         struct net_response *ret, struct app_error *err)
{
    struct kube_cluster *c = call->cluster;
    enum breaker_pass pass = kube_breaker_admit(&c->breaker, c->clock_us());
    bool is_short =
        call->deadline_us && call->deadline_us - clock_mono_us() < SHORT_WAIT_US * 9 / 10;
    struct watched_sink sink = {t->sink, t->sink_ctx, false};
    struct app_error why = {0};
    enum breaker_outcome outcome;
    int rc;

    if (pass == BREAKER_REFUSED)
        return app_fail(err, APP_UPSTREAM_UNAVAILABLE, "the breaker of cluster %s is open", c->id);
    rc = exchange(call, t, &sink, ret, &why);
    outcome = rc == 0 ? BREAKER_OK : outcome_of(why.code, is_short);
    if (outcome == BREAKER_FAILED && (t->is_optional || sink.has_refused))
        outcome = BREAKER_NEUTRAL;
    kube_breaker_report(&c->breaker, pass, outcome, c->clock_us());
    if (rc < 0 && err)
        *err = why;
    return rc;
}

int kube_send(const struct kube_call *call, const struct kube_transfer *t, struct net_response *ret,
              struct app_error *err)
{
    struct kube_cluster *c = call->cluster;
    int rc;

    memset(ret, 0, sizeof(*ret));
    /* One more than allowed is refused at once instead of waiting in net's queue: a slow cluster
     * must not hold the threads that serve the others. */
    if (atomic_fetch_add_explicit(&c->in_flight, 1, memory_order_relaxed) >= c->max_in_flight)
        rc = app_fail(err, APP_OVERLOADED, "%d calls in flight to cluster %s", c->max_in_flight,
                      c->id);
    else
        rc = send_admitted(call, t, ret, err);
    atomic_fetch_sub_explicit(&c->in_flight, 1, memory_order_relaxed);
    return rc;
}

/* ---- reads ---- */

json_t *kube_parse_answer(const struct buf *body, struct app_error *err)
{
    struct app_error why = {0};
    json_t *doc = json_parse(body->data, body->len, true, &why);

    if (!doc)
        app_fail(err, APP_UPSTREAM_BROKEN, "the cluster's answer: %s", why.detail);
    return doc;
}

static int get(const struct kube_call *call, const char *path, const char *accept, size_t max_bytes,
               struct net_response *ret, struct app_error *err)
{
    struct kube_transfer t = {
        .req = {.method = "GET",
                .path = path,
                .accept = accept,
                .answer_max_bytes = max_bytes ? max_bytes : ANSWER_MAX_BYTES,
                .is_idempotent = true},
    };

    return kube_send(call, &t, ret, err);
}

int kube_get_text(const struct kube_call *call, const char *path, const char *accept,
                  size_t max_bytes, struct buf *ret, struct app_error *err)
{
    struct net_response res AUTO(kube_response_finish_p) = {0};

    if (get(call, path, accept, max_bytes, &res, err) < 0)
        return -1;
    if (!text_is_utf8(res.body.data, res.body.len))
        return app_fail(err, APP_UPSTREAM_BROKEN, "the cluster's text is not UTF-8");
    if (buf_append(ret, res.body.data, res.body.len) < 0)
        return app_fail(err, APP_INTERNAL, "no room for the cluster's text");
    return 0;
}

json_t *kube_get_json(const struct kube_call *call, const char *path, size_t max_bytes,
                      struct app_error *err)
{
    struct net_response res AUTO(kube_response_finish_p) = {0};

    if (get(call, path, MEDIA_JSON, max_bytes, &res, err) < 0)
        return NULL;
    return kube_parse_answer(&res.body, err);
}

int kube_get_detail(const struct kube_call *call, const struct kube_kind *kind,
                    const char *namespace_name, const char *name, struct buf *ret_members,
                    struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(PATH_ARENA_BYTES);
    struct net_response res AUTO(kube_response_finish_p) = {0};
    const char *path;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    path = kube_path_item(a, kind, namespace_name, name, err);
    if (!path || get(call, path, MEDIA_JSON, (size_t)VIEW_DETAIL_MAX_BYTES, &res, err) < 0)
        return -1;
    return view_render_detail(kind, (struct text){res.body.data, res.body.len},
                              call->cluster->utc_offset_min, ret_members, err);
}

int kube_get_yaml(const struct kube_call *call, const struct kube_kind *kind,
                  const char *namespace_name, const char *name, struct buf *ret,
                  struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(PATH_ARENA_BYTES);
    const char *path;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    path = kube_path_item(a, kind, namespace_name, name, err);
    if (!path)
        return -1;
    return kube_get_text(call, path, MEDIA_YAML, ANSWER_MAX_BYTES, ret, err);
}

static int64_t earlier(int64_t deadline_us, int64_t other_us)
{
    return deadline_us && deadline_us < other_us ? deadline_us : other_us;
}

int kube_ping(const struct kube_call *call, struct app_error *err)
{
    struct net_response res AUTO(kube_response_finish_p) = {0};
    struct kube_call quick = *call;

    quick.deadline_us = earlier(call->deadline_us, clock_mono_us() + PING_WAIT_US);
    return get(&quick, "/version", MEDIA_JSON, PING_MAX_BYTES, &res, err);
}

/* ---- lists ---- */

static int feed_list(void *ctx, const char *bytes, size_t len)
{
    return list_run_feed(ctx, bytes, len);
}

static int feed_usage(void *ctx, const char *bytes, size_t len)
{
    return kube_usage_feed(ctx, bytes, len);
}

static int get_stream(const struct kube_call *call, struct kube_transfer *t, struct app_error *err)
{
    struct net_response res AUTO(kube_response_finish_p) = {0};

    t->req.method = "GET";
    t->req.accept = MEDIA_JSON;
    t->req.is_idempotent = true;
    t->req.answer_max_bytes = LIST_ANSWER_MAX_BYTES;
    return kube_send(call, t, &res, err);
}

static const char *usage_path(struct arena *a, const char *namespace_name)
{
    if (kube_namespace_is_all(namespace_name))
        return "/apis/metrics.k8s.io/v1beta1/pods";
    return kube_path_format(a, "/apis/metrics.k8s.io/v1beta1/namespaces/{}/pods", &namespace_name,
                            1, NULL);
}

/*
 * The usage of pods, or NULL: a cluster without metrics is none the worse. The cluster's own
 * credential reads it (namespace roles have no right to metrics), and the figures show only beside
 * pods that the caller may list.
 */
static struct kube_usage *read_usage(struct arena *a, const struct kube_call *call,
                                     const char *namespace_name)
{
    struct kube_usage *usage = kube_usage_create();
    struct kube_transfer t = {
        .req = {.path = usage_path(a, namespace_name)},
        .sink = feed_usage,
        .sink_ctx = usage,
        .is_optional = true,
    };
    struct kube_call own = *call;

    own.identity = NULL;
    own.deadline_us = earlier(call->deadline_us, clock_mono_us() + USAGE_WAIT_US);
    if (usage && t.req.path && get_stream(&own, &t, NULL) == 0 &&
        kube_usage_finish(usage, NULL) == 0)
        return usage;
    kube_usage_destroy(usage);
    return NULL;
}

/* @return path and query of the list, NULL with the error set */
static const char *list_path(struct arena *a, const struct kube_list_request *req,
                             struct app_error *err)
{
    const char *path = kube_path_list(a, req->kind, req->namespace_name, err);
    const struct {
        const char *name, *value;
    } params[] = {
        {"labelSelector", req->label_selector},
        {"fieldSelector", req->field_selector}
    };
    char separator = '?';

    for (size_t i = 0; path && i < ARRAY_LEN(params); i++) {
        const char *value = params[i].value;

        if (!value || !*value)
            continue;
        value = uri_encode(a, text_of(value));
        path = value ? arena_printf(a, "%s%c%s=%s", path, separator, params[i].name, value) : NULL;
        separator = '&';
        if (!path)
            app_fail(err, APP_BAD_REQUEST, "selector too long");
    }
    return path;
}

static struct list_run *create_run(const struct kube_list_request *req, struct app_error *err)
{
    struct list_run *run =
        req->view ? list_run_create_view(req->view, req->kind->list_metadata, req->query, err)
                  : list_run_create(req->kind, req->query, err);

    if (run && req->keep)
        list_run_set_filter(run, req->keep, req->keep_ctx);
    if (run && req->match)
        list_run_set_match(run, text_of(req->match));
    return run;
}

/* A transfer that the engine gave up is explained by the engine. */
static int stream_list(const struct kube_call *call, const char *path, struct list_run *run,
                       struct app_error *err)
{
    struct kube_transfer t = {.req = {.path = path}, .sink = feed_list, .sink_ctx = run};

    return get_stream(call, &t, err);
}

int kube_list(const struct kube_call *call, const struct kube_list_request *req,
              struct buf *ret_members, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(PATH_ARENA_BYTES);
    struct list_run *run AUTO(list_run_destroy_p) = NULL;
    struct kube_usage *usage AUTO(kube_usage_destroy_p) = NULL;
    const char *path;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    path = list_path(a, req, err);
    run = path ? create_run(req, err) : NULL;
    if (!run)
        return -1;
    if (req->with_usage)
        usage = read_usage(a, call, req->namespace_name);
    if (usage)
        list_run_set_usage(run, kube_usage_lookup, usage);
    if (stream_list(call, path, run, err) < 0)
        return -1;
    return req->rows_only ? list_run_finish_rows(run, ret_members, err)
                          : list_run_finish(run, ret_members, err);
}

/* ---- writes ---- */

int kube_write(const struct kube_call *call, const struct kube_write *w, json_t **ret,
               struct app_error *err)
{
    struct net_response res AUTO(kube_response_finish_p) = {0};
    struct kube_transfer t = {
        .req = {.method = w->method,
                .path = w->path,
                .content_type = w->body.len > 0 && !w->content_type ? MEDIA_JSON : w->content_type,
                .body = w->body,
                .answer_max_bytes = ANSWER_MAX_BYTES,
                .is_idempotent = false},
    };
    json_t *answer = NULL;

    if (kube_send(call, &t, &res, err) < 0)
        return -1;
    if (!ret)
        return 0;
    if (res.status != 204) {
        answer = kube_parse_answer(&res.body, err);
        if (!answer)
            return -1;
    }
    *ret = answer;
    return 0;
}
