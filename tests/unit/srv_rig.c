/* SPDX-License-Identifier: Apache-2.0 */
#include "srv_rig.h"
#include "cleanup.h"
#include "clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct srv_state srv_state;

struct net_cancel {
    _Atomic bool fired;
};

static struct net_cancel *cancel_create(void)
{
    return calloc(1, sizeof(struct net_cancel));
}

static void cancel_fire(struct net_cancel *c)
{
    atomic_store(&c->fired, true);
    atomic_fetch_add(&srv_state.cancels, 1);
}

static void cancel_destroy(struct net_cancel *c)
{
    free(c);
}

static const struct server_cancel_ops cancel_ops = {cancel_create, cancel_fire, cancel_destroy};

static void nap_ms(int ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};

    nanosleep(&t, NULL);
}

/* ---- toy handlers ---- */

static int enter(void)
{
    return atomic_fetch_add(&srv_state.handled, 1);
}

static int echo_vars(struct http_req *req, struct http_res *res, struct app_error *err)
{
    json_t *o = json_object();

    enter();
    json_object_set_new(o, "route", json_string(req->route->id));
    for (size_t i = 0; i < req->var_count; i++)
        json_object_set_new(o, req->vars[i].name, json_string(req->vars[i].value.p));
    if (req->principal)
        json_object_set_new(o, "user", json_string(req->principal->auth_id));
    return res_success(req, res, o, err);
}

static int echo_body(struct http_req *req, struct http_res *res, struct app_error *err)
{
    const json_t *body;

    enter();
    if (req_json(req, &body, err) < 0)
        return -1;
    return res_success(req, res,
                       json_pack("{s:O, s:I}", "body", (json_t *)(uintptr_t)body, "bytes",
                                 (json_int_t)req->body.len),
                       err);
}

static int count_body(struct http_req *req, struct http_res *res, struct app_error *err)
{
    enter();
    return res_success(req, res, json_pack("{s:I}", "bytes", (json_int_t)req->body.len), err);
}

static int typed(struct http_req *req, struct http_res *res, struct app_error *err)
{
    int64_t limit, offset;
    bool usage;
    const char *search = req_query_joined(req, "searchName");

    enter();
    if (req_query_int(req, "limit", 7, &limit, err) < 0 ||
        req_query_int(req, "offset", 0, &offset, err) < 0 ||
        req_query_bool(req, "includeUsage", false, &usage, err) < 0)
        return -1;
    return res_success(req, res,
                       json_pack("{s:I, s:I, s:b, s:s?}", "limit", (json_int_t)limit, "offset",
                                 (json_int_t)offset, "usage", usage, "search", search),
                       err);
}

static int done(struct http_req *req, struct http_res *res, struct app_error *err)
{
    enter();
    return res_done(req, res, err);
}

/* /fail/{code}: fails with that row of the error table. */
static int fail_with(struct http_req *req, struct http_res *res, struct app_error *err)
{
    const char *code = req_var(req, "code");

    (void)res;
    enter();
    for (int c = 1; c < APP_CODE_COUNT; c++) {
        if (strcmp(app_code_name((enum app_code)c), code) == 0) {
            app_fail(err, (enum app_code)c, "asked for");
            err->message_id = MSG_CLUSTER_ALREADY_REGISTERED;
            if (c == APP_PARAM_TYPE)
                snprintf(err->text, sizeof err->text, "Requirements are missing. : limit");
            return -1;
        }
    }
    return app_refuse(err, MSG_NOT_EXIST_RESOURCE);
}

/* /hold: stays on its worker until it is released or cancelled. */
static int hold(struct http_req *req, struct http_res *res, struct app_error *err)
{
    int now = atomic_fetch_add(&srv_state.holding, 1) + 1;
    int peak = atomic_load(&srv_state.hold_peak);
    bool is_cancelled = false;

    enter();
    while (now > peak && !atomic_compare_exchange_weak(&srv_state.hold_peak, &peak, now))
        ;
    while (!atomic_load(&srv_state.release) && !is_cancelled) {
        nap_ms(2);
        is_cancelled = atomic_load(&req->cancel->fired);
    }
    atomic_fetch_sub(&srv_state.holding, 1);
    if (is_cancelled)
        return app_fail(err, APP_CANCELLED, "cancelled");
    return res_done(req, res, err);
}

