/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine against a jansson tree: random and damaged documents of every kind, lists and details,
 * whole and in chunks. What the reference cannot judge is counted, so that the exceptions cannot
 * swallow the test.
 */
#include "cleanup.h"
#include "kube_random.h"
#include "kube_reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DOCUMENTS 1200 /* of each kind and view */

struct tally {
    unsigned accepted, refused, not_comparable;
};

static json_t *vector_in(const char *kind, int number)
{
    char path[512];
    json_t *v, *in;

    snprintf(path, sizeof(path), "%s/tests/contract/%s/a%02d.json", CP_SOURCE_DIR, kind, number);
    v = json_load_file(path, 0, NULL);
    if (!v)
        return NULL;
    in = json_incref(json_object_get(v, "in"));
    json_decref(v);
    return in;
}

/* Lists and single objects of the contract's samples, one shape for all: items of both kinds. */
static json_t *shape_of(const char *kind)
{
    json_t *shape = json_pack("{s:{s:s, s:i}, s:[]}", "metadata", "resourceVersion", "55",
                              "remainingItemCount", 3, "items");

    for (int number = 1; number < 40; number++) {
        json_t *in = vector_in(kind, number), *items = json_object_get(in, "items");

        if (items)
            json_array_extend(json_object_get(shape, "items"), items);
        else if (in)
            json_array_append(json_object_get(shape, "items"), in);
        json_decref(in);
    }
    assert_true(json_array_size(json_object_get(shape, "items")) > 0);
    return shape;
}

static struct list_params random_params(void)
{
    static const char *const orders[] = {"name", "namespace", "creationTime", ""};
    static const char *const searches[] = {"", "", "a", "B", "-"};
    static const char *const limits[] = {"0", "1", "2", "3", "7"};
    unsigned limit = random_below(5);

    return (struct list_params){
        text_of(searches[random_below(5)]), text_of(orders[random_below(4)]),
        text_of(random_below(2) ? "asc" : "desc"), text_of(limit ? limits[random_below(3)] : "0"),
        text_of(limits[limit])};
}

/* The reference refuses or changes what JSON allows: numbers out of range, NUL in keys, duplicate
 * keys (it replaces), a NUL byte after a number (its fault). */
static bool is_comparable(const json_error_t *why)
{
    enum json_error_code c = json_error_code(why);

    return c != json_error_numeric_overflow && c != json_error_null_byte_in_key &&
           c != json_error_duplicate_key;
}

static void show(const struct engine_case *c, const char *what, const struct buf *got)
{
    fail_msg("%s %s, chunks of %zu: %s\nin:  %.*s\ngot: %s", c->kind->segment, c->view, c->chunk,
             what, (int)c->in.len, c->in.p, got->data ? got->data : "");
}

static void check_answer(const struct engine_case *c, const json_t *want, enum app_code code)
{
    struct buf got AUTO(buf_finish_p) = BUF_INIT(4 * MIB);
    struct app_error err = {0};
    int rc = engine_run(c, &got, &err);
    json_t *doc;

    if (rc < 0) {
        if (want || err.code != code)
            show(c, err.detail, &got);
        return;
    }
    doc = json_loadb(got.data, got.len, JSON_ALLOW_NUL, NULL);
    if (!doc || !want || !json_same(want, doc))
        show(c, doc ? "another answer" : "not JSON", &got);
    json_decref(doc);
}

/* The engine's own verdict: is it JSON at all? */
static bool engine_accepts(const struct engine_case *c)
{
    struct buf got AUTO(buf_finish_p) = BUF_INIT(4 * MIB);
    struct app_error err = {0};

    return engine_run(c, &got, &err) == 0 || err.code != APP_UPSTREAM_BROKEN;
}

static void compare_one(struct engine_case *c, struct tally *n)
{
    static const size_t chunks[] = {0, 1, 13};
    json_error_t why;
    json_t *doc = json_loadb(c->in.p, c->in.len,
                             JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    bool is_list = strcmp(c->view, "list") == 0;
    enum app_code code = APP_UPSTREAM_BROKEN;
    struct list_query q;
    json_t *want = NULL;

    assert_int_equal(list_query_parse(&c->params, SEOUL_MIN, &q, NULL), 0);
    reference_is_unsure = false;
    if (doc)
        want = is_list ? reference_list(c->kind, doc, &q, &code)
                       : reference_detail(c->kind, doc, &code);
    if (reference_is_unsure || (doc && memchr(c->in.p, 0, c->in.len)) ||
        (!doc && !is_comparable(&why))) {
        n->not_comparable++;
        (void)engine_accepts(c);
    } else {
        *(want ? &n->accepted : &n->refused) += 1;
        for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
            c->chunk = chunks[i];
            check_answer(c, want, code);
        }
    }
    json_decref(want);
    json_decref(doc);
}

static void compare_many(const struct kube_kind *kind, const char *view, const json_t *shape,
                         struct tally *n)
{
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        struct buf doc AUTO(buf_finish_p) = BUF_INIT(MIB);
        struct engine_case c = {.kind = kind, .view = view, .params = random_params()};

        random_document(&doc, shape);
        if (random_below(5) < 2)
            random_damage(&doc);
        c.in = (struct text){doc.data, doc.len};
        compare_one(&c, n);
    }
}

static void engine_equals_the_reference(void **state)
{
    struct tally n = {0};
    unsigned total = 0;

    (void)state;
    random_seed(20240229);
    for (size_t i = 0; i < kube_kind_count; i++) {
        json_t *shape = shape_of(kube_kinds[i].segment), *items = json_object_get(shape, "items");

        compare_many(&kube_kinds[i], "list", shape, &n);
        compare_many(&kube_kinds[i], "detail", json_array_get(items, json_array_size(items) - 1),
                     &n);
        total += 2 * DOCUMENTS;
        json_decref(shape);
    }
    print_message("%u answered, %u refused, %u not comparable\n", n.accepted, n.refused,
                  n.not_comparable);
    assert_true(n.accepted > total * 4 / 10);
    assert_true(n.refused > total / 10);
    assert_true(n.not_comparable < total * 15 / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(engine_equals_the_reference)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
