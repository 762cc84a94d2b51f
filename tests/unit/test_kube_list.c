/* SPDX-License-Identifier: Apache-2.0 */
/* Query rules, page selection against a full sort, ties, refusals, caps, usage. */
#include "cleanup.h"
#include "kube_random.h"
#include "kube_reference.h"
#include "quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the query ---- */

static void orders_follow_the_contract(void **state)
{
    static const struct {
        const char *order_by, *order; /* NULL: not given */
        enum list_order by;
        bool descending;
    } cases[] = {
        {NULL,           NULL,   LIST_BY_TIME,      true },
        {"",             "",     LIST_BY_TIME,      true },
        {"creationTime", "asc",  LIST_BY_TIME,      false},
        {"zzz",          "ASC",  LIST_BY_TIME,      false},
        {"name",         NULL,   LIST_BY_NAME,      true }, /* the parameter's default is desc */
        {"name",         "",     LIST_BY_NAME,      false},
        {"NAME",         "asc",  LIST_BY_NAME,      false},
        {"name",         "desc", LIST_BY_NAME,      true },
        {"name",         "up",   LIST_BY_NAME,      true },
        {"nameSpace",    "",     LIST_BY_NAMESPACE, false},
        {"namespace",    "x",    LIST_BY_NAMESPACE, true },
        {"names",        "",     LIST_BY_TIME,      true }
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct list_params in = {.order_by = text_of(cases[i].order_by),
                                 .order = text_of(cases[i].order)};
        struct list_query q;

        assert_int_equal(list_query_parse(&in, SEOUL_MIN, &q, NULL), 0);
        assert_int_equal(q.order_by, cases[i].by);
        assert_int_equal(q.descending, cases[i].descending);
        assert_int_equal(q.utc_offset_min, SEOUL_MIN);
    }
}

static void pages_are_checked(void **state)
{
    static const struct {
        const char *offset, *limit, *text;
        enum app_code code;
    } cases[] = {
        {NULL,         NULL,                   NULL,                                      APP_OK         },
        {"0",          "0",                    NULL,                                      APP_OK         },
        {"3",          "10",                   NULL,                                      APP_OK         },
        {" 3 ",        "+10",                  NULL,                                      APP_OK         },
        {"2147483647", "2147483647",           NULL,                                      APP_OK         },
        {"-1",         "10",                   NULL,                                      APP_BAD_REQUEST},
        {"0",          "-1",                   NULL,                                      APP_BAD_REQUEST},
        {"1",          "0",                    NULL,                                      APP_BAD_REQUEST},
        {"1",          NULL,                   NULL,                                      APP_BAD_REQUEST},
        {"0",          "",                     "Requirements are missing. : limit",       APP_PARAM_TYPE },
        {"abc",        "1",                    "Requirements are missing. : offset",      APP_PARAM_TYPE },
        {"x",          "y",                    "Requirements are missing. : offsetlimit", APP_PARAM_TYPE },
        {"0",          "2147483648",           "Requirements are missing. : limit",       APP_PARAM_TYPE },
        {"0",          "-2147483649",          "Requirements are missing. : limit",       APP_PARAM_TYPE },
        {"0",          "99999999999999999999", "Requirements are missing. : limit",       APP_PARAM_TYPE },
        {"0",          "1.0",                  "Requirements are missing. : limit",       APP_PARAM_TYPE },
        {"0",          "+-1",                  "Requirements are missing. : limit",       APP_PARAM_TYPE },
        {"0",          "1 2",                  "Requirements are missing. : limit",       APP_PARAM_TYPE }
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct list_params in = {.offset = text_of(cases[i].offset),
                                 .limit = text_of(cases[i].limit)};
        struct list_query q;
        struct app_error err = {0};
        int rc = list_query_parse(&in, SEOUL_MIN, &q, &err);

        assert_int_equal(rc < 0 ? err.code : APP_OK, cases[i].code);
        if (cases[i].text)
            assert_string_equal(err.text, cases[i].text);
    }
}

static void page_numbers_do_not_overflow(void **state)
{
    struct list_query q = {.offset = UINT64_MAX, .limit = 1};
    struct app_error err = {0};

    (void)state;
    assert_null(list_run_create(kube_kind_find("pods"), &q, &err));
    assert_int_equal(err.code, APP_BAD_REQUEST);
    q = (struct list_query){.offset = 1ull << 40, .limit = 1ull << 40};
    assert_null(list_run_create(kube_kind_find("pods"), &q, &err));
    assert_int_equal(err.code, APP_BAD_REQUEST);
}

