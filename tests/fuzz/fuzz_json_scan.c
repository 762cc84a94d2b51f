/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the API server's answer. The first byte chooses kind and view, the second the query
 * and the chunking. Properties: the chunking changes nothing; an answer is JSON; where a jansson
 * tree can judge, it says the same.
 */
#include "cleanup.h"
#include "kube_reference.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct engine_case case_of(uint8_t what, uint8_t how)
{
    static const char *const orders[] = {"name", "namespace", "creationTime", ""};
    static const char *const limits[] = {"0", "1", "2", "100"};

    return (struct engine_case){
        .kind = &kube_kinds[(what >> 1) % kube_kind_count],
        .view = what & 1 ? "detail" : "list",
        .params = {.search_name = how & 0x80 ? TEXT("a") : TEXT(""),
                   .order_by = text_of(orders[how & 3]),
                   .order = how & 4 ? TEXT("asc") : TEXT("desc"),
                   .limit = text_of(limits[how >> 3 & 3])},
        .chunk = 0
    };
}

static void check_chunks(struct engine_case c, int rc, const struct buf *whole)
{
    static const size_t sizes[] = {1, 3, 17};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf got AUTO(buf_finish_p) = BUF_INIT(16u * MIB);
        struct app_error err = {0};

        c.chunk = sizes[i];
        assert(engine_run(&c, &got, &err) == rc);
        if (rc == 0)
            assert(got.len == whole->len && memcmp(got.data, whole->data, got.len) == 0);
    }
}

static json_t *reference(const struct engine_case *c, const json_t *doc, enum app_code *code)
{
    struct list_query q;

    if (strcmp(c->view, "detail") == 0)
        return reference_detail(c->kind, doc, code);
    if (list_query_parse(&c->params, SEOUL_MIN, &q, NULL) < 0)
        return NULL;
    return reference_list(c->kind, doc, &q, code);
}

/* Depth and caps are the engine's own. */
static bool may_pass_a_limit(struct text in)
{
    size_t opened = 0;

    for (size_t i = 0; i < in.len; i++)
        opened += in.p[i] == '[' || in.p[i] == '{';
    return opened > SCAN_DEPTH_MAX || in.len > 32 * KIB;
}

static void check_reference(const struct engine_case *c, int rc, const struct buf *whole,
                            enum app_code got_code)
{
    json_t *doc = json_loadb(c->in.p, c->in.len,
                             JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    enum app_code code = APP_UPSTREAM_BROKEN;
    json_t *want, *have;

    if (!doc || memchr(c->in.p, 0, c->in.len) || may_pass_a_limit(c->in))
        goto out;
    reference_is_unsure = false;
    want = reference(c, doc, &code);
    if (!reference_is_unsure) {
        assert((want != NULL) == (rc == 0) && (want || code == got_code));
        have = want ? json_loadb(whole->data, whole->len, JSON_ALLOW_NUL, NULL) : NULL;
        assert(!want || (have && json_same(want, have)));
        json_decref(have);
    }
    json_decref(want);
out:
    json_decref(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole AUTO(buf_finish_p) = BUF_INIT(16u * MIB);
    struct app_error err = {0};
    struct engine_case c;
    int rc;

    if (size < 3)
        return 0;
    c = case_of(data[0], data[1]);
    c.in = (struct text){(const char *)data + 2, size - 2};
    rc = engine_run(&c, &whole, &err);
    check_chunks(c, rc, &whole);
    check_reference(&c, rc, &whole, err.code);
    return 0;
}
