/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a request target, a header, query parameters or a configuration file; the first byte
 * chooses. Properties: what the gate lets through is decoded, UTF-8, without dot segments and
 * routed the same way twice; a refusal names its reason; a configuration that is accepted passes
 * its own check again.
 */
#include "cleanup.h"
#include "codec.h"
#include "config.h"
#include "gate.h"
#include "http.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_segment(struct text seg, bool is_last)
{
    assert(seg.len == strlen(seg.p) && text_is_utf8(seg.p, seg.len));
    assert(strcmp(seg.p, ".") != 0 && strcmp(seg.p, "..") != 0 && !strpbrk(seg.p, "/\\;%"));
    assert(seg.len > 0 || is_last);
}

/* Encoding the decoded segments again and reading that gives the same segments: nothing decodes
 * twice. */
static void check_twice(struct arena *a, const struct gate_path *p)
{
    struct buf uri AUTO(buf_finish_p) = BUF_INIT(256 * KIB);
    struct gate_path again;
    const char *why = NULL;
    char *room;

    for (size_t i = 0; i < p->count; i++) {
        buf_append_char(&uri, '/');
        buf_append_str(&uri, uri_encode(a, p->seg[i]));
    }
    room = arena_alloc(a, uri.len + 1);
    assert(room);
    assert(gate_uri((struct text){uri.data, uri.len}, 256 * KIB, room, &again, &why) == 0);
    assert(again.count == p->count);
    for (size_t i = 0; i < p->count; i++)
        assert(text_eq(again.seg[i], p->seg[i]));
}

static void check_query(struct arena *a, struct text query)
{
    struct http_req req = {.arena = a};
    struct app_error err = {0};
    int64_t n = 0;
    bool b = false;

    assert(http_req_attach(&req, arena_strndup(a, query.p, query.len), NULL) == 0);
    if (req_query_int(&req, "limit", 0, &n, &err) < 0)
        assert(err.code == APP_PARAM_TYPE && strstr(err.text, "limit"));
    if (req_query_bool(&req, "includeUsage", false, &b, &err) < 0)
        assert(err.code == APP_PARAM_TYPE && strstr(err.text, "includeUsage"));
    (void)req_query_joined(&req, "searchName");
    http_req_detach(&req);
}

static void try_target(struct arena *a, struct text in)
{
    struct gate_path p;
    const char *why = NULL;
    char *room = arena_alloc(a, in.len + 1);
    int status = gate_uri(in, 8 * KIB, room, &p, &why);

    if (status) {
        assert((status == 400 || status == 414) && why);
        return;
    }
    assert(in.len <= 8 * KIB && in.p[0] == '/' && p.count > 0);
    for (size_t i = 0; i < p.count; i++)
        check_segment(p.seg[i], i + 1 == p.count);
    if (!p.is_too_deep)
        check_twice(a, &p);
    check_query(a, p.query);
}

/* Lines of "name:value". */
static void try_headers(struct text in)
{
    static const struct gate_limits limits = {4096, 1024, 20};
    struct gate_headers g;
    struct gate_body body;
    const char *why = NULL;
    size_t at = 0;
    bool go_on = true;

    gate_headers_begin(&g, &limits);
    while (go_on && at < in.len) {
        const char *end = memchr(in.p + at, '\n', in.len - at);
        size_t len = end ? (size_t)(end - in.p) - at : in.len - at;
        const char *colon = memchr(in.p + at, ':', len);
        size_t name = colon ? (size_t)(colon - in.p) - at : len;

        go_on = gate_header(
            &g, (struct text){in.p + at, name},
            (struct text){in.p + at + name + (colon != NULL), len - name - (colon != NULL)});
        at += len + 1;
    }
    if (gate_headers_end(&g, true, &body, &why) != 0) {
        assert(why);
        return;
    }
    assert(go_on && g.count <= limits.count_max && g.bytes <= limits.headers_max_bytes);
    assert(g.known[HDR_HOST].len > 0 && !(body.is_chunked && g.known[HDR_CONTENT_LENGTH].p));
}

static void try_config(struct text in)
{
    struct app_error err = {0};
    struct config *c = config_parse("f", in, NULL, &err);

    if (!c) {
        assert(err.code != APP_OK && err.text[0]);
        return;
    }
    assert(config_check(c, &err) == 0);
    config_destroy(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(4 * MIB);
    struct text in;

    if (size < 1 || size > 64 * KIB)
        return 0;
    in.p = arena_strndup(a, (const char *)data + 1, size - 1);
    in.len = size - 1;
    if (data[0] % 3 == 0)
        try_target(a, in);
    else if (data[0] % 3 == 1)
        try_headers(in);
    else
        try_config(in);
    return 0;
}