/* ---- answers ---- */

static int run(const char *kind, const char *in, struct list_params params, struct buf *ret,
               struct app_error *err)
{
    struct engine_case c = {
        kube_kind_find(kind), "list", params, text_of(in), {NULL, 0},
            0, {NULL, 0}
    };

    return engine_run(&c, ret, err);
}

static void expect_code(const char *kind, const char *in, struct list_params params,
                        enum app_code code)
{
    struct buf got AUTO(buf_finish_p) = BUF_INIT(MIB);
    struct app_error err = {0};
    int rc = run(kind, in, params, &got, &err);

    if ((rc < 0 ? err.code : APP_OK) != code)
        fail_msg("%s: %s %s", in, app_code_name(err.code), got.data ? got.data : "");
}

static void refusals(void **state)
{
    static const struct list_params any, by_ns = {
                                             .order_by = {"namespace", 9}
    };
    static const char two[] = "{\"items\":[{\"metadata\":{\"name\":\"a\"}},{\"metadata\":{\"name\":"
                              "\"b\"}}]}";
    static const char one[] = "{\"items\":[{\"metadata\":{\"name\":\"a\"}}]}";

    (void)state;
    expect_code("pods", "", any, APP_UPSTREAM_BROKEN);
    expect_code("pods", "garbage", any, APP_UPSTREAM_BROKEN);
    expect_code("pods", "{\"items\":[]", any, APP_UPSTREAM_BROKEN);
    expect_code("pods", "{\"items\":[]}x", any, APP_UPSTREAM_BROKEN);
    expect_code("pods", "[]", any, APP_UPSTREAM_BROKEN);
    expect_code("pods", "\"items\"", any, APP_UPSTREAM_BROKEN);
    expect_code("pods", "{\"items\":{}}", any, APP_UPSTREAM_BROKEN);
    expect_code("pods", "{\"items\":[7]}", any, APP_UPSTREAM_BROKEN);
    expect_code("pods", "null", any, APP_CODE_ERROR);
    expect_code("pods", "{}", any, APP_CODE_ERROR);
    expect_code("pods", "{\"items\":[null]}", any, APP_CODE_ERROR);
    expect_code("pods", "{\"items\":null}", any, APP_OK);
    expect_code("pods", "{\"items\":[]}", any, APP_OK);
    expect_code("nodes", two, by_ns, APP_CODE_ERROR);
    expect_code("nodes", one, by_ns, APP_OK);
    expect_code("nodes", two, any, APP_CODE_ERROR); /* no creationTimestamp */
    expect_code("nodes", one, any, APP_OK);
}

static void list_metadata_may_stand_last(void **state)
{
    static const char in[] = "{\"items\":[{\"metadata\":{\"name\":\"a\"},\"spec\":{\"ports\":[]}}],"
                             "\"metadata\":{\"resourceVersion\":\"5\"}}";
    struct buf got AUTO(buf_finish_p) = BUF_INIT(MIB);
    struct app_error err = {0};

    (void)state;
    assert_int_equal(run("services", in,
                         (struct list_params){
                             .limit = {"1", 1}
    },
                         &got, &err),
                     0);
    assert_string_equal(got.data,
                        "{\"metadata\":{\"resourceVersion\":\"5\"},\"itemMetaData\":{"
                        "\"allItemCount\":1,\"remainingItemCount\":0},\"items\":[{\"name\":\"a\","
                        "\"namespace\":null,\"type\":null,\"clusterIP\":null,\"ports\":[],"
                        "\"creationTimestamp\":\"\"}]}");
}

static void a_nul_in_an_annotation_breaks_nothing(void **state)
{
    static const char list[] =
        "{\"items\":[{\"metadata\":{\"name\":\"a\",\"annotations\":{\"k\\u0000\":\"v\\u0000\"},"
        "\"labels\":{\"l\":\"\\u0000\"}}}]}";
    static const char one[] = "{\"metadata\":{\"name\":\"a\",\"annotations\":{\"k\\u0000\":"
                              "\"v\\u0000w\"}},\"status\":{}}";
    struct buf got AUTO(buf_finish_p) = BUF_INIT(MIB);
    struct app_error err = {0};
    struct engine_case c = {
        kube_kind_find("namespaces"),
        "detail",
        {.limit = {"1", 1}},
        TEXT(one),
        { NULL,                0},
        0,
        { NULL,                0}
    };

    (void)state;
    expect_code("namespaces", list,
                (struct list_params){
                    .search_name = {"A", 1}
    },
                APP_OK);
    assert_int_equal(engine_run(&c, &got, &err), 0);
    assert_non_null(
        strstr(got.data, "{\"checkYn\":\"N\",\"key\":\"k\\u0000\",\"value\":\"v\\u0000w\"}"));
}

