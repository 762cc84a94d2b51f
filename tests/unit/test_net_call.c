/* SPDX-License-Identifier: Apache-2.0 */
/* What a call does when the server fails, and what arrives there. */
#include "cleanup.h"
#include "clock.h"
#include "counters.h"
#include "net_client.h"
#include "net_server.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* ---- failures of the server ---- */

static void failing_server_gives_the_right_code(void **state)
{
    static const struct {
        const char *path;
        enum app_code code;
    } cases[] = {
        {"/half",          APP_UPSTREAM_BROKEN     },
        {"/half-chunk",    APP_UPSTREAM_BROKEN     },
        {"/bad-chunk",     APP_UPSTREAM_BROKEN     },
        {"/garbage",       APP_UPSTREAM_BROKEN     },
        {"/reset",         APP_UPSTREAM_UNREACHABLE},
        {"/die",           APP_UPSTREAM_UNREACHABLE},
        {"/reset-in-body", APP_UPSTREAM_BROKEN     },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        client_expect(f->pool, cases[i].path, cases[i].code);
    assert_int_equal(client_expect(f->pool, "/ok", APP_OK), 200);
}

static int closed_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void refused_connection_is_unreachable_and_idempotent_repeats_once(void **state)
{
    struct fixture *f = *state;
    char url[64];
    struct net_request post = {.method = "POST", .path = "/ok"};
    struct net_pool *p;
    uint64_t errors = counter_get(CTR_UPSTREAM_ERRORS), calls = counter_get(CTR_UPSTREAM_CALLS);

    snprintf(url, sizeof url, "http://127.0.0.1:%d", closed_port());
    p = client_pool(f->net, url);
    client_expect(p, "/ok", APP_UPSTREAM_UNREACHABLE);
    assert_int_equal(counter_get(CTR_UPSTREAM_ERRORS) - errors, 1);
    assert_int_equal(counter_get(CTR_UPSTREAM_CALLS) - calls, 2);
    client_expect_request(p, &post, APP_UPSTREAM_UNREACHABLE);
    assert_int_equal(counter_get(CTR_UPSTREAM_CALLS) - calls, 3);
    net_pool_unref(p);
}

static void silent_server_ends_at_the_deadline(void **state)
{
    struct fixture *f = *state;
    int64_t start_us = clock_mono_us(), took_us;
    struct net_request req = {
        .method = "GET", .path = "/silent", .deadline_us = start_us + 200 * MS};

    client_expect_request(f->pool, &req, APP_UPSTREAM_TIMEOUT);
    took_us = clock_mono_us() - start_us;
    assert_in_range(took_us, 200 * MS, 2000 * MS);
    client_expect_request(f->pool, &req, APP_UPSTREAM_TIMEOUT); /* in the past: at once */
    assert_int_equal(server_requests(f->server), 1);
}

static void slow_bytes_do_not_move_the_deadline(void **state)
{
    struct fixture *f = *state;
    int64_t start_us = clock_mono_us();
    struct net_request req = {
        .method = "GET", .path = "/slow-bytes", .deadline_us = start_us + 300 * MS};

    assert_int_equal(client_expect_request(f->pool, &req, APP_UPSTREAM_TIMEOUT), 200);
    assert_in_range(clock_mono_us() - start_us, 300 * MS, 2000 * MS);
}

static void first_byte_has_its_own_limit(void **state)
{
    struct fixture *f = *state;
    struct net_pool_config config = {.name = "first-byte",
                                     .base_url = server_url(f->server),
                                     .allow_loopback_http = true,
                                     .first_byte_timeout_ms = 200};
    struct net_pool *p = client_pool_of(f->net, &config);
    int64_t start_us = clock_mono_us();

    client_expect(p, "/silent", APP_UPSTREAM_TIMEOUT);
    assert_in_range(clock_mono_us() - start_us, 200 * MS, 2000 * MS);
    /* Bytes that have begun may take longer than that. */
    start_us = clock_mono_us();
    client_expect_request(p,
                          &(struct net_request){.method = "GET",
                                                .path = "/slow-bytes",
                                                .deadline_us = start_us + 600 * MS},
                          APP_UPSTREAM_TIMEOUT);
    assert_in_range(clock_mono_us() - start_us, 600 * MS, 3000 * MS);
    net_pool_unref(p);
}

static void redirect_is_returned_not_followed(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(client_expect(f->pool, "/redirect", APP_OK), 302);
    assert_int_equal(server_requests(f->server), 1);
}

/* ---- how often a request arrives ---- */

static void post_on_a_dying_connection_arrives_exactly_once(void **state)
{
    static const char *const paths[] = {"/die", "/reset", "/half", "/garbage"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct net_request req = {.method = "POST",
                                  .path = paths[i],
                                  .body = TEXT("{\"a\":1}"),
                                  .content_type = "application/json"};
        struct net_response res;
        int before;

        assert_int_equal(client_expect(f->pool, "/ok", APP_OK), 200); /* a kept connection */
        before = server_posts(f->server);
        assert_int_equal(net_call(f->pool, &req, &res, NULL), -1);
        assert_int_equal(server_posts(f->server) - before, 1);
    }
}

/* The counterpart shows that the test above can fail: on a kept connection curl does send again. */
static void get_on_a_dying_kept_connection_may_be_repeated(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(client_expect(f->pool, "/ok", APP_OK), 200);
    client_expect(f->pool, "/die", APP_UPSTREAM_UNREACHABLE);
    assert_int_equal(server_requests(f->server), 3);
}

static void get_survives_a_kept_connection_that_was_closed(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 5; i++)
        assert_int_equal(client_expect(f->pool, "/bye", APP_OK), 200);
    assert_int_equal(server_requests(f->server), 5);
}