/* /nap: 20 ms of a worker's time; remembers how many handlers were entered before modest's. */
static int nap(struct http_req *req, struct http_res *res, struct app_error *err)
{
    int before = enter();

    if (strcmp(req->principal->auth_id, "modest") == 0)
        atomic_store(&srv_state.before_modest, before);
    nap_ms(20);
    return res_done(req, res, err);
}

/* /huge?limit=BYTES (300 kB without it) */
static int huge(struct http_req *req, struct http_res *res, struct app_error *err)
{
    int64_t bytes;
    char *text;
    int rc;

    enter();
    if (req_query_int(req, "limit", 300000, &bytes, err) < 0)
        return -1;
    text = malloc((size_t)bytes);
    assert_non_null(text);
    memset(text, 'x', (size_t)bytes);
    text[bytes - 1] = '\0';
    rc = res_success(req, res, json_pack("{s:s}", "text", text), err);
    free(text);
    return rc;
}

static int no_error(struct http_req *req, struct http_res *res, struct app_error *err)
{
    (void)req, (void)res, (void)err;
    enter();
    return -1;
}

static int form(struct http_req *req, struct http_res *res, struct app_error *err)
{
    const char *name = req_form(req, "name");

    enter();
    res->status = 201;
    if (res_header(res, "Cache-Control", "no-store", err) < 0)
        return -1;
    return res_json(res, json_pack("{s:s?}", "name", name), err);
}

static const struct route portal_routes[] = {
    ROUTE_ROW(T1, GET, "/clusters", echo_vars, OWN_DATA, 0, INLINE),
    ROUTE_ROW(T2, GET, "/clusters/{cluster}", echo_vars, CLUSTER_MEMBER, 0, INLINE),
    ROUTE_ROW(T3, GET, "/clusters/{cluster}/pods/{name}", echo_vars, CLUSTER_MEMBER, 0, INLINE),
    ROUTE_ROW(T4, GET, "/clusters/{cluster}/pods/resources", echo_vars, CLUSTER_MEMBER, 0, INLINE),
    ROUTE_ROW(T5, DELETE, "/clusters/{cluster}/pods/{name}", echo_vars, CLUSTER_MEMBER, 0, WORKER),
    ROUTE_ROW(T6, POST, "/echo", echo_body, OWN_DATA, 8 * KIB, WORKER),
    ROUTE_ROW(T7, PUT, "/echo", echo_body, OWN_DATA, 8 * KIB, INLINE),
    ROUTE_ROW(T8, POST, "/login", echo_body, IDENTITY, 8 * KIB, INLINE),
    ROUTE_ROW(T9, GET, "/typed", typed, OWN_DATA, 0, INLINE),
    ROUTE_ROW(T10, GET, "/fail/{code}", fail_with, OWN_DATA, 0, INLINE),
    ROUTE_ROW(T11, GET, "/hold", hold, OWN_DATA, 0, WORKER),
    ROUTE_ROW(T12, GET, "/clusters/{cluster}/hold", hold, OWN_DATA, 0, WORKER),
    ROUTE_ROW(T13, GET, "/nap", nap, OWN_DATA, 0, WORKER),
    ROUTE_ROW(T14, GET, "/open", done, PUBLIC, 0, INLINE),
    ROUTE_ROW(T15, GET, "/admin", done, SUPER_ADMIN, 0, INLINE),
    ROUTE_ROW(T16, GET, "/huge", huge, OWN_DATA, 0, WORKER),
    ROUTE_ROW(T17, GET, "/noerror", no_error, OWN_DATA, 0, INLINE),
    ROUTE_ROW(T18, POST, "/count", count_body, OWN_DATA, 1 * MIB, WORKER),
    ROUTE_ROW(T19, PATCH, "/echo", echo_body, OWN_DATA, 8 * KIB, INLINE),
};

