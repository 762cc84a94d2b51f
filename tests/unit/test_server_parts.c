/* SPDX-License-Identifier: Apache-2.0 */
/* Parts without a socket: the router's tables, the gate's header rules, error bodies, mounts; and
 * the access log. */
#include "cleanup.h"
#include "gate.h"
#include "log.h"
#include "router.h"
#include "srv_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int nothing(struct http_req *req, struct http_res *res, struct app_error *err)
{
    return res_done(req, res, err);
}

#define ROW(method_, path_)                                                                        \
    {                                                                                              \
        .id = "X", .method = method_, .path = path_, .handler = nothing, .rule = RULE_PUBLIC       \
    }

/* ---- router ---- */

static void bad_tables_are_refused(void **state)
{
    static const struct route no_rule[] = {
        {.id = "X", .method = "GET", .path = "/a"}
    };
    static const struct route odd_method[] = {ROW("BREW", "/a")};
    static const struct route head[] = {ROW("HEAD", "/a")};
    static const struct route no_slash[] = {ROW("GET", "a")};
    static const struct route empty_segment[] = {ROW("GET", "/a//b")};
    static const struct route trailing_slash[] = {ROW("GET", "/a/")};
    static const struct route open_brace[] = {ROW("GET", "/{a")};
    static const struct route half_variable[] = {ROW("GET", "/a{b}")};
    static const struct route unnamed[] = {ROW("GET", "/{}")};
    static const struct route many[] = {ROW("GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}")};
    static const struct route twice[] = {ROW("GET", "/a/{b}"), ROW("GET", "/a/{c}")};
    static const struct route *const tables[] = {
        no_rule,        odd_method, head,          no_slash, empty_segment,
        trailing_slash, open_brace, half_variable, unnamed,  many};
    struct app_error err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        assert_null(router_create(tables[i], 1, &err));
        assert_int_equal(err.code, APP_INTERNAL);
    }
    assert_null(router_create(twice, 2, &err));
    assert_non_null(strstr(err.detail, "clashes"));
}

static void literals_win_and_methods_are_passed_over(void **state)
{
    static const struct route routes[] = {
        ROW("GET", "/a/{x}"),       ROW("GET", "/a/lit"),   ROW("DELETE", "/a/{x}"),
        ROW("GET", "/{y}/lit"),     ROW("GET", "/a/{x}/z"), ROW("POST", "/a/lit/only"),
        ROW("GET", "/{p}/{q}/{r}"),
    };
    static const struct {
        enum http_method method;
        const char *path[4];
        int index; /* -1: none */
    } cases[] = {
        {METHOD_GET,    {"a", "b"},           0 },
        {METHOD_GET,    {"a", "lit"},         1 },
        {METHOD_HEAD,   {"a", "lit"},         1 },
        {METHOD_DELETE, {"a", "lit"},         2 },
        {METHOD_GET,    {"b", "lit"},         3 },
        {METHOD_GET,    {"a", "lit", "z"},    4 },
        {METHOD_POST,   {"a", "lit", "only"}, 5 },
        {METHOD_GET,    {"a", "lit", "only"}, 6 },
        {METHOD_GET,    {"a", "b", "c"},      6 },
        {METHOD_PUT,    {"a", "b"},           -1},
        {METHOD_GET,    {"a"},                -1},
        {METHOD_GET,    {"a", ""},            -1},
        {METHOD_GET,    {"a", "b", "c", "d"}, -1},
    };
    struct app_error err = {0};
    struct router *r = router_create(routes, ARRAY_LEN(routes), &err);

    (void)state;
    assert_non_null(r);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text seg[4];
        size_t n = 0;
        struct router_match m;

        for (; n < 4 && cases[i].path[n]; n++)
            seg[n] = text_of(cases[i].path[n]);
        m = router_find(r, cases[i].method, seg, n);
        if (cases[i].index < 0)
            assert_null(m.route);
        else
            assert_ptr_equal(m.route, &routes[cases[i].index]);
    }
    router_destroy(r);
}

static void variables_come_from_their_own_template(void **state)
{
    static const struct route routes[] = {ROW("GET", "/c/{cluster}/n/{ns}"),
                                          ROW("DELETE", "/c/{id}/n/{name}")};
    struct text seg[] = {text_of("c"), text_of("one"), text_of("n"), text_of("two")};
    struct http_var vars[HTTP_VARS_MAX];
    struct app_error err = {0};
    struct router *r = router_create(routes, 2, &err);
    struct router_match m = router_find(r, METHOD_DELETE, seg, 4);
    char allow[64];

    (void)state;
    assert_int_equal(router_vars(r, m.index, seg, vars), 2);
    assert_string_equal(vars[0].name, "id");
    assert_string_equal(vars[1].name, "name");
    assert_string_equal(vars[1].value.p, "two");
    router_allow(m.methods, allow, sizeof allow);
    assert_string_equal(allow, "GET,HEAD,DELETE,OPTIONS");
    router_destroy(r);
}

/* ---- mounts ---- */

static const struct route public_routes[] = {ROW("GET", "/a")};
static const struct route guarded_routes[] = {
    {.id = "G", .method = "GET", .path = "/a", .handler = nothing, .rule = RULE_OWN_DATA}
};

