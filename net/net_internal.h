/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the sources of net/ share with each other. Not for other folders.
 *
 * Who owns what: the caller of net_call() owns its struct transfer, lends it to one loop thread
 * between net_loop_submit() and the post of transfer.done, and touches only the atomics in between.
 * A pool has one lane for each loop thread: a curl multi handle of its own, so that a connection
 * never leaves the pool. Everything that acts on a multi handle runs on its loop thread.
 */
#ifndef CP_NET_INTERNAL_H
#define CP_NET_INTERNAL_H
#include "net.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_PIN_BYTES 32
#define NET_SPARES_MAX 16 /* idle easy handles a pool keeps */
#define NET_LOOPS_MAX 8

/* An intrusive doubly linked list; a removed or fresh item points to itself. */
struct link {
    struct link *prev, *next;
};
#define LINK_OWNER(l, type, member) ((type *)(void *)((char *)(l)-offsetof(type, member)))

static inline void link_init(struct link *l)
{
    l->prev = l->next = l;
}
static inline bool link_is_empty(const struct link *list)
{
    return list->next == list;
}
static inline void link_add_last(struct link *list, struct link *item)
{
    item->prev = list->prev;
    item->next = list;
    list->prev->next = item;
    list->prev = item;
}
static inline void link_remove(struct link *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    link_init(item);
}
/* @return the first item, removed, or NULL. */
static inline struct link *link_take_first(struct link *list)
{
    struct link *first = list->next;

    if (first == list)
        return NULL;
    link_remove(first);
    return first;
}

struct sock;

struct loop {
    pthread_t thread;
    int epoll_fd, wake_fd;
    pthread_mutex_t mutex;  /* guards the four below */
    struct link submitted;  /* transfer.link */
    struct link closing;    /* lane.closing_link */
    bool is_stopping;       /* cancel what runs and end */
    bool is_closed;         /* takes nothing any more */
    atomic_bool has_cancel; /* some transfer of this loop has been cancelled */
    /* The loop thread's own: */
    struct link lanes;     /* lane.link, lanes with a multi handle */
    struct link transfers; /* transfer.link, running */
    struct sock *dead;     /* freed at the end of a round: epoll may still name them */
    int64_t timers_due_us; /* no lane's curl timer is due earlier; INT64_MAX: none */
    int64_t expiry_due_us; /* no transfer expires earlier; INT64_MAX: none */
};

struct net {
    atomic_int refs; /* the creator and every pool */
    int loop_count;
    struct loop *loops;
    atomic_uint next_home;
    pthread_mutex_t mutex;
    X509_STORE *system_store; /* made by the first pool that needs it */
};

struct lane {
    struct net_pool *pool;
    struct loop *loop;
    atomic_int active; /* transfers submitted and not done */
    struct link closing_link;
    /* The loop thread's own: */
    struct link link;
    CURLM *multi;     /* made by the first transfer */
    int64_t timer_us; /* when curl wants to be called; INT64_MAX: never */
};

enum trust {
    TRUST_NONE,  /* plain HTTP to a loopback address */
    TRUST_CHAIN, /* pool.store and the host name */
    TRUST_PIN,   /* exactly the leaf with the digest pool.pin */
    TRUST_READ /* any leaf, only to write down its digest in pool.pin; such a pool sends no request
                */
};

struct net_pool {
    struct net *net;
    atomic_int refs;
    atomic_int open_lanes;
    char *name, *origin;
    char *auth_line; /* "Authorization: ...", wiped at the end; NULL: none */
    enum trust trust;
    X509_STORE *store;
    unsigned char pin[NET_PIN_BYTES];
    bool has_pin; /* TRUST_READ: pool.pin was written */
    int connect_timeout_ms, first_byte_timeout_ms, max_in_flight, connection_max_age_s;
    size_t header_max_bytes;
    pthread_mutex_t mutex; /* guards the four below */
    pthread_cond_t slot_free;
    int in_flight;
    CURL *spares[NET_SPARES_MAX];
    int spare_count;
    int home;            /* the lane a lone request uses */
    struct lane lanes[]; /* one for each loop */
};

enum verdict { /* why this module ended a transfer; VERDICT_NONE: curl's code tells */
               VERDICT_NONE,
               VERDICT_DEADLINE,
               VERDICT_FIRST_BYTE,
               VERDICT_CANCELLED,
               VERDICT_HEADER_LIMIT,
               VERDICT_BODY_LIMIT,
               VERDICT_SINK,
               VERDICT_MEMORY
};

