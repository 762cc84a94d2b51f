/* SPDX-License-Identifier: Apache-2.0 */
/** The server's own structures; only server/ sees them. */
#ifndef CP_SERVER_PRIV_H
#define CP_SERVER_PRIV_H
#include "gate.h"
#include "http_priv.h"
#include "metrics.h"
#include "pool.h"
#include "router.h"
#include "server.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#define MOUNTS_MAX 8
#define READINESS_MAX 16
#define METRICS_FNS_MAX 8
#define LINGER_MAX 256

/* ---- connections (watch.c) ---- */

enum conn_phase { CONN_HEADER, CONN_BODY, CONN_BUSY, CONN_IDLE, CONN_ENDED };

struct conn {
    struct conn *next, *prev; /* of its listener, under watch.lock */
    struct listener *listener;
    int fd;                      /* libmicrohttpd's; valid while the connection is listed */
    _Atomic uint64_t state;      /* begin of the phase in us << 3 | phase */
    _Atomic uint64_t bytes_seen; /* received when the last request was complete */
    bool must_linger;            /* ended with an answer while the client may still send */
    char peer[INET6_ADDRSTRLEN];
};

/** Enter @p phase now. @return false when the watch ended the connection. MHD's thread of the
 * connection only. */
bool conn_enter(struct conn *c, enum conn_phase phase);
/** As conn_enter(CONN_HEADER), keeping the begin that the watch saw already. */
bool conn_enter_header(struct conn *c);
/** As conn_enter(CONN_BUSY): the request is complete, what comes now belongs to the next. */
bool conn_enter_busy(struct conn *c);
/** libmicrohttpd's NOTIFY_CONNECTION. */
void conn_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
                 enum MHD_ConnectionNotificationCode code);
/** Send a complete answer past libmicrohttpd, which is only reading now. The connection must be
 * ended after it. */
void conn_send_raw(struct conn *c, const struct buf *answer);

struct lingering {
    int fd;
    int64_t until_us;
};

/* One thread that accepts, enforces deadlines and drives the pool's clock. */
struct watch {
    struct server *server;
    pthread_t thread;
    bool is_running;
    int epoll_fd, wake_fd;
    pthread_mutex_t lock; /* lists of connections, lingers */
    struct lingering lingers[LINGER_MAX];
    int linger_count;
    _Atomic bool stop_accepting, accepting_stopped, stop;
    _Atomic int64_t beat_us; /* last tick; /livez looks at it */
};

int watch_start(struct watch *w, struct server *s, struct app_error *err);
/** Accept what waits in the listening sockets, then close them (not the management listener's).
 * Blocks until done. */
void watch_stop_accepting(struct watch *w);
/** @return true while a connection holds a request that is not answered yet, be it still in the
 * kernel's buffer. */
bool watch_has_pending(struct watch *w);
void watch_stop(struct watch *w);

/* ---- mounts and listeners ---- */

struct mount {
    const struct api *api;
    struct router *router;
    char prefix[64];
    struct text prefix_seg[4];
    size_t prefix_count;
    struct route_metrics *metrics; /* one a route, and one for what matched none */
    bool owns_metrics;             /* false: those of another mount of the same API */
};

struct listener {
    struct server *server;
    enum server_listener id;
    int fd; /* listening socket; -1: closed or off */
    uint16_t port;
    struct MHD_Daemon *daemon;
    struct mount mounts[MOUNTS_MAX];
    size_t mount_count;
    struct conn *conns;
    _Atomic int conn_count;
    _Atomic int handed_over; /* given to libmicrohttpd, which has not shown them yet */
    _Atomic uint64_t accepted, shed, requests, gate_refused;
};

struct readiness {
    const char *name;
    readiness_fn fn;
    void *ctx;
    /* what it said last; guarded by server.ready_lock */
    bool ok;
    int64_t heard_us;
    char reason[160];
};

