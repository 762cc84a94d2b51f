/* SPDX-License-Identifier: Apache-2.0 */
/* The management listener's own API (/livez, /readyz, /metrics) and the drop-in ports'
 * /actuator/health. */
#include "cleanup.h"
#include "clock.h"
#include "server_priv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define BEAT_MAX_US (10 * US_PER_S)
#define METRICS_MAX_BYTES (4u * MIB)

static void plain(struct http_res *res, const char *text)
{
    buf_init(&res->body, 4096);
    buf_append_str(&res->body, text);
    res->content_type = "text/plain; charset=utf-8";
}

/* Alive: the thread that accepts and keeps the deadlines still turns. Depends on nothing outside.
 */
static int livez(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct server *s = req->app;

    (void)err;
    if (clock_mono_us() - atomic_load(&s->watch.beat_us) > BEAT_MAX_US) {
        res->status = 503;
        plain(res, "the server's clock has stopped\n");
    } else {
        plain(res, "ok\n");
    }
    return 0;
}

static bool is_serving(const struct server *s)
{
    return atomic_load(&s->phase) == SERVER_SERVING;
}

static int readyz(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct server *s = req->app;
    json_t *checks = json_object();
    bool all = is_serving(s);

    if (!all)
        json_object_set_new(checks, "server", json_string("stopping"));
    for (size_t i = 0; i < s->readiness_count; i++) {
        char reason[160] = "";
        bool ok = ready_read(s, i, reason, sizeof reason);

        json_object_set_new(checks, s->readiness[i].name, json_string(ok ? "ok" : reason));
        all = all && ok;
    }
    if (!all)
        res->status = 503;
    return res_json(
        res, json_pack("{s:s, s:o}", "status", all ? "ready" : "not ready", "checks", checks), err);
}

/* Contract 2.4, errata P10. */
static int health(struct http_req *req, struct http_res *res, struct app_error *err)
{
    bool up = server_is_ready(req->app);

    (void)err;
    plain(res, up ? "{\"status\":\"UP\"}" : "{\"status\":\"DOWN\"}");
    res->content_type = "application/vnd.spring-boot.actuator.v3+json";
    res->status = up ? 200 : 503;
    return 0;
}

typedef void (*route_writer)(struct buf *, const struct route_metrics *, const char *,
                             const char *);

static void write_mount(struct buf *out, const struct mount *m, route_writer write)
{
    for (size_t i = 0; i <= m->api->route_count; i++)
        write(out, &m->metrics[i], m->api->name,
              i < m->api->route_count ? m->api->routes[i].id : "none");
}

static void write_routes(struct buf *out, const struct server *s, route_writer write)
{
    for (int i = 0; i < LISTEN_COUNT; i++) {
        const struct listener *l = &s->listeners[i];

        for (size_t m = 0; m < l->mount_count; m++) {
            if (l->mounts[m].owns_metrics)
                write_mount(out, &l->mounts[m], write);
        }
    }
}

static const char *const listener_names[LISTEN_COUNT] = {"portal", "public", "issuer",
                                                         "management"};

enum listener_value { L_CONNECTIONS, L_ACCEPTED, L_SHED, L_REQUESTS, L_GATE_REFUSED };

static unsigned long long value_of(const struct listener *l, enum listener_value v)
{
    switch (v) {
    case L_CONNECTIONS:
        return (unsigned long long)atomic_load(&l->conn_count);
    case L_ACCEPTED:
        return atomic_load(&l->accepted);
    case L_SHED:
        return atomic_load(&l->shed);
    case L_REQUESTS:
        return atomic_load(&l->requests);
    case L_GATE_REFUSED:
        return atomic_load(&l->gate_refused);
    }
    return 0;
}

static void write_listeners(struct buf *out, const struct server *s)
{
    static const struct {
        const char *name, *type, *help;
    } families[] = {
        [L_CONNECTIONS] = {"cp_listener_connections",        "gauge",   "Open connections."                    },
        [L_ACCEPTED] = {"cp_listener_accepted_total",     "counter", "Connections accepted."                },
        [L_SHED] = {"cp_listener_shed_total",         "counter", "Connections refused for their number."},
        [L_REQUESTS] = {"cp_listener_requests_total",     "counter", "Requests begun."                      },
        [L_GATE_REFUSED] = {"cp_listener_gate_refused_total", "counter", "Refused by the gate."                 },
    };

    for (size_t f = 0; f < ARRAY_LEN(families); f++) {
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", families[f].name, families[f].help,
                   families[f].name, families[f].type);
        for (int i = 0; i < LISTEN_COUNT; i++) {
            if (s->listeners[i].daemon)
                buf_printf(out, "%s{listener=\"%s\"} %llu\n", families[f].name, listener_names[i],
                           value_of(&s->listeners[i], (enum listener_value)f));
        }
    }
}

static int metrics(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct server *s = req->app;
    struct pool_stats pool = pool_stats(s->pool);
    struct buf *out = &res->body;

    (void)err;
    buf_init(out, METRICS_MAX_BYTES);
    metrics_write_process(out);
    metrics_write_gauge(out, "cp_requests_in_flight", "Requests between header and answer.",
                        atomic_load(&s->in_flight));
    metrics_write_gauge(out, "cp_workers", "Worker threads.", pool.threads);
    metrics_write_gauge(out, "cp_workers_busy", "Requests on a worker.", pool.running);
    metrics_write_gauge(out, "cp_queue_length", "Requests waiting for a worker.", pool.queued);
    metrics_write_gauge(out, "cp_ready", "1 when ready.", server_is_ready(s));
    write_listeners(out, s);
    metrics_write_counts_head(out);
    write_routes(out, s, metrics_write_counts);
    metrics_write_durations_head(out);
    write_routes(out, s, metrics_write_durations);
    for (size_t i = 0; i < s->metrics_count; i++)
        s->metrics[i].fn(s->metrics[i].ctx, out);
    res->content_type = "text/plain; version=0.0.4; charset=utf-8";
    return 0;
}

static const struct route management_routes[] = {
    ROUTE_ROW(M1, GET, "/livez", livez, PUBLIC, 0, INLINE),
    ROUTE_ROW(M2, GET, "/readyz", readyz, PUBLIC, 0, INLINE),
    ROUTE_ROW(M3, GET, "/metrics", metrics, PUBLIC, 0, INLINE),
};

static const struct route health_routes[] = {
    ROUTE_ROW(H1, GET, "/health", health, PUBLIC, 0, INLINE),
};

void management_init(struct server *s)
{
    s->management = (struct api){.name = "management",
                                 .routes = management_routes,
                                 .route_count = ARRAY_LEN(management_routes),
                                 .app = s};
    s->health = (struct api){.name = "health",
                             .routes = health_routes,
                             .route_count = ARRAY_LEN(health_routes),
                             .app = s};
}