struct transfer {
    struct net_pool *pool;
    const struct net_request *req; /* NULL: connect only (TRUST_READ) */
    struct net_response *ret;
    net_sink_fn sink; /* NULL: collect */
    void *sink_ctx;
    size_t answer_max_bytes;
    struct curl_slist *header_nodes; /* one array */
    char *header_text;               /* what they point into; wiped */
    size_t header_text_len;
    CURL *easy;
    sem_t done;
    struct link cancel_link;
    _Atomic(struct lane *) lane; /* NULL before it is submitted */
    atomic_bool is_cancelled;
    /* The loop thread's own from net_loop_submit() until done: */
    struct link link;
    int64_t deadline_us, first_byte_due_us; /* the latter INT64_MAX while it does not run */
    size_t header_bytes;
    bool is_repeated;
    enum verdict verdict;
    CURLcode code;
    char reason[CURL_ERROR_SIZE];
};

/* loop.c */

/** Prepare @p l and start its thread. @return 0, or -1 with everything released. */
int net_loop_start(struct loop *l);
/** Ask the thread to cancel what runs and to end. */
void net_loop_stop(struct loop *l);
/** Join the thread; the memory of @p l stays valid for late net_loop_close_lane() calls. */
void net_loop_join(struct loop *l);
/** Release what net_loop_start() made. */
void net_loop_finish(struct loop *l);
/** Lend @p t to the thread of @p lane, which posts t->done in the end. @return false when the loop
 * has ended. */
bool net_loop_submit(struct lane *lane, struct transfer *t);
/** Close the connections of @p lane and call net_pool_lane_closed(), on the loop thread or, when it
 * has ended, here. */
void net_loop_close_lane(struct lane *lane);
/** Look for cancelled transfers. Never blocks. */
void net_loop_wake_for_cancel(struct loop *l);
/** The first byte of @p t must come by @p due_us. Loop thread only. */
void net_loop_set_first_byte_due(struct transfer *t, int64_t due_us);

/* net.c */

void net_ref(struct net *n);
void net_unref(struct net *n);

/* pool.c */

/** As net_pool_create(); @p is_reader: a pool of TRUST_READ. */
struct net_pool *net_pool_open(struct net *n, const struct net_pool_config *config, bool is_reader,
                               struct app_error *err);
/** One lane has no connection left; the last one frees the pool. */
void net_pool_lane_closed(struct net_pool *p);
/** Wait at most 1 s for a place in flight. @return 0, or -1 with APP_OVERLOADED or APP_CANCELLED.
 */
int net_pool_take_slot(struct net_pool *p, struct transfer *t, struct app_error *err);
void net_pool_return_slot(struct net_pool *p);
/** Wake those who wait for a place, because one of them was cancelled. */
void net_pool_wake_waiters(struct net_pool *p);
/** @return an easy handle with the pool's options set, or NULL. */
CURL *net_pool_take_easy(struct net_pool *p);
void net_pool_return_easy(struct net_pool *p, CURL *easy);
/** @return the lane with the least to do, the home lane first. */
struct lane *net_pool_pick_lane(struct net_pool *p);

/* request.c */

/** Check @p t->req and build its header lines. @return 0, or -1 with APP_INTERNAL. */
int net_request_prepare(struct transfer *t, struct app_error *err);
/** Put the request's own options on t->easy. @return 0 or -1. */
int net_request_apply(struct transfer *t);
/** Wipe and free what net_request_prepare() made. */
void net_request_finish(struct transfer *t);
/** @return whether @p s may stand in a header value: no control character but tab. */
bool net_request_is_header_value(const char *s);

/* tls.c */

/** @return a store that trusts exactly the certificates in @p pem, or NULL with APP_BAD_REQUEST or
 * APP_INTERNAL. */
X509_STORE *net_tls_store_from_pem(const char *pem, struct app_error *err);
/** @return a reference to the system's trust store, or NULL with APP_INTERNAL. */
X509_STORE *net_tls_store_of_system(struct net *n, struct app_error *err);
/** CURLOPT_SSL_CTX_FUNCTION: make @p ssl_ctx verify as the pool (@p pool) says. */
CURLcode net_tls_prepare_context(CURL *easy, void *ssl_ctx, void *pool);

/* transfer.c */

/** Set the options that are the same for all requests of @p p. @return 0 or -1. */
int net_transfer_set_pool_options(CURL *easy, struct net_pool *p);

/* cancel.c */

void net_cancel_attach(struct net_cancel *c, struct transfer *t);
void net_cancel_detach(struct net_cancel *c, struct transfer *t);
#endif
