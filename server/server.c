/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"
#include "cleanup.h"
#include "clock.h"
#include "codec.h"
#include "log.h"
#include "server_priv.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTION_MEMORY_BYTES                                                                    \
    (64u * KIB) /* headers and URI must fit, so that the gate sees them */
#define CANCEL_GRACE_MS 5000

/* ---- options ---- */

struct int_option {
    size_t offset;
    enum config_key key;
};

#define INT_OPTION(field, key)                                                                     \
    {                                                                                              \
        offsetof(struct server_options, field), key                                                \
    }

static const struct int_option int_options[] = {
    INT_OPTION(http_threads, CFG_NET_HTTP_THREADS),
    INT_OPTION(connections_max, CFG_NET_CONNECTIONS_MAX),
    INT_OPTION(connections_per_ip, CFG_NET_CONNECTIONS_PER_IP),
    INT_OPTION(backlog, CFG_NET_BACKLOG),
    INT_OPTION(header_deadline_ms, CFG_NET_HEADER_DEADLINE_MS),
    INT_OPTION(body_deadline_ms, CFG_NET_BODY_DEADLINE_MS),
    INT_OPTION(idle_timeout_s, CFG_NET_IDLE_TIMEOUT_S),
    INT_OPTION(header_count_max, CFG_NET_HEADER_COUNT_MAX),
    INT_OPTION(request_deadline_ms, CFG_REQUEST_DEADLINE_MS),
    INT_OPTION(per_user_max, CFG_REQUEST_PER_USER),
    INT_OPTION(in_flight_max, CFG_REQUEST_IN_FLIGHT_MAX),
    INT_OPTION(worker_threads, CFG_WORKERS_THREADS),
    INT_OPTION(queue_max, CFG_WORKERS_QUEUE),
    INT_OPTION(queue_wait_ms, CFG_WORKERS_QUEUE_WAIT_MS),
};

static const struct int_option size_options[] = {
    INT_OPTION(headers_max_bytes, CFG_NET_HEADERS_MAX_BYTES),
    INT_OPTION(header_max_bytes, CFG_NET_HEADER_MAX_BYTES),
    INT_OPTION(uri_max_bytes, CFG_NET_URI_MAX_BYTES),
    INT_OPTION(body_max_bytes, CFG_NET_BODY_MAX_BYTES),
    INT_OPTION(request_memory_max_bytes, CFG_REQUEST_MEMORY_MAX_BYTES),
    INT_OPTION(answers_max_bytes, CFG_REQUEST_ANSWERS_MAX_BYTES),
};

void server_options_from_config(const struct config *c, struct server_options *ret)
{
    *ret = (struct server_options){0};
    ret->listen[LISTEN_PORTAL] = config_str(c, CFG_PORTAL_LISTEN);
    ret->listen[LISTEN_PUBLIC] = config_str(c, CFG_PUBLIC_LISTEN);
    ret->listen[LISTEN_ISSUER] = config_str(c, CFG_ISSUER_LISTEN);
    ret->listen[LISTEN_MANAGEMENT] = config_str(c, CFG_MANAGEMENT_LISTEN);
    for (size_t i = 0; i < ARRAY_LEN(int_options); i++)
        *(int *)(void *)((char *)ret + int_options[i].offset) =
            (int)config_int(c, int_options[i].key);
    for (size_t i = 0; i < ARRAY_LEN(size_options); i++)
        *(size_t *)(void *)((char *)ret + size_options[i].offset) =
            (size_t)config_int(c, size_options[i].key);
    ret->drain_accept_ms = (int)config_int(c, CFG_DRAIN_ACCEPT_S) * 1000;
    ret->drain_ms = (int)config_int(c, CFG_DRAIN_S) * 1000;
    ret->cors_origins = config_list(c, CFG_CORS_ALLOWED_ORIGINS, &ret->cors_origin_count);
    ret->log_access = config_bool(c, CFG_LOG_ACCESS);
}

static int default_of(enum config_key k)
{
    int64_t n = 0;

    (void)text_to_i64(text_of(config_row(k)->fallback), &n);
    return (int)n;
}

void server_options_default(struct server_options *ret)
{
    static const char *const any_origin[] = {"*", NULL};

    *ret = (struct server_options){.cors_origins = any_origin, .cors_origin_count = 1};
    for (size_t i = 0; i < ARRAY_LEN(int_options); i++)
        *(int *)(void *)((char *)ret + int_options[i].offset) = default_of(int_options[i].key);
    for (size_t i = 0; i < ARRAY_LEN(size_options); i++)
        *(size_t *)(void *)((char *)ret + size_options[i].offset) =
            (size_t)default_of(size_options[i].key);
    ret->drain_accept_ms = default_of(CFG_DRAIN_ACCEPT_S) * 1000;
    ret->drain_ms = default_of(CFG_DRAIN_S) * 1000;
    ret->log_access = true;
}

