/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readiness: one thread asks the checks, everybody else reads what it heard last. A check may wait
 * for a time-out (a frozen database: 15 s); health, metrics and readiness must not wait with it
 * (promise P3).
 */
#include "clock.h"
#include "server_priv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PERIOD_MS 500
#define NAP_MS 20 /* how soon a stop is seen */
/* A check that has said nothing for so long counts as failed. */
#define STALE_US (3 * US_PER_S)

static void ask_one(struct server *s, struct readiness *r)
{
    char reason[sizeof r->reason] = "";
    bool ok = r->fn(r->ctx, reason, sizeof reason);

    pthread_mutex_lock(&s->ready_lock);
    r->ok = ok;
    r->heard_us = clock_mono_us();
    memcpy(r->reason, reason, sizeof reason);
    pthread_mutex_unlock(&s->ready_lock);
}

static void ask_all(struct server *s)
{
    for (size_t i = 0; i < s->readiness_count; i++)
        ask_one(s, &s->readiness[i]);
}

static void *ready_main(void *arg)
{
    struct server *s = arg;

    while (!atomic_load(&s->ready_stop)) {
        for (int ms = 0; ms < PERIOD_MS && !atomic_load(&s->ready_stop); ms += NAP_MS)
            usleep(NAP_MS * 1000);
        ask_all(s);
    }
    if (s->o.worker_end)
        s->o.worker_end();
    return NULL;
}

int ready_start(struct server *s, struct app_error *err)
{
    ask_all(s); /* nobody asks before there is an answer */
    atomic_store(&s->ready_stop, false);
    if (pthread_create(&s->ready_thread, NULL, ready_main, s) != 0)
        return app_fail(err, APP_INTERNAL, "no thread");
    s->ready_is_running = true;
    return 0;
}

void ready_stop(struct server *s)
{
    atomic_store(&s->ready_stop, true);
    if (s->ready_is_running)
        pthread_join(s->ready_thread, NULL);
    s->ready_is_running = false;
}

bool ready_read(struct server *s, size_t index, char *reason, size_t reason_bytes)
{
    const struct readiness *r = &s->readiness[index];
    bool ok;

    assert(index < s->readiness_count);
    pthread_mutex_lock(&s->ready_lock);
    ok = r->ok && clock_mono_us() - r->heard_us < STALE_US;
    snprintf(reason, reason_bytes, "%s", r->ok ? "no answer for some time" : r->reason);
    pthread_mutex_unlock(&s->ready_lock);
    return ok;
}

bool server_is_ready(struct server *s)
{
    char reason[160];

    for (size_t i = 0; i < s->readiness_count; i++) {
        if (!ready_read(s, i, reason, sizeof reason))
            return false;
    }
    return atomic_load(&s->phase) == SERVER_SERVING;
}
