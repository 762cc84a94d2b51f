/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thread that accepts connections, ends those that are past a deadline, and drives the
 * pool's clock.
 *
 * Why not libmicrohttpd's own accept: shedding with an answer needs the count before the library
 * takes the socket, and MHD_quiesce_daemon() of 0.9.75 races with its own polling threads (both
 * remove the listening socket from epoll, and the one that comes second calls the panic function).
 *
 * Deadlines are absolute: the library's timeout is one of inactivity, so a byte a second keeps a
 * connection for ever.
 */
#include "cleanup.h"
#include "clock.h"
#include "counters.h"
#include "server_priv.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS 100
#define ACCEPT_BATCH 64
#define LINGER_US (2 * US_PER_S)
#define HANDSHAKE_US 20000
/* An answer has so long to arrive before more bytes are met with a reset. */
#define LAST_WORD_US (US_PER_S / 5)
#define FRESH_US                                                                                   \
    US_PER_S /* a new connection is given so long for its first byte when the server stops */
#define PHASE_BITS 3
#define PHASE_MASK 7u

static uint64_t pack(int64_t begin_us, enum conn_phase phase)
{
    return (uint64_t)begin_us << PHASE_BITS | phase;
}

static enum conn_phase phase_of(uint64_t state)
{
    return (enum conn_phase)(state & PHASE_MASK);
}

static int64_t begin_of(uint64_t state)
{
    return (int64_t)(state >> PHASE_BITS);
}

/* ---- libmicrohttpd's side of a connection ---- */

bool conn_enter(struct conn *c, enum conn_phase phase)
{
    uint64_t now = pack(clock_mono_us(), phase);
    uint64_t was = atomic_load(&c->state);

    do {
        if (phase_of(was) == CONN_ENDED)
            return false;
    } while (!atomic_compare_exchange_weak(&c->state, &was, now));
    return true;
}

static bool tcp_state(const struct conn *c, struct tcp_info *ret)
{
    socklen_t len = sizeof *ret;

    memset(ret, 0, sizeof *ret);
    return getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, ret, &len) == 0;
}

bool conn_enter_busy(struct conn *c)
{
    struct tcp_info info;

    if (tcp_state(c, &info))
        atomic_store(&c->bytes_seen, info.tcpi_bytes_received);
    return conn_enter(c, CONN_BUSY);
}

bool conn_enter_header(struct conn *c)
{
    enum conn_phase phase = phase_of(atomic_load(&c->state));

    if (phase == CONN_HEADER)
        return true; /* the first request of the connection, or its first byte was seen by the watch
                      */
    return conn_enter(c, CONN_HEADER);
}

static void format_peer(const struct sockaddr *a, char *ret, size_t bytes)
{
    const void *address = NULL;

    if (a && a->sa_family == AF_INET)
        address = &((const struct sockaddr_in *)(const void *)a)->sin_addr;
    else if (a && a->sa_family == AF_INET6)
        address = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
    if (!address || !inet_ntop(a->sa_family, address, ret, (socklen_t)bytes))
        snprintf(ret, bytes, "-");
}

static void conn_open(struct listener *l, struct MHD_Connection *mhd, void **socket_context)
{
    const union MHD_ConnectionInfo *fd, *peer;
    struct watch *w = &l->server->watch;
    struct conn *c = calloc(1, sizeof *c);

    fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    peer = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!c || !fd) {
        free(c);
        atomic_fetch_sub(&l->handed_over, 1);
        *socket_context = NULL; /* request_begin() ends such a connection */
        return;
    }
    c->listener = l;
    c->fd = fd->connect_fd;
    format_peer(peer ? peer->client_addr : NULL, c->peer, sizeof c->peer);
    atomic_store(&c->state, pack(clock_mono_us(), CONN_HEADER));
    pthread_mutex_lock(&w->lock);
    c->next = l->conns;
    if (c->next)
        c->next->prev = c;
    l->conns = c;
    pthread_mutex_unlock(&w->lock);
    atomic_fetch_add(&l->conn_count, 1);
    atomic_fetch_sub(&l->handed_over, 1);
    *socket_context = c;
}

/* A socket closed with unread bytes is reset, and a reset may overtake the answer: read on for a
 * while. */
