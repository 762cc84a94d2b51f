/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"
#include "counters.h"
#include "net_internal.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS_MAX 64
#define NEVER INT64_MAX
#define TIMER_ROUNDS_MAX 8 /* curl's zero timeouts served without a look at the sockets */

/* A descriptor that curl wants watched. */
struct sock {
    struct sock *next_dead; /* in loop.dead */
    struct lane *lane;
    int fd;
    uint32_t interest;
    bool is_dead;
};

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void wake(struct loop *l)
{
    uint64_t one = 1;
    ssize_t n;

    do /* EAGAIN: the counter is full, so the thread wakes anyway */
        n = write(l->wake_fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
}

/* ---- transfers ---- */

static int64_t expiry_of(const struct transfer *t)
{
    return earlier(t->deadline_us, t->first_byte_due_us);
}

void net_loop_set_first_byte_due(struct transfer *t, int64_t due_us)
{
    struct loop *l = atomic_load_explicit(&t->lane, memory_order_relaxed)->loop;

    t->first_byte_due_us = due_us;
    l->expiry_due_us = earlier(l->expiry_due_us, due_us);
}

/* After the post *t belongs to its caller again and may be gone. */
static void hand_back(struct lane *lane, struct transfer *t)
{
    link_remove(&t->link);
    atomic_fetch_sub(&lane->active, 1);
    sem_post(&t->done);
}

static bool may_repeat(const struct transfer *t)
{
    return t->code == CURLE_COULDNT_CONNECT && t->verdict == VERDICT_NONE && !t->is_repeated &&
           t->req && t->req->is_idempotent && !atomic_load(&t->is_cancelled) &&
           clock_mono_us() < t->deadline_us;
}

static void end_transfer(struct lane *lane, struct transfer *t, CURLcode code)
{
    t->code = code;
    t->first_byte_due_us = NEVER;
    curl_multi_remove_handle(lane->multi, t->easy);
    if (may_repeat(t)) {
        t->is_repeated = true;
        counter_add(CTR_UPSTREAM_CALLS, 1);
        if (curl_multi_add_handle(lane->multi, t->easy) == CURLM_OK)
            return;
    }
    hand_back(lane, t);
}

static void abort_transfer(struct transfer *t, enum verdict verdict)
{
    t->verdict = verdict;
    end_transfer(atomic_load(&t->lane), t, CURLE_ABORTED_BY_CALLBACK);
}

static void collect_done(struct lane *lane)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(lane->multi, &left)) != NULL) {
        void *t = NULL;

        if (msg->msg == CURLMSG_DONE &&
            curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t) == CURLE_OK && t)
            end_transfer(lane, t, msg->data.result);
    }
}

static void act(struct lane *lane, curl_socket_t fd, int events)
{
    int running;

    curl_multi_socket_action(lane->multi, fd, events, &running);
    collect_done(lane);
}

static enum verdict expired_verdict(const struct transfer *t, int64_t now_us)
{
    if (now_us >= t->deadline_us)
        return VERDICT_DEADLINE;
    return now_us >= t->first_byte_due_us ? VERDICT_FIRST_BYTE : VERDICT_NONE;
}

static void expire_transfers(struct loop *l)
{
    int64_t now_us = clock_mono_us();
    struct link *next;

    if (now_us < l->expiry_due_us)
        return;
    l->expiry_due_us = NEVER;
    for (struct link *i = l->transfers.next; i != &l->transfers; i = next) {
        struct transfer *t = LINK_OWNER(i, struct transfer, link);
        enum verdict verdict = expired_verdict(t, now_us);

        next = i->next;
        if (verdict != VERDICT_NONE)
            abort_transfer(t, verdict);
        else
            l->expiry_due_us = earlier(l->expiry_due_us, expiry_of(t));
    }
}

static void end_cancelled(struct loop *l, bool all)
{
    struct link *next;

    for (struct link *i = l->transfers.next; i != &l->transfers; i = next) {
        struct transfer *t = LINK_OWNER(i, struct transfer, link);

        next = i->next;
        if (all || atomic_load(&t->is_cancelled))
            abort_transfer(t, VERDICT_CANCELLED);
    }
}

/* ---- what curl asks for ---- */

static void forget_sock(struct loop *l, struct sock *s)
{
    if (!s)
        return;
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
    s->is_dead = true;
    s->next_dead = l->dead;
    l->dead = s;
}

static struct sock *new_sock(struct lane *lane, int fd)
{
    struct sock *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    *s = (struct sock){.lane = lane, .fd = fd};
    if (curl_multi_assign(lane->multi, fd, s) == CURLM_OK)
        return s;
    free(s);
    return NULL;
}