static const struct route own_routes[] = {
    ROUTE_ROW(O1, GET, "/things/{id}", echo_vars, PUBLIC, 0, INLINE),
    ROUTE_ROW(O2, POST, "/things/{id}", form, PUBLIC, 4 * KIB, INLINE),
    ROUTE_ROW(O3, GET, "/fail/{code}", fail_with, PUBLIC, 0, INLINE),
    ROUTE_ROW(O4, GET, "/private", echo_vars, OWN_DATA, 0, INLINE),
};

/* "Bearer NAME" is NAME; expired and bad are what they say; mallory may nothing. */
static int authenticate(struct http_req *req, const struct principal **ret, struct app_error *err)
{
    struct principal *p = arena_alloc(req->arena, sizeof *p);
    struct text t = req->authorization;

    atomic_fetch_add(&srv_state.authenticated, 1);
    if (!text_starts_with(t, "Bearer ") || t.len == 7)
        return app_fail(err, APP_TOKEN_MISSING, "no token");
    if (text_eq_str(t, "Bearer expired"))
        return app_fail(err, APP_TOKEN_EXPIRED, "expired");
    if (text_eq_str(t, "Bearer bad") || t.len > 16 * KIB + 7)
        return app_fail(err, APP_TOKEN_INVALID, "bad");
    if (atomic_load(&srv_state.auth_waits))
        nap_ms(5);
    p->auth_id = arena_strndup(req->arena, t.p + 7, t.len - 7);
    p->type = USER_TYPE_USER;
    *ret = p;
    return 0;
}

static bool is_ready(struct http_req *req)
{
    (void)req;
    return !atomic_load(&srv_state.auth_waits);
}

static int authorize(const struct http_req *req, enum route_rule rule, struct app_error *err)
{
    if (strcmp(req->principal->auth_id, "mallory") == 0)
        return -1; /* without an error: the server has to know what that means */
    if (rule == RULE_SUPER_ADMIN)
        return app_fail(err, APP_ACCESS_DENIED, "not a super administrator");
    if (rule == RULE_CLUSTER_MEMBER && strcmp(req_var(req, "cluster"), "null") == 0)
        return app_fail(err, APP_FORBIDDEN, "no cluster chosen");
    return 0;
}

static const struct api portal_api = {.name = "portal",
                                      .routes = portal_routes,
                                      .route_count = ARRAY_LEN(portal_routes),
                                      .authenticate = authenticate,
                                      .is_ready = is_ready,
                                      .authorize = authorize,
                                      .is_compat = true};

static const struct api own_api = {.name = "own",
                                   .routes = own_routes,
                                   .route_count = ARRAY_LEN(own_routes),
                                   .authenticate = authenticate,
                                   .is_ready = is_ready,
                                   .authorize = authorize};

static bool check_ready(void *ctx, char *reason, size_t bytes)
{
    (void)ctx;
    snprintf(reason, bytes, "told so");
    return atomic_load(&srv_state.is_ready);
}

void srv_options(struct server_options *o)
{
    server_options_default(o);
    o->listen[LISTEN_PORTAL] = "127.0.0.1:0";
    o->listen[LISTEN_ISSUER] = "127.0.0.1:0";
    o->listen[LISTEN_MANAGEMENT] = "127.0.0.1:0";
    o->log_access = false;
    o->cancel = &cancel_ops;
    o->header_deadline_ms = 600;
    o->body_deadline_ms = 900;
    o->worker_threads = 8;
    o->drain_accept_ms = 20;
    o->drain_ms = 2000;
    o->connections_per_ip = 0;
}

