/* SPDX-License-Identifier: Apache-2.0 */
#include "pool.h"
#include "cleanup.h"
#include "clock.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#define SHARE_BUCKETS 1024

/* What one user or one cluster has in the pool; exists while it has anything. */
struct pool_share {
    struct pool_share *next; /* of the bucket, or of the free list */
    uint64_t key;
    int queued, running;
    uint64_t last_served; /* serial number of the last job taken */
};

struct job_list {
    struct pool_job *head, *tail;
    int count;
};

struct pool {
    struct pool_options o;
    int cluster_max;
    uint64_t seed;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct job_list queue, running;
    int idle;
    uint64_t serial;
    bool is_stopping, is_ending;
    struct pool_share *users[SHARE_BUCKETS], *clusters[SHARE_BUCKETS], *spare, *shares;
    pthread_t *threads;
    int thread_count;
};

/* ---- lists and shares; the lock is held ---- */

static void list_add(struct job_list *l, struct pool_job *j)
{
    j->next = NULL;
    j->prev = l->tail;
    if (l->tail)
        l->tail->next = j;
    else
        l->head = j;
    l->tail = j;
    l->count++;
}

static void list_remove(struct job_list *l, struct pool_job *j)
{
    if (j->prev)
        j->prev->next = j->next;
    else
        l->head = j->next;
    if (j->next)
        j->next->prev = j->prev;
    else
        l->tail = j->prev;
    j->next = j->prev = NULL;
    l->count--;
}

static struct pool_share *share_get(struct pool *p, struct pool_share **table, uint64_t key)
{
    struct pool_share **bucket = &table[key % SHARE_BUCKETS], *s;

    for (s = *bucket; s; s = s->next) {
        if (s->key == key)
            return s;
    }
    s = p->spare;
    assert(s); /* there are two for each admitted job, and one more for each worker */
    p->spare = s->next;
    *s = (struct pool_share){.next = *bucket, .key = key};
    *bucket = s;
    return s;
}

static void share_put(struct pool *p, struct pool_share **table, struct pool_share *s)
{
    struct pool_share **at = &table[s->key % SHARE_BUCKETS];

    if (s->queued || s->running)
        return;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    s->next = p->spare;
    p->spare = s;
}

/* The job waits (+1) or no longer does (-1). */
static void count_queued(struct pool_job *j, int by)
{
    j->user->queued += by;
    j->cluster->queued += by;
}

static void count_running(struct pool_job *j, int by)
{
    j->user->running += by;
    j->cluster->running += by;
}

static void release_shares(struct pool *p, struct pool_job *j)
{
    share_put(p, p->users, j->user);
    share_put(p, p->clusters, j->cluster);
    j->user = j->cluster = NULL;
}

/* ---- workers ---- */

static bool is_before(const struct pool_job *a, const struct pool_job *b)
{
    if (a->user->running != b->user->running)
        return a->user->running < b->user->running;
    return a->user->last_served < b->user->last_served;
}

static struct pool_job *pick(struct pool *p)
{
    struct pool_job *best = NULL;

    for (struct pool_job *j = p->queue.head; j; j = j->next) {
        if (j->cluster_key && j->cluster->running >= p->cluster_max)
            continue;
        if (!best || is_before(j, best))
            best = j;
    }
    return best;
}

static bool has_waited(const struct pool *p, const struct pool_job *j, int64_t now_us)
{
    return now_us - j->queued_us >= (int64_t)p->o.queue_wait_ms * US_PER_MS;
}

/* Takes @p j off the queue for good: it will be refused. */
static void drop(struct pool *p, struct pool_job *j)
{
    list_remove(&p->queue, j);
    count_queued(j, -1);
    release_shares(p, j);
}

static enum pool_end take(struct pool *p, struct pool_job *j)
{
    if (has_waited(p, j, clock_mono_us())) {
        drop(p, j);
        return POOL_WAITED;
    }
    list_remove(&p->queue, j);
    count_queued(j, -1);
    count_running(j, 1);
    j->user->last_served = ++p->serial;
    list_add(&p->running, j);
    return POOL_RUN;
}

/* @return the next job with *ret_end, or NULL when the pool ends. */
static struct pool_job *next_job(struct pool *p, enum pool_end *ret_end)
{
    struct pool_job *j;

    pthread_mutex_lock(&p->lock);
    while (!(j = pick(p)) && !p->is_ending) {
        p->idle++;
        pthread_cond_wait(&p->work, &p->lock);
        p->idle--;
    }
    if (j)
        *ret_end = take(p, j);
    pthread_mutex_unlock(&p->lock);
    return j;
}

static void *work(void *arg)
{
    struct pool *p = arg;
    struct pool_job *j;
    enum pool_end end = POOL_RUN;

    if (p->o.worker_start)
        p->o.worker_start();
    while ((j = next_job(p, &end)))
        j->run(j, end);
    if (p->o.worker_end)
        p->o.worker_end();
    return NULL;
}

/* ---- interface ---- */

struct pool *pool_create(const struct pool_options *o)
{
    struct pool *p = calloc(1, sizeof *p);
    size_t shares = (size_t)(o->in_flight_max + o->threads) * 2;

    if (!p)
        return NULL;
    p->o = *o;
    p->cluster_max = o->threads >= 4 ? o->threads / 4 : 1;
    p->shares = calloc(shares, sizeof *p->shares);
    p->threads = calloc((size_t)o->threads, sizeof *p->threads);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    if (!p->shares || !p->threads ||
        getrandom(&p->seed, sizeof p->seed, 0) != (ssize_t)sizeof p->seed) {
        pool_destroy(p);
        return NULL;
    }
    for (size_t i = 0; i < shares; i++) {
        p->shares[i].next = p->spare;
        p->spare = &p->shares[i];
    }
    return p;
}