/* ---- create, mount ---- */

static struct pool *make_pool(const struct server_options *o)
{
    struct pool_options p = {
        .threads = o->worker_threads,
        .queue_max = o->queue_max,
        .queue_wait_ms = o->queue_wait_ms,
        .per_user_max = o->per_user_max,
        .in_flight_max = o->in_flight_max,
        .fire = o->cancel ? o->cancel->fire : NULL,
        .worker_start = o->worker_start,
        .worker_end = o->worker_end,
    };

    return pool_create(&p);
}

static void init_listeners(struct server *s)
{
    for (int i = 0; i < LISTEN_COUNT; i++) {
        s->listeners[i].server = s;
        s->listeners[i].id = (enum server_listener)i;
        s->listeners[i].fd = -1;
    }
    s->watch.epoll_fd = s->watch.wake_fd = -1;
}

struct server *server_create(const struct server_options *o, struct app_error *err)
{
    struct server *s = calloc(1, sizeof *s);
    unsigned char instance[4];

    if (!s) {
        app_fail(err, APP_INTERNAL, "out of memory");
        return NULL;
    }
    s->o = *o;
    s->gate = (struct gate_limits){o->headers_max_bytes, o->header_max_bytes,
                                   (unsigned)o->header_count_max};
    init_listeners(s);
    pthread_mutex_init(&s->watch.lock, NULL);
    pthread_mutex_init(&s->ready_lock, NULL);
    s->pool = make_pool(o);
    management_init(s);
    if (!s->pool || getrandom(instance, sizeof instance, 0) != (ssize_t)sizeof instance ||
        server_mount(s, LISTEN_MANAGEMENT, "", &s->management, err) < 0) {
        app_fail(err, APP_INTERNAL, "out of memory");
        server_destroy(s);
        return NULL;
    }
    hex_encode(instance, sizeof instance, s->instance);
    return s;
}

static int set_prefix(struct mount *m, const char *prefix)
{
    const char *p;

    if (strlen(prefix) >= sizeof m->prefix || (*prefix && *prefix != '/'))
        return -1;
    snprintf(m->prefix, sizeof m->prefix, "%s", prefix);
    for (p = m->prefix; *p;) {
        const char *end = strchrnul(p + 1, '/');

        if (end == p + 1 || m->prefix_count == ARRAY_LEN(m->prefix_seg))
            return -1;
        m->prefix_seg[m->prefix_count++] = (struct text){p + 1, (size_t)(end - p - 1)};
        p = end;
    }
    return 0;
}

/* An API on two listeners is counted once. */
static struct route_metrics *shared_metrics(const struct server *s, const struct api *api)
{
    for (int i = 0; i < LISTEN_COUNT; i++) {
        for (size_t m = 0; m < s->listeners[i].mount_count; m++) {
            if (s->listeners[i].mounts[m].api == api)
                return s->listeners[i].mounts[m].metrics;
        }
    }
    return NULL;
}

static bool is_on(const struct server *s, enum server_listener id)
{
    return s->o.listen[id] && s->o.listen[id][0];
}

static int add_mount(struct server *s, struct listener *l, const char *prefix,
                     const struct api *api, struct app_error *err)
{
    struct mount *m = &l->mounts[l->mount_count];

    if (l->mount_count == MOUNTS_MAX)
        return app_fail(err, APP_INTERNAL, "too many mounts");
    *m = (struct mount){.api = api};
    if (set_prefix(m, prefix) < 0)
        return app_fail(err, APP_INTERNAL, "bad prefix %s", prefix);
    m->router = router_create(api->routes, api->route_count, err);
    if (!m->router)
        return -1;
    m->metrics = shared_metrics(s, api);
    if (!m->metrics) {
        m->metrics = calloc(api->route_count + 1, sizeof *m->metrics);
        m->owns_metrics = true;
    }
    if (!m->metrics) {
        router_destroy(m->router);
        return app_fail(err, APP_INTERNAL, "out of memory");
    }
    l->mount_count++;
    return 0;
}

