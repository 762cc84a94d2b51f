/* SPDX-License-Identifier: Apache-2.0 */
/* Text helpers, the error table and the message table. */
#include "cleanup.h"
#include "error.h"
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void integers(void **state)
{
    static const struct {
        const char *in;
        int rc;
        int64_t out;
    } cases[] = {
        {"0",                    0,  0        },
        {"-1",                   0,  -1       },
        {"9223372036854775807",  0,  INT64_MAX},
        {"-9223372036854775808", 0,  INT64_MIN},
        {"9223372036854775808",  -1, 0        },
        {"-9223372036854775809", -1, 0        },
        {"",                     -1, 0        },
        {"-",                    -1, 0        },
        {"+1",                   -1, 0        },
        {"1 ",                   -1, 0        },
        {" 1",                   -1, 0        },
        {"1a",                   -1, 0        },
        {"0x1",                  -1, 0        },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t got = 0;

        assert_int_equal(text_to_i64(text_of(cases[i].in), &got), cases[i].rc);
        assert_true(got == cases[i].out);
    }
}

static void utf8_boundaries(void **state)
{
    static const struct {
        const char *in;
        size_t len;
    } cases[] = {
        {"\x7f",             1},
        {"\x80",             0},
        {"\xC1\x80",         0},
        {"\xC2\x80",         2},
        {"\xDF\xBF",         2},
        {"\xE0\x9F\x80",     0},
        {"\xE0\xA0\x80",     3},
        {"\xED\x9F\xBF",     3},
        {"\xED\xA0\x80",     0},
        {"\xEF\xBF\xBF",     3},
        {"\xF0\x8F\x80\x80", 0},
        {"\xF0\x90\x80\x80", 4},
        {"\xF4\x8F\xBF\xBF", 4},
        {"\xF4\x90\x80\x80", 0},
        {"\xF5\x80\x80\x80", 0},
        {"\xE1\x80",         0},
        {"\xE1\x80\x41",     0},
        {"",                 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(text_utf8_len(cases[i].in, strlen(cases[i].in)), cases[i].len);
    assert_true(text_is_utf8("한a", 4));
    assert_false(text_is_utf8("a\xff", 2));
}

static void searching_and_order(void **state)
{
    (void)state;
    assert_true(text_contains_nocase(TEXT("web-DEMO-1"), TEXT("demo")));
    assert_true(text_contains_nocase(TEXT("x"), TEXT("")));
    assert_false(text_contains_nocase(TEXT("de"), TEXT("demo")));
    assert_true(text_cmp(TEXT("a-b"), TEXT("a/x")) < 0);
    assert_true(text_cmp(TEXT("a"), TEXT("ab")) < 0);
    assert_true(text_cmp(TEXT("b"), TEXT("ab")) > 0);
    assert_true(text_eq_secret(TEXT("abc"), TEXT("abc")));
    assert_false(text_eq_secret(TEXT("abc"), TEXT("abd")));
    assert_false(text_eq_secret(TEXT("abc"), TEXT("ab")));
    assert_true(text_is_blank(" \t\r\n"));
    assert_false(text_is_blank(" x"));
}

static void dns_names(void **state)
{
    static const struct {
        const char *in;
        bool label, subdomain;
    } cases[] = {
        {"a",                                                                true,  true },
        {"a-b1",                                                             true,  true },
        {"a.b",                                                              false, true },
        {"",                                                                 false, false},
        {"-a",                                                               false, false},
        {"a-",                                                               false, false},
        {"A",                                                                false, false},
        {"a_b",                                                              false, false},
        {"a..b",                                                             false, false},
        {".a",                                                               false, false},
        {"a.",                                                               false, false},
        {"a.-b",                                                             false, false},
        {"123456789012345678901234567890123456789012345678901234567890123",  true,  true },
        {"1234567890123456789012345678901234567890123456789012345678901234", false, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(text_is_dns1123_label(text_of(cases[i].in)), cases[i].label);
        assert_int_equal(text_is_dns1123_subdomain(text_of(cases[i].in)), cases[i].subdomain);
    }
}

/* A row whose messages are missing would answer null where the contract has a text. */
static void every_error_has_its_texts(void **state)
{
    (void)state;
    for (int code = APP_OK + 1; code < APP_CODE_COUNT; code++) {
        const struct app_code_row *row = app_code_row((enum app_code)code);

        assert_in_range(row->http_status, 400, 599);
        assert_int_not_equal(row->result_message, MSG_NONE);
        if (row->body_code != 0)
            assert_int_not_equal(row->detail_message, MSG_NONE);
    }
    for (int id = MSG_TEXT_OF_ERROR + 1; id < MSG_COUNT; id++) {
        assert_true(strlen(msg_text((enum msg_id)id, LANG_EN)) > 0);
        assert_true(strlen(msg_text((enum msg_id)id, LANG_KO)) > 0);
    }
}

static void an_error_is_set_whole(void **state)
{
    struct app_error err;

    (void)state;
    assert_int_equal(app_fail_text(&err, APP_BAD_REQUEST, "key %s", "x"), -1);
    assert_string_equal(err.text, "key x");
    assert_int_equal(app_refuse(&err, MSG_CLUSTER_ALREADY_REGISTERED), -1);
    assert_int_equal(err.code, APP_RULE);
    assert_string_equal(err.text, "");
    assert_int_equal(app_fail(NULL, APP_INTERNAL, "x"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(integers),
                                       cmocka_unit_test(utf8_boundaries),
                                       cmocka_unit_test(searching_and_order),
                                       cmocka_unit_test(dns_names),
                                       cmocka_unit_test(every_error_has_its_texts),
                                       cmocka_unit_test(an_error_is_set_whole)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