enum server_phase { SERVER_SERVING, SERVER_DRAINING, SERVER_REFUSING };

struct server {
    struct server_options o;
    struct gate_limits gate;
    struct listener listeners[LISTEN_COUNT];
    struct watch watch;
    struct pool *pool;
    _Atomic int phase;
    _Atomic int in_flight;       /* not the management listener's */
    _Atomic size_t answers_held; /* bytes of large answers on their way to clients */
    _Atomic uint64_t request_serial;
    char instance[9]; /* random part of the request ids made here */
    struct readiness readiness[READINESS_MAX];
    size_t readiness_count;
    struct {
        metrics_fn fn;
        void *ctx;
    } metrics[METRICS_FNS_MAX];
    size_t metrics_count;
    pthread_mutex_t ready_lock;
    pthread_t ready_thread;
    bool ready_is_running;
    _Atomic bool ready_stop;
    struct api management, health;
    bool is_started;
};

/* ---- a request (request.c, answer.c) ---- */

enum request_step { STEP_HEADER, STEP_BODY, STEP_WORKER, STEP_ANSWERED };

struct request {
    struct http_req http;
    struct http_internal internal;
    struct http_res res;
    struct app_error err;
    bool has_failed;  /* err is set: the answer is its body */
    bool must_record; /* refused by a rule: the worker records it before the answer */
    struct server *server;
    struct listener *listener;
    struct conn *conn;
    struct MHD_Connection *mhd;
    const struct mount *mount; /* NULL: none */
    struct router_match match;
    enum http_method method;
    enum request_step step;
    _Atomic bool is_done; /* the worker has finished with it */
    bool is_counted;      /* in server.in_flight */
    bool is_raw;          /* answered past libmicrohttpd */
    bool is_empty_answer; /* 200 without a body: pre-flight, OPTIONS */
    bool is_preflight;
    bool is_auth_pending; /* authentication would wait: the worker does it */
    bool wants_status;    /* Prefer: http-status */
    bool body_is_dropped;
    bool must_close;
    int gate_status; /* of a refusal by the gate; 0: none */
    const char *gate_why;
    size_t body_limit;
    uint64_t body_seen;
    struct buf body;
    struct gate_headers headers;
    struct gate_body framing;
    struct gate_path path;
    struct pool_job job;
    int64_t start_us;
    int status; /* sent */
    size_t answer_bytes;
    size_t held_bytes;   /* its part of server.answers_held */
    struct text raw_uri; /* points into room */
    char room[];         /* the raw URI, then its decoded segments */
};

enum MHD_Result request_handle(void *cls, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_size, void **request);
void *request_begin(void *cls, const char *uri, struct MHD_Connection *mhd);
void request_completed(void *cls, struct MHD_Connection *mhd, void **request,
                       enum MHD_RequestTerminationCode why);

/** Answer through libmicrohttpd. */
enum MHD_Result answer_queue(struct request *r);
/** Answer past it and end the connection (returns MHD_NO). */
enum MHD_Result answer_raw(struct request *r);
/** Give back what the answer held of the memory for large answers; it is sent or lost. */
void answer_release(struct request *r);
/** The access-log line and the metrics of a finished request; @p is_whole: the client got all of
 * the answer. */
void answer_account(struct request *r, bool is_whole);
/** A complete answer of the gate for connections that have no request (408, shedding). */
void answer_bare(struct buf *out, int status, const char *why);

/* ---- management.c ---- */

void management_init(struct server *s);

/* ---- ready.c ---- */

/** Ask every check once, then go on asking on a thread of its own. */
int ready_start(struct server *s, struct app_error *err);
/** May take as long as a check. Idempotent. */
void ready_stop(struct server *s);
/** What check @p index said last; never waits. @p reason is for a false answer. */
bool ready_read(struct server *s, size_t index, char *reason, size_t reason_bytes);
/** @return true when serving and every check says so; never waits. */
bool server_is_ready(struct server *s);
#endif