/* "a-b/x" stands before "a/x": the joined text counts, as in the API server's own order. */
static void ties_ascend_by_the_joined_path_in_both_directions(void **state)
{
    static const char in[] =
        "{\"items\":["
        "{\"metadata\":{\"name\":\"y\",\"namespace\":\"a\",\"creationTimestamp\":\"t\"}},"
        "{\"metadata\":{\"name\":\"x\",\"namespace\":\"a\",\"creationTimestamp\":\"t\"}},"
        "{\"metadata\":{\"name\":\"x\",\"namespace\":\"a-b\",\"creationTimestamp\":\"t\"}}]}";
    static const char *const orders[] = {"asc", "desc"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct buf got AUTO(buf_finish_p) = BUF_INIT(MIB);
        const char *first, *second, *third;

        assert_int_equal(
            run("deployments", in, (struct list_params){.order = text_of(orders[i])}, &got, NULL),
            0);
        first = strstr(got.data, "\"name\":\"x\",\"namespace\":\"a-b\"");
        second = strstr(got.data, "\"name\":\"x\",\"namespace\":\"a\"");
        third = strstr(got.data, "\"name\":\"y\"");
        assert_true(first && second && third && first < second && second < third);
    }
}

static bool only_blog(void *ctx, struct text namespace_name, struct text name)
{
    ++*(int *)ctx;
    return text_eq_str(namespace_name, "blog") && name.len > 0;
}

static void a_filter_counts_before_paging(void **state)
{
    static const char in[] =
        "{\"items\":[{\"metadata\":{\"name\":\"a\",\"namespace\":\"\\u0062log\"}},"
        "{\"metadata\":{\"name\":\"aa\",\"namespace\":\"shop\"}},{\"metadata\":{\"name\":\"b\"}}]}";
    struct list_query q = {.search_name = TEXT("A"), .limit = 5};
    struct list_run *r = list_run_create(kube_kind_find("pods"), &q, NULL);
    struct buf got AUTO(buf_finish_p) = BUF_INIT(MIB);
    int asked = 0;

    (void)state;
    list_run_set_filter(r, only_blog, &asked);
    assert_int_equal(list_run_feed(r, in, sizeof(in) - 1), 0);
    assert_int_equal(list_run_finish(r, &got, NULL), 0);
    assert_int_equal(list_run_count(r), 1);
    assert_int_equal(asked, 2); /* "b" fell to the name filter */
    list_run_destroy(r);
}

static bool same_names(void *ctx, struct text namespace_name, struct text name)
{
    return namespace_name.len == 400 && name.len == 9000 && namespace_name.p[399] == 'A' &&
           name.p[0] == 'B' && ++*(int *)ctx;
}

/* Decoding the name must not move the decoded namespace. */
static void long_escaped_names_stay_whole(void **state)
{
    struct list_query q = {.limit = 5};
    struct list_run *r = list_run_create(kube_kind_find("pods"), &q, NULL);
    struct buf in AUTO(buf_finish_p) = BUF_INIT(MIB), got AUTO(buf_finish_p) = BUF_INIT(MIB);
    int seen = 0;

    (void)state;
    buf_append_str(&in, "{\"items\":[{\"metadata\":{\"namespace\":\"");
    for (int i = 0; i < 400; i++)
        buf_append_str(&in, "\\u0041");
    buf_append_str(&in, "\",\"name\":\"");
    for (int i = 0; i < 9000; i++)
        buf_append_str(&in, "\\u0042");
    buf_append_str(&in, "\"}}]}");
    list_run_set_filter(r, same_names, &seen);
    assert_int_equal(list_run_feed(r, in.data, in.len), 0);
    assert_int_equal(list_run_finish(r, &got, NULL), 0);
    assert_int_equal(seen, 1);
    list_run_destroy(r);
}

/* ---- selection against the reference's full sort ---- */