static void api_that_cannot_authenticate_is_refused(void **state)
{
    static const struct api guarded = {.name = "g", .routes = guarded_routes, .route_count = 1};
    static const struct api compat = {
        .name = "c", .routes = public_routes, .route_count = 1, .is_compat = true};
    static const struct api open = {.name = "o", .routes = public_routes, .route_count = 1};
    struct server_options o;
    struct app_error err = {0};
    struct server *s;

    (void)state;
    srv_options(&o);
    s = server_create(&o, &err);
    assert_non_null(s);
    assert_int_equal(server_mount(s, LISTEN_PORTAL, "", &guarded, &err), -1);
    assert_int_equal(server_mount(s, LISTEN_PORTAL, "", &compat, &err), -1);
    assert_int_equal(server_mount(s, LISTEN_PORTAL, "nope", &open, &err), -1);
    assert_int_equal(server_mount(s, LISTEN_PORTAL, "/a//b", &open, &err), -1);
    assert_int_equal(server_mount(s, LISTEN_PORTAL, "/a/b", &open, &err), 0);
    assert_int_equal(server_mount(s, LISTEN_PUBLIC, "", &open, &err), 0); /* off: nothing happens */
    server_destroy(s);
}

static void prefix_is_a_whole_segment(void **state)
{
    struct server_options o;
    struct srv s;
    struct cli_answer a;

    (void)state;
    srv_options(&o);
    o.listen[LISTEN_PUBLIC] = "127.0.0.1:0";
    srv_start(&s, &o);
    cli_ask(server_port(s.server, LISTEN_PUBLIC), GET("/cpapi/clusters/c1"), &a);
    assert_non_null(strstr(a.body, "\"cluster\":\"c1\""));
    cli_ask(server_port(s.server, LISTEN_PUBLIC), GET("/cpapix/clusters"), &a);
    assert_int_equal(a.status, 404);
    cli_ask(server_port(s.server, LISTEN_PUBLIC), GET("/clusters"), &a);
    assert_int_equal(a.status, 404);
    cli_ask(server_port(s.server, LISTEN_PUBLIC), GET("/cpapi"), &a);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "\"httpStatusCode\":500"));
    srv_stop(&s);
}

/* ---- error bodies: every row of the table gives JSON with the row's values ---- */

static void every_error_has_a_body(void **state)
{
    (void)state;
    for (int c = 1; c < APP_CODE_COUNT; c++) {
        const struct app_code_row *row = app_code_row((enum app_code)c);

        for (int lang = LANG_EN; lang <= LANG_KO; lang++) {
            struct app_error e = {.code = (enum app_code)c, .message_id = MSG_NOT_FOUND};
            struct buf b = BUF_INIT(4096);
            json_t *o;

            snprintf(e.text, sizeof e.text, "a \"text\"");
            assert_int_equal(res_error_body(&b, &e, (enum lang)lang), 0);
            o = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, NULL);
            assert_non_null(o);
            assert_string_equal(json_string_value(json_object_get(o, "resultCode")), "FAIL");
            assert_int_equal(json_integer_value(json_object_get(o, "httpStatusCode")),
                             row->body_code);
            assert_true(json_is_string(json_object_get(o, "resultMessage")));
            assert_int_equal(json_object_size(o), row->kind == BODY_STATUS ? 5 : 4);
            json_decref(o);
            buf_finish(&b);
        }
    }
}

/* ---- the access log ---- */

static void access_log_has_the_facts_and_no_secret(void **state)
{
    struct server_options o;
    struct srv s;
    struct cli_answer a;
    int ends[2];
    char lines[8192];
    ssize_t n;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    srv_options(&o);
    o.log_access = true;
    srv_start(&s, &o);
    log_setup(ends[1], LOG_INFO);
    cli_ask(s.portal,
            "GET /clusters/c1?token=query-secret HTTP/1.1\r\nHost: t\r\n"
            "Authorization: Bearer alice\r\nX-Request-Id: 0123456789\r\n\r\n",
            &a);
    cli_ask(s.portal,
            "GET /clusters HTTP/1.1\r\nHost: t\r\nAuthorization: Basic header-secret\r\n\r\n", &a);
    cli_ask(s.portal, "GET /path-secret/%zz HTTP/1.1\r\nHost: t\r\n\r\n", &a);
    srv_stop(&s);
    log_setup(STDERR_FILENO, LOG_INFO);
    n = read(ends[0], lines, sizeof lines - 1);
    assert_true(n > 0);
    lines[n] = '\0';
    assert_null(strstr(lines, "secret"));
    assert_non_null(strstr(lines,
                           "\"request_id\":\"0123456789\",\"api\":\"portal\",\"route\":\"T2\","
                           "\"method\":\"GET\",\"status\":200,\"code\":\"APP_OK\""));
    assert_non_null(strstr(lines, "\"peer\":\"127.0.0.1\",\"user\":\"alice\""));
    assert_non_null(strstr(lines, "\"code\":\"APP_TOKEN_MISSING\""));
    assert_non_null(strstr(lines, "\"status\":400,\"code\":\"GATE\""));
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_tables_are_refused),
        cmocka_unit_test(literals_win_and_methods_are_passed_over),
        cmocka_unit_test(variables_come_from_their_own_template),
        cmocka_unit_test(api_that_cannot_authenticate_is_refused),
        cmocka_unit_test(prefix_is_a_whole_segment),
        cmocka_unit_test(every_error_has_a_body),
        cmocka_unit_test(access_log_has_the_facts_and_no_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