static void linger(struct watch *w, const struct conn *c)
{
    int fd;

    if (!c->must_linger || w->linger_count == LINGER_MAX)
        return;
    fd = dup(c->fd);
    if (fd < 0)
        return;
    shutdown(fd, SHUT_WR);
    w->lingers[w->linger_count++] = (struct lingering){fd, clock_mono_us() + LINGER_US};
}

static void conn_close(struct conn *c)
{
    struct listener *l = c->listener;
    struct watch *w = &l->server->watch;

    pthread_mutex_lock(&w->lock); /* from here on the watch does not touch the descriptor */
    if (c->prev)
        c->prev->next = c->next;
    else
        l->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    linger(w, c);
    pthread_mutex_unlock(&w->lock);
    atomic_fetch_sub(&l->conn_count, 1);
    free(c);
}

void conn_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
                 enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        conn_open(cls, mhd, socket_context);
    else if (*socket_context)
        conn_close(*socket_context);
}

static void send_all(int fd, const struct buf *b)
{
    size_t at = 0;

    while (at < b->len) {
        ssize_t n = send(fd, b->data + at, b->len - at, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* the client does not read: it gets no answer, only the end */
        at += (size_t)n;
    }
}

void conn_send_raw(struct conn *c, const struct buf *answer)
{
    c->must_linger = true;
    if (!buf_failed(answer))
        send_all(c->fd, answer);
}

/* ---- accepting ---- */

static void answer_shed(int fd)
{
    struct buf b AUTO(buf_finish_p) = BUF_INIT(4096);

    answer_bare(&b, 503, "The server has too many connections.");
    send_all(fd, &b);
    shutdown(fd, SHUT_WR);
}

static void take_connection(struct listener *l, int fd, const struct sockaddr *a, socklen_t len)
{
    struct server *s = l->server;

    atomic_fetch_add_explicit(&l->accepted, 1, memory_order_relaxed);
    if (atomic_load(&l->conn_count) >= s->o.connections_max) {
        atomic_fetch_add_explicit(&l->shed, 1, memory_order_relaxed);
        counter_add(CTR_SHED, 1);
        answer_shed(fd);
        close(fd);
        return;
    }
    atomic_fetch_add(&l->handed_over, 1);
    /* Closes the socket when it fails (also: over the limit of one address). */
    if (MHD_add_connection(l->daemon, fd, a, len) != MHD_YES) {
        atomic_fetch_sub(&l->handed_over, 1);
        atomic_fetch_add_explicit(&l->shed, 1, memory_order_relaxed);
    }
}

/* @return how many were taken. */
static int accept_some(struct listener *l)
{
    int n = 0;

    while (n < ACCEPT_BATCH) {
        struct sockaddr_storage a;
        socklen_t len = sizeof a;
        int fd = accept4(l->fd, (struct sockaddr *)&a, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            break;
        take_connection(l, fd, (const struct sockaddr *)&a, len);
        n++;
    }
    return n;
}

/* A socket closed with connections in its queue resets them. So: let no new ones in (a filter that
 * drops what only asks for a connection; the client asks again a second later and is refused then),
 * take all that have come, then close. */
static void drop_new_connections(int fd)
{
    struct sock_filter drop_syn[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13), /* the flags of the TCP header */
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1), /* SYN without ACK */
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
    };
    struct sock_fprog program = {.len = ARRAY_LEN(drop_syn), .filter = drop_syn};

    (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static void take_all(struct watch *w)
{
    for (int i = 0; i < LISTEN_COUNT; i++) {
        struct listener *l = &w->server->listeners[i];

        while (i != LISTEN_MANAGEMENT && l->fd >= 0 && accept_some(l) > 0)
            ;
    }
}

static void close_listening(struct watch *w)
{
    for (int i = 0; i < LISTEN_COUNT; i++) {
        if (i != LISTEN_MANAGEMENT && w->server->listeners[i].fd >= 0)
            drop_new_connections(w->server->listeners[i].fd);
    }
    take_all(w);
    usleep(HANDSHAKE_US); /* the last step of a connection that had begun */
    take_all(w);
    for (int i = 0; i < LISTEN_COUNT; i++) {
        struct listener *l = &w->server->listeners[i];

        if (i == LISTEN_MANAGEMENT || l->fd < 0)
            continue;
        epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, l->fd, NULL);
        close(l->fd);
        l->fd = -1;
    }
    atomic_store(&w->accepting_stopped, true);
}

/* ---- deadlines ---- */

static int64_t ms(int value)
{
    return (int64_t)value * US_PER_MS;
}

/* End @p c if it is still in @p state; the lock is held, so the descriptor is libmicrohttpd's and
 * open. With an answer, only our side is closed now: bytes that come after shutting down both are
 * met with a reset, which may overtake it. */
static void end_connection(struct conn *c, uint64_t state, const char *why)
{
    struct buf b AUTO(buf_finish_p) = BUF_INIT(4096);

    if (!atomic_compare_exchange_strong(&c->state, &state, pack(clock_mono_us(), CONN_ENDED)))
        return;
    counter_add(CTR_DEADLINE_CLOSED, 1);
    if (why) {
        answer_bare(&b, 408, why);
        send_all(c->fd, &b);
    }
    shutdown(c->fd, why ? SHUT_WR : SHUT_RDWR);
}

/* A kept connection is idle until the first byte of its next request; only the kernel saw when that
 * came. */
static void watch_idle(struct conn *c, uint64_t state, int64_t now_us)
{
    const struct server *s = c->listener->server;
    struct tcp_info info;
    int64_t byte_us;

    if (now_us - begin_of(state) >= s->o.idle_timeout_s * US_PER_S) {
        end_connection(c, state, NULL);
        return;
    }
    if (!tcp_state(c, &info))
        return;
    if (info.tcpi_bytes_received == atomic_load(&c->bytes_seen))
        return;
    byte_us = now_us - (int64_t)info.tcpi_last_data_recv * US_PER_MS;
    if (byte_us < begin_of(state))
        byte_us = begin_of(state);
    atomic_compare_exchange_strong(&c->state, &state, pack(byte_us, CONN_HEADER));
}

static void watch_header(struct conn *c, uint64_t state)
{
    struct tcp_info info;

    /* A client that never sent a byte (a browser's spare connection) gets no answer to nothing. */
    if (tcp_state(c, &info) && info.tcpi_bytes_received == 0)
        end_connection(c, state, NULL);
    else
        end_connection(c, state, "The request header took too long.");
}

static void watch_conn(struct conn *c, int64_t now_us, bool look_at_idle)
{
    const struct server *s = c->listener->server;
    uint64_t state = atomic_load(&c->state);
    int64_t age_us = now_us - begin_of(state);

    switch (phase_of(state)) {
    case CONN_HEADER:
        if (age_us >= ms(s->o.header_deadline_ms))
            watch_header(c, state);
        break;
    case CONN_BODY:
        if (age_us >= ms(s->o.body_deadline_ms))
            end_connection(c, state, "The request body took too long.");
        break;
    case CONN_IDLE:
        if (look_at_idle)
            watch_idle(c, state, now_us);
        break;
    case CONN_BUSY:
        /* The worker has given up by then; what is left is a client that does not take its answer.
         */
        if (age_us >= ms(s->o.request_deadline_ms) + ms(s->o.body_deadline_ms))
            end_connection(c, state, NULL);
        break;
    case CONN_ENDED:
        if (age_us >= LAST_WORD_US)
            shutdown(c->fd, SHUT_RDWR); /* libmicrohttpd sees the end and closes */
        break;
    }
}

/* Is a request on its way that the server would cut by closing now? */
static bool is_pending(struct conn *c, int64_t now_us)
{
    uint64_t state = atomic_load(&c->state);
    enum conn_phase phase = phase_of(state);
    struct tcp_info info;

    if (phase == CONN_BODY || phase == CONN_BUSY)
        return true;
    if (phase == CONN_ENDED || !tcp_state(c, &info))
        return false;
    if (info.tcpi_bytes_received != atomic_load(&c->bytes_seen))
        return true;
    return phase == CONN_HEADER && now_us - begin_of(state) < FRESH_US;
}

bool watch_has_pending(struct watch *w)
{
    int64_t now_us = clock_mono_us();
    bool found = false;

    pthread_mutex_lock(&w->lock);
    for (int i = 0; i < LISTEN_COUNT && !found; i++) {
        if (i == LISTEN_MANAGEMENT)
            continue;
        found = atomic_load(&w->server->listeners[i].handed_over) > 0;
        for (struct conn *c = w->server->listeners[i].conns; c && !found; c = c->next)
            found = is_pending(c, now_us);
    }
    pthread_mutex_unlock(&w->lock);
    return found;
}

/* @return false when the peer is done or its time is over. */
static bool drain_linger(const struct lingering *g, int64_t now_us)
{
    char junk[16384];
    ssize_t n = 1;

    for (int i = 0; i < 64 && n > 0; i++)
        n = recv(g->fd, junk, sizeof junk, MSG_DONTWAIT);
    return now_us < g->until_us && (n > 0 || (n < 0 && errno == EAGAIN));
}

static void watch_lingers(struct watch *w, int64_t now_us)
{
    int kept = 0;

    for (int i = 0; i < w->linger_count; i++) {
        if (drain_linger(&w->lingers[i], now_us))
            w->lingers[kept++] = w->lingers[i];
        else
            close(w->lingers[i].fd);
    }
    w->linger_count = kept;
}

static void tick(struct watch *w, int64_t now_us, bool look_at_idle)
{
    pthread_mutex_lock(&w->lock);
    for (int i = 0; i < LISTEN_COUNT; i++) {
        for (struct conn *c = w->server->listeners[i].conns; c; c = c->next)
            watch_conn(c, now_us, look_at_idle);
    }
    watch_lingers(w, now_us);
    pthread_mutex_unlock(&w->lock);
    pool_tick(w->server->pool, now_us);
    atomic_store(&w->beat_us, now_us);
}

/* ---- the thread ---- */

static void handle_events(struct watch *w, const struct epoll_event *events, int n)
{
    for (int i = 0; i < n; i++) {
        struct listener *l = events[i].data.ptr;
        uint64_t junk;

        if (l && l->fd >= 0)
            accept_some(l);
        else if (!l && read(w->wake_fd, &junk, sizeof junk) < 0)
            continue;
    }
}

static void *watch_main(void *arg)
{
    struct watch *w = arg;
    int64_t next_us = clock_mono_us();
    int64_t ticks = 0;

    while (!atomic_load(&w->stop)) {
        struct epoll_event events[16];
        int64_t now_us = clock_mono_us();
        int n;

        if (now_us >= next_us) {
            tick(w, now_us, ticks++ % 5 == 0);
            next_us = now_us + ms(TICK_MS);
        }
        n = epoll_wait(w->epoll_fd, events, 16, TICK_MS);
        handle_events(w, events, n > 0 ? n : 0);
        if (atomic_load(&w->stop_accepting) && !atomic_load(&w->accepting_stopped))
            close_listening(w);
    }
    return NULL;
}

static int add_to_epoll(struct watch *w, int fd, void *ptr)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = ptr};

    return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

