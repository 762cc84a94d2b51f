/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The bounded worker pool: admission, fair choice, shares, deadlines (design 3.5, 3.6;
 * promises-and-limits 2).
 *
 * A job has two keys: its user (never more than per_user jobs at a time) and its cluster (at most a
 * quarter of the threads run one cluster's jobs, at most half of the queue holds them). A free
 * worker takes, among the jobs whose cluster is below its share, the one whose user has the fewest
 * running and was served longest ago; first come first served among equals.
 *
 * Threads: any, unless said otherwise.
 */
#ifndef CP_POOL_H
#define CP_POOL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;
struct pool_share;
struct net_cancel;

enum pool_verdict { POOL_OK, POOL_FULL, POOL_USER_FULL, POOL_CLUSTER_FULL, POOL_STOPPING };

enum pool_end {
    POOL_RUN,       /* a worker runs it */
    POOL_WAITED,    /* it waited too long: refuse it */
    POOL_ABANDONED, /* the pool gives up what waits: refuse it */
};

struct pool_job {
    /* Filled by the owner before pool_submit(). */
    uint64_t user_key, cluster_key;                       /* 0: none */
    int64_t deadline_us;                                  /* the running job is cancelled then */
    struct net_cancel *cancel;                            /* may be NULL */
    void (*run)(struct pool_job *job, enum pool_end end); /* the job may be gone when it returns */
    /* Read by the owner inside run(). */
    bool is_timed_out; /* cancelled for its deadline; read it after pool_leave() */
    /* The pool's own. */
    struct pool_job *next, *prev;
    struct pool_share *user, *cluster;
    int64_t queued_us;
    bool is_cancelled;
};

struct pool_options {
    int threads, queue_max, queue_wait_ms, per_user_max, in_flight_max;
    void (*fire)(struct net_cancel *c); /* may be NULL */
    void (*worker_start)(void);         /* may be NULL */
    void (*worker_end)(void);
};

/** @return a pool without threads yet, or NULL (no memory). */
struct pool *pool_create(const struct pool_options *o);
/** Start the workers. @return 0, or -1. */
int pool_start(struct pool *p);

/**
 * Hand @p job in. When it is admitted, @p admitted(job) runs before any worker can see it.
 * @return POOL_OK, or why not; then nothing was done.
 */
enum pool_verdict pool_submit(struct pool *p, struct pool_job *job,
                              void (*admitted)(struct pool_job *job));
/** Move the running @p job to another user (it is known only now). @return false when that one is
 * full. */
bool pool_rekey_user(struct pool *p, struct pool_job *job, uint64_t user_key);
/** Called by run(POOL_RUN) once the job needs no cancel any more: its share is free, nothing is
 * fired after this. */
void pool_leave(struct pool *p, struct pool_job *job);

/** Refuse what waited too long, cancel what is past its deadline. Called every 100 ms by one
 * thread. */
void pool_tick(struct pool *p, int64_t now_us);
/** Refuse all that waits, cancel all that runs, admit nothing more. */
void pool_abandon(struct pool *p);
/** Join the workers; nothing may wait or run any more. */
void pool_stop(struct pool *p);
void pool_destroy(struct pool *p);

struct pool_stats {
    int queued, running, threads;
};
struct pool_stats pool_stats(struct pool *p);
/** @return a key for @p bytes, never 0; keyed with a random seed of the process. */
uint64_t pool_key(struct pool *p, const void *bytes, size_t len);
#endif