static void get_reuses_its_connection(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 10; i++)
        assert_int_equal(client_expect(f->pool, "/bytes?5000", APP_OK), 200);
    assert_int_equal(server_connections(f->server), 1);
}

static void post_never_rides_on_a_kept_connection(void **state)
{
    struct fixture *f = *state;
    struct net_request req = {.method = "POST", .path = "/ok"};

    for (int i = 0; i < 3; i++)
        assert_int_equal(client_expect_request(f->pool, &req, APP_OK), 200);
    assert_int_equal(server_connections(f->server), 3);
    assert_int_equal(client_expect(f->pool, "/ok", APP_OK), 200);
    assert_int_equal(server_connections(f->server), 3);
}

static void old_connections_are_not_reused(void **state)
{
    struct fixture *f = *state;
    struct net_pool_config config = {.name = "age",
                                     .base_url = server_url(f->server),
                                     .allow_loopback_http = true,
                                     .connection_max_age_s = 1};
    struct net_pool *p = client_pool_of(f->net, &config);

    client_expect(p, "/ok", APP_OK);
    poll(NULL, 0, 2100); /* curl counts whole seconds */
    client_expect(p, "/ok", APP_OK);
    assert_int_equal(server_connections(f->server), 2);
    net_pool_unref(p);
}

static void pools_never_share_a_connection(void **state)
{
    struct fixture *f = *state;
    struct net_pool_config one = {.name = "one",
                                  .base_url = server_url(f->server),
                                  .allow_loopback_http = true,
                                  .bearer = "token-one"};
    struct net_pool_config two = one;
    struct net_pool *p1, *p2;

    two.bearer = "token-two";
    p1 = client_pool_of(f->net, &one);
    p2 = client_pool_of(f->net, &two);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(client_expect(p1, "/ok", APP_OK), 200);
        assert_int_equal(client_expect(p2, "/ok", APP_OK), 200);
        assert_int_equal(client_expect(f->pool, "/ok", APP_OK), 200);
    }
    assert_int_equal(server_connections(f->server), 3);
    assert_int_equal(server_mixed_connections(f->server), 0);
    net_pool_unref(p1);
    net_pool_unref(p2);
}

/* ---- what is on the wire ---- */

static void expect_echo(struct fixture *f, struct net_pool *p, const struct net_request *req,
                        const char *const *wanted, const char *const *unwanted)
{
    struct net_response res;
    struct app_error err = {0};

    (void)f;
    assert_int_equal(net_call(p, req, &res, &err), 0);
    for (; *wanted; wanted++)
        if (!strstr(res.body.data, *wanted))
            fail_msg("missing \"%s\" in:\n%s", *wanted, res.body.data);
    for (; *unwanted; unwanted++)
        if (strcasestr(res.body.data, *unwanted))
            fail_msg("unwanted \"%s\" in:\n%s", *unwanted, res.body.data);
    buf_finish(&res.body);
}

