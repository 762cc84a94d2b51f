/* SPDX-License-Identifier: Apache-2.0 */
#include "kube_reference.h"

#include "cleanup.h"
#include "clock.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool reference_is_unsure;

/* "a.b", "a[0].b", "a[]" (the array itself), "" (the base) */
static json_t *at(const json_t *base, const char *path)
{
    const json_t *v = base;
    char key[64];

    while (*path && v) {
        size_t len = strcspn(path, ".[");

        snprintf(key, sizeof(key), "%.*s", (int)len, path);
        v = json_object_get(v, key);
        path += len;
        if (strncmp(path, "[0]", 3) == 0) {
            v = json_array_get(v, 0);
            path += 3;
        }
        if (strcmp(path, "[]") == 0)
            break;
        path += *path == '.';
    }
    return (json_t *)(uintptr_t)v;
}

static json_t *literal(const char *text)
{
    return json_loads(text, JSON_DECODE_ANY, NULL);
}

static struct text string_of(const json_t *v)
{
    if (!json_is_string(v))
        return (struct text){NULL, 0};
    return (struct text){json_string_value(v), json_string_length(v)};
}

static json_t *as_text(const json_t *v)
{
    char number[32];

    if (json_is_boolean(v))
        return json_string(json_is_true(v) ? "true" : "false");
    if (json_is_real(v) || (json_is_integer(v) && json_integer_value(v) == 0))
        reference_is_unsure = true; /* 1e5, -0 */
    snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v));
    return json_string(number);
}

/* @return NULL when it is no time */
static json_t *as_time(const json_t *v)
{
    char text[CLOCK_TEXT_BYTES];
    struct text t = string_of(v);
    size_t len = t.p ? clock_vtime(t, SEOUL_MIN, text) : 0;

    return len ? json_stringn(text, len) : NULL;
}

static json_t *annotations(json_t *map)
{
    json_t *list = json_array(), *value;
    const char *key;
    size_t len;

    json_object_keylen_foreach(map, key, len, value)
    {
        bool is_system = strncmp(key, "kubectl.kubernetes.io/", 22) == 0 ||
                         strncmp(key, "kubernetes.io/", 14) == 0 ||
                         strncmp(key, "k8s.io/", 7) == 0 || memmem(key, len, "last-applied", 12);

        json_array_append_new(list,
                              json_pack("{s:s, s:o, s:o}", "checkYn", is_system ? "Y" : "N", "key",
                                        json_stringn(key, len), "value",
                                        json_is_string(value) ? json_incref(value) : json_null()));
    }
    if (json_array_size(list) == 0)
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s}", "checkYn", "-", "key", "-", "value", "-"));
    return list;
}

/* ---- what no table says ---- */

static json_t *or_null(json_t *v)
{
    return json_is_string(v) ? json_incref(v) : json_null();
}

/* Contract 13.14, case by case. @return podStatus; *failed when the container status is Failed */
static json_t *pod_status(const json_t *pod, bool *failed)
{
    json_t *phase = at(pod, "status.phase"), *reason = at(pod, "status.reason");
    json_t *list = at(pod, "status.containerStatuses");

    *failed = false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *state = json_object_get(json_array_get(list, i), "state");
        json_t *waiting = json_object_get(state, "waiting");
        json_t *terminated = json_object_get(state, "terminated");

        if (!json_is_object(state))
            return json_is_string(reason) ? json_incref(reason) : or_null(phase);
        if (json_is_object(waiting)) {
            *failed = json_is_string(phase) &&
                      strcasecmp(json_string_value(phase), "Running") == 0 &&
                      json_string_length(phase) == 7;
            return or_null(json_object_get(waiting, "reason"));
        }
        if (json_is_object(terminated))
            return or_null(json_object_get(terminated, "reason"));
    }
    if (json_array_size(list) == 0 && json_is_string(reason))
        return json_incref(reason);
    return or_null(phase);
}

static json_t *node_ready(const json_t *node)
{
    json_t *list = at(node, "status.conditions");

    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *type = json_object_get(json_array_get(list, i), "type");

        if (!text_eq_str(string_of(type), "Ready"))
            continue;
        return or_null(json_object_get(json_array_get(list, i), "status"));
    }
    return json_null();
}

