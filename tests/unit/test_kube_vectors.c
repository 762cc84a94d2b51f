/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every pair in tests/contract/<kind>/ (see tests/contract/README.md): upstream bytes in, answer
 * out, in several chunkings. Where the original's answer is a registered fault, "expect" counts and
 * must differ from "out".
 */
#include "cleanup.h"
#include "kube_engine.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char root[] = CP_SOURCE_DIR "/tests/contract";

static struct text param(const json_t *query, const char *key)
{
    const json_t *v = json_object_get(query, key);

    return (struct text){json_string_value(v), json_string_length(v)};
}

/* @return malloc'ed upstream bytes: "in" as text or as a value, or the file "in_file" */
static char *upstream_bytes(const json_t *v)
{
    const json_t *in = json_object_get(v, "in");
    const char *file = json_string_value(json_object_get(v, "in_file"));
    char path[512], *text = NULL;
    size_t cap = 0;
    FILE *f;

    if (json_is_string(in))
        return strdup(json_string_value(in));
    if (in)
        return json_dumps(in, JSON_COMPACT | JSON_ENCODE_ANY);
    snprintf(path, sizeof(path), "%s/%s", root, file ? file : "");
    f = fopen(path, "re");
    if (!f || getdelim(&text, &cap, 0, f) < 0)
        fail_msg("cannot read %s", path);
    fclose(f);
    return text;
}

static bool answer_matches(const json_t *want, int rc, const struct buf *got,
                           const struct app_error *err)
{
    const char *error = json_string_value(json_object_get(want, "error"));
    json_t *doc;
    bool same;

    if (error)
        return rc < 0 && strcmp(app_code_name(err->code), error) == 0;
    if (rc < 0)
        return false;
    doc = json_loadb(got->data, got->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    same = doc && json_same(want, doc);
    json_decref(doc);
    return same;
}

static bool vector_passes(const json_t *v, const char *in, size_t chunk, struct buf *got)
{
    const json_t *query = json_object_get(v, "query"), *usage = json_object_get(v, "usage");
    const json_t *expect = json_object_get(v, "expect");
    char *usage_text = usage ? json_dumps(usage, JSON_COMPACT) : NULL;
    struct engine_case c = {
        kube_kind_find(json_string_value(json_object_get(v, "kind"))),
        json_string_value(json_object_get(v, "view")),
        {param(query, "searchName"), param(query, "orderBy"), param(query, "order"),
                                      param(query, "offset"), param(query, "limit")},
        text_of(in),
        text_of(usage_text),
        chunk,
        param(query, "ownerReferencesUid")
    };
    struct app_error err = {0};
    int rc = engine_run(&c, got, &err);
    bool ok = answer_matches(json_object_get(expect ? expect : v, "out"), rc, got, &err);

    if (!ok)
        print_error("%s, chunks of %zu: %s %s\n", json_string_value(json_object_get(v, "name")),
                    chunk, rc < 0 ? app_code_name(err.code) : got->data, rc < 0 ? err.detail : "");
    free(usage_text);
    return ok;
}

/* @return failures; a file without "kind" is no vector */
static int run_file(const char *path, int *count)
{
    static const size_t chunks[] = {0, 1, 7, 1400};
    json_t *v = json_load_file(path, 0, NULL);
    const json_t *expect = json_object_get(v, "expect");
    char *in = NULL;
    int failures = 0;

    if (!v || !json_object_get(v, "kind")) {
        json_decref(v);
        return v ? 0 : 1;
    }
    in = upstream_bytes(v);
    assert_non_null(in);
    /* a vector that carries both answers must show where they differ */
    assert_false(expect && json_same(json_object_get(v, "out"), json_object_get(expect, "out")));
    assert_true(!expect || json_is_string(json_object_get(expect, "id")));
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        struct buf got AUTO(buf_finish_p) = BUF_INIT(16u * MIB);

        failures += !vector_passes(v, in, chunks[i], &got);
    }
    ++*count;
    free(in);
    json_decref(v);
    return failures;
}

static int run_folder(const char *folder, int *count)
{
    char path[768];
    struct dirent **names;
    int failures = 0, n;

    snprintf(path, sizeof(path), "%s/%s", root, folder);
    n = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        size_t len = strlen(names[i]->d_name);

        snprintf(path, sizeof(path), "%s/%s/%s", root, folder, names[i]->d_name);
        if (len > 5 && strcmp(names[i]->d_name + len - 5, ".json") == 0)
            failures += run_file(path, count);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return failures;
}

static void vectors_of_all_kinds_match(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < kube_kind_count; i++) {
        int count = 0;

        failures += run_folder(kube_kinds[i].segment, &count);
        print_message("%-12s %d vectors\n", kube_kinds[i].segment, count);
        assert_true(count >= 2); /* a kind without vectors is not covered */
    }
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors_of_all_kinds_match)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