/* Never -1: curl would give up the whole multi handle. A socket that cannot be watched costs its
 * own transfer the deadline. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct lane *lane = arg;
    struct loop *l = lane->loop;
    struct sock *s = known;
    struct epoll_event ev = {0};
    int op = s ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        forget_sock(l, s);
        curl_multi_assign(lane->multi, fd, NULL);
        return 0;
    }
    if (!s)
        s = new_sock(lane, fd);
    if (!s)
        return 0;
    s->interest = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) |
                  (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
    ev.events = s->interest;
    ev.data.ptr = s;
    if (epoll_ctl(l->epoll_fd, op, fd, &ev) < 0 && errno == EEXIST)
        epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, fd, &ev);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct lane *lane = arg;

    (void)multi;
    lane->timer_us = timeout_ms < 0 ? NEVER : clock_mono_us() + (int64_t)timeout_ms * US_PER_MS;
    lane->loop->timers_due_us = earlier(lane->loop->timers_due_us, lane->timer_us);
    return 0;
}

static void run_timers_once(struct loop *l, int64_t now_us)
{
    l->timers_due_us = NEVER;
    for (struct link *i = l->lanes.next; i != &l->lanes; i = i->next) {
        struct lane *lane = LINK_OWNER(i, struct lane, link);

        if (lane->timer_us <= now_us) {
            lane->timer_us = NEVER;
            act(lane, CURL_SOCKET_TIMEOUT, 0);
        }
        l->timers_due_us = earlier(l->timers_due_us, lane->timer_us);
    }
}

static void run_timers(struct loop *l)
{
    for (int round = 0; round < TIMER_ROUNDS_MAX; round++) {
        int64_t now_us = clock_mono_us();

        if (now_us < l->timers_due_us)
            return;
        run_timers_once(l, now_us);
    }
}

static void on_event(const struct epoll_event *ev)
{
    struct sock *s = ev->data.ptr;
    uint32_t failed = ev->events & ((uint32_t)EPOLLERR | (uint32_t)EPOLLHUP);
    int bits = 0;

    if (s->is_dead)
        return;
    /* An error is shown as readiness, so that curl reads what still came before it. */
    if ((ev->events & EPOLLIN) || (failed && (s->interest & EPOLLIN)))
        bits |= CURL_CSELECT_IN;
    if ((ev->events & EPOLLOUT) || (failed && (s->interest & EPOLLOUT)))
        bits |= CURL_CSELECT_OUT;
    act(s->lane, s->fd, bits ? bits : CURL_CSELECT_ERR);
}

/* ---- lanes ---- */

static bool set_multi_options(CURLM *m, struct lane *lane)
{
    return curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_SOCKETDATA, lane) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_TIMERDATA, lane) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, (long)lane->pool->max_in_flight) == CURLM_OK;
}

static bool open_lane(struct lane *lane)
{
    if (lane->multi)
        return true;
    lane->multi = curl_multi_init();
    if (!lane->multi)
        return false;
    if (!set_multi_options(lane->multi, lane)) {
        curl_multi_cleanup(lane->multi);
        lane->multi = NULL;
        return false;
    }
    link_add_last(&lane->loop->lanes, &lane->link);
    return true;
}

static void shut_lane(struct lane *lane)
{
    if (!lane->multi)
        return;
    curl_multi_cleanup(lane->multi);
    lane->multi = NULL;
    lane->timer_us = NEVER;
    link_remove(&lane->link);
}

static enum verdict start_transfer(struct lane *lane, struct transfer *t)
{
    if (atomic_load(&t->is_cancelled))
        return VERDICT_CANCELLED;
    if (clock_mono_us() >= t->deadline_us)
        return VERDICT_DEADLINE;
    if (!open_lane(lane) || curl_multi_add_handle(lane->multi, t->easy) != CURLM_OK)
        return VERDICT_MEMORY;
    lane->loop->expiry_due_us = earlier(lane->loop->expiry_due_us, expiry_of(t));
    return VERDICT_NONE;
}

static void accept_transfer(struct loop *l, struct transfer *t, bool is_closed)
{
    struct lane *lane = atomic_load(&t->lane);

    t->verdict = is_closed ? VERDICT_CANCELLED : start_transfer(lane, t);
    if (t->verdict != VERDICT_NONE)
        hand_back(lane, t);
    else
        link_add_last(&l->transfers, &t->link);
}

/* ---- the thread ---- */

static void move_all(struct link *from, struct link *to)
{
    struct link *i;

    link_init(to);
    while ((i = link_take_first(from)) != NULL)
        link_add_last(to, i);
}