static void put_random_items(struct buf *in, unsigned count)
{
    static const char *const spaces[] = {"a", "a-b", "b", "ab"};

    buf_append_str(in, "{\"items\":[");
    for (unsigned i = 0; i < count; i++)
        buf_printf(in,
                   "%s{\"metadata\":{\"name\":\"n%u\",\"namespace\":\"%s\",\"creationTimestamp\":"
                   "\"2024-01-%02uT00:00:00Z\"}}",
                   i ? "," : "", random_below(90), spaces[random_below(4)], 1 + random_below(9));
    buf_append_str(in, "]}");
}

static void heap_equals_full_sort(void **state)
{
    const struct kube_kind *kind = kube_kind_find("deployments");

    (void)state;
    random_seed(7);
    for (unsigned round = 0; round < 2000; round++) {
        struct list_query q = {.order_by = (enum list_order)random_below(3),
                               .descending = random_below(2),
                               .limit = random_below(8),
                               .search_name = random_below(3) ? TEXT("") : TEXT("7"),
                               .utc_offset_min = SEOUL_MIN};
        struct list_run *r AUTO(list_run_destroy_p) = NULL;
        struct buf in AUTO(buf_finish_p) = BUF_INIT(MIB), got AUTO(buf_finish_p) = BUF_INIT(MIB);
        enum app_code code;
        json_t *doc, *want, *have;

        q.offset = q.limit ? random_below(12) : 0;
        put_random_items(&in, random_below(80));
        doc = json_loadb(in.data, in.len, 0, NULL);
        want = reference_list(kind, doc, &q, &code);
        r = list_run_create(kind, &q, NULL);
        assert_int_equal(list_run_feed(r, in.data, in.len), 0);
        buf_append_char(&got, '{');
        assert_int_equal(list_run_finish(r, &got, NULL), 0);
        buf_append_char(&got, '}');
        have = json_loadb(got.data, got.len, 0, NULL);
        assert_true(json_same(want, have));
        json_decref(doc);
        json_decref(want);
        json_decref(have);
    }
}

/* ---- limits ---- */

static void put_label(struct buf *in, size_t bytes)
{
    buf_append_str(in, "{\"items\":[{\"metadata\":{\"name\":\"a\",\"labels\":{\"l\":\"");
    for (size_t i = 0; i < bytes; i++)
        buf_append_char(in, 'x');
    buf_append_str(in, "\"}}}]}");
}

static void one_item_keeps_at_most_its_share(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct buf in AUTO(buf_finish_p) = BUF_INIT(MIB);

        /* "a" with its quotes and {"l":""} are captured, too */
        put_label(&in, LIST_ITEM_MAX_BYTES - 3 - 8 + over);
        expect_code("namespaces", in.data,
                    (struct list_params){
                        .limit = {"1", 1}
        },
                    over ? APP_UPSTREAM_BROKEN : APP_OK);
    }
}

static void a_list_in_a_row_is_bounded(void **state)
{
    (void)state;
    for (size_t count = 3200; count <= 3300; count += 100) {
        struct buf in AUTO(buf_finish_p) = BUF_INIT(MIB);

        buf_append_str(&in, "{\"items\":[{\"spec\":{\"template\":{\"spec\":{\"containers\":[");
        for (size_t i = 0; i < count; i++) /* 20 bytes each with the comma: 64 KiB are 3,276 */
            buf_printf(&in, "%s{\"image\":\"image-%011zu\"}", i ? "," : "", i);
        buf_append_str(&in, "]}}}}]}");
        expect_code("deployments", in.data,
                    (struct list_params){
                        .limit = {"1", 1}
        },
                    count == 3200 ? APP_OK : APP_UPSTREAM_BROKEN);
    }
}

static void kept_rows_are_bounded(void **state)
{
    struct list_query q = {.limit = 0};
    struct list_run *r = list_run_create(kube_kind_find("namespaces"), &q, NULL);
    struct buf item AUTO(buf_finish_p) = BUF_INIT(MIB), got AUTO(buf_finish_p) = BUF_INIT(MIB);
    struct app_error err = {0};
    int rc;

    (void)state;
    put_label(&item, 200000);
    item.len -= 2; /* the item alone, with a comma in front */
    item.data[9] = ',';
    rc = list_run_feed(r, "{\"items\":[{}", 12);
    for (int i = 0; i < 400 && rc == 0; i++)
        rc = list_run_feed(r, item.data + 9, item.len - 9);
    assert_int_equal(rc, -1);
    assert_int_equal(list_run_finish(r, &got, &err), -1);
    assert_int_equal(err.code, APP_UPSTREAM_BROKEN);
    assert_non_null(strstr(err.detail, "the list is too large"));
    assert_int_equal(got.len, 0);
    list_run_destroy(r);
}