static json_t *custom(const char *out, const json_t *base)
{
    bool failed;
    json_t *status, *v;

    if (strcmp(out, "ready") == 0)
        return node_ready(base);
    if (strcmp(out, "restarts") == 0) {
        v = at(base, "status.containerStatuses[0].restartCount");
        return json_is_integer(v) ? json_incref(v) : json_integer(0);
    }
    status = pod_status(base, &failed);
    if (strcmp(out, "podStatus") == 0)
        return status;
    json_decref(status);
    return failed ? json_string("Failed") : or_null(at(base, "status.phase"));
}

/* ---- tables ---- */

static json_t *members(const struct view_field *fields, const json_t *base);
static json_t *value(const struct view_field *f, const json_t *base);

static json_t *list_value(const struct view_field *f, json_t *v)
{
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(v); i++)
        json_array_append_new(list, f->conv == VIEW_LIST ? members(f->sub, json_array_get(v, i))
                                                         : value(f->sub, json_array_get(v, i)));
    return list;
}

static json_t *missing(const struct view_field *f)
{
    static const char *const own[] = {[VIEW_STRING] = "null",
                                      [VIEW_DASH] = "\"-\"",
                                      [VIEW_TEXT] = "\"-\"",
                                      [VIEW_INT] = "0",
                                      [VIEW_TIME] = "\"\"",
                                      [VIEW_MAP] = "\"-\"",
                                      [VIEW_RAW_OBJECT] = "null",
                                      [VIEW_RAW_ARRAY] = "null",
                                      [VIEW_OBJECT] = "null",
                                      [VIEW_LIST] = "null",
                                      [VIEW_LIST_PLAIN] = "null",
                                      [VIEW_CONST] = "null",
                                      [VIEW_SPLICE] = "{\"usage\":\"-\"}"};

    return literal(f->missing ? f->missing : own[f->conv]);
}

static bool is_there(const struct view_field *f, const json_t *v)
{
    switch (f->conv) {
    case VIEW_STRING:
        return json_is_string(v);
    case VIEW_DASH:
        return json_is_string(v) && json_string_length(v) > 0;
    case VIEW_INT:
        return json_is_integer(v);
    case VIEW_MAP:
        return json_object_size(v) > 0;
    case VIEW_RAW_OBJECT:
        return json_is_object(v);
    case VIEW_RAW_ARRAY:
        return json_is_array(v);
    case VIEW_LIST:
    case VIEW_LIST_PLAIN:
        return json_is_array(v) &&
               (json_array_size(v) > 0 || !f->missing || strcmp(f->missing, "null") == 0);
    default:
        return false;
    }
}

static json_t *value(const struct view_field *f, const json_t *base)
{
    json_t *v = f->path ? at(base, f->path) : NULL, *time;

    switch (f->conv) {
    case VIEW_TEXT:
        if (json_is_number(v) || json_is_boolean(v))
            return as_text(v);
        return json_string_length(v) > 0 ? json_incref(v) : missing(f);
    case VIEW_TIME:
        time = as_time(v);
        return time ? time : missing(f);
    case VIEW_ANNOTATIONS:
        return annotations(v);
    case VIEW_OBJECT:
        if (f->path && !json_is_object(v))
            return missing(f);
        return members(f->sub, f->path ? v : base);
    case VIEW_CUSTOM:
        return custom(f->out, base);
    default:
        break;
    }
    if (!is_there(f, v))
        return missing(f);
    return f->conv == VIEW_LIST || f->conv == VIEW_LIST_PLAIN ? list_value(f, v) : json_incref(v);
}

static json_t *members(const struct view_field *fields, const json_t *base)
{
    json_t *obj = json_object();

    for (; fields->conv != VIEW_LAST; fields++)
        if (fields->out)
            json_object_set_new(obj, fields->out, value(fields, base));
    return obj;
}

