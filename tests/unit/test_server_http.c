/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are well-formed: routes, bodies, languages, CORS, preferences, statuses. */
#include "cleanup.h"
#include "counters.h"
#include "srv_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
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
#define NO_ROUTE_BODY                                                                              \
    "{\"resultCode\":\"FAIL\",\"resultMessage\":\"The request could not be processed.\","          \
    "\"httpStatusCode\":500,\"detailMessage\":\"The request could not be processed.\"}"
#define NO_TOKEN_BODY                                                                              \
    "{\"resultCode\":\"FAIL\",\"resultMessage\":\"TOKEN_FAILED\",\"httpStatusCode\":401,"          \
    "\"detailMessage\":\"Token authentication failed\",\"nextActionUrl\":\"-\"}"

/* ---- a table: request, status, body ---- */

struct row {
    const char *request;
    int status;
    const char *body; /* NULL: not compared */
    const char *part; /* NULL: none; else must be in the body */
};

static const struct row rows[] = {
    {GET("/clusters"),                                                                               200, NULL,          "\"route\":\"T1\",\"user\":\"alice\"}"                     },
    {GET("/clusters/c1"),                                                                            200, NULL,          "\"cluster\":\"c1\""                                       },
    {GET("/clusters/c%20%ED%95%9C"),                                                                 200, NULL,          "\"cluster\":\"c 한\""                                    },
    {GET("/clusters/c1/pods/p"),                                                                     200, NULL,          "\"route\":\"T3\""                                         },
    {GET("/clusters/c1/pods/resources"),                                                             200, NULL,          "\"route\":\"T4\""                                         },
    {GET("/cl%75sters/c1"),                                                                          200, NULL,          "\"route\":\"T2\""                                         },
 /* a literal that lacks the method is passed over (contract 2.5) */
    {"DELETE /clusters/c1/pods/resources HTTP/1.1\r\n" AUTH "\r\n",                                  200, NULL,          "\"route\":\"T5\""                                         },
 /* unknown, wrong method, trailing slash, wrong case: the same body, English whatever uLang says
  */
    {GET("/nothing"),                                                                                200, NO_ROUTE_BODY, NULL                                                       },
    {GET("/"),                                                                                       200, NO_ROUTE_BODY, NULL                                                       },
    {GET("/clusters/"),                                                                              200, NO_ROUTE_BODY, NULL                                                       },
    {GET("/Clusters"),                                                                               200, NO_ROUTE_BODY, NULL                                                       },
    {"POST /clusters HTTP/1.1\r\n" AUTH "uLang: ko\r\nContent-Length: 0\r\n\r\n",                    200,
     NO_ROUTE_BODY,                                                                                                      NULL                                                       },
    {GET("/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"),                            200, NO_ROUTE_BODY, NULL                                                       },
 /* tokens come before everything */
    {"GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n",                                                     200, NO_TOKEN_BODY, NULL                                                       },
    {"GET /clusters HTTP/1.1\r\nHost: t\r\n\r\n",                                                    200, NO_TOKEN_BODY, NULL                                                       },
    {"POST /echo HTTP/1.1\r\nHost: t\r\nuLang: ko\r\nContent-Length: 2\r\n\r\n{}",                   200,
     NO_TOKEN_BODY,                                                                                                      NULL                                                       },
    {"GET /clusters HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer expired\r\n\r\n",                   200,
     "{\"resultCode\":\"FAIL\",\"resultMessage\":\"TOKEN_EXPIRED\",\"httpStatusCode\":401,"
     "\"detailMessage\":\"Access Token has Expired\",\"nextActionUrl\":\"-\"}",                                          NULL                                                       },
    {"GET /clusters HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer bad\r\n\r\n",                       200, NULL,
     "Invalid Credentials"                                                                                                                                                          },
    {"GET /clusters HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer mallory\r\n\r\n",                   200,
     "{\"resultCode\":\"FAIL\",\"resultMessage\":\"Access Denied\",\"httpStatusCode\":401,"
     "\"detailMessage\":\"Authentication error.\"}",                                                                     NULL                                                       },
    {GET("/admin"),                                                                                  200, NULL,          "Access Denied"                                            },
    {GET("/clusters/null"),                                                                          200, NULL,          "\"httpStatusCode\":403"                                   },
    {"GET /open HTTP/1.1\r\nHost: t\r\n\r\n",                                                        200,
     "{\"resultCode\":\"SUCCESS\",\"resultMessage\":\"Processed successfully.\","
     "\"httpStatusCode\":200,\"detailMessage\":\"Processed "
     "successfully.\",\"nextActionUrl\":\"-\"}",                                                                         NULL                                                       },
 /* languages (contract 5.2) */
    {"GET /clusters HTTP/1.1\r\n" AUTH "uLang: KO\r\n\r\n",                                          200, NULL,          "정상적으로"                                          },
    {"GET /clusters HTTP/1.1\r\n" AUTH "ulang: ko_KR\r\n\r\n",                                       200, NULL,          "정상적으로"                                          },
    {"GET /clusters HTTP/1.1\r\n" AUTH "uLang: ko-KR\r\n\r\n",                                       200, NULL,          "Processed"                                                },
    {"GET /clusters HTTP/1.1\r\n" AUTH "uLang: korean\r\n\r\n",                                      200, NULL,          "Processed"                                                },
    {"GET /fail/APP_NOT_FOUND HTTP/1.1\r\n" AUTH "uLang: ko\r\n\r\n",                                200, NULL,          "찾을 수"                                               },
    {"POST /login HTTP/1.1\r\n" AUTH "uLang: ko\r\nContent-Type: application/json\r\n"
     "Content-Length: 2\r\n\r\n{}",                                                             200, NULL,          "Processed"                                                },
    {"GET /typed?limit=x HTTP/1.1\r\n" AUTH "uLang: ko\r\n\r\n",                                     200, NULL,
     "Requirements are missing. : limit\""                                                                                                                                          },
 /* parameters (5.4 row 6, errata P26) */
    {GET("/typed"),                                                                                  200, NULL,          "\"limit\":7,\"offset\":0,\"usage\":false,\"search\":null}"},
    {GET("/typed?limit=1&limit=2&offset=3%20&includeUsage=On"),                                      200, NULL,
     "\"limit\":1,\"offset\":3,\"usage\":true"                                                                                                                                      },
    {GET("/typed?limit=abc&offset=&includeUsage=maybe&searchName=q"),                                200,
     "{\"resultCode\":\"FAIL\",\"resultMessage\":\"Requirements are missing. : "
     "limitoffsetincludeUsage\",\"httpStatusCode\":0,\"detailMessage\":null}",                                           NULL                                                       },
    {GET("/typed?offset=z&limit=abc"),                                                               200, NULL,          ": offsetlimit\""                                          },
    {GET("/typed?offset&limit=x&offset&limit=y"),                                                    200, NULL,          ": offsetlimit\""                                          },
    {GET("/typed?limit=2147483648"),                                                                 200, NULL,          ": limit\""                                                },
    {GET("/typed?limit=-1"),                                                                         200, NULL,          "\"limit\":-1"                                             },
    {GET("/typed?searchName=a&searchName=b%26+c"),                                                   200, NULL,          "\"search\":\"a,b& c\""                                    },
 /* bodies (5.4 rows 7, 8, 12; design 9.4) */
    {"PUT /echo HTTP/1.1\r\n" AUTH
     "Content-Type: application/json;charset=UTF-8\r\nContent-Length: 7\r\n\r\n{\"a\":1}",      200, NULL,          "\"body\":{\"a\":1},\"bytes\":7}"                          },
    {"PUT /echo HTTP/1.1\r\n" AUTH
     "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
     "3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n",                                                    200, NULL,          "\"body\":{\"a\":1},\"bytes\":7}"                          },
    {"PATCH /echo HTTP/1.1\r\n" AUTH
     "Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}",                    200, NULL,          "\"body\":{\"a\":1}"                                       },
    {"PUT /echo HTTP/1.1\r\n" AUTH "Content-Type: application/json\r\nContent-Length: 0\r\n\r\n",
     200,                                                                                                 "{\"resultCode\":\"FAIL\",\"resultMessage\":\"Requirements are missing.\","
     "\"httpStatusCode\":422,\"detailMessage\":\"Requirements are missing.\"}",                                 NULL                                                       },
    {"PUT /echo HTTP/1.1\r\n" AUTH
     "Content-Type: application/json\r\nContent-Length: 6\r\n\r\n{\"a\":1",                     200, NULL,          "\"httpStatusCode\":422"                                   },
    {"PUT /echo HTTP/1.1\r\n" AUTH "Content-Type: application/json\r\nContent-Length: 3\r\n\r\n[1]",
     200,                                                                                                 NULL,          "JSON parse error"                                         },
    {"PUT /echo HTTP/1.1\r\n" AUTH
     "Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"a\":1,\"a\":2}",           200, NULL,          "\"httpStatusCode\":400"                                   },
    {"PUT /echo HTTP/1.1\r\n" AUTH "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",        200,
     NO_ROUTE_BODY,                                                                                                      NULL                                                       },
    {"PUT /echo HTTP/1.1\r\n" AUTH "Content-Length: 2\r\n\r\n{}",                                    200, NO_ROUTE_BODY, NULL                                                       },
 /* a body where none is read is dropped, as clients send one with DELETE */
    {"DELETE /clusters/c/pods/p HTTP/1.1\r\n" AUTH "Content-Length: 2\r\n\r\n{}",                    200, NULL,
     "\"route\":\"T5\""                                                                                                                                                             },
    {GET("/noerror"),                                                                                200, NULL,          "\"httpStatusCode\":500"                                   },
    {GET("/fail/APP_CODE_ERROR"),                                                                    200, NULL,
     "\"httpStatusCode\":0,\"detailMessage\":\"The request has failed."                                                                                                             },
    {GET("/fail/APP_RULE"),                                                                          200, NULL,
     "\"resultMessage\":\"The cluster is already registered.\",\"httpStatusCode\":200,"
     "\"detailMessage\":\"The cluster is already registered.\",\"nextActionUrl\":\"-\"}"                                                                                            },
    {GET("/fail/APP_OVERLOADED"),                                                                    200, NULL,          "\"httpStatusCode\":503"                                   },
};