static void request_is_written_as_asked(void **state)
{
    struct fixture *f = *state;
    const struct net_header headers[] = {
        {"Impersonate-User", "system:serviceaccount:a:b"},
        {"X-Empty",          ""                         },
        {"X-Utf8",           "가"                      }
    };
    struct net_request post = {.method = "POST",
                               .path = "/echo/../%2e/x?a=%20b&c[]=d",
                               .body = TEXT("hello"),
                               .content_type = "application/json",
                               .headers = headers,
                               .header_count = ARRAY_LEN(headers)};
    struct net_request empty_post = {.method = "POST", .path = "/echo"};
    struct net_request get = {
        .method = "GET", .path = "/echo", .accept = "application/yaml", .is_idempotent = true};
    struct net_request patch = {.method = "PATCH",
                                .path = "/echo",
                                .body = TEXT("[]"),
                                .content_type = "application/json-patch+json"};
    struct net_request delete = {.method = "DELETE", .path = "/echo"};

    expect_echo(f, f->pool, &post,
                (const char *[]){"POST /echo/../%2e/x?a=%20b&c[]=d HTTP/1.1\r\n",
                                 "Content-Type: application/json\r\n", "Content-Length: 5\r\n",
                                 "Impersonate-User: system:serviceaccount:a:b\r\n", "X-Empty:\r\n",
                                 "X-Utf8: 가\r\n", "Accept: application/json\r\n", "\r\n\r\n5",
                                 NULL},
                (const char *[]){"Expect", "Authorization", "Transfer-Encoding", NULL});
    expect_echo(f, f->pool, &empty_post,
                (const char *[]){"POST /echo HTTP/1.1\r\n", "Content-Length: 0\r\n", NULL},
                (const char *[]){"Content-Type", "Expect", NULL});
    expect_echo(f, f->pool, &get,
                (const char *[]){"GET /echo HTTP/1.1\r\n", "Accept: application/yaml\r\n", NULL},
                (const char *[]){"Content-Type", "Content-Length", "Accept-Encoding", "Impersonate",
                                 "X-Empty", NULL});
    expect_echo(f, f->pool, &patch,
                (const char *[]){"PATCH /echo HTTP/1.1\r\n", "Content-Length: 2\r\n",
                                 "application/json-patch+json\r\n", NULL},
                (const char *[]){"Expect", NULL});
    expect_echo(f, f->pool, &delete, (const char *[]){"DELETE /echo HTTP/1.1\r\n", NULL},
                (const char *[]){"Content-Length", "Content-Type", NULL});
}

static void large_body_arrives_whole(void **state)
{
    struct fixture *f = *state;
    size_t len = 3 * MIB;
    char *body = malloc(len);
    struct net_request put = {
        .method = "PUT",
        .path = "/echo",
        .body = {body, len},
        .content_type = "application/octet-stream"
    };

    memset(body, 'b', len);
    expect_echo(
        f, f->pool, &put,
        (const char *[]){"PUT /echo", "Content-Length: 3145728\r\n", "\r\n\r\n3145728", NULL},
        (const char *[]){"Expect", NULL});
    free(body);
}

static void credentials_are_sent_as_configured(void **state)
{
    struct fixture *f = *state;
    struct net_pool_config bearer = {.name = "bearer",
                                     .base_url = server_url(f->server),
                                     .allow_loopback_http = true,
                                     .bearer = "abc.def-ghi"};
    struct net_pool_config basic = {.name = "basic",
                                    .base_url = server_url(f->server),
                                    .allow_loopback_http = true,
                                    .basic_user = "Aladdin",
                                    .basic_password = "open sesame"}; /* RFC 7617 2 */
    struct net_request get = {.method = "GET", .path = "/echo", .is_idempotent = true};
    struct net_pool *p1 = client_pool_of(f->net, &bearer), *p2 = client_pool_of(f->net, &basic);

    expect_echo(f, p1, &get, (const char *[]){"Authorization: Bearer abc.def-ghi\r\n", NULL},
                (const char *[]){NULL});
    expect_echo(f, p2, &get,
                (const char *[]){"Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n", NULL},
                (const char *[]){NULL});
    net_pool_unref(p1);
    net_pool_unref(p2);
}

static atomic_int wiped_bearers, wiped_headers;

void __real_OPENSSL_cleanse(void *bytes, size_t len);
void __wrap_OPENSSL_cleanse(void *bytes, size_t len);

void __wrap_OPENSSL_cleanse(void *bytes, size_t len)
{
    if (memmem(bytes, len, "Bearer wipe-me", 14))
        atomic_fetch_add(&wiped_bearers, 1);
    if (memmem(bytes, len, "X-Vault-Token: wipe-me", 22))
        atomic_fetch_add(&wiped_headers, 1);
    __real_OPENSSL_cleanse(bytes, len);
}

