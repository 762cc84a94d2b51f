/* SPDX-License-Identifier: Apache-2.0 */
/** Short ways to call net/ that its tests share. All assert that the set-up works. */
#ifndef CP_TEST_NET_CLIENT_H
#define CP_TEST_NET_CLIENT_H
#include "net.h"

#include <pthread.h>

#define MS 1000 /* microseconds */

/** @return a pool for http:// on loopback with defaults. */
struct net_pool *client_pool(struct net *n, const char *url);
/** @return a pool for @p config, which has to be good. */
struct net_pool *client_pool_of(struct net *n, const struct net_pool_config *config);
/** GET @p path, idempotent, with 10 s to go; @p res is finished by the caller. */
int client_get(struct net_pool *p, const char *path, struct net_response *res,
               struct app_error *err);
/** GET @p path, assert that it ends with @p code, and release everything. @return the HTTP status.
 */
int client_expect(struct net_pool *p, const char *path, enum app_code code);
/** Do @p req and assert that it ends with @p code. @return the HTTP status. */
int client_expect_request(struct net_pool *p, const struct net_request *req, enum app_code code);

/* A GET in a thread of its own. */
struct client_call {
    struct net_pool *pool;
    const char *path;
    struct net_cancel *cancel;
    int64_t deadline_us;
    pthread_t thread;
    int rc, status;
    int64_t took_us;
    struct app_error err;
};
void client_call_start(struct client_call *c);
void client_call_join(struct client_call *c);
#endif