static void table_of_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cli_answer *a = malloc(sizeof *a);

        assert_non_null(a);
        cli_ask(srv.portal, rows[i].request, a);
        if (a->status != rows[i].status || (rows[i].body && strcmp(a->body, rows[i].body) != 0) ||
            (rows[i].part && !strstr(a->body, rows[i].part)))
            fail_msg("%s\n-> %s\n\n%s", rows[i].request, a->head, a->body);
        free(a);
    }
}

static void keeps_the_connection_and_closes_when_asked(void **state)
{
    struct cli_answer a;
    int fd = cli_connect(srv.portal);

    (void)state;
    for (int i = 0; i < 3; i++) {
        cli_say(fd, GET("/clusters"));
        cli_read(fd, &a, 2000, false);
        assert_int_equal(a.status, 200);
    }
    /* refused for the token, with a small body: the connection stays usable */
    cli_say(fd, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n12345");
    cli_read(fd, &a, 2000, false);
    assert_non_null(strstr(a.body, "TOKEN_FAILED"));
    cli_say(fd, "GET /clusters HTTP/1.1\r\n" AUTH "Connection: close\r\n\r\n");
    cli_read(fd, &a, 2000, false);
    assert_int_equal(a.status, 200);
    assert_true(cli_closes(fd, 2000));
    close(fd);
}

static void head_is_get_without_body(void **state)
{
    struct cli_answer get, head;

    (void)state;
    cli_ask(srv.portal, GET("/clusters"), &get);
    cli_ask(srv.portal, "HEAD /clusters HTTP/1.1\r\n" AUTH "\r\n", &head);
    assert_int_equal(head.status, 200);
    assert_int_equal(head.body_len, 0);
    assert_int_equal(strtoul(cli_header(&head, "Content-Length", 0), NULL, 10), get.body_len);
}

static void security_vary_and_id_headers_are_on_every_answer(void **state)
{
    static const char *const requests[] = {GET("/clusters"), GET("/nothing"),
                                           "GET /x HTTP/1.1\r\nHost: t\r\n\r\n",
                                           "GET /../x HTTP/1.1\r\nHost: t\r\n\r\n"};
    struct cli_answer a;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        cli_ask(srv.portal, requests[i], &a);
        assert_string_equal(cli_header(&a, "Content-Type", 0), "application/json");
        assert_string_equal(cli_header(&a, "X-Content-Type-Options", 0), "nosniff");
        assert_string_equal(cli_header(&a, "X-Frame-Options", 0), "DENY");
        assert_string_equal(cli_header(&a, "X-XSS-Protection", 0), "0");
        assert_string_equal(cli_header(&a, "Cache-Control", 0),
                            "no-cache, no-store, max-age=0, must-revalidate");
        assert_string_equal(cli_header(&a, "Pragma", 0), "no-cache");
        assert_string_equal(cli_header(&a, "Expires", 0), "0");
        assert_string_equal(cli_header(&a, "Vary", 0), "Origin");
        assert_string_equal(cli_header(&a, "Vary", 1), "Access-Control-Request-Method");
        assert_string_equal(cli_header(&a, "Vary", 2), "Access-Control-Request-Headers");
        assert_null(cli_header(&a, "Vary", 3));
        assert_null(cli_header(&a, "Access-Control-Allow-Origin", 0));
        assert_non_null(cli_header(&a, "X-Request-Id", 0));
        assert_non_null(cli_header(&a, "Date", 0));
    }
}

