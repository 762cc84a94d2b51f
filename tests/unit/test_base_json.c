/* SPDX-License-Identifier: Apache-2.0 */
/* JSON behind limits (design 9.4; promises-and-limits 2). */
#include "buf.h"
#include "cleanup.h"
#include "json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static enum app_code parse(const char *bytes, size_t len, bool allow_nul)
{
    struct app_error err = {0};
    json_t *doc = json_parse(bytes, len, allow_nul, &err);
    enum app_code code = doc ? APP_OK : err.code;

    json_decref(doc);
    return code;
}

static const struct {
    const char *text;
    size_t len;
    enum app_code code;
} cases[] = {
#define CASE(t, c)                                                                                 \
    {                                                                                              \
        t, sizeof(t) - 1, c                                                                        \
    }
    CASE("{}", APP_OK),
    CASE("", APP_BODY_MALFORMED),
    CASE("{", APP_BODY_MALFORMED),
    CASE("{} x", APP_BODY_MALFORMED),
    CASE("{\"a\":7\0,\"b\":1}", APP_BODY_MALFORMED), /* jansson alone would take it */
    CASE("{\"a\":\"\\u0000\"}", APP_BODY_MALFORMED),
    CASE("{\"a\":\"\xff\"}", APP_BODY_MALFORMED),
    CASE("{\"a\":1,\"a\":2}", APP_BAD_REQUEST),
    CASE("{\"a\":1,\"\\u0061\":2}", APP_BAD_REQUEST),
    CASE("{\"a\":NaN}", APP_BODY_MALFORMED),
#undef CASE
};

static void documents_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(parse(cases[i].text, cases[i].len, false), cases[i].code);
}

static void fill(struct buf *b, const char *open, const char *item, const char *close, int n)
{
    buf_reset(b);
    buf_append_str(b, open);
    for (int i = 0; i < n; i++) {
        buf_append_str(b, i ? "," : "");
        buf_append_str(b, item);
    }
    buf_append_str(b, close);
}

static void limits_hold_to_the_one(void **state)
{
    struct buf b = BUF_INIT(1 << 20);

    (void)state;
    for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        buf_reset(&b);
        for (int i = 0; i < depth; i++)
            buf_append_char(&b, '[');
        for (int i = 0; i < depth; i++)
            buf_append_char(&b, ']');
        assert_int_equal(parse(b.data, b.len, false),
                         depth == JSON_DEPTH_MAX ? APP_OK : APP_BAD_REQUEST);
    }
    fill(&b, "[", "1", "]", JSON_VALUES_MAX);
    assert_int_equal(parse(b.data, b.len, false), APP_OK);
    fill(&b, "[", "1", "]", JSON_VALUES_MAX + 1);
    assert_int_equal(parse(b.data, b.len, false), APP_BAD_REQUEST);
    fill(&b, "[", "\"\"", "]", JSON_STRINGS_MAX);
    assert_int_equal(parse(b.data, b.len, false), APP_OK);
    fill(&b, "[", "\"\"", "]", JSON_STRINGS_MAX + 1);
    assert_int_equal(parse(b.data, b.len, false), APP_BAD_REQUEST);
    buf_finish(&b);
}

static void braces_inside_strings_are_text(void **state)
{
    struct buf b = BUF_INIT(1 << 20);

    (void)state;
    buf_append_str(&b, "{\"a\":\"");
    for (int i = 0; i < 2 * JSON_DEPTH_MAX; i++)
        buf_append_str(&b, "[{\\\"");
    buf_append_str(&b, "\"}");
    assert_int_equal(parse(b.data, b.len, false), APP_OK);
    buf_finish(&b);
}

static void a_nul_escape_only_where_it_is_allowed(void **state)
{
    static const char doc[] = "{\"a\":\"x\\u0000y\"}";
    struct app_error err = {0};
    json_t *got = json_parse(doc, sizeof doc - 1, true, &err);

    (void)state;
    assert_non_null(got);
    assert_int_equal(json_text(got, "a").len, 3);
    assert_string_equal(json_str_or(got, "a", "fallback"), "fallback");
    json_decref(got);
}

static void members_by_type(void **state)
{
    struct app_error err = {0};
    json_t *got = json_parse("{\"s\":\"t\",\"i\":5,\"r\":5.0}", 23, false, &err);
    int64_t value = 0;

    (void)state;
    assert_non_null(got);
    assert_string_equal(json_str_or(got, "s", "-"), "t");
    assert_string_equal(json_str_or(got, "i", "-"), "-");
    assert_null(json_text(got, "none").p);
    assert_true(json_int(got, "i", &value) && value == 5);
    assert_false(json_int(got, "r", &value));
    json_decref(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_table), cmocka_unit_test(limits_hold_to_the_one),
        cmocka_unit_test(braces_inside_strings_are_text),
        cmocka_unit_test(a_nul_escape_only_where_it_is_allowed), cmocka_unit_test(members_by_type)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