/* Default is deny: an API with protected routes must bring both functions. */
static bool is_guarded(const struct api *api)
{
    if (api->authenticate && api->authorize)
        return true;
    if (api->is_compat)
        return false;
    for (size_t i = 0; i < api->route_count; i++) {
        if (api->routes[i].rule != RULE_PUBLIC && api->routes[i].rule != RULE_REFRESH)
            return false;
    }
    return true;
}

int server_mount(struct server *s, enum server_listener listener, const char *prefix,
                 const struct api *api, struct app_error *err)
{
    struct listener *l = &s->listeners[listener];

    assert(!s->is_started);
    if (!is_guarded(api))
        return app_fail(err, APP_INTERNAL, "API %s cannot authenticate", api->name);
    if (!is_on(s, listener))
        return 0;
    if (add_mount(s, l, prefix, api, err) < 0)
        return -1;
    if (api->is_compat && prefix[0] == '\0')
        return add_mount(s, l, "/actuator", &s->health, err);
    return 0;
}

int server_add_readiness(struct server *s, const char *name, readiness_fn fn, void *ctx)
{
    if (s->readiness_count == READINESS_MAX)
        return -1;
    s->readiness[s->readiness_count++] = (struct readiness){.name = name, .fn = fn, .ctx = ctx};
    return 0;
}

int server_add_metrics(struct server *s, metrics_fn fn, void *ctx)
{
    if (s->metrics_count == METRICS_FNS_MAX)
        return -1;
    s->metrics[s->metrics_count].fn = fn;
    s->metrics[s->metrics_count++].ctx = ctx;
    return 0;
}

/* ---- start ---- */

static struct addrinfo *resolve(const char *listen_at)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                          .ai_socktype = SOCK_STREAM,
                                          .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    const char *colon = strrchr(listen_at, ':');
    char host[256];
    struct addrinfo *list = NULL;
    size_t len;

    if (!colon)
        return NULL;
    len = (size_t)(colon - listen_at);
    if (len >= 2 && listen_at[0] == '[' && listen_at[len - 1] == ']') {
        listen_at++;
        len -= 2;
    }
    if (len >= sizeof host)
        return NULL;
    snprintf(host, sizeof host, "%.*s", (int)len, listen_at);
    if (strcmp(host, "localhost") == 0)
        snprintf(host, sizeof host, "127.0.0.1");
    if (getaddrinfo(host[0] ? host : "0.0.0.0", colon + 1, &hints, &list) != 0)
        return NULL;
    return list;
}

static int bind_listener(struct listener *l, const char *listen_at, int backlog,
                         struct app_error *err)
{
    struct addrinfo *a = resolve(listen_at);
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound = {0};
    socklen_t len = sizeof bound;
    int one = 1, rc;

    if (!a)
        return app_fail(err, APP_INTERNAL, "cannot read the address %s", listen_at);
    l->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    rc = l->fd < 0 ? -1 : bind(l->fd, a->ai_addr, a->ai_addrlen);
    freeaddrinfo(a);
    if (rc < 0 || listen(l->fd, backlog) < 0 || getsockname(l->fd, &bound.any, &len) < 0)
        return app_fail(err, APP_INTERNAL, "cannot listen on %s: errno %d", listen_at, errno);
    l->port = ntohs(bound.any.sa_family == AF_INET ? bound.v4.sin_port : bound.v6.sin6_port);
    return 0;
}

static int start_daemon(struct listener *l, struct app_error *err)
{
    const struct server_options *o = &l->server->o;
    unsigned threads = l->id == LISTEN_MANAGEMENT ? 1 : (unsigned)o->http_threads;
    /* The watch sheds at connections_max; the library's own limit, split over its threads, stays
     * out of the way. */
    unsigned limit = (unsigned)o->connections_max * 2 + 64;
    struct MHD_OptionItem items[] = {
        {MHD_OPTION_CONNECTION_LIMIT,                                (intptr_t)limit,             NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT,                         o->connections_per_ip,       NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT,                              o->idle_timeout_s + 5,       NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT,                         CONNECTION_MEMORY_BYTES,     NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT,                               1,                           NULL},
        {MHD_OPTION_NOTIFY_COMPLETED,                                (intptr_t)request_completed, l   },
        {MHD_OPTION_NOTIFY_CONNECTION,                               (intptr_t)conn_notify,       l   },
        {MHD_OPTION_URI_LOG_CALLBACK,                                (intptr_t)request_begin,     l   },
        {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads,           NULL},
        {MHD_OPTION_END,                                             0,                           NULL},
    };

    l->daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                             MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC,
                         0, NULL, NULL, request_handle, l, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
    return l->daemon ? 0 : app_fail(err, APP_INTERNAL, "libmicrohttpd does not start");
}