static void secrets_are_wiped(void **state)
{
    struct fixture *f = *state;
    struct net_header header = {"X-Vault-Token", "wipe-me"};
    struct net_request req = {
        .method = "GET", .path = "/ok", .headers = &header, .header_count = 1};
    struct net_pool_config config = {.name = "wipe",
                                     .base_url = server_url(f->server),
                                     .allow_loopback_http = true,
                                     .bearer = "wipe-me"};
    struct net_pool *p = client_pool_of(f->net, &config);

    client_expect_request(p, &req, APP_OK);
    assert_int_equal(atomic_load(&wiped_headers), 1);
    assert_int_equal(atomic_load(&wiped_bearers), 0);
    net_pool_unref(p); /* the loop threads let go of it */
    for (int i = 0; i < 400 && atomic_load(&wiped_bearers) == 0; i++)
        poll(NULL, 0, 5);
    assert_int_equal(atomic_load(&wiped_bearers), 1);
}

static void bad_headers_never_leave(void **state)
{
    static const struct net_header bad[] = {
        {"X-A",               "b\r\nX-Injected: c"},
        {"X-A",               "b\nc"              },
        {"X-A",               "b\rc"              },
        {"X-A\r\nB",          "c"                 },
        {"X A",               "b"                 },
        {"X-A:",              "b"                 },
        {"",                  "b"                 },
        {"X-A",               "b\001"             },
        {"Content-Length",    "3"                 },
        {"transfer-encoding", "chunked"           },
        {"Host",              "other"             },
        {"Connection",        "Impersonate-User"  },
        {"Expect",            "100-continue"      },
        {NULL,                "b"                 },
        {"X-A",               NULL                },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct net_request req = {
            .method = "GET", .path = "/ok", .headers = &bad[i], .header_count = 1};

        client_expect_request(f->pool, &req, APP_INTERNAL);
    }
    assert_int_equal(server_connections(f->server), 0);
}

static void bad_requests_never_leave(void **state)
{
    static const struct {
        const char *method, *path, *accept, *content_type, *body;
    } bad[] = {
        {"GET",  "ok",                            NULL,        NULL,      "" },
        {"GET",  "",                              NULL,        NULL,      "" },
        {"GET",  NULL,                            NULL,        NULL,      "" },
        {"GET",  "/a b",                          NULL,        NULL,      "" },
        {"GET",  "/ok HTTP/1.1\r\nX-Injected: c", NULL,        NULL,      "" },
        {"GET",  "/ok#part",                      NULL,        NULL,      "" },
        {"GET",  "/\xea\xb0\x80",                 NULL,        NULL,      "" },
        {"BREW", "/ok",                           NULL,        NULL,      "" },
        {"get",  "/ok",                           NULL,        NULL,      "" },
        {NULL,   "/ok",                           NULL,        NULL,      "" },
        {"GET",  "/ok",                           NULL,        NULL,      "x"},
        {"GET",  "/ok",                           "a\r\nb: c", NULL,      "" },
        {"POST", "/ok",                           NULL,        "a\nb: c", "x"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct net_request req = {.method = bad[i].method,
                                  .path = bad[i].path,
                                  .accept = bad[i].accept,
                                  .content_type = bad[i].content_type,
                                  .body = text_of(bad[i].body)};

        client_expect_request(f->pool, &req, APP_INTERNAL);
    }
    assert_int_equal(server_connections(f->server), 0);
}

static void pool_with_a_credential_takes_no_second_one(void **state)
{
    struct fixture *f = *state;
    struct net_header header = {"authorization", "Bearer other"};
    struct net_request req = {
        .method = "GET", .path = "/ok", .headers = &header, .header_count = 1};
    struct net_pool_config config = {.name = "bearer",
                                     .base_url = server_url(f->server),
                                     .allow_loopback_http = true,
                                     .bearer = "abc"};
    struct net_pool *p = client_pool_of(f->net, &config);

    client_expect_request(p, &req, APP_INTERNAL);
    client_expect_request(f->pool, &req, APP_OK);
    net_pool_unref(p);
}

/* ---- answers ---- */

static void answer_is_read_completely(void **state)
{
    struct fixture *f = *state;
    struct net_response res;
    struct app_error err = {0};

    assert_int_equal(client_get(f->pool, "/busy", &res, &err), 0);
    assert_int_equal(res.status, 429);
    assert_int_equal(res.retry_after_s, 7);
    assert_string_equal(res.content_type, "text/plain");
    assert_string_equal(res.body.data, "later");
    assert_int_equal(res.received_bytes, 5);
    buf_finish(&res.body);

    assert_int_equal(client_get(f->pool, "/interim", &res, &err), 0);
    assert_int_equal(res.status, 200);
    assert_int_equal(res.retry_after_s, -1);
    assert_string_equal(res.content_type, "application/json");
    assert_string_equal(res.body.data, "{}");
    buf_finish(&res.body);

    assert_int_equal(client_get(f->pool, "/chunked?4500", &res, &err), 0);
    assert_int_equal(res.body.len, 4500);
    assert_string_equal(res.content_type, ""); /* the trailer's does not count */
    buf_finish(&res.body);
}

/* ---- pools ---- */

static void urls_are_checked(void **state)
{
    static const char *const bad[] = {
        "http://192.0.2.1",
        "http://example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.x",
        "http://2130706434.x",
        "http://[::2]",
        "http://128.0.0.1",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "gopher://127.0.0.1",
        "https://a@127.0.0.1",
        "https://a:b@127.0.0.1",
        "https://127.0.0.1/api",
        "https://127.0.0.1/?a=b",
        "https://127.0.0.1#a",
        "https://127.0.0.1:0x1",
        "https://127.0.0.1:99999",
        "https://",
        "127.0.0.1",
        "",
        "https://a b",
        "https://a\r\nb",
        "https://ex%61mple.com",
        "https://[fe80::1%25eth0]",
        "https:\\\\a",
    };
    static const char *const good[] = {"https://example.com", "https://example.com:6443/",
                                       "http://localhost:1",  "http://127.3.2.1",
                                       "http://[::1]:80",     "HTTPS://Example.com"};
    struct fixture *f = *state;
    struct net_pool_config config = {.name = "url", .allow_loopback_http = true};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct app_error err = {0};

        config.base_url = bad[i];
        if (net_pool_create(f->net, &config, &err))
            fail_msg("accepted %s", bad[i]);
        assert_int_equal(err.code, APP_BAD_REQUEST);
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        config.base_url = good[i];
        net_pool_unref(client_pool_of(f->net, &config));
    }
    config.allow_loopback_http = false;
    config.base_url = "http://127.0.0.1";
    assert_null(net_pool_create(f->net, &config, NULL));
}

