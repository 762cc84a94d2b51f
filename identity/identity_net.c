/* SPDX-License-Identifier: Apache-2.0 */
/* The issuer's documents over the one outbound HTTP module. */
#include "cleanup.h"
#include "identity_priv.h"
#include "net.h"

#include <string.h>

struct net_source {
    struct net *net;
    char *ca_pem;
    bool allow_loopback_http;
    struct net_cancel *cancel;
    struct net_pool
        *pool; /* towards .origin; made by the first fetch, the key set's thread alone uses it */
    char *origin;
};

static char *origin_of(const char *url, const char **ret_path)
{
    const char *host = strstr(url, "://");
    size_t len;

    if (!host)
        return NULL;
    len = (size_t)(host - url) + 3 + strcspn(host + 3, "/?#");
    *ret_path = url[len] == '/' ? url + len : "/";
    return strndup(url, len);
}

/* Discovery and key set are normally one origin; another one gets a pool of its own in place of the
 * first. */
static int use_origin(struct net_source *s, char *origin, struct app_error *err)
{
    struct net_pool_config config = {.name = "issuer",
                                     .base_url = origin,
                                     .allow_loopback_http = s->allow_loopback_http,
                                     .ca_pem = s->ca_pem,
                                     .max_in_flight = 2};

    if (s->origin && strcmp(s->origin, origin) == 0) {
        free(origin);
        return 0;
    }
    net_pool_unref(s->pool);
    free(s->origin);
    s->origin = origin;
    s->pool = net_pool_create(s->net, &config, err);
    if (s->pool)
        return 0;
    s->origin = NULL;
    free(origin);
    return -1;
}

static int call(struct net_source *s, const char *path, int64_t deadline_us, struct buf *ret,
                struct app_error *err)
{
    struct net_request request = {.method = "GET",
                                  .path = path,
                                  .deadline_us = deadline_us,
                                  .answer_max_bytes = ret->max_bytes,
                                  .is_idempotent = true,
                                  .cancel = s->cancel};
    struct net_response answer = {.status = 0};
    int rc = net_call(s->pool, &request, &answer, err);

    if (rc == 0 && answer.status != 200)
        rc = app_fail(err, APP_UPSTREAM_FAILED, "issuer: status %d", answer.status);
    if (rc == 0 && buf_append(ret, answer.body.data, answer.body.len) < 0)
        rc = app_fail(err, APP_UPSTREAM_BROKEN, "issuer: answer too long");
    buf_finish(&answer.body);
    return rc;
}

static int source_fetch(void *ctx, const char *url, int64_t deadline_us, struct buf *ret,
                        struct app_error *err)
{
    struct net_source *s = ctx;
    const char *path = NULL;
    char *origin = origin_of(url, &path);

    if (!origin)
        return app_fail(err, APP_INTERNAL, "issuer: not a URL");
    return use_origin(s, origin, err) < 0 ? -1 : call(s, path, deadline_us, ret, err);
}

static void source_cancel(void *ctx)
{
    struct net_source *s = ctx;

    net_cancel_fire(s->cancel);
}

static void source_destroy(void *ctx)
{
    struct net_source *s = ctx;

    net_pool_unref(s->pool);
    if (s->cancel)
        net_cancel_destroy(s->cancel);
    free(s->origin);
    free(s->ca_pem);
    free(s);
}

struct identity *identity_create(const struct identity_config *config, struct net *n,
                                 struct app_error *err)
{
    struct net_source *s = calloc(1, sizeof *s);
    struct identity_env env = {
        .ctx = s, .fetch = source_fetch, .cancel = source_cancel, .destroy = source_destroy};

    if (!s) {
        app_fail(err, APP_INTERNAL, "identity: no memory");
        return NULL;
    }
    s->net = n;
    s->allow_loopback_http = config->allow_loopback_http;
    s->ca_pem = config->ca_pem ? strdup(config->ca_pem) : NULL;
    s->cancel = net_cancel_create();
    if (s->cancel && !s->ca_pem == !config->ca_pem)
        return identity_create_with(config, &env, err);
    source_destroy(s);
    app_fail(err, APP_INTERNAL, "identity: no memory");
    return NULL;
}
