/* SPDX-License-Identifier: Apache-2.0 */
#include "net_client.h"
#include "clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct net_pool *client_pool_of(struct net *n, const struct net_pool_config *config)
{
    struct app_error err = {0};
    struct net_pool *p = net_pool_create(n, config, &err);

    if (!p)
        print_error("%s\n", err.detail);
    assert_non_null(p);
    return p;
}

struct net_pool *client_pool(struct net *n, const char *url)
{
    struct net_pool_config config = {.name = "test", .base_url = url, .allow_loopback_http = true};

    return client_pool_of(n, &config);
}

int client_get(struct net_pool *p, const char *path, struct net_response *res,
               struct app_error *err)
{
    struct net_request req = {.method = "GET",
                              .path = path,
                              .is_idempotent = true,
                              .deadline_us = clock_mono_us() + 10 * US_PER_S};

    return net_call(p, &req, res, err);
}

int client_expect_request(struct net_pool *p, const struct net_request *req, enum app_code code)
{
    struct net_response res;
    struct app_error err = {0};
    int rc = net_call(p, req, &res, &err);

    if (err.code != code)
        print_error("%s %s: %s %s, expected %s\n", req->method ? req->method : "-",
                    req->path ? req->path : "-", err.code ? app_code_name(err.code) : "no error",
                    err.detail, code ? app_code_name(code) : "no error");
    assert_int_equal(err.code, code);
    assert_int_equal(rc, code == APP_OK ? 0 : -1);
    if (rc < 0)
        assert_null(res.body.data);
    buf_finish(&res.body);
    return res.status;
}

int client_expect(struct net_pool *p, const char *path, enum app_code code)
{
    struct net_request req = {.method = "GET",
                              .path = path,
                              .is_idempotent = true,
                              .deadline_us = clock_mono_us() + 10 * US_PER_S};

    return client_expect_request(p, &req, code);
}

static void *run_call(void *arg)
{
    struct client_call *c = arg;
    struct net_request req = {.method = "GET",
                              .path = c->path,
                              .is_idempotent = true,
                              .cancel = c->cancel,
                              .deadline_us = c->deadline_us};
    struct net_response res;
    int64_t start_us = clock_mono_us();

    c->rc = net_call(c->pool, &req, &res, &c->err);
    c->took_us = clock_mono_us() - start_us;
    c->status = res.status;
    buf_finish(&res.body);
    return NULL;
}

void client_call_start(struct client_call *c)
{
    assert_int_equal(pthread_create(&c->thread, NULL, run_call, c), 0);
}

void client_call_join(struct client_call *c)
{
    assert_int_equal(pthread_join(c->thread, NULL), 0);
}
