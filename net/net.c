/* SPDX-License-Identifier: Apache-2.0 */
#include "net_internal.h"

static void net_free(struct net *n)
{
    for (int i = 0; i < n->loop_count; i++)
        net_loop_finish(&n->loops[i]);
    X509_STORE_free(n->system_store);
    pthread_mutex_destroy(&n->mutex);
    free(n->loops);
    free(n);
    curl_global_cleanup();
}

void net_ref(struct net *n)
{
    atomic_fetch_add(&n->refs, 1);
}

void net_unref(struct net *n)
{
    if (atomic_fetch_sub(&n->refs, 1) == 1)
        net_free(n);
}

static int start_loops(struct net *n, int count)
{
    for (; n->loop_count < count; n->loop_count++)
        if (net_loop_start(&n->loops[n->loop_count]) < 0)
            return -1;
    return 0;
}

struct net *net_create(int loop_threads, struct app_error *err)
{
    struct net *n;

    if (loop_threads < 1 || loop_threads > NET_LOOPS_MAX) {
        app_fail(err, APP_INTERNAL, "net: %d loop threads", loop_threads);
        return NULL;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        app_fail(err, APP_INTERNAL, "net: curl_global_init");
        return NULL;
    }
    n = calloc(1, sizeof *n);
    if (n)
        n->loops = calloc((size_t)loop_threads, sizeof *n->loops);
    if (!n || !n->loops || pthread_mutex_init(&n->mutex, NULL) != 0) {
        free(n ? n->loops : NULL);
        free(n);
        curl_global_cleanup();
        app_fail(err, APP_INTERNAL, "net: out of memory");
        return NULL;
    }
    atomic_init(&n->refs, 1);
    if (start_loops(n, loop_threads) < 0) {
        net_destroy(n);
        app_fail(err, APP_INTERNAL, "net: a loop thread did not start");
        return NULL;
    }
    return n;
}

void net_destroy(struct net *n)
{
    if (!n)
        return;
    for (int i = 0; i < n->loop_count; i++)
        net_loop_stop(&n->loops[i]);
    for (int i = 0; i < n->loop_count; i++)
        net_loop_join(&n->loops[i]);
    net_unref(n);
}