/* Sockets may use half of the open-files limit, which is raised as far as it goes. */
static void fit_file_limit(struct server *s)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return;
    if (r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r);
        (void)getrlimit(RLIMIT_NOFILE, &r);
    }
    if (r.rlim_cur != RLIM_INFINITY && (rlim_t)s->o.connections_max > r.rlim_cur / 2) {
        s->o.connections_max = (int)(r.rlim_cur / 2);
        log_message(LOG_WARN, "limit",
                    "net.connections_max lowered to %d: half of the open-files limit",
                    s->o.connections_max);
    }
}

static int start_all(struct server *s, struct app_error *err)
{
    for (int i = 0; i < LISTEN_COUNT; i++) {
        struct listener *l = &s->listeners[i];

        if (is_on(s, (enum server_listener)i) &&
            (bind_listener(l, s->o.listen[i], s->o.backlog, err) < 0 || start_daemon(l, err) < 0))
            return -1;
    }
    if (pool_start(s->pool) < 0)
        return app_fail(err, APP_INTERNAL, "no threads");
    return watch_start(&s->watch, s, err);
}

static void stop_daemons(struct server *s)
{
    for (int i = 0; i < LISTEN_COUNT; i++) {
        struct listener *l = &s->listeners[i];

        if (l->daemon)
            MHD_stop_daemon(l->daemon);
        l->daemon = NULL;
        if (l->fd >= 0)
            close(l->fd);
        l->fd = -1;
    }
}

int server_start(struct server *s, struct app_error *err)
{
    assert(!s->is_started);
    fit_file_limit(s);
    s->is_started = true;
    if (ready_start(s, err) == 0 && start_all(s, err) == 0)
        return 0;
    ready_stop(s);
    watch_stop(&s->watch);
    pool_stop(s->pool);
    stop_daemons(s);
    s->is_started = false;
    return -1;
}

uint16_t server_port(const struct server *s, enum server_listener listener)
{
    return s->listeners[listener].port;
}

int server_in_flight(const struct server *s)
{
    return atomic_load(&s->in_flight);
}

/* ---- stop ---- */

static bool is_idle(struct server *s)
{
    return atomic_load(&s->in_flight) == 0 && !watch_has_pending(&s->watch);
}

static bool wait_idle(struct server *s, int timeout_ms)
{
    int64_t until_us = clock_mono_us() + (int64_t)timeout_ms * US_PER_MS;

    while (!is_idle(s)) {
        if (clock_mono_us() >= until_us)
            return atomic_load(&s->in_flight) == 0; /* only a client that does not get on */
        usleep(2000);
    }
    return true;
}

int server_stop(struct server *s)
{
    bool was_drained;

    if (!s->is_started)
        return 0;
    atomic_store(&s->phase, SERVER_DRAINING); /* not ready; every answer closes its connection */
    atomic_store(&s->ready_stop, true);
    usleep((useconds_t)s->o.drain_accept_ms * 1000);
    watch_stop_accepting(&s->watch);
    was_drained = wait_idle(s, s->o.drain_ms);
    /* From here on a request that comes over a kept connection is refused without being suspended,
     * so that once none is in flight none can be suspended again. */
    atomic_store(&s->phase, SERVER_REFUSING);
    if (!was_drained)
        pool_abandon(s->pool);
    if (!wait_idle(s, CANCEL_GRACE_MS)) {
        pool_abandon(s->pool);
        if (!wait_idle(s, CANCEL_GRACE_MS))
            return -1;
    }
    /* Who may still be inside MHD_resume_connection() has to leave it before its daemon goes. */
    pool_stop(s->pool);
    watch_stop(&s->watch);
    stop_daemons(s);
    ready_stop(s);
    s->is_started = false;
    return 0;
}

void server_destroy(struct server *s)
{
    if (!s)
        return;
    assert(!s->is_started);
    for (int i = 0; i < LISTEN_COUNT; i++) {
        for (size_t m = 0; m < s->listeners[i].mount_count; m++) {
            router_destroy(s->listeners[i].mounts[m].router);
            if (s->listeners[i].mounts[m].owns_metrics)
                free(s->listeners[i].mounts[m].metrics);
        }
    }
    pool_destroy(s->pool);
    pthread_mutex_destroy(&s->watch.lock);
    pthread_mutex_destroy(&s->ready_lock);
    free(s);
}
