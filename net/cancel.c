/* SPDX-License-Identifier: Apache-2.0 */
#include "net_internal.h"

struct net_cancel {
    pthread_mutex_t mutex;
    struct link transfers; /* transfer.cancel_link */
    atomic_bool is_fired;
};

struct net_cancel *net_cancel_create(void)
{
    struct net_cancel *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    if (pthread_mutex_init(&c->mutex, NULL) != 0) {
        free(c);
        return NULL;
    }
    link_init(&c->transfers);
    return c;
}

void net_cancel_destroy(struct net_cancel *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

/* The flag goes first and the lane is read after it: a transfer without a lane is yet to be
 * submitted, and its loop looks at the flag before it starts. */
static void cancel_transfer(struct transfer *t)
{
    struct lane *lane;

    atomic_store(&t->is_cancelled, true);
    lane = atomic_load(&t->lane);
    if (lane)
        net_loop_wake_for_cancel(lane->loop);
    else
        net_pool_wake_waiters(t->pool);
}

void net_cancel_fire(struct net_cancel *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->mutex);
    atomic_store(&c->is_fired, true);
    for (struct link *l = c->transfers.next; l != &c->transfers; l = l->next)
        cancel_transfer(LINK_OWNER(l, struct transfer, cancel_link));
    pthread_mutex_unlock(&c->mutex);
}

bool net_cancel_fired(const struct net_cancel *c)
{
    return c && atomic_load(&c->is_fired);
}

void net_cancel_attach(struct net_cancel *c, struct transfer *t)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->mutex);
    link_add_last(&c->transfers, &t->cancel_link);
    if (atomic_load(&c->is_fired))
        atomic_store(&t->is_cancelled, true);
    pthread_mutex_unlock(&c->mutex);
}

void net_cancel_detach(struct net_cancel *c, struct transfer *t)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->mutex);
    link_remove(&t->cancel_link);
    pthread_mutex_unlock(&c->mutex);
}