void srv_start(struct srv *s, const struct server_options *o)
{
    struct app_error err = {0};

    memset(&srv_state, 0, sizeof srv_state);
    atomic_store(&srv_state.is_ready, true);
    s->server = server_create(o, &err);
    assert_non_null(s->server);
    assert_int_equal(server_mount(s->server, LISTEN_PORTAL, "", &portal_api, &err), 0);
    assert_int_equal(server_mount(s->server, LISTEN_PORTAL, "/api/v1", &own_api, &err), 0);
    assert_int_equal(server_mount(s->server, LISTEN_ISSUER, "", &own_api, &err), 0);
    assert_int_equal(server_mount(s->server, LISTEN_PUBLIC, "/cpapi", &portal_api, &err), 0);
    assert_int_equal(server_add_readiness(s->server, "toy", check_ready, NULL), 0);
    if (server_start(s->server, &err) < 0)
        fail_msg("server_start: %s", err.detail);
    s->portal = server_port(s->server, LISTEN_PORTAL);
    s->own = server_port(s->server, LISTEN_ISSUER);
    s->management = server_port(s->server, LISTEN_MANAGEMENT);
}

void srv_stop(struct srv *s)
{
    atomic_store(&srv_state.release, true);
    assert_int_equal(server_stop(s->server), 0);
    server_destroy(s->server);
    s->server = NULL;
}

/* ---- client ---- */

int cli_connect(uint16_t port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

void cli_send(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n <= 0)
            return; /* the peer has closed: the answer tells */
        bytes += n;
        len -= (size_t)n;
    }
}

void cli_say(int fd, const char *text)
{
    cli_send(fd, text, strlen(text));
}

static ssize_t read_piece(int fd, char *into, size_t room, int timeout_ms)
{
    struct pollfd p = {fd, POLLIN, 0};

    if (poll(&p, 1, timeout_ms) <= 0)
        return -1;
    return recv(fd, into, room, 0);
}

/* @return the whole length of the answer in @p a, or 0 when its head is not complete. */
static size_t whole_length(struct cli_answer *a, bool is_head)
{
    char *end = strstr(a->raw, "\r\n\r\n");
    const char *length;

    if (!end)
        return 0;
    *end = '\0';
    length = cli_header(a, "Content-Length", 0);
    *end = '\r';
    return (size_t)(end + 4 - a->raw) + (length && !is_head ? strtoul(length, NULL, 10) : 0);
}

void cli_read(int fd, struct cli_answer *a, int timeout_ms, bool is_head)
{
    char *end;
    ssize_t n = 1;

    memset(a, 0, sizeof *a);
    a->head = a->raw;
    while (a->raw_len + 1 < sizeof a->raw) {
        size_t whole = whole_length(a, is_head);

        if (whole && (a->raw_len >= whole || whole >= sizeof a->raw))
            break;
        n = read_piece(fd, a->raw + a->raw_len, sizeof a->raw - 1 - a->raw_len, timeout_ms);
        if (n <= 0)
            break;
        a->raw_len += (size_t)n;
    }
    a->is_closed = n <= 0;
    end = strstr(a->raw, "\r\n\r\n");
    if (!end || sscanf(a->raw, "HTTP/1.1 %d", &a->status) != 1)
        return;
    *end = '\0';
    a->body = end + 4;
    a->body_len = a->raw_len - (size_t)(a->body - a->raw);
}

bool cli_closes(int fd, int timeout_ms)
{
    int64_t until_us = clock_mono_us() + (int64_t)timeout_ms * US_PER_MS;
    char junk[4096];

    for (;;) {
        int64_t left_us = until_us - clock_mono_us();
        struct pollfd p = {fd, POLLIN, 0};

        if (left_us <= 0 || poll(&p, 1, (int)(left_us / US_PER_MS) + 1) <= 0)
            return false;
        if (recv(fd, junk, sizeof junk, 0) <= 0)
            return true;
    }
}

void cli_ask(uint16_t port, const char *request, struct cli_answer *ret)
{
    int fd = cli_connect(port);

    assert_true(fd >= 0);
    cli_say(fd, request);
    cli_read(fd, ret, 5000, strncmp(request, "HEAD ", 5) == 0);
    close(fd);
}

const char *cli_header(const struct cli_answer *a, const char *name, int nth)
{
    static _Thread_local char value[4096];
    size_t len = strlen(name);
    const char *line = a->head;

    while ((line = strstr(line, "\r\n"))) {
        line += 2;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':' && nth-- == 0) {
            line += len + 1 + strspn(line + len + 1, " ");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\r\n"), line);
            return value;
        }
    }
    return NULL;
}