static void request_id_is_taken_when_it_is_one(void **state)
{
    struct cli_answer a;
    char first[64];

    (void)state;
    cli_ask(srv.portal, "GET /open HTTP/1.1\r\nHost: t\r\nX-Request-Id: abc-123.DEF_9\r\n\r\n", &a);
    assert_string_equal(cli_header(&a, "X-Request-Id", 0), "abc-123.DEF_9");
    cli_ask(srv.portal, "GET /open HTTP/1.1\r\nHost: t\r\nX-Request-Id: bad id\"\r\n\r\n", &a);
    snprintf(first, sizeof first, "%s", cli_header(&a, "X-Request-Id", 0));
    assert_null(strchr(first, '"'));
    cli_ask(srv.portal, "GET /open HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    assert_string_not_equal(cli_header(&a, "X-Request-Id", 0), first);
}

static void cors(void **state)
{
    struct cli_answer a;

    (void)state;
    cli_ask(srv.portal,
            "OPTIONS /nothing/at/all HTTP/1.1\r\nHost: t\r\nOrigin: https://ui\r\n"
            "Access-Control-Request-Method: PUT\r\n"
            "Access-Control-Request-Headers: authorization,content-type,ulang\r\n\r\n",
            &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body_len, 0);
    assert_string_equal(cli_header(&a, "Access-Control-Allow-Origin", 0), "https://ui");
    assert_string_equal(cli_header(&a, "Access-Control-Allow-Credentials", 0), "true");
    assert_string_equal(cli_header(&a, "Access-Control-Allow-Methods", 0), "PUT");
    assert_string_equal(cli_header(&a, "Access-Control-Allow-Headers", 0),
                        "authorization,content-type,ulang");
    assert_string_equal(cli_header(&a, "Access-Control-Max-Age", 0), "7200");
    cli_ask(srv.portal,
            "OPTIONS /x HTTP/1.1\r\nHost: t\r\nOrigin: null\r\n"
            "Access-Control-Request-Method: GET\r\n\r\n",
            &a);
    assert_string_equal(cli_header(&a, "Access-Control-Allow-Origin", 0), "null");
    assert_null(cli_header(&a, "Access-Control-Allow-Headers", 0));
    /* also on a refused token, without the pre-flight's lines */
    cli_ask(srv.portal, "GET /clusters HTTP/1.1\r\nHost: t\r\nOrigin: https://ui\r\n\r\n", &a);
    assert_string_equal(cli_header(&a, "Access-Control-Allow-Origin", 0), "https://ui");
    assert_null(cli_header(&a, "Access-Control-Max-Age", 0));
}

static void options_without_origin(void **state)
{
    struct cli_answer a;

    (void)state;
    cli_ask(srv.portal, "OPTIONS /clusters HTTP/1.1\r\n" AUTH "\r\n", &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body_len, 0);
    assert_string_equal(cli_header(&a, "Allow", 0), "GET,HEAD,OPTIONS");
    cli_ask(srv.portal, "OPTIONS /clusters HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    assert_string_equal(a.body, NO_TOKEN_BODY);
    cli_ask(srv.portal, "OPTIONS /nothing HTTP/1.1\r\n" AUTH "\r\n", &a);
    assert_string_equal(a.body, NO_ROUTE_BODY);
}

static void preferred_status(void **state)
{
    static const struct {
        const char *path;
        int status;
    } cases[] = {
        {"/clusters",                  200},
        {"/nothing",                   404},
        {"/fail/APP_NOT_FOUND",        404},
        {"/fail/APP_RULE",             422},
        {"/fail/APP_OVERLOADED",       503},
        {"/fail/APP_UPSTREAM_TIMEOUT", 504},
        {"/admin",                     403}
    };
    struct cli_answer a;
    char request[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\n" AUTH "Prefer: respond-async, HTTP-status\r\n\r\n",
                 cases[i].path);
        cli_ask(srv.portal, request, &a);
        assert_int_equal(a.status, cases[i].status);
        assert_string_equal(cli_header(&a, "Preference-Applied", 0), "http-status");
        assert_string_equal(cli_header(&a, "Vary", 3), "Prefer");
    }
    cli_ask(srv.portal, "GET /clusters HTTP/1.1\r\nHost: t\r\nPrefer: http-status\r\n\r\n", &a);
    assert_int_equal(a.status, 401);
    assert_string_equal(a.body, NO_TOKEN_BODY);
    cli_ask(srv.portal, "GET /nothing HTTP/1.1\r\n" AUTH "Prefer: http-statuses\r\n\r\n", &a);
    assert_int_equal(a.status, 200);
    assert_null(cli_header(&a, "Preference-Applied", 0));
}

static void overload_says_when_to_come_back(void **state)
{
    struct cli_answer a;

    (void)state;
    cli_ask(srv.portal, GET("/fail/APP_OVERLOADED"), &a);
    assert_string_equal(cli_header(&a, "Retry-After", 0), "1");
    cli_ask(srv.portal, GET("/fail/APP_NOT_FOUND"), &a);
    assert_null(cli_header(&a, "Retry-After", 0));
}

static void own_api_has_real_statuses(void **state)
{
    struct cli_answer a;

    (void)state;
    cli_ask(srv.own, "GET /things/7 HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    assert_int_equal(a.status, 200);
    cli_ask(srv.portal, "GET /api/v1/things/7 HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    assert_int_equal(a.status, 200);
    cli_ask(srv.own, "GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    assert_int_equal(a.status, 404);
    assert_string_equal(cli_header(&a, "Content-Type", 0), "application/problem+json");
    assert_non_null(strstr(a.body, "\"status\":404"));
    cli_ask(srv.own, "PUT /things/7 HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n", &a);
    assert_int_equal(a.status, 405);
    assert_string_equal(cli_header(&a, "Allow", 0), "GET,HEAD,POST,OPTIONS");
    cli_ask(srv.own, "GET /private HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    assert_int_equal(a.status, 401);
    assert_string_equal(cli_header(&a, "WWW-Authenticate", 0), "Bearer");
    cli_ask(srv.own, "GET /fail/APP_CONFLICT HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    assert_int_equal(a.status, 409);
    cli_ask(srv.own,
            "POST /things/7 HTTP/1.1\r\nHost: t\r\nContent-Type: application/x-www-form-urlencoded"
            "\r\nContent-Length: 13\r\n\r\nname=a%26b+c&",
            &a);
    assert_int_equal(a.status, 201);
    assert_string_equal(a.body, "{\"name\":\"a&b c\"}");
    assert_string_equal(cli_header(&a, "Cache-Control", 0), "no-store");
    assert_null(cli_header(&a, "Cache-Control", 1));
}

static void health_and_management(void **state)
{
    struct cli_answer a;

    (void)state;
    cli_ask(srv.portal, "GET /actuator/health HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "{\"status\":\"UP\"}");
    assert_string_equal(cli_header(&a, "Content-Type", 0),
                        "application/vnd.spring-boot.actuator.v3+json");
    cli_ask(srv.management, "GET /livez HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    assert_int_equal(a.status, 200);
    cli_ask(srv.management, "GET /readyz HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    assert_int_equal(a.status, 200);
    atomic_store(&srv_state.is_ready, false);
    for (int i = 0; i < 500 && a.status != 503; i++) { /* the checks are asked twice a second */
        usleep(10000);
        cli_ask(srv.management, "GET /readyz HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    }
    assert_int_equal(a.status, 503);
    assert_non_null(strstr(a.body, "\"toy\":\"told so\""));
    atomic_store(&srv_state.is_ready, true);
    cli_ask(srv.management, "GET /clusters HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    assert_int_equal(a.status, 404);
    cli_ask(srv.management, "GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.raw + strlen(a.head) + 4, "cp_http_requests_total{api=\"portal\""));
    assert_non_null(strstr(a.body, "process_resident_memory_bytes"));
    assert_non_null(strstr(a.body, "cp_queue_length 0"));
}

static void handlers_and_refusals_are_counted_exactly(void **state)
{
    uint64_t handlers = counter_get(CTR_HANDLERS), tokens = counter_get(CTR_TOKENS_REFUSED);
    uint64_t denied = counter_get(CTR_ACCESS_DENIED), gate = counter_get(CTR_GATE_REFUSED);
    int entered = atomic_load(&srv_state.handled);
    struct cli_answer a;

    (void)state;
    cli_ask(srv.portal, GET("/clusters"), &a);
    cli_ask(srv.portal, GET("/nap"), &a);
    cli_ask(srv.portal, GET("/nothing"), &a);
    cli_ask(srv.portal, GET("/admin"), &a);
    cli_ask(srv.portal, "GET /clusters HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    cli_ask(srv.portal, "GET /nothing HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer bad\r\n\r\n",
            &a);
    cli_ask(srv.portal, "GET /%zz HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    usleep(50000); /* refusals of the gate are counted when their connection ends */
    assert_int_equal(counter_get(CTR_HANDLERS) - handlers, 2);
    assert_int_equal(atomic_load(&srv_state.handled) - entered, 2);
    assert_int_equal(counter_get(CTR_TOKENS_REFUSED) - tokens, 2);
    assert_int_equal(counter_get(CTR_ACCESS_DENIED) - denied, 1);
    assert_int_equal(counter_get(CTR_GATE_REFUSED) - gate, 1);
}

static void large_answer_arrives_whole(void **state)
{
    static char bytes[400000];
    size_t len = 0;
    ssize_t n;
    int fd = cli_connect(srv.portal);

    (void)state;
    cli_say(fd, "GET /huge HTTP/1.1\r\n" AUTH "Connection: close\r\n\r\n");
    while (len < sizeof bytes - 1 && (n = read(fd, bytes + len, sizeof bytes - 1 - len)) > 0)
        len += (size_t)n;
    close(fd);
    assert_true(len > 300000);
    assert_string_equal(bytes + len - 4, "xx\"}");
}

static void authentication_that_waits_runs_on_a_worker(void **state)
{
    struct cli_answer a;

    (void)state;
    atomic_store(&srv_state.auth_waits, true);
    cli_ask(srv.portal, GET("/clusters"), &a);
    assert_non_null(strstr(a.body, "\"user\":\"alice\""));
    cli_ask(srv.portal, GET("/nothing"), &a);
    assert_string_equal(a.body, NO_ROUTE_BODY);
    cli_ask(srv.portal, GET("/admin"), &a);
    assert_non_null(strstr(a.body, "Access Denied"));
    cli_ask(srv.portal, "GET /clusters HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    assert_string_equal(a.body, NO_TOKEN_BODY);
    atomic_store(&srv_state.auth_waits, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_of_requests),
        cmocka_unit_test(keeps_the_connection_and_closes_when_asked),
        cmocka_unit_test(head_is_get_without_body),
        cmocka_unit_test(security_vary_and_id_headers_are_on_every_answer),
        cmocka_unit_test(request_id_is_taken_when_it_is_one),
        cmocka_unit_test(cors),
        cmocka_unit_test(options_without_origin),
        cmocka_unit_test(preferred_status),
        cmocka_unit_test(overload_says_when_to_come_back),
        cmocka_unit_test(own_api_has_real_statuses),
        cmocka_unit_test(health_and_management),
        cmocka_unit_test(handlers_and_refusals_are_counted_exactly),
        cmocka_unit_test(large_answer_arrives_whole),
        cmocka_unit_test(authentication_that_waits_runs_on_a_worker),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