json_t *reference_detail(const struct kube_kind *kind, const json_t *doc, enum app_code *ret_code)
{
    const char *names = kind->detail->required;

    *ret_code = json_is_null(doc) ? APP_CODE_ERROR : APP_UPSTREAM_BROKEN;
    if (!json_is_object(doc))
        return NULL;
    *ret_code = APP_CODE_ERROR;
    for (const char *must = "metadata\0spec\0status\0"; *must; must += strlen(must) + 1)
        if (strstr(names, must) && !json_is_object(json_object_get(doc, must)))
            return NULL;
    return members(kind->detail->fields, doc);
}

/* ---- lists ---- */

struct ref_row {
    size_t index;
    struct text key;
    struct buf path;
    const json_t *item;
};

static bool ref_descending;

static int compare(const void *a, const void *b)
{
    const struct ref_row *x = a, *y = b;
    int c = text_cmp(x->key, y->key);

    if (c)
        return ref_descending ? -c : c;
    c = text_cmp((struct text){x->path.data, x->path.len},
                 (struct text){y->path.data, y->path.len});
    return c ? c : (x->index > y->index) - (x->index < y->index);
}

static size_t select_rows(const json_t *items, const struct list_query *q, struct ref_row *rows)
{
    static const char *const keys[] = {"metadata.creationTimestamp", "metadata.name",
                                       "metadata.namespace"};
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        struct text name = string_of(at(item, "metadata.name"));
        struct text ns = string_of(at(item, "metadata.namespace"));
        struct ref_row *r = &rows[count];

        if (!json_is_object(item) ||
            (q->search_name.len && !text_contains_nocase(name, q->search_name)))
            continue;
        *r = (struct ref_row){i, string_of(at(item, keys[q->order_by])), BUF_INIT(MIB), item};
        buf_append(&r->path, ns.p, ns.len);
        buf_append_char(&r->path, '/');
        buf_append(&r->path, name.p, name.len);
        count++;
    }
    return count;
}

static enum app_code list_refusal(const json_t *doc, const json_t *items,
                                  const struct ref_row *rows, size_t count)
{
    bool has_null = false;

    if (json_is_null(doc))
        return APP_CODE_ERROR;
    if (!json_is_object(doc))
        return APP_UPSTREAM_BROKEN;
    if (!items)
        return APP_CODE_ERROR;
    if (!json_is_null(items) && !json_is_array(items))
        return APP_UPSTREAM_BROKEN;
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);

        if (!json_is_object(item) && !json_is_null(item))
            return APP_UPSTREAM_BROKEN;
        has_null = has_null || json_is_null(item);
    }
    for (size_t i = 0; i < count && count >= 2; i++)
        if (!rows[i].key.p)
            return APP_CODE_ERROR;
    return has_null ? APP_CODE_ERROR : APP_OK;
}

static json_t *answer(const struct kube_kind *kind, const json_t *doc, const struct list_query *q,
                      const struct ref_row *rows, size_t count)
{
    json_t *out = json_object(), *page = json_array();
    json_t *metadata = json_object_get(doc, "metadata");
    size_t end = q->limit ? (q->offset + 1) * q->limit : count;

    for (size_t i = q->offset * q->limit; i < count && i < end; i++)
        json_array_append_new(page, members(kind->list->fields, rows[i].item));
    if (kind->list_metadata)
        json_object_set_new(out, "metadata",
                            json_is_object(metadata) ? json_incref(metadata) : json_null());
    json_object_set_new(out, "itemMetaData",
                        json_pack("{s:I, s:I}", "allItemCount", (json_int_t)count,
                                  "remainingItemCount",
                                  (json_int_t)(count > end ? count - end : 0)));
    json_object_set_new(out, "items", page);
    return out;
}

json_t *reference_list(const struct kube_kind *kind, const json_t *doc, const struct list_query *q,
                       enum app_code *ret_code)
{
    const json_t *items = json_object_get(doc, "items");
    struct ref_row *rows = calloc(json_array_size(items) + 1, sizeof(*rows));
    size_t count = select_rows(items, q, rows);
    json_t *out = NULL;

    *ret_code = list_refusal(doc, items, rows, count);
    ref_descending = q->descending;
    qsort(rows, count, sizeof(*rows), compare);
    if (*ret_code == APP_OK)
        out = answer(kind, doc, q, rows, count);
    for (size_t i = 0; i < count; i++)
        buf_finish(&rows[i].path);
    free(rows);
    return out;
}