static void credentials_are_checked(void **state)
{
    static const struct net_pool_config bad[] = {
        {.bearer = ""                                                                    },
        {.bearer = "a b"                                                                 },
        {.bearer = "a\r\nX: y"                                                           },
        {.bearer = "a\n"                                                                 },
        {.basic_user = "a:b",                                                              .basic_password = "c"},
        {.basic_user = "a\n",                                                                                .basic_password = "c"},
        {.pin_sha256 = "abc"},
        {.pin_sha256 = "zz00000000000000000000000000000000000000000000000000000000000000"                                                             },
        {.ca_pem = ""},
        {.ca_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"                                                                    },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct net_pool_config config = bad[i];
        struct app_error err = {0};

        config.base_url = "https://127.0.0.1";
        if (net_pool_create(f->net, &config, &err))
            fail_msg("accepted row %zu", i);
        assert_int_equal(err.code, APP_BAD_REQUEST);
    }
}

static void proxy_variables_are_ignored(void **state)
{
    struct fixture *f = *state;

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "socks5://127.0.0.1:1", 1);
    client_expect(f->pool, "/ok", APP_OK);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        T(failing_server_gives_the_right_code),
        T(refused_connection_is_unreachable_and_idempotent_repeats_once),
        T(silent_server_ends_at_the_deadline),
        T(slow_bytes_do_not_move_the_deadline),
        T(first_byte_has_its_own_limit),
        T(redirect_is_returned_not_followed),
        T(post_on_a_dying_connection_arrives_exactly_once),
        T(get_on_a_dying_kept_connection_may_be_repeated),
        T(get_survives_a_kept_connection_that_was_closed),
        T(get_reuses_its_connection),
        T(post_never_rides_on_a_kept_connection),
        T(old_connections_are_not_reused),
        T(pools_never_share_a_connection),
        T(request_is_written_as_asked),
        T(large_body_arrives_whole),
        T(credentials_are_sent_as_configured),
        T(secrets_are_wiped),
        T(bad_headers_never_leave),
        T(bad_requests_never_leave),
        T(pool_with_a_credential_takes_no_second_one),
        T(answer_is_read_completely),
        T(urls_are_checked),
        T(credentials_are_checked),
        T(proxy_variables_are_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
