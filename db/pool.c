/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "clock.h"
#include "connect.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>

/* After a failed connect the others fail at once for this long, instead of each waiting it out. */
#define CONNECT_PAUSE_US (250LL * US_PER_MS)

struct db_pool {
    struct db_settings settings;
    pthread_mutex_t lock;
    pthread_cond_t is_free;
    struct db *idle; /* most recently used first */
    unsigned open;   /* lent + idle + being connected */
    unsigned idle_count;
    int64_t paused_until_us;
    struct app_error last_error; /* why it is paused */
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void init_library(void)
{
    mysql_library_init(0, NULL, NULL);
}

static int init_locks(struct db_pool *pool)
{
    pthread_condattr_t attr;
    int bad;

    if (pthread_condattr_init(&attr))
        return -1;
    bad = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) ||
          pthread_cond_init(&pool->is_free, &attr);
    pthread_condattr_destroy(&attr);
    if (bad)
        return -1;
    if (pthread_mutex_init(&pool->lock, NULL)) {
        pthread_cond_destroy(&pool->is_free);
        return -1;
    }
    return 0;
}

struct db_pool *db_pool_create(const struct db_config *config, struct app_error *err)
{
    struct db_pool *pool;

    if (!config->user || !config->database || !config->host == !config->socket_path) {
        app_fail(err, APP_DATABASE, "database: user, name and either host or socket are needed");
        return NULL;
    }
    pthread_once(&library_once, init_library);
    pool = calloc(1, sizeof *pool);
    if (pool && (db_settings_init(&pool->settings, config) < 0 || init_locks(pool) < 0)) {
        db_settings_finish(&pool->settings);
        free(STEAL(pool));
    }
    if (!pool)
        app_fail(err, APP_INTERNAL, "out of memory");
    return pool;
}

void db_pool_destroy(struct db_pool *pool)
{
    struct db *next;

    if (!pool)
        return;
    assert(pool->open == pool->idle_count);
    for (struct db *db = pool->idle; db; db = next) {
        next = db->next;
        db_close(db);
    }
    pthread_cond_destroy(&pool->is_free);
    pthread_mutex_destroy(&pool->lock);
    db_settings_finish(&pool->settings);
    free(pool);
}

/* The server says nothing to an idle connection except that it closes it. */
static bool is_alive(struct db *db)
{
    struct pollfd p = {.fd = (int)mysql_get_socket(db->mysql), .events = POLLIN | POLLRDHUP};

    return poll(&p, 1, 0) == 0;
}

static struct timespec after_ms(unsigned ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* With the lock: wait for an idle connection or for room to open one.
 * @return 1 with *ret an idle one, or NULL: the caller may connect (it is counted); 0: time is up
 */
static int wait_for_turn(struct db_pool *pool, struct db **ret)
{
    struct timespec until = after_ms(pool->settings.acquire_timeout_ms);

    while (!pool->idle && pool->open >= pool->settings.max_connections)
        if (pthread_cond_timedwait(&pool->is_free, &pool->lock, &until))
            break;
    *ret = pool->idle;
    if (*ret) {
        pool->idle = (*ret)->next;
        pool->idle_count--;
        return 1;
    }
    if (pool->open >= pool->settings.max_connections)
        return 0;
    pool->open++;
    return 1;
}

static void give_up_slot(struct db_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->open--;
    pthread_cond_signal(&pool->is_free);
    pthread_mutex_unlock(&pool->lock);
}

static bool is_paused(struct db_pool *pool, struct app_error *err)
{
    bool paused;

    pthread_mutex_lock(&pool->lock);
    paused = clock_mono_us() < pool->paused_until_us;
    if (paused && err)
        *err = pool->last_error;
    pthread_mutex_unlock(&pool->lock);
    return paused;
}

static void pause_connects(struct db_pool *pool, const struct app_error *why)
{
    pthread_mutex_lock(&pool->lock);
    pool->paused_until_us = clock_mono_us() + CONNECT_PAUSE_US;
    pool->last_error = *why;
    pthread_mutex_unlock(&pool->lock);
}

/* The caller holds a slot of pool->open; it is given up on failure. */
static struct db *connect_in_slot(struct db_pool *pool, struct app_error *err)
{
    struct app_error why = {0};
    struct db *db = NULL;

    if (!is_paused(pool, err)) {
        db = db_connect(&pool->settings, &why);
        if (!db)
            pause_connects(pool, &why);
        if (!db && err)
            *err = why;
    }
    if (!db)
        give_up_slot(pool);
    else
        db->pool = pool;
    return db;
}

struct db *db_acquire(struct db_pool *pool, struct app_error *err)
{
    struct db *db = NULL;
    int is_my_turn;

    pthread_mutex_lock(&pool->lock);
    is_my_turn = wait_for_turn(pool, &db);
    pthread_mutex_unlock(&pool->lock);
    if (!is_my_turn) {
        app_fail(err, APP_OVERLOADED, "no database connection free within %u ms",
                 pool->settings.acquire_timeout_ms);
        return NULL;
    }
    if (db && is_alive(db))
        return db;
    db_close(db);
    return connect_in_slot(pool, err);
}

void db_release(struct db *db)
{
    struct db_pool *pool;

    if (!db)
        return;
    pool = db->pool;
    if (db->is_broken || db->in_transaction) {
        db_close(db);
        give_up_slot(pool);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    db->next = pool->idle;
    pool->idle = db;
    pool->idle_count++;
    pthread_cond_signal(&pool->is_free);
    pthread_mutex_unlock(&pool->lock);
}

void db_release_p(struct db **db)
{
    db_release(*db);
}

struct db *db_open(struct db_pool *pool, const struct db_timeouts *t, struct app_error *err)
{
    struct db_settings s = pool->settings; /* borrows the strings */

    s.read_timeout_s = t->read_s;
    s.statement_timeout_s = t->statement_s;
    return db_connect(&s, err);
}

int db_pool_ping(struct db_pool *pool, struct app_error *err)
{
    struct db *db AUTO(db_release_p) = db_acquire(pool, err);

    if (!db)
        return -1;
    if (mysql_ping(db->mysql))
        return sql_fail(db, mysql_errno(db->mysql), mysql_error(db->mysql), err);
    return 0;
}

void db_pool_stats(struct db_pool *pool, struct db_pool_stats *ret)
{
    pthread_mutex_lock(&pool->lock);
    *ret = (struct db_pool_stats){pool->open, pool->open - pool->idle_count,
                                  pool->settings.max_connections};
    pthread_mutex_unlock(&pool->lock);
}

void db_thread_end(void)
{
    mysql_thread_end();
}
