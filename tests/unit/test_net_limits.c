/* SPDX-License-Identifier: Apache-2.0 */
/* Byte limits, sinks, places in flight, cancellation, the end of the loops. */
#include "cleanup.h"
#include "clock.h"
#include "net_client.h"
#include "net_server.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct net *net;
    struct test_server *server;
    struct net_pool *pool;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->net = net_create(2, NULL);
    f->server = server_start(NULL, 0);
    f->pool = client_pool(f->net, server_url(f->server));
    *state = f;
    return f->net ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    net_pool_unref(f->pool);
    net_destroy(f->net);
    server_stop(f->server);
    free(f);
    return 0;
}

/* ---- bytes ---- */

static void body_may_be_exactly_the_limit(void **state)
{
    static const char *const paths[] = {"/bytes?100000", "/chunked?100000"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct net_request req = {.method = "GET", .path = paths[i], .answer_max_bytes = 100000};

        client_expect_request(f->pool, &req, APP_OK);
        req.answer_max_bytes = 99999;
        client_expect_request(f->pool, &req, APP_UPSTREAM_BROKEN);
    }
}

static void default_body_limit_is_8_mib(void **state)
{
    struct fixture *f = *state;

    client_expect(f->pool, "/bytes?8388608", APP_OK);
    client_expect(f->pool, "/bytes?8388609", APP_UPSTREAM_BROKEN);
}

static void headers_may_be_exactly_the_limit(void **state)
{
    struct fixture *f = *state;
    struct net_pool_config config = {.name = "headers",
                                     .base_url = server_url(f->server),
                                     .allow_loopback_http = true,
                                     .header_max_bytes = 5000};
    struct net_pool *p = client_pool_of(f->net, &config);

    client_expect(p, "/header-bytes?5000", APP_OK);
    client_expect(p, "/header-bytes?5001", APP_UPSTREAM_BROKEN);
    net_pool_unref(p);
}

static void endless_headers_are_broken(void **state)
{
    struct fixture *f = *state;

    client_expect(f->pool, "/endless-headers", APP_UPSTREAM_BROKEN);
    client_expect(f->pool, "/endless-line", APP_UPSTREAM_BROKEN);
    client_expect(f->pool, "/interim-flood", APP_UPSTREAM_BROKEN);
}

/* ---- sinks ---- */

struct sink {
    size_t bytes, stop_after; /* 0: never */
    bool is_alphabet;
    struct app_error *err; /* what it says when it stops; NULL: nothing */
};

static int swallow(void *ctx, const char *bytes, size_t len)
{
    struct sink *s = ctx;

    for (size_t i = 0; i < len; i++)
        s->is_alphabet &= bytes[i] == (char)('a' + (s->bytes + i) % 26);
    s->bytes += len;
    if (!s->stop_after || s->bytes < s->stop_after)
        return 0;
    if (s->err)
        app_fail(s->err, APP_OVERLOADED, "the sink is full");
    return -1;
}

static void sink_gets_every_byte(void **state)
{
    struct fixture *f = *state;
    struct net_request req = {.method = "GET",
                              .path = "/bytes?3000000",
                              .is_idempotent = true,
                              .answer_max_bytes = 3000000};
    struct sink s = {.is_alphabet = true};
    struct net_response res;
    struct app_error err;

    assert_int_equal(net_stream(f->pool, &req, swallow, &s, &res, &err), 0);
    assert_int_equal(s.bytes, 3000000);
    assert_true(s.is_alphabet);
    assert_int_equal(res.received_bytes, 3000000);
    assert_int_equal(res.status, 200);
    assert_null(res.body.data);

    req.answer_max_bytes--;
    s = (struct sink){.is_alphabet = true};
    assert_int_equal(net_stream(f->pool, &req, swallow, &s, &res, &err), -1);
    assert_int_equal(err.code, APP_UPSTREAM_BROKEN);
    assert_in_range(s.bytes, 0, 2999999);
}

static void sink_can_stop_and_say_why(void **state)
{
    struct fixture *f = *state;
    struct net_request req = {.method = "GET", .path = "/bytes?3000000"};
    struct net_response res;
    struct app_error err = {
        .code = APP_NOT_FOUND}; /* left from before: must not be taken for the sink's */
    struct sink s = {.stop_after = 1};

    assert_int_equal(net_stream(f->pool, &req, swallow, &s, &res, &err), -1);
    assert_int_equal(err.code, APP_UPSTREAM_BROKEN);
    s = (struct sink){.stop_after = 1, .err = &err};
    assert_int_equal(net_stream(f->pool, &req, swallow, &s, &res, &err), -1);
    assert_int_equal(err.code, APP_OVERLOADED);
    client_expect(f->pool, "/ok", APP_OK);
}