static void a_short_answer_buffer_is_left_as_it_was(void **state)
{
    struct list_query q = {.limit = 0};
    struct list_run *r = list_run_create(kube_kind_find("pods"), &q, NULL);
    struct buf got AUTO(buf_finish_p) = BUF_INIT(20);
    struct app_error err = {0};

    (void)state;
    buf_append_str(&got, "before");
    assert_int_equal(list_run_feed(r, "{\"items\":[]}", 12), 0);
    assert_int_equal(list_run_finish(r, &got, &err), -1);
    assert_int_equal(got.len, 6);
    list_run_destroy(r);
}

/* ---- usage ---- */

/* BUG-23: two pods of one name in two namespaces each get their own figures. */
static void usage_matches_namespace_and_name(void **state)
{
    static const char pods[] = "{\"items\":[{\"metadata\":{\"name\":\"web\",\"namespace\":\"a\"}},"
                               "{\"metadata\":{\"name\":\"web\",\"namespace\":\"b\"}},"
                               "{\"metadata\":{\"name\":\"b/web\",\"namespace\":\"a\"}}]}";
    static const char metrics[] =
        "{\"items\":[{\"metadata\":{\"name\":\"web\",\"namespace\":\"b\"},\"containers\":["
        "{\"usage\":{\"cpu\":\"7m\",\"memory\":\"5Mi\"}}]},"
        "{\"metadata\":{\"name\":\"web\",\"namespace\":\"a-b\"},\"containers\":[]},"
        "{\"metadata\":{\"name\":\"web\",\"namespace\":\"a\"},\"containers\":[]}]}";
    struct engine_case c = {
        kube_kind_find("pods"),
        "list",
        {.order_by = {"namespace", 9}},
        TEXT(pods),
        TEXT(metrics),
        0,
        { NULL,                           0}
    };
    struct buf got AUTO(buf_finish_p) = BUF_INIT(MIB);
    json_t *doc, *items;

    (void)state;
    assert_int_equal(engine_run(&c, &got, NULL), 0);
    doc = json_loadb(got.data, got.len, 0, NULL);
    items = json_object_get(doc, "items");
    for (size_t i = 0; i < 3; i++) {
        static const char *const cpu[] = {"7m", "-", "0m"}, *const memory[] = {"5Mi", "-", "0Mi"};
        json_t *row = json_array_get(items, i);

        assert_string_equal(
            json_string_value(json_object_get(json_object_get(row, "cpu"), "usage")), cpu[i]);
        assert_string_equal(
            json_string_value(json_object_get(json_object_get(row, "memory"), "usage")), memory[i]);
    }
    json_decref(doc);
}

static void broken_metrics_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "{",
                                      "null",
                                      "{}",
                                      "{\"items\":{}}",
                                      ("{\"items\":[{\"metadata\":{\"name\":\"a\",\"namespace\":"
                                       "\"b\"},\"containers\":[{\"usage\":"
                                       "{\"cpu\":\"7x\"}}]}]}")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct kube_usage *u AUTO(kube_usage_destroy_p) = kube_usage_create();
        struct app_error err = {0};
        int rc = kube_usage_feed(u, bad[i], strlen(bad[i]));

        assert_int_equal(kube_usage_finish(u, &err), -1);
        assert_int_equal(err.code, APP_UPSTREAM_BROKEN);
        (void)rc;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_follow_the_contract),
        cmocka_unit_test(pages_are_checked),
        cmocka_unit_test(page_numbers_do_not_overflow),
        cmocka_unit_test(refusals),
        cmocka_unit_test(list_metadata_may_stand_last),
        cmocka_unit_test(a_nul_in_an_annotation_breaks_nothing),
        cmocka_unit_test(ties_ascend_by_the_joined_path_in_both_directions),
        cmocka_unit_test(a_filter_counts_before_paging),
        cmocka_unit_test(long_escaped_names_stay_whole),
        cmocka_unit_test(heap_equals_full_sort),
        cmocka_unit_test(one_item_keeps_at_most_its_share),
        cmocka_unit_test(a_list_in_a_row_is_bounded),
        cmocka_unit_test(kept_rows_are_bounded),
        cmocka_unit_test(a_short_answer_buffer_is_left_as_it_was),
        cmocka_unit_test(usage_matches_namespace_and_name),
        cmocka_unit_test(broken_metrics_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
