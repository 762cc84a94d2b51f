/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "client.h"
#include "codec.h"
#include "view.h"

#include <string.h>

#define PATH_MAX_BYTES 8192

bool kube_namespace_is_all(const char *namespace_name)
{
    return !namespace_name || text_eq_nocase(text_of(namespace_name), TEXT("all"));
}

/* Dots are not escaped by RFC 3986, so a dot segment would walk up the path. */
static bool is_segment_ok(const char *s)
{
    return s && *s && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

static int append_segment(struct arena *a, struct buf *path, const char *segment,
                          struct app_error *err)
{
    char *escaped;

    if (!is_segment_ok(segment))
        return app_fail(err, APP_BAD_REQUEST, "empty or dot segment in a Kubernetes path");
    escaped = uri_encode(a, text_of(segment));
    if (!escaped)
        return app_fail(err, APP_INTERNAL, "out of memory");
    buf_append_str(path, escaped);
    return 0;
}

static const char *finish_path(struct arena *a, struct buf *path, struct app_error *err)
{
    const char *text = buf_failed(path) ? NULL : arena_strndup(a, path->data, path->len);

    if (!text)
        app_fail(err, APP_BAD_REQUEST, "Kubernetes path over %d bytes or no memory",
                 PATH_MAX_BYTES);
    return text;
}

const char *kube_path_format(struct arena *a, const char *pattern, const char *const segments[],
                             size_t count, struct app_error *err)
{
    struct buf path AUTO(buf_finish_p) = BUF_INIT(PATH_MAX_BYTES);
    size_t used = 0;

    for (const char *p = pattern; *p; p++) {
        if (p[0] != '{' || p[1] != '}') {
            buf_append_char(&path, *p);
            continue;
        }
        if (used == count) {
            app_fail(err, APP_INTERNAL, "path pattern wants more segments");
            return NULL;
        }
        if (append_segment(a, &path, segments[used++], err) < 0)
            return NULL;
        p++;
    }
    return finish_path(a, &path, err);
}

const char *kube_field_selector(struct arena *a, const char *name, const char *value)
{
    struct buf text AUTO(buf_finish_p) = BUF_INIT(PATH_MAX_BYTES);

    buf_printf(&text, "%s=", name);
    for (; *value; value++) {
        if (strchr("\\,=", *value))
            buf_append_char(&text, '\\');
        buf_append_char(&text, *value);
    }
    return buf_failed(&text) ? NULL : arena_strndup(a, text.data, text.len);
}

/* Group, version and plural come from the table of kinds and need no escaping. */
static int append_collection(struct arena *a, struct buf *path, const struct kube_kind *kind,
                             const char *namespace_name, struct app_error *err)
{
    if (*kind->group)
        buf_printf(path, "/apis/%s/%s", kind->group, kind->version);
    else
        buf_printf(path, "/api/%s", kind->version);
    if (namespace_name) {
        buf_append_str(path, "/namespaces/");
        if (append_segment(a, path, namespace_name, err) < 0)
            return -1;
    }
    buf_printf(path, "/%s", kind->plural);
    return 0;
}

const char *kube_path_list(struct arena *a, const struct kube_kind *kind,
                           const char *namespace_name, struct app_error *err)
{
    struct buf path AUTO(buf_finish_p) = BUF_INIT(PATH_MAX_BYTES);

    if (!kind->namespaced || kube_namespace_is_all(namespace_name))
        namespace_name = NULL;
    if (append_collection(a, &path, kind, namespace_name, err) < 0)
        return NULL;
    return finish_path(a, &path, err);
}

const char *kube_path_item(struct arena *a, const struct kube_kind *kind,
                           const char *namespace_name, const char *name, struct app_error *err)
{
    struct buf path AUTO(buf_finish_p) = BUF_INIT(PATH_MAX_BYTES);

    if (kind->namespaced && !is_segment_ok(namespace_name)) {
        app_fail(err, APP_BAD_REQUEST, "a %s needs a namespace", kind->kind);
        return NULL;
    }
    if (append_collection(a, &path, kind, kind->namespaced ? namespace_name : NULL, err) < 0)
        return NULL;
    buf_append_char(&path, '/');
    if (append_segment(a, &path, name, err) < 0)
        return NULL;
    return finish_path(a, &path, err);
}