static void body_of_an_error_goes_to_the_buffer(void **state)
{
    struct fixture *f = *state;
    struct net_request req = {.method = "GET", .path = "/error-bytes?65536"};
    struct net_response res;
    struct app_error err;
    struct sink s = {.is_alphabet = true};

    assert_int_equal(net_stream(f->pool, &req, swallow, &s, &res, &err), 0);
    assert_int_equal(res.status, 403);
    assert_int_equal(res.body.len, 65536);
    assert_int_equal(s.bytes, 0);
    buf_finish(&res.body);
    req.path = "/error-bytes?65537";
    assert_int_equal(net_stream(f->pool, &req, swallow, &s, &res, &err), -1);
    assert_int_equal(err.code, APP_UPSTREAM_BROKEN);
    assert_int_equal(res.status, 403);
}

/* ---- places in flight ---- */

static struct net_pool *narrow_pool(struct fixture *f)
{
    struct net_pool_config config = {.name = "narrow",
                                     .base_url = server_url(f->server),
                                     .allow_loopback_http = true,
                                     .max_in_flight = 1};

    return client_pool_of(f->net, &config);
}

static void one_too_many_waits_a_second_and_is_refused(void **state)
{
    struct fixture *f = *state;
    struct net_pool *p = narrow_pool(f);
    struct client_call hog = {.pool = p, .path = "/silent", .cancel = net_cancel_create()};
    int64_t start_us;

    client_call_start(&hog);
    assert_true(server_wait_active(f->server, 1));
    start_us = clock_mono_us();
    client_expect(p, "/ok", APP_OVERLOADED);
    assert_in_range(clock_mono_us() - start_us, 950 * MS, 2000 * MS);
    assert_int_equal(server_requests(f->server), 1);
    net_cancel_fire(hog.cancel);
    client_call_join(&hog);
    assert_int_equal(hog.err.code, APP_CANCELLED);
    client_expect(p, "/ok", APP_OK);
    net_cancel_destroy(hog.cancel);
    net_pool_unref(p);
}

static void one_too_many_gets_the_place_that_becomes_free(void **state)
{
    struct fixture *f = *state;
    struct net_pool *p = narrow_pool(f);
    struct client_call hog = {.pool = p, .path = "/delay?200"};

    client_call_start(&hog);
    assert_true(server_wait_active(f->server, 1));
    assert_int_equal(client_expect(p, "/ok", APP_OK), 200);
    client_call_join(&hog);
    assert_int_equal(hog.rc, 0);
    net_pool_unref(p);
}

static void who_waits_for_a_place_can_be_cancelled(void **state)
{
    struct fixture *f = *state;
    struct net_pool *p = narrow_pool(f);
    struct client_call hog = {.pool = p, .path = "/silent", .cancel = net_cancel_create()};
    struct client_call waiter = {.pool = p, .path = "/ok", .cancel = net_cancel_create()};

    client_call_start(&hog);
    assert_true(server_wait_active(f->server, 1));
    client_call_start(&waiter);
    poll(NULL, 0, 50);
    net_cancel_fire(waiter.cancel);
    client_call_join(&waiter);
    assert_int_equal(waiter.err.code, APP_CANCELLED);
    assert_in_range(waiter.took_us, 0, 800 * MS);
    net_cancel_fire(hog.cancel);
    client_call_join(&hog);
    net_cancel_destroy(hog.cancel);
    net_cancel_destroy(waiter.cancel);
    net_pool_unref(p);
}

/* ---- cancellation ---- */

static void cancel_ends_running_and_later_calls(void **state)
{
    struct fixture *f = *state;
    struct net_cancel *c = net_cancel_create();
    struct client_call calls[4];
    struct net_request req = {.method = "GET", .path = "/ok", .cancel = c};

    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        calls[i] = (struct client_call){
            .pool = f->pool, .path = i % 2 ? "/slow-bytes" : "/silent", .cancel = c};
        client_call_start(&calls[i]);
    }
    assert_true(server_wait_active(f->server, (int)ARRAY_LEN(calls)));
    assert_false(net_cancel_fired(c));
    net_cancel_fire(c);
    assert_true(net_cancel_fired(c));
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        client_call_join(&calls[i]);
        assert_int_equal(calls[i].err.code, APP_CANCELLED);
        assert_in_range(calls[i].took_us, 0, 5000 * MS);
    }
    client_expect_request(f->pool, &req, APP_CANCELLED);
    assert_int_equal(server_requests(f->server), (int)ARRAY_LEN(calls));
    net_cancel_destroy(c);
}

