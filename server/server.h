/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The HTTP server: listeners, gate, routing, request life, worker pool, answers, metrics (design
 * sections 3 and 7).
 *
 * Order of use: server_create(), server_mount() and server_add_readiness(), server_start(), ...,
 * server_stop(), server_destroy(). Not thread-safe but for server_stop(), server_port() and
 * server_in_flight().
 */
#ifndef CP_SERVER_H
#define CP_SERVER_H
#include "buf.h"
#include "config.h"
#include "error.h"
#include "route.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum server_listener {
    LISTEN_PORTAL,
    LISTEN_PUBLIC,
    LISTEN_ISSUER,
    LISTEN_MANAGEMENT,
    LISTEN_COUNT
};

/** How a request's upstream calls are cancelled; net.h has these, the server does not know net. */
struct server_cancel_ops {
    struct net_cancel *(*create)(void);
    void (*fire)(struct net_cancel *c); /* any thread, must not block */
    void (*destroy)(struct net_cancel *c);
};

struct server_options {
    const char *listen[LISTEN_COUNT]; /* "address:port", port 0: any free one; NULL or "": off */
    int http_threads;                 /* per listener; the management listener has one */
    int connections_max;              /* per listener */
    int connections_per_ip;           /* 0: no limit */
    int backlog;
    int header_deadline_ms, body_deadline_ms;
    int idle_timeout_s;
    size_t headers_max_bytes, header_max_bytes, uri_max_bytes, body_max_bytes;
    int header_count_max;
    int request_deadline_ms;
    size_t request_memory_max_bytes;
    size_t answers_max_bytes; /* large answers that clients have not taken yet, all together */
    int per_user_max;         /* requests of one principal (auth_id) on or waiting for the pool */
    int in_flight_max;        /* requests on or waiting for the pool, all together */
    int worker_threads, queue_max, queue_wait_ms;
    int drain_accept_ms, drain_ms;
    const char *const *cors_origins; /* borrowed; {"*"}: any */
    size_t cors_origin_count;
    bool log_access;
    const struct server_cancel_ops *cancel; /* NULL: requests have no cancel handle */
    void (*worker_start)(
        void); /* run by each worker thread first and last (mysql_thread_init/_end); may be NULL */
    void (*worker_end)(void);
};

struct server;

/** Fill @p ret from @p c; cancel and worker hooks stay NULL. Borrows strings of @p c. */
void server_options_from_config(const struct config *c, struct server_options *ret);
/** The defaults of config.def, all listeners off. For tests. */
void server_options_default(struct server_options *ret);

/** @return a server that listens nowhere yet, or NULL with APP_INTERNAL. @p o is copied, its
 * strings are not. */
struct server *server_create(const struct server_options *o, struct app_error *err);

/**
 * Serve @p api at @p prefix ("" or "/cpapi") of @p listener. Before server_start(). @p api and its
 * table are borrowed. A table with a route without rule, a malformed template or two routes that
 * clash is refused. On a listener that is off this is a no-op. A compat API at prefix "" brings GET
 * /actuator/health with it.
 * @return 0, or -1 with APP_INTERNAL.
 */
int server_mount(struct server *s, enum server_listener listener, const char *prefix,
                 const struct api *api, struct app_error *err);

/** @return true when ready; else false and a short reason without secrets. Called by /readyz; must
 * not block over 100 ms. */
typedef bool (*readiness_fn)(void *ctx, char *reason, size_t reason_bytes);
int server_add_readiness(struct server *s, const char *name, readiness_fn fn, void *ctx);

/** Appends Prometheus text of its own to /metrics; must not block. */
typedef void (*metrics_fn)(void *ctx, struct buf *out);
int server_add_metrics(struct server *s, metrics_fn fn, void *ctx);

/** Start workers, reaper and listeners. @return 0, or -1 with APP_INTERNAL (address in use, ...);
 * then nothing runs. */
int server_start(struct server *s, struct app_error *err);
/** @return the bound port of @p listener, or 0 when it is off. */
uint16_t server_port(const struct server *s, enum server_listener listener);
/** @return requests between their header and the end of their answer. */
int server_in_flight(const struct server *s);

/**
 * Stop: readiness false, accept drain_accept_ms more, close the listening sockets, let running
 * requests end within drain_ms, cancel the rest, wait until none is in flight, stop. Blocks all
 * that time.
 * @return 0, or -1 when requests would not end even after being cancelled (5 s more): then the
 * caller must _exit(), because libmicrohttpd aborts when a daemon stops with suspended connections.
 */
int server_stop(struct server *s);
/** Free; after server_stop() returned 0, or when it was never started. NULL is allowed. */
void server_destroy(struct server *s);
#endif
