/* SPDX-License-Identifier: Apache-2.0 */
#include "parallel.h"
#include "db.h"

#include <pthread.h>
#include <stdatomic.h>

struct work {
    void (*fn)(void *ctx, size_t i);
    void *ctx;
    size_t count;
    _Atomic size_t next;
};

static void work_off(struct work *w)
{
    for (size_t i = atomic_fetch_add(&w->next, 1); i < w->count; i = atomic_fetch_add(&w->next, 1))
        w->fn(w->ctx, i);
}

static void *thread_main(void *arg)
{
    work_off(arg);
    db_thread_end();
    return NULL;
}

void parallel_for(size_t count, void (*fn)(void *ctx, size_t i), void *ctx)
{
    struct work w = {.fn = fn, .ctx = ctx, .count = count};
    pthread_t threads[PARALLEL_MAX];
    size_t started = 0;

    while (started < PARALLEL_MAX && started + 1 < count &&
           pthread_create(&threads[started], NULL, thread_main, &w) == 0)
        started++;
    work_off(&w);
    while (started > 0)
        pthread_join(threads[--started], NULL);
}
