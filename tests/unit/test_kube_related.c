/* SPDX-License-Identifier: Apache-2.0 */
/* What the lists of related objects are made of, besides the vectors: field selectors, labels. */
#include "cleanup.h"
#include "client.h"
#include "labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A value with a comma would add a condition, one with an equals sign would change it. */
static void a_value_cannot_leave_its_field(void **state)
{
    static const struct {
        const char *value, *want;
    } cases[] = {
        {"node-1",                   "spec.nodeName=node-1"                        },
        {"",                         "spec.nodeName="                              },
        {"a,metadata.namespace!=b",  "spec.nodeName=a\\,metadata.namespace!\\=b"   },
        {"back\\slash",              "spec.nodeName=back\\\\slash"                 },
        {"a\\,metadata.namespace=b", "spec.nodeName=a\\\\\\,metadata.namespace\\=b"},
        {"\xed\x95\x9c",             "spec.nodeName=\xed\x95\x9c"                  }
    };
    struct arena *a = arena_create(64 * KIB);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(kube_field_selector(a, "spec.nodeName", cases[i].value), cases[i].want);
    arena_destroy(a);
}

static void a_value_without_end_is_refused(void **state)
{
    struct arena *a = arena_create(64 * KIB);
    char *value = calloc(1, 9000);

    (void)state;
    memset(value, ',', 8999);
    assert_null(kube_field_selector(a, "spec.nodeName", value));
    free(value);
    arena_destroy(a);
}

static enum app_code collect(const char *rows, size_t max_bytes, const char *want)
{
    struct buf got AUTO(buf_finish_p) = BUF_INIT(max_bytes);
    struct app_error err = {0};

    if (kube_labels_collect(text_of(rows), &got, &err) < 0)
        return err.code;
    assert_string_equal(got.data, want);
    return APP_OK;
}

static void labels_that_cannot_be_told_are_refused(void **state)
{
    (void)state;
    assert_int_equal(collect("", 64, "{}"), APP_OK);
    assert_int_equal(collect("{}", 64, "{}"), APP_OK);
    assert_int_equal(collect("{\"a\":\"1\"},{\"a\":\"1\"}", 64, "{\"a\":[\"1\"]}"), APP_OK);
    assert_int_equal(collect("{\"a\":\"1\"},{\"a\":\"0\"}", 8, ""), APP_UPSTREAM_BROKEN);
    assert_int_equal(collect("{\"a\\u0000\":\"1\"}", 64, ""), APP_UPSTREAM_BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_cannot_leave_its_field),
        cmocka_unit_test(a_value_without_end_is_refused),
        cmocka_unit_test(labels_that_cannot_be_told_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