int watch_start(struct watch *w, struct server *s, struct app_error *err)
{
    w->server = s;
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->epoll_fd < 0 || w->wake_fd < 0 || add_to_epoll(w, w->wake_fd, NULL) < 0)
        return app_fail(err, APP_INTERNAL, "epoll: errno %d", errno);
    for (int i = 0; i < LISTEN_COUNT; i++) {
        struct listener *l = &s->listeners[i];

        if (l->fd >= 0 && add_to_epoll(w, l->fd, l) < 0)
            return app_fail(err, APP_INTERNAL, "epoll: errno %d", errno);
    }
    atomic_store(&w->beat_us, clock_mono_us());
    if (pthread_create(&w->thread, NULL, watch_main, w) != 0)
        return app_fail(err, APP_INTERNAL, "no thread");
    w->is_running = true;
    return 0;
}

static void wake(struct watch *w)
{
    uint64_t one = 1;

    if (write(w->wake_fd, &one, sizeof one) < 0)
        return; /* it is awake already */
}

void watch_stop_accepting(struct watch *w)
{
    atomic_store(&w->stop_accepting, true);
    wake(w);
    while (w->is_running && !atomic_load(&w->accepting_stopped))
        usleep(1000);
}

void watch_stop(struct watch *w)
{
    if (w->is_running) {
        atomic_store(&w->stop, true);
        wake(w);
        pthread_join(w->thread, NULL);
        w->is_running = false;
    }
    for (int i = 0; i < w->linger_count; i++)
        close(w->lingers[i].fd);
    w->linger_count = 0;
    if (w->epoll_fd >= 0)
        close(w->epoll_fd);
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    w->epoll_fd = w->wake_fd = -1;
}
