/* SPDX-License-Identifier: Apache-2.0 */
#include "labels.h"

#include "cleanup.h"
#include "json_scan.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A set of texts is an object with null members; that of the keys holds each key's set of values.
 */

static int add(json_t *keys, const char *key, const json_t *value)
{
    json_t *values = json_object_get(keys, key);

    if (!json_is_string(value))
        return 0;
    if (!values) {
        values = json_object();
        if (json_object_set_new(keys, key, values) < 0)
            return -1;
    }
    return json_object_get(values, json_string_value(value))
               ? 0
               : json_object_set_new(values, json_string_value(value), json_null());
}

/* One pod's labels, at most LIST_ITEM_MAX_BYTES: the engine has kept them as they came. */
static int add_row(json_t *keys, struct text row, struct app_error *err)
{
    json_error_t why;
    json_auto_t *labels = json_loadb(row.p, row.len, 0, &why);
    const char *key;
    json_t *value;

    if (!labels)
        return app_fail(err, APP_UPSTREAM_BROKEN, "labels: %s", why.text);
    json_object_foreach (labels, key, value) {
        if (add(keys, key, value) < 0)
            return app_fail(err, APP_INTERNAL, "out of memory");
    }
    return 0;
}

static int add_rows(json_t *keys, struct text rows, struct app_error *err)
{
    struct buf list AUTO(buf_finish_p) = BUF_INIT(rows.len + 2);
    struct text rest, ignored, row;

    buf_append_char(&list, '[');
    buf_append(&list, rows.p, rows.len);
    if (buf_append_char(&list, ']') < 0)
        return app_fail(err, APP_INTERNAL, "out of memory");
    rest = (struct text){list.data, list.len};
    while (json_token_next(&rest, &ignored, &row))
        if (add_row(keys, row, err) < 0)
            return -1;
    return 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* @return the members' names in order, to be freed, or NULL (no memory) */
static const char **sorted_names(json_t *set)
{
    size_t count = json_object_size(set), n = 0;
    const char **names = calloc(count + 1, sizeof(char *));
    const char *name;
    json_t *ignored;

    if (!names)
        return NULL;
    json_object_foreach (set, name, ignored)
        names[n++] = name;
    qsort(names, count, sizeof(char *), compare);
    return names;
}

static int write_values(json_t *set, struct buf *ret)
{
    const char **names = sorted_names(set);

    for (const char **n = names; n && *n; n++) {
        if (n > names)
            buf_append_char(ret, ',');
        buf_append_json_string(ret, *n, strlen(*n));
    }
    free(names);
    return names ? 0 : -1;
}

static int write_keys(json_t *keys, struct buf *ret)
{
    const char **names = sorted_names(keys);
    int rc = names ? 0 : -1;

    for (const char **n = names; n && *n && rc == 0; n++) {
        if (n > names)
            buf_append_char(ret, ',');
        buf_append_json_string(ret, *n, strlen(*n));
        buf_append_str(ret, ":[");
        rc = write_values(json_object_get(keys, *n), ret);
        buf_append_char(ret, ']');
    }
    free(names);
    return rc;
}

int kube_labels_collect(struct text rows, struct buf *ret, struct app_error *err)
{
    json_auto_t *keys = json_object();

    if (!keys)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (add_rows(keys, rows, err) < 0)
        return -1;
    buf_append_char(ret, '{');
    if (write_keys(keys, ret) < 0)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (buf_append_char(ret, '}') < 0)
        return app_fail(err, APP_UPSTREAM_BROKEN, "the labels are too large");
    return 0;
}
