/* SPDX-License-Identifier: Apache-2.0 */
#include "kube_engine.h"

#include "cleanup.h"
#include "labels.h"
#include "quantity.h"

#include <stdlib.h>
#include <string.h>

char *exact_copy(struct text t)
{
    char *copy = malloc(t.len ? t.len : 1);

    if (!copy)
        abort();
    if (t.len)
        memcpy(copy, t.p, t.len);
    return copy;
}

int feed_chunks(feed_fn feed, void *ctx, struct text in, size_t chunk)
{
    for (size_t i = 0; i < in.len;) {
        size_t n = chunk && chunk < in.len - i ? chunk : in.len - i;
        char *block = exact_copy((struct text){in.p + i, n});
        int rc = feed(ctx, block, n);

        free(block);
        if (rc < 0)
            return -1;
        i += n;
    }
    return 0;
}

static int feed_list(void *ctx, const void *bytes, size_t len)
{
    return list_run_feed(ctx, bytes, len);
}

static int feed_usage(void *ctx, const void *bytes, size_t len)
{
    return kube_usage_feed(ctx, bytes, len);
}

static int run_labels(struct list_run *run, struct buf *ret, struct app_error *err)
{
    struct buf rows AUTO(buf_finish_p) = BUF_INIT(4 * MIB);

    if (list_run_finish_rows(run, &rows, err) < 0)
        return -1;
    buf_append_str(ret, "{\"metadata\":null,\"itemMetaData\":null,\"items\":[{\"labels\":");
    if (kube_labels_collect((struct text){rows.data, rows.len}, ret, err) < 0)
        return -1;
    return buf_append_str(ret, "}]}");
}

static int run_names(struct list_run *run, struct buf *ret, struct app_error *err)
{
    buf_append_str(ret, "{\"items\":[");
    if (list_run_finish_rows(run, ret, err) < 0)
        return -1;
    return buf_append_str(ret, "]}");
}

/* @return the view of that name, NULL for the kind's own */
static struct view *view_of(const char *name)
{
    static const struct {
        const char *name;
        struct view *view;
    } views[] = {
        {"names",  &kube_view_names        },
        {"labels", &kube_view_labels       },
        {"owned",  &kube_view_pods_by_owner}
    };

    for (size_t i = 0; i < ARRAY_LEN(views); i++)
        if (strcmp(name, views[i].name) == 0)
            return views[i].view;
    return NULL;
}

static int run_list(const struct engine_case *c, struct buf *ret, struct app_error *err)
{
    struct view *view = view_of(c->view);
    struct list_query query;
    struct list_run *run AUTO(list_run_destroy_p) = NULL;
    struct kube_usage *usage AUTO(kube_usage_destroy_p) = NULL;

    if (list_query_parse(&c->params, SEOUL_MIN, &query, err) < 0)
        return -1;
    if (strcmp(c->view, "unsorted") == 0)
        query.order_by = LIST_UNSORTED;
    run = view ? list_run_create_view(view, c->kind->list_metadata, &query, err)
               : list_run_create(c->kind, &query, err);
    if (!run)
        return -1;
    if (c->match.p)
        list_run_set_match(run, c->match);
    if (c->usage.p) {
        usage = kube_usage_create();
        if (!usage || feed_chunks(feed_usage, usage, c->usage, c->chunk) < 0 ||
            kube_usage_finish(usage, err) < 0)
            return -1;
        list_run_set_usage(run, kube_usage_lookup, usage);
    }
    (void)feed_chunks(feed_list, run, c->in, c->chunk); /* finish says the same */
    if (view == &kube_view_names)
        return run_names(run, ret, err);
    if (view == &kube_view_labels)
        return run_labels(run, ret, err);
    buf_append_char(ret, '{');
    if (list_run_finish(run, ret, err) < 0)
        return -1;
    return buf_append_char(ret, '}');
}

int engine_run(const struct engine_case *c, struct buf *ret, struct app_error *err)
{
    char *in;
    int rc;

    if (strcmp(c->view, "detail") != 0)
        return run_list(c, ret, err);
    in = exact_copy(c->in);
    buf_append_char(ret, '{');
    rc = view_render_detail(c->kind, (struct text){in, c->in.len}, SEOUL_MIN, ret, err);
    buf_append_char(ret, '}');
    free(in);
    return rc;
}

static bool object_same(const json_t *a, const json_t *b)
{
    void *i = json_object_iter((json_t *)(uintptr_t)a),
         *k = json_object_iter((json_t *)(uintptr_t)b);

    for (; i && k; i = json_object_iter_next((json_t *)(uintptr_t)a, i),
                   k = json_object_iter_next((json_t *)(uintptr_t)b, k))
        if (strcmp(json_object_iter_key(i), json_object_iter_key(k)) != 0 ||
            !json_same(json_object_iter_value(i), json_object_iter_value(k)))
            return false;
    return !i && !k;
}

bool json_same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return !(json_number_value(a) < json_number_value(b)) &&
               !(json_number_value(a) > json_number_value(b));
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_object(a))
        return object_same(a, b);
    if (!json_is_array(a))
        return json_equal(a, b);
    for (size_t i = 0; i < json_array_size(a) && i < json_array_size(b); i++)
        if (!json_same(json_array_get(a, i), json_array_get(b, i)))
            return false;
    return json_array_size(a) == json_array_size(b);
}