/* Fired at any moment of a short call: it ends in one of two ways and nothing is left behind. */
static void cancel_may_come_at_any_moment(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 200; i++) {
        struct client_call c = {.pool = f->pool, .path = "/ok", .cancel = net_cancel_create()};

        client_call_start(&c);
        if (i % 2)
            poll(NULL, 0, i % 3);
        net_cancel_fire(c.cancel);
        client_call_join(&c);
        assert_true(c.rc == 0 || c.err.code == APP_CANCELLED);
        net_cancel_destroy(c.cancel);
    }
    client_expect(f->pool, "/ok", APP_OK);
}

/* ---- many, and the end ---- */

static void fifty_calls_run_side_by_side(void **state)
{
    struct fixture *f = *state;
    struct client_call calls[50];

    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        calls[i] = (struct client_call){
            .pool = f->pool, .path = "/silent", .deadline_us = clock_mono_us() + 700 * MS};
        if (i % 2)
            calls[i].path = "/delay?100";
        client_call_start(&calls[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        client_call_join(&calls[i]);
        assert_int_equal(calls[i].err.code, i % 2 ? APP_OK : APP_UPSTREAM_TIMEOUT);
        assert_in_range(calls[i].took_us, 0, 3000 * MS);
    }
}

static void many_threads_repeat_short_calls(void **state)
{
    struct fixture *f = *state;
    struct client_call calls[16];

    for (int round = 0; round < 10; round++) {
        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
            calls[i] = (struct client_call){.pool = f->pool, .path = "/bytes?20000"};
            client_call_start(&calls[i]);
        }
        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
            client_call_join(&calls[i]);
            assert_int_equal(calls[i].rc, 0);
        }
    }
    assert_in_range(server_connections(f->server), 1, 40); /* of 160 requests */
}

static void destroy_cancels_what_runs(void **state)
{
    struct fixture *f = *state;
    struct client_call calls[4];

    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        calls[i] = (struct client_call){.pool = f->pool, .path = "/silent"};
        client_call_start(&calls[i]);
    }
    assert_true(server_wait_active(f->server, (int)ARRAY_LEN(calls)));
    net_destroy(f->net);
    f->net = NULL;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        client_call_join(&calls[i]);
        assert_int_equal(calls[i].err.code, APP_CANCELLED);
    }
    client_expect(f->pool, "/ok", APP_CANCELLED); /* a pool that outlives its loops is harmless */
}

static void released_pool_closes_its_connections(void **state)
{
    struct fixture *f = *state;
    struct net_pool *p = client_pool(f->net, server_url(f->server));
    struct client_call c = {.pool = p, .path = "/delay?100"};

    client_expect(p, "/ok", APP_OK);
    client_call_start(&c);
    assert_true(server_wait_requests(f->server, 2));
    net_pool_unref(p); /* the running call holds a reference of its own */
    client_call_join(&c);
    assert_int_equal(c.rc, 0);
}

static void loop_count_is_checked(void **state)
{
    struct app_error err = {0};

    (void)state;
    assert_null(net_create(0, &err));
    assert_int_equal(err.code, APP_INTERNAL);
    assert_null(net_create(9, &err));
    net_destroy(net_create(8, &err));
    net_destroy(NULL);
    net_pool_unref(NULL);
    net_cancel_fire(NULL);
    net_cancel_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        T(body_may_be_exactly_the_limit),
        T(default_body_limit_is_8_mib),
        T(headers_may_be_exactly_the_limit),
        T(endless_headers_are_broken),
        T(sink_gets_every_byte),
        T(sink_can_stop_and_say_why),
        T(body_of_an_error_goes_to_the_buffer),
        T(one_too_many_waits_a_second_and_is_refused),
        T(one_too_many_gets_the_place_that_becomes_free),
        T(who_waits_for_a_place_can_be_cancelled),
        T(cancel_ends_running_and_later_calls),
        T(cancel_may_come_at_any_moment),
        T(fifty_calls_run_side_by_side),
        T(many_threads_repeat_short_calls),
        T(destroy_cancels_what_runs),
        T(released_pool_closes_its_connections),
        cmocka_unit_test(loop_count_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
