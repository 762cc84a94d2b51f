/* SPDX-License-Identifier: Apache-2.0 */
/* base64, base64url, hex and percent coding: strict in, exact out (RFC 4648, 3986, 7515 2). */
#include "cleanup.h"
#include "codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *in, *out; /* NULL: refused */
} urls[] = {
    {"",       ""        },
    {"Zg",     "f"       },
    {"Zm8",    "fo"      },
    {"Zm9v",   "foo"     },
    {"_-8",    "\xff\xef"},
    {"Z",      NULL      },
    {"Zm9vZ",  NULL      },
    {"Zg==",   NULL      },
    {"Zh",     NULL      }, /* unused bits set: a second
  spelling of f */
    {"Zm9",    NULL      },
    {"Z g",    NULL      },
    {"Zm+v",   NULL      },
    {"Zm/v",   NULL      },
    {"Zm9\nv", NULL      },
};

static void base64url_is_strict(void **state)
{
    struct arena *a = arena_create(10000);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        unsigned char *got;
        size_t len;
        int rc = b64url_decode(a, text_of(urls[i].in), &got, &len);

        assert_int_equal(rc, urls[i].out ? 0 : -1);
        if (rc == 0) {
            assert_int_equal(len, strlen(urls[i].out));
            assert_memory_equal(got, urls[i].out, len);
            assert_string_equal(b64url_encode(a, got, len), urls[i].in);
        }
    }
    arena_destroy(a);
}

static void base64_wants_its_padding(void **state)
{
    struct arena *a = arena_create(10000);
    unsigned char *got;
    size_t len;

    (void)state;
    assert_int_equal(b64_decode(a, TEXT("Zm8="), &got, &len), 0);
    assert_memory_equal(got, "fo", 2);
    assert_int_equal(b64_decode(a, TEXT("Zm8"), &got, &len), -1);
    assert_int_equal(b64_decode(a, TEXT("Zm8=="), &got, &len), -1);
    assert_int_equal(b64_decode(a, TEXT("===="), &got, &len), -1);
    assert_int_equal(b64_decode(a, TEXT("Zm8=\n"), &got, &len), -1);
    assert_string_equal(b64_encode(a, "fo", 2), "Zm8=");
    arena_destroy(a);
}

static const struct {
    const char *in, *segment, *query; /* NULL: refused */
} percents[] = {
    {"a%20b",     "a b", "a b" },
    {"a+b",       "a+b", "a b" },
    {"%ED%95%9C", "한", "한" },
    {"a%2Fb",     NULL,  "a/b" },
    {"a%5cb",     NULL,  "a\\b"},
    {"%00",       NULL,  NULL  },
    {"%0a",       NULL,  NULL  },
    {"%7f",       NULL,  NULL  },
    {"%ff",       NULL,  NULL  },
    {"%zz",       NULL,  NULL  },
    {"%4",        NULL,  NULL  },
    {"%",         NULL,  NULL  },
    {"\x01",      NULL,  NULL  },
    {"%ED%A0%80", NULL,  NULL  }, /* a surrogate */
    {"%C0%AF",    NULL,  NULL  }, /* an overlong slash */
};

static void same_or_refused(const char *got, size_t len, const char *want)
{
    if (!want) {
        assert_null(got);
        return;
    }
    assert_non_null(got);
    assert_string_equal(got, want);
    assert_int_equal(len, strlen(want));
}

static void percent_decoding_table(void **state)
{
    struct arena *a = arena_create(10000);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(percents); i++) {
        struct text in = text_of(percents[i].in);
        size_t len = 0;
        char *got = uri_decode_segment(a, in, &len);

        same_or_refused(got, len, percents[i].segment);
        got = uri_decode_query(a, in, &len);
        same_or_refused(got, len, percents[i].query);
    }
    arena_destroy(a);
}

static void encoding_leaves_only_unreserved(void **state)
{
    struct arena *a = arena_create(10000);

    (void)state;
    assert_string_equal(uri_encode(a, TEXT("a-._~Z9")), "a-._~Z9");
    assert_string_equal(uri_encode(a, TEXT("../x?y#z%")), "..%2Fx%3Fy%23z%25");
    assert_string_equal(uri_encode(a, TEXT("한 ")), "%ED%95%9C%20");
    arena_destroy(a);
}

static void hex_both_ways(void **state)
{
    unsigned char got[2];
    char text[5];

    (void)state;
    assert_int_equal(hex_decode(TEXT("0aFf"), got, 2), 0);
    hex_encode(got, 2, text);
    assert_string_equal(text, "0aff");
    assert_int_equal(hex_decode(TEXT("0aF"), got, 2), -1);
    assert_int_equal(hex_decode(TEXT("0aFg"), got, 2), -1);
}

static void no_memory_is_an_error(void **state)
{
    struct arena *a = arena_create(2);
    unsigned char *got;
    size_t len;

    (void)state;
    assert_int_equal(b64url_decode(a, TEXT("Zm9v"), &got, &len), -1);
    assert_null(b64url_encode(a, "foo", 3));
    assert_null(uri_encode(a, TEXT("foo")));
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64url_is_strict),    cmocka_unit_test(base64_wants_its_padding),
        cmocka_unit_test(percent_decoding_table), cmocka_unit_test(encoding_leaves_only_unreserved),
        cmocka_unit_test(hex_both_ways),          cmocka_unit_test(no_memory_is_an_error)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
