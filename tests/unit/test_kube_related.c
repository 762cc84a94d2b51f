/* SPDX-License-Identifier: Apache-2.0 */
/* What the answers about related objects are made of, besides the vectors: field selectors, labels,
 * endpoints (their vectors are in tests/contract/endpoints/). */
#include "cleanup.h"
#include "client.h"
#include "endpoints.h"
#include "kube_engine.h"
#include "labels.h"

#include <dirent.h>
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

/* @return true when the vector's nodes are those that are asked for */
static bool nodes_match(const json_t *v, const json_t *in)
{
    json_t *nodes = kube_endpoints_nodes(in), *want = json_object_get(v, "nodes"), *ignored;
    const char *name;
    bool same = json_object_size(nodes) == json_object_size(want);

    json_object_foreach (want, name, ignored)
        same = same && json_object_get(nodes, name);
    json_decref(nodes);
    return same;
}

static bool endpoints_match(const json_t *v)
{
    const json_t *in = json_object_get(v, "in"), *expect = json_object_get(v, "expect");
    const json_t *want = json_object_get(expect ? expect : v, "out");
    const char *error = json_string_value(json_object_get(want, "error"));
    struct buf got AUTO(buf_finish_p) = BUF_INIT(MIB);
    struct app_error err = {0};
    json_t *doc;
    bool same;

    buf_append_char(&got, '{');
    if (kube_endpoints_render(in, json_object_get(v, "nodes"), &got, &err) < 0)
        return error && strcmp(app_code_name(err.code), error) == 0;
    buf_append_char(&got, '}');
    doc = json_loadb(got.data, got.len, 0, NULL);
    same = !error && doc && json_same(want, doc);
    json_decref(doc);
    return same && nodes_match(v, in);
}

static int is_vector(const struct dirent *e)
{
    return strstr(e->d_name, ".json") != NULL;
}

static void vectors_of_endpoints_match(void **state)
{
    static const char folder[] = CP_SOURCE_DIR "/tests/contract/endpoints";
    struct dirent **names;
    int count = scandir(folder, &names, is_vector, alphasort);

    (void)state;
    assert_true(count >= 6);
    for (int i = 0; i < count; i++) {
        char path[768];
        json_t *v;

        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        v = json_load_file(path, 0, NULL);
        if (!v || !endpoints_match(v))
            fail_msg("%s", names[i]->d_name);
        json_decref(v);
        free(names[i]);
    }
    free(names);
    print_message("endpoints    %d vectors\n", count);
}

/* Every address repeats the ports: a small object can ask for a large answer. */
static void endpoints_are_bounded(void **state)
{
    json_t *ports = json_array(), *addresses = json_array(), *doc;
    struct buf got AUTO(buf_finish_p) = BUF_INIT(MIB);
    struct app_error err = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        json_array_append_new(ports, json_pack("{s:i}", "port", i));
        json_array_append_new(addresses, json_pack("{s:s}", "ip", "1.1.1.1"));
    }
    doc = json_pack("{s:[{s:o, s:o}]}", "subsets", "ports", ports, "addresses", addresses);
    assert_non_null(doc);
    assert_int_equal(kube_endpoints_render(doc, doc, &got, &err), -1);
    assert_int_equal(err.code, APP_UPSTREAM_BROKEN);
    json_decref(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_cannot_leave_its_field),
        cmocka_unit_test(a_value_without_end_is_refused),
        cmocka_unit_test(labels_that_cannot_be_told_are_refused),
        cmocka_unit_test(vectors_of_endpoints_match),
        cmocka_unit_test(endpoints_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