int pool_start(struct pool *p)
{
    while (p->thread_count < p->o.threads) {
        if (pthread_create(&p->threads[p->thread_count], NULL, work, p) != 0)
            return -1;
        p->thread_count++;
    }
    return 0;
}

static enum pool_verdict admission(const struct pool *p, const struct pool_job *j)
{
    if (p->is_stopping)
        return POOL_STOPPING;
    if (p->queue.count + p->running.count >= p->o.in_flight_max)
        return POOL_FULL;
    if (p->queue.count >= p->o.queue_max + p->idle)
        return POOL_FULL;
    if (j->user_key && j->user->queued + j->user->running >= p->o.per_user_max)
        return POOL_USER_FULL;
    if (j->cluster_key && j->cluster->queued > p->o.queue_max / 2)
        return POOL_CLUSTER_FULL;
    return POOL_OK;
}

enum pool_verdict pool_submit(struct pool *p, struct pool_job *j,
                              void (*admitted)(struct pool_job *job))
{
    enum pool_verdict v;

    pthread_mutex_lock(&p->lock);
    j->user = share_get(p, p->users, j->user_key);
    j->cluster = share_get(p, p->clusters, j->cluster_key);
    v = admission(p, j);
    if (v == POOL_OK) {
        admitted(j);
        j->queued_us = clock_mono_us();
        list_add(&p->queue, j);
        count_queued(j, 1);
        pthread_cond_signal(&p->work);
    } else {
        release_shares(p, j);
    }
    pthread_mutex_unlock(&p->lock);
    return v;
}

bool pool_rekey_user(struct pool *p, struct pool_job *j, uint64_t user_key)
{
    struct pool_share *s;
    bool has_room;

    pthread_mutex_lock(&p->lock);
    s = share_get(p, p->users, user_key);
    has_room = s == j->user || s->queued + s->running < p->o.per_user_max;
    if (has_room && s != j->user) {
        j->user->running--;
        s->running++;
        s->last_served = ++p->serial;
        share_put(p, p->users, j->user);
        j->user = s;
        j->user_key = user_key;
    }
    share_put(p, p->users, s); /* frees it again when nobody took it */
    pthread_mutex_unlock(&p->lock);
    return has_room;
}

void pool_leave(struct pool *p, struct pool_job *j)
{
    pthread_mutex_lock(&p->lock);
    list_remove(&p->running, j);
    count_running(j, -1);
    release_shares(p, j);
    pthread_mutex_unlock(&p->lock);
}

/* Takes off the queue what is refused now; @p now_us 0 means all of it. @return a list by next. */
static struct pool_job *expired(struct pool *p, int64_t now_us)
{
    struct pool_job *list = NULL, *next;

    for (struct pool_job *j = p->queue.head; j; j = next) {
        next = j->next;
        if (now_us && !has_waited(p, j, now_us))
            continue;
        drop(p, j);
        j->next = list;
        list = j;
    }
    return list;
}

static void fire(struct pool *p, struct pool_job *j)
{
    if (j->is_cancelled)
        return;
    j->is_cancelled = true;
    if (j->cancel && p->o.fire)
        p->o.fire(j->cancel);
}

static void refuse_all(struct pool_job *list, enum pool_end end)
{
    while (list) {
        struct pool_job *next = list->next;

        list->run(list, end);
        list = next;
    }
}

void pool_tick(struct pool *p, int64_t now_us)
{
    struct pool_job *list;

    pthread_mutex_lock(&p->lock);
    list = expired(p, now_us);
    for (struct pool_job *j = p->running.head; j; j = j->next) {
        if (now_us >= j->deadline_us && !j->is_cancelled) {
            j->is_timed_out = true;
            fire(p, j);
        }
    }
    pthread_mutex_unlock(&p->lock);
    refuse_all(list, POOL_WAITED);
}

void pool_abandon(struct pool *p)
{
    struct pool_job *list;

    pthread_mutex_lock(&p->lock);
    p->is_stopping = true;
    list = expired(p, 0);
    for (struct pool_job *j = p->running.head; j; j = j->next)
        fire(p, j);
    pthread_mutex_unlock(&p->lock);
    refuse_all(list, POOL_ABANDONED);
}

void pool_stop(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->is_stopping = p->is_ending = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    while (p->thread_count > 0)
        pthread_join(p->threads[--p->thread_count], NULL);
}

void pool_destroy(struct pool *p)
{
    if (!p)
        return;
    assert(p->queue.count == 0 && p->running.count == 0 && p->thread_count == 0);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p->shares);
    free(p);
}

struct pool_stats pool_stats(struct pool *p)
{
    struct pool_stats s;

    pthread_mutex_lock(&p->lock);
    s = (struct pool_stats){p->queue.count, p->running.count, p->o.threads};
    pthread_mutex_unlock(&p->lock);
    return s;
}

uint64_t pool_key(struct pool *p, const void *bytes, size_t len)
{
    const unsigned char *b = bytes;
    uint64_t h = p->seed ^ 0xcbf29ce484222325u; /* FNV-1a, finished by a mixing step */

    for (size_t i = 0; i < len; i++)
        h = (h ^ b[i]) * 0x100000001b3u;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdu;
    h ^= h >> 33;
    return h ? h : 1;
}
