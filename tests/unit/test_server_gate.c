/* SPDX-License-Identifier: Apache-2.0 */
/* Malformed and oversized HTTP: the answers of promises-and-limits section 4 (table 3.1),
 * design 9.4, errata P7. */
#include "cleanup.h"
#include "clock.h"
#include "counters.h"
#include "gate.h"
#include "srv_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct srv srv;

static int start(void **state)
{
    struct server_options o;

    (void)state;
    srv_options(&o);
    srv_start(&srv, &o);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    srv_stop(&srv);
    return 0;
}

#define AUTH "Host: t\r\nAuthorization: Bearer alice\r\n"
#define OK_GET "GET /clusters HTTP/1.1\r\n" AUTH

/* ---- one row for each rule: sent as is, expected status, envelope of our own or the library's
 * page ---- */

enum from { OURS, THEIRS };

static const struct row {
    const char *name, *request;
    int status;
    enum from from;
} rows[] = {
    {"plain",                          OK_GET "\r\n",                                                                 200, OURS  },
 /* framing */
    {"CL + TE, then a second request",
     "POST /echo HTTP/1.1\r\n" AUTH "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\n\r\nGET /clusters HTTP/1.1\r\nHost: t\r\n\r\n",                                                            400, OURS  },
    {"two different Content-Length",
     "POST /echo HTTP/1.1\r\n" AUTH "Content-Length: 3\r\nContent-Length: 30\r\n\r\nabc",                             400,
     OURS                                                                                                                        },
    {"two equal Content-Length",
     "POST /echo HTTP/1.1\r\n" AUTH "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",                              400, OURS  },
    {"blank before the colon",         "POST /echo HTTP/1.1\r\n" AUTH "Content-Length : 3\r\n\r\nabc",                400,
     OURS                                                                                                                        },
    {"blank in a header name",         OK_GET "X Y: 1\r\n\r\n",                                                       400, OURS  },
    {"unknown coding",                 "POST /echo HTTP/1.1\r\n" AUTH "Transfer-Encoding: xchunked\r\n\r\nabc",       501,
     OURS                                                                                                                        },
    {"two codings",                    "POST /echo HTTP/1.1\r\n" AUTH "Transfer-Encoding: gzip, chunked\r\n\r\nabc",
     501,                                                                                                                  OURS  },
    {"two TE headers",
     "POST /echo HTTP/1.1\r\n" AUTH
     "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",                                     400, OURS  },
    {"TE in HTTP/1.0",                 "POST /echo HTTP/1.0\r\n" AUTH "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400,                                                                                                                  OURS  },
    {"CL +3",                          "POST /echo HTTP/1.1\r\n" AUTH "Content-Length: +3\r\n\r\nabc",                400, THEIRS},
    {"CL -1",                          "POST /echo HTTP/1.1\r\n" AUTH "Content-Length: -1\r\n\r\nabc",                400, THEIRS},
    {"CL list",                        "POST /echo HTTP/1.1\r\n" AUTH "Content-Length: 3, 3\r\n\r\nabc",              400, THEIRS},
    {"CL 2^64",                        "POST /echo HTTP/1.1\r\n" AUTH "Content-Length: 18446744073709551616\r\n\r\n", 413,
     THEIRS                                                                                                                      },
    {"CL over INT64_MAX",
     "POST /echo HTTP/1.1\r\n" AUTH "Content-Length: 9223372036854775808\r\n\r\n",                                    400, OURS  },
    {"chunk -3",
     "POST /echo HTTP/1.1\r\n" AUTH "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",                       400,
     THEIRS                                                                                                                      },
    {"chunk 0xF..F",
     "POST /echo HTTP/1.1\r\n" AUTH
     "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n",                                       413, THEIRS},
    {"compressed body",
     "POST /echo HTTP/1.1\r\n" AUTH "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",                          415,
     OURS                                                                                                                        },
    {"identity body",
     "PUT /echo HTTP/1.1\r\n" AUTH
     "Content-Encoding: identity\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",                   200, OURS  },
    {"strange expectation",
     "POST /echo HTTP/1.1\r\n" AUTH "Expect: miracle\r\nContent-Length: 2\r\n\r\n{}",                                 417, OURS  },
 /* singletons */
    {"no Host",                        "GET /clusters HTTP/1.1\r\nAuthorization: Bearer alice\r\n\r\n",               400, THEIRS},
    {"empty Host",                     "GET /clusters HTTP/1.1\r\nHost:\r\n\r\n",                                     400, OURS  },
    {"two Host",                       OK_GET "Host: u\r\n\r\n",                                                      400, OURS  },
    {"two Authorization",              OK_GET "Authorization: Bearer bob\r\n\r\n",                                    400, OURS  },
    {"two Content-Type",               OK_GET "Content-Type: a/b\r\ncontent-type: c/d\r\n\r\n",                       400, OURS  },
    {"two Origin",                     OK_GET "Origin: a\r\nOrigin: b\r\n\r\n",                                       400, OURS  },
    {"two of another header",          OK_GET "X-A: 1\r\nX-A: 2\r\n\r\n",                                             200, OURS  },
 /* values */
    {"bare CR in a value",             OK_GET "X-A: a\rb\r\n\r\n",                                                    400, OURS  },
    {"control character in a value",
     OK_GET "X-A: a\x01"
            "b\r\n\r\n",                                                                                              400, OURS  },
    {"tab in a value",                 OK_GET "X-A: a\tb\r\n\r\n",                                                    200, OURS  },
    {"UTF-8 in a value",               OK_GET "X-A: \xed\x95\x9c\r\n\r\n",                                            200, OURS  },
 /* target */
    {"absolute form",                  "GET http://t/clusters HTTP/1.1\r\n" AUTH "\r\n",                              400, OURS  },
    {"authority form",                 "GET t:80 HTTP/1.1\r\n" AUTH "\r\n",                                           400, OURS  },
    {"asterisk form",                  "OPTIONS * HTTP/1.1\r\n" AUTH "\r\n",                                          400, OURS  },
    {"//",                             "GET //clusters HTTP/1.1\r\n" AUTH "\r\n",                                     400, OURS  },
    {"// inside",                      "GET /clusters//c HTTP/1.1\r\n" AUTH "\r\n",                                   400, OURS  },
    {"; parameter",                    "GET /clusters;a=b HTTP/1.1\r\n" AUTH "\r\n",                                  400, OURS  },
    {"encoded ;",                      "GET /clusters%3Ba HTTP/1.1\r\n" AUTH "\r\n",                                  400, OURS  },
    {"..",                             "GET /clusters/../x HTTP/1.1\r\n" AUTH "\r\n",                                 400, OURS  },
    {". at the end",                   "GET /clusters/. HTTP/1.1\r\n" AUTH "\r\n",                                    400, OURS  },
    {"%2e%2e",                         "GET /clusters/%2e%2E HTTP/1.1\r\n" AUTH "\r\n",                               400, OURS  },
    {"%2e",                            "GET /clusters/%2e/x HTTP/1.1\r\n" AUTH "\r\n",                                400, OURS  },
    {"a dot inside a name",            "GET /clusters/a%2eb HTTP/1.1\r\n" AUTH "\r\n",                                200, OURS  },
    {"three dots",                     "GET /clusters/... HTTP/1.1\r\n" AUTH "\r\n",                                  200, OURS  },
    {"%2F",                            "GET /clusters/a%2Fb HTTP/1.1\r\n" AUTH "\r\n",                                400, OURS  },
    {"%5c",                            "GET /clusters/a%5cb HTTP/1.1\r\n" AUTH "\r\n",                                400, OURS  },
    {"%25",                            "GET /clusters/a%252Fb HTTP/1.1\r\n" AUTH "\r\n",                              400, OURS  },
    {"%00",                            "GET /clusters/a%00 HTTP/1.1\r\n" AUTH "\r\n",                                 400, OURS  },
    {"%0a",                            "GET /clusters/a%0ab HTTP/1.1\r\n" AUTH "\r\n",                                400, OURS  },
    {"%01",                            "GET /clusters/a%01b HTTP/1.1\r\n" AUTH "\r\n",                                400, OURS  },
    {"%zz",                            "GET /clusters/a%zzb HTTP/1.1\r\n" AUTH "\r\n",                                400, OURS  },
    {"% at the end",                   "GET /clusters/a% HTTP/1.1\r\n" AUTH "\r\n",                                   400, OURS  },
    {"%f at the end",                  "GET /clusters/a%f HTTP/1.1\r\n" AUTH "\r\n",                                  400, OURS  },
    {"%ff",                            "GET /clusters/%ff HTTP/1.1\r\n" AUTH "\r\n",                                  400, OURS  },
    {"overlong UTF-8",                 "GET /clusters/%c0%af HTTP/1.1\r\n" AUTH "\r\n",                               400, OURS  },
    {"raw UTF-8",                      "GET /clusters/\xed\x95\x9c HTTP/1.1\r\n" AUTH "\r\n",                         400, OURS  },
    {"{x}",                            "GET /clusters/{x} HTTP/1.1\r\n" AUTH "\r\n",                                  400, OURS  },
    {"bad escape in the query",        "GET /typed?a=%zz HTTP/1.1\r\n" AUTH "\r\n",                                   400, OURS  },
    {"%00 in the query",               "GET /typed?a=%00 HTTP/1.1\r\n" AUTH "\r\n",                                   400, OURS  },
    {"%2f in the query",               "GET /typed?searchName=a%2fb HTTP/1.1\r\n" AUTH "\r\n",                        200, OURS  },
    {"fragment",                       "GET /clusters#a HTTP/1.1\r\n" AUTH "\r\n",                                    400, OURS  },
 /* methods */
    {"unknown method",                 "BREW /clusters HTTP/1.1\r\n" AUTH "\r\n",                                     501, OURS  },
    {"lower case",                     "get /clusters HTTP/1.1\r\n" AUTH "\r\n",                                      501, OURS  },
    {"TRACE",                          "TRACE /clusters HTTP/1.1\r\n" AUTH "\r\n",                                    501, OURS  },
    {"CONNECT",                        "CONNECT t:80 HTTP/1.1\r\n" AUTH "\r\n",                                       501, OURS  },
    {"h2 preface",                     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",                                            505, THEIRS},
    {"HTTP/9.9",                       "GET /clusters HTTP/9.9\r\n" AUTH "\r\n",                                      505, THEIRS},
    {"HTTP/1.0",                       "GET /clusters HTTP/1.0\r\nAuthorization: Bearer alice\r\n\r\n",               200, OURS  },
};

static void assert_envelope(const char *name, const struct cli_answer *a)
{
    char part[128];

    snprintf(part, sizeof part,
             "{\"resultCode\":\"FAIL\",\"resultMessage\":\"Incorrect request. Could not be "
             "processed.\"");
    if (!a->body || !strstr(a->body, part))
        fail_msg("%s: no envelope: %s", name, a->raw);
    snprintf(part, sizeof part, "\"httpStatusCode\":%d,\"detailMessage\":\"", a->status);
    if (!strstr(a->body, part))
        fail_msg("%s: wrong envelope: %s", name, a->body);
    assert_string_equal(cli_header(a, "Connection", 0), "close");
}

static void check_one(const char *name, const char *request, int status, enum from from)
{
    struct cli_answer *a = malloc(sizeof *a);
    int fd = cli_connect(srv.portal);

    assert_non_null(a);
    cli_say(fd, request);
    cli_read(fd, a, 3000, false);
    if (a->status != status)
        fail_msg("%s: %d instead of %d\n%s", name, a->status, status, a->raw);
    if (status != 200) {
        assert_true(cli_closes(fd, 3000)); /* and with it whatever was smuggled behind */
        if (from == OURS)
            assert_envelope(name, a);
    }
    close(fd);
    free(a);
}

static void table_of_malformed_requests(void **state)
{
    uint64_t handlers;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        handlers = counter_get(CTR_HANDLERS);
        check_one(rows[i].name, rows[i].request, rows[i].status, rows[i].from);
        if (rows[i].status != 200)
            assert_int_equal(counter_get(CTR_HANDLERS), handlers);
    }
}

/* ---- what the library cannot show us must at least not be taken for something else ---- */

static void bytes_the_library_hides(void **state)
{
    static const char nul_value[] = OK_GET "X-A: a\0b\r\n\r\n";
    static const char nul_url[] = "GET /clusters\0/c HTTP/1.1\r\n" AUTH "\r\n";
    struct cli_answer *a = malloc(sizeof *a);
    int fd;

    (void)state;
    assert_non_null(a);
    fd = cli_connect(srv.portal);
    cli_send(fd, nul_value, sizeof nul_value - 1);
    cli_read(fd, a, 2000, false);
    assert_true(a->status == 200 || a->status == 400 || a->is_closed);
    close(fd);
    fd = cli_connect(srv.portal);
    cli_send(fd, nul_url, sizeof nul_url - 1);
    cli_read(fd, a, 2000, false);
    /* routed and authorized on the same (cut) string */
    assert_true(a->status == 400 || a->is_closed || strstr(a->body, "\"route\":\"T1\""));
    close(fd);
    fd = cli_connect(srv.portal);
    cli_send(fd, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15); /* TLS */
    cli_read(fd, a, 2000, false);
    assert_true(a->status == 0 || a->status >= 400);
    close(fd);
    free(a);
}

/* ---- limits: just under, just over ---- */

static char *repeat(const char *head, char c, size_t n, const char *tail)
{
    size_t h = strlen(head), t = strlen(tail);
    char *s = malloc(h + n + t + 1);

    assert_non_null(s);
    memcpy(s, head, h);
    memset(s + h, c, n);
    memcpy(s + h + n, tail, t + 1);
    return s;
}

static void check_repeat(const char *name, const char *head, size_t n, const char *tail, int status)
{
    char *request = repeat(head, 'a', n, tail);

    check_one(name, request, status, OURS);
    free(request);
}

static void uri_limit(void **state)
{
    (void)state;
    check_repeat("URI 8192", "GET /clusters/", 8192 - 10, " HTTP/1.1\r\n" AUTH "\r\n", 200);
    check_repeat("URI 8193", "GET /clusters/", 8193 - 10, " HTTP/1.1\r\n" AUTH "\r\n", 414);
    check_repeat("URI 40000", "GET /clusters/", 40000, " HTTP/1.1\r\n" AUTH "\r\n", 414);
    check_repeat("query", "GET /clusters?a=", 8192 - 12, " HTTP/1.1\r\n" AUTH "\r\n", 200);
    check_repeat("query over", "GET /clusters?a=", 8193 - 12, " HTTP/1.1\r\n" AUTH "\r\n", 414);
}

static void header_limits(void **state)
{
    struct cli_answer *a = malloc(sizeof *a);
    struct buf b = BUF_INIT(1u << 20);

    (void)state;
    assert_non_null(a);
    check_repeat("one header at its limit", OK_GET "X-A: ", 18432 - 3, "\r\n\r\n", 200);
    check_repeat("one header over it", OK_GET "X-A: ", 18432 - 2, "\r\n\r\n", 431);
    check_repeat("40 kB header", OK_GET "X-A: ", 40000, "\r\n\r\n", 431);
    /* a token one byte over its limit reaches the token check, which refuses it */
    check_repeat("token of 16 KiB", "GET /clusters HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer ",
                 16384, "\r\n\r\n", 200);
    check_repeat("token of 16 KiB + 1",
                 "GET /clusters HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer ", 16385, "\r\n\r\n",
                 200);
    for (int n = 98; n <= 99; n++) { /* with Host and Authorization: 100, 101 */
        buf_reset(&b);
        buf_append_str(&b, OK_GET);
        for (int i = 0; i < n; i++)
            buf_append_str(&b, "X-A: 1\r\n");
        buf_append_str(&b, "\r\n");
        check_one("header count", b.data, n == 98 ? 200 : 431, OURS);
    }
    /* all together: two of 16000 bytes fit, three do not */
    for (int n = 2; n <= 3; n++) {
        char *h = repeat("X-A: ", 'a', 12000, "\r\n");

        buf_reset(&b);
        buf_append_str(&b, OK_GET);
        for (int i = 0; i < n; i++)
            buf_append_str(&b, h);
        buf_append_str(&b, "\r\n");
        check_one("header bytes", b.data, n == 2 ? 200 : 431, OURS);
        free(h);
    }
    buf_reset(&b);
    buf_append_str(&b, OK_GET);
    for (int i = 0; i < 2000; i++)
        buf_append_str(&b, "X-A: 1\r\n");
    buf_append_str(&b, "\r\n");
    check_one("2000 headers", b.data, 431, THEIRS);
    check_repeat("5 kB method", "", 5000, " /clusters HTTP/1.1\r\n" AUTH "\r\n", 501);
    buf_finish(&b);
    free(a);
}

static void ask_body(size_t length, bool is_chunked, const char *path, struct cli_answer *a)
{
    char head[300];
    int fd = cli_connect(srv.portal);
    char *body = repeat("", 'b', length, "");

    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\n" AUTH "Content-Type: application/json\r\n",
             path);
    cli_say(fd, head);
    if (is_chunked)
        snprintf(head, sizeof head, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", length);
    else
        snprintf(head, sizeof head, "Content-Length: %zu\r\n\r\n", length);
    cli_say(fd, head);
    cli_send(fd, body, length);
    if (is_chunked)
        cli_say(fd, "\r\n0\r\n\r\n");
    cli_read(fd, a, 3000, false);
    close(fd);
    free(body);
}

static void body_limit(void **state)
{
    static const size_t limit = 1024 * 1024; /* of /count */
    struct cli_answer *a = malloc(sizeof *a);

    (void)state;
    assert_non_null(a);
    for (int chunked = 0; chunked <= 1; chunked++) {
        ask_body(limit, chunked, "/count", a);
        assert_int_equal(a->status, 200);
        assert_non_null(strstr(a->body, "\"bytes\":1048576"));
        ask_body(limit + 1, chunked, "/count", a);
        assert_int_equal(a->status, 413);
        assert_envelope("body", a);
        /* far over: the answer arrives although the client is still sending */
        ask_body(limit + 4000000, chunked, "/count", a);
        assert_int_equal(a->status, 413);
        /* on a route without a body */
        ask_body(64 * 1024, chunked, "/nothing", a);
        assert_int_equal(a->status, 200);
        ask_body(4000000, chunked, "/nothing", a);
        assert_int_equal(a->status, 413);
    }
    free(a);
}

static void too_large_is_said_before_the_body_is_read(void **state)
{
    struct cli_answer *a = malloc(sizeof *a);
    int fd = cli_connect(srv.portal);

    (void)state;
    assert_non_null(a);
    cli_say(fd,
            "POST /echo HTTP/1.1\r\n" AUTH "Expect: 100-continue\r\nContent-Length: 8193\r\n\r\n");
    cli_read(fd, a, 500, false);
    assert_int_equal(a->status, 413);
    close(fd);
    fd = cli_connect(srv.portal);
    cli_say(fd,
            "POST /echo HTTP/1.1\r\n" AUTH
            "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    cli_read(fd, a, 300, true);
    assert_int_equal(a->status, 100);
    cli_say(fd, "{}");
    cli_read(fd, a, 2000, false);
    assert_int_equal(a->status, 200);
    close(fd);
    /* without a token nothing of a large body is read either */
    fd = cli_connect(srv.portal);
    cli_say(fd, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 900000\r\n\r\n");
    cli_read(fd, a, 500, false);
    assert_int_equal(a->status, 200);
    assert_non_null(strstr(a->body, "TOKEN_FAILED"));
    assert_true(cli_closes(fd, 3000));
    close(fd);
    free(a);
}

/* ---- deadlines: 600 ms header, 900 ms body in this server ---- */

struct trickle {
    const char *head; /* sent at once */
    int64_t ended_after_us;
    int status;
};

static void *run_trickle(void *arg)
{
    struct trickle *t = arg;
    struct cli_answer *a = malloc(sizeof *a);
    int fd = cli_connect(srv.portal);
    int64_t begin_us = clock_mono_us();

    cli_say(fd, t->head);
    while (clock_mono_us() - begin_us < 5 * US_PER_S) {
        cli_say(fd, "a");
        cli_read(fd, a, 50, false);
        if (a->status || (a->is_closed && cli_closes(fd, 1)))
            break;
    }
    t->ended_after_us = clock_mono_us() - begin_us;
    t->status = a->status;
    close(fd);
    free(a);
    return NULL;
}

static void trickles_end_at_the_deadline(void **state)
{
    struct trickle cases[] = {
        {"GET /clusters HTTP/1.1\r\nX-A: ",                                           0, 0},
        {"GET /cl",                                                                   0, 0},
        {"POST /count HTTP/1.1\r\n" AUTH "Content-Length: 5000\r\n\r\n",              0, 0},
        {"POST /count HTTP/1.1\r\n" AUTH "Transfer-Encoding: chunked\r\n\r\nfff\r\n", 0, 0},
    };
    uint64_t closed = counter_get(CTR_DEADLINE_CLOSED);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t deadline_us = (i < 2 ? 600 : 900) * US_PER_MS;

        run_trickle(&cases[i]);
        assert_int_equal(cases[i].status, 408);
        assert_true(cases[i].ended_after_us >= deadline_us - 50 * US_PER_MS);
        assert_true(cases[i].ended_after_us < deadline_us + 700 * US_PER_MS);
    }
    assert_int_equal(counter_get(CTR_DEADLINE_CLOSED) - closed, ARRAY_LEN(cases));
}

static void kept_connection_has_a_header_deadline_from_its_first_byte(void **state)
{
    struct cli_answer *a = malloc(sizeof *a);
    int fd = cli_connect(srv.portal);
    int64_t begin_us;

    (void)state;
    assert_non_null(a);
    cli_say(fd, GET("/clusters"));
    cli_read(fd, a, 2000, false);
    assert_int_equal(a->status, 200);
    usleep(900000); /* idle for longer than the header deadline is fine */
    cli_say(fd, GET("/clusters"));
    cli_read(fd, a, 2000, false);
    assert_int_equal(a->status, 200);
    begin_us = clock_mono_us();
    cli_say(fd, "GET /cl");
    cli_read(fd, a, 4000, false);
    assert_int_equal(a->status, 408);
    assert_true(clock_mono_us() - begin_us < 1800 * US_PER_MS);
    close(fd);
    free(a);
}

static void silent_connection_is_closed_without_an_answer(void **state)
{
    struct cli_answer *a = malloc(sizeof *a);
    int fd = cli_connect(srv.portal);

    (void)state;
    assert_non_null(a);
    cli_read(fd, a, 3000, false);
    assert_true(a->is_closed);
    assert_int_equal(a->raw_len, 0);
    close(fd);
    free(a);
}

static void management_answers_beside_200_slow_clients(void **state)
{
    int fds[200];
    struct cli_answer *a = malloc(sizeof *a);
    int64_t slowest_us = 0;

    (void)state;
    assert_non_null(a);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = cli_connect(srv.portal);
        cli_say(fds[i], i % 2 ? "GET /clus"
                              : "POST /count HTTP/1.1\r\n" AUTH "Content-Length: 5000\r\n\r\n");
    }
    for (int round = 0; round < 10; round++) {
        int64_t begin_us = clock_mono_us();

        for (size_t i = 0; i < ARRAY_LEN(fds); i++)
            cli_say(fds[i], "a");
        cli_ask(srv.management, "GET /livez HTTP/1.1\r\nHost: t\r\n\r\n", a);
        assert_int_equal(a->status, 200);
        begin_us = clock_mono_us() - begin_us;
        slowest_us = begin_us > slowest_us ? begin_us : slowest_us;
        usleep(20000);
    }
    assert_true(slowest_us < 100 * US_PER_MS);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        assert_true(cli_closes(fds[i], 3000));
        close(fds[i]);
    }
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_of_malformed_requests),
        cmocka_unit_test(bytes_the_library_hides),
        cmocka_unit_test(uri_limit),
        cmocka_unit_test(header_limits),
        cmocka_unit_test(body_limit),
        cmocka_unit_test(too_large_is_said_before_the_body_is_read),
        cmocka_unit_test(trickles_end_at_the_deadline),
        cmocka_unit_test(kept_connection_has_a_header_deadline_from_its_first_byte),
        cmocka_unit_test(silent_connection_is_closed_without_an_answer),
        cmocka_unit_test(management_answers_beside_200_slow_clients),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