/* @return whether the loop takes nothing any more. */
static bool take_inbox(struct loop *l)
{
    struct link submitted, closing, *i;
    bool is_closed;

    pthread_mutex_lock(&l->mutex);
    move_all(&l->submitted, &submitted);
    move_all(&l->closing, &closing);
    is_closed = l->is_closed = l->is_stopping;
    pthread_mutex_unlock(&l->mutex);

    while ((i = link_take_first(&submitted)) != NULL)
        accept_transfer(l, LINK_OWNER(i, struct transfer, link), is_closed);
    while ((i = link_take_first(&closing)) != NULL) {
        struct lane *lane = LINK_OWNER(i, struct lane, closing_link);

        shut_lane(lane);
        net_pool_lane_closed(lane->pool);
    }
    return is_closed;
}

static int wait_ms(const struct loop *l)
{
    int64_t due_us = earlier(l->timers_due_us, l->expiry_due_us);
    int64_t left_us;

    if (due_us == NEVER)
        return -1;
    left_us = due_us - clock_mono_us();
    if (left_us <= 0)
        return 0;
    return left_us / US_PER_MS >= INT_MAX ? INT_MAX : (int)(left_us / US_PER_MS) + 1;
}

static void drain_wake(const struct loop *l)
{
    uint64_t count;

    while (read(l->wake_fd, &count, sizeof count) < 0 && errno == EINTR)
        continue;
}

static void bury_dead(struct loop *l)
{
    struct sock *s;

    while ((s = l->dead) != NULL) {
        l->dead = s->next_dead;
        free(s);
    }
}

static void wait_and_act(struct loop *l)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(l->epoll_fd, events, EVENTS_MAX, wait_ms(l));

    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr)
            on_event(&events[i]);
        else
            drain_wake(l);
    }
}

static void *run(void *arg)
{
    struct loop *l = arg;
    struct link *i;

    while (!take_inbox(l)) {
        run_timers(l);
        if (atomic_exchange(&l->has_cancel, false))
            end_cancelled(l, false);
        expire_transfers(l);
        bury_dead(l);
        wait_and_act(l);
    }
    end_cancelled(l, true);
    while ((i = l->lanes.next) != &l->lanes)
        shut_lane(LINK_OWNER(i, struct lane, link));
    bury_dead(l);
    return NULL;
}

/* ---- for other threads ---- */

bool net_loop_submit(struct lane *lane, struct transfer *t)
{
    struct loop *l = lane->loop;
    bool is_taken, is_first;

    atomic_fetch_add(&lane->active, 1);
    pthread_mutex_lock(&l->mutex);
    is_taken = !l->is_closed;
    is_first = link_is_empty(&l->submitted);
    if (is_taken)
        link_add_last(&l->submitted, &t->link);
    pthread_mutex_unlock(&l->mutex);
    if (is_taken && is_first)
        wake(l);
    if (!is_taken)
        atomic_fetch_sub(&lane->active, 1);
    return is_taken;
}

void net_loop_close_lane(struct lane *lane)
{
    struct loop *l = lane->loop;
    bool is_taken;

    pthread_mutex_lock(&l->mutex);
    is_taken = !l->is_closed;
    if (is_taken)
        link_add_last(&l->closing, &lane->closing_link);
    pthread_mutex_unlock(&l->mutex);
    if (is_taken)
        wake(l);
    else /* the loop shut its lanes when it ended */
        net_pool_lane_closed(lane->pool);
}

void net_loop_wake_for_cancel(struct loop *l)
{
    atomic_store(&l->has_cancel, true);
    wake(l);
}

void net_loop_stop(struct loop *l)
{
    pthread_mutex_lock(&l->mutex);
    l->is_stopping = true;
    pthread_mutex_unlock(&l->mutex);
    wake(l);
}

void net_loop_join(struct loop *l)
{
    pthread_join(l->thread, NULL);
}

/* Signals are for the main thread, and a SIGPIPE of OpenSSL must not end the process. */
static int start_thread(struct loop *l)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return -1;
    rc = pthread_create(&l->thread, NULL, run, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? 0 : -1;
}

int net_loop_start(struct loop *l)
{
    struct epoll_event ev = {.events = EPOLLIN};

    *l = (struct loop){.timers_due_us = NEVER, .expiry_due_us = NEVER};
    link_init(&l->submitted);
    link_init(&l->closing);
    link_init(&l->lanes);
    link_init(&l->transfers);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pthread_mutex_init(&l->mutex, NULL) == 0) {
        if (l->epoll_fd >= 0 && l->wake_fd >= 0 &&
            epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->wake_fd, &ev) == 0 && start_thread(l) == 0)
            return 0;
        pthread_mutex_destroy(&l->mutex);
    }
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    return -1;
}

void net_loop_finish(struct loop *l)
{
    close(l->epoll_fd);
    close(l->wake_fd);
    pthread_mutex_destroy(&l->mutex);
}
