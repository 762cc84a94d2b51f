/* SPDX-License-Identifier: Apache-2.0 */
#include "related.h"
#include "access.h"
#include "cleanup.h"
#include "internal.h"
#include "labels.h"
#include "list.h"
#include "page.h"
#include "view.h"

#include <string.h>

#define ROWS_MAX_BYTES (64 * MIB)
#define EMPTY_LIST "{\"metadata\":{},\"items\":[]}"

enum paging { AS_ASKED, WHOLE, FIRST_TEN };

static const struct relation {
    const char *collection;
    const char *field;  /* the value is what this field must be; NULL: a label selector */
    struct view *view;  /* NULL: the kind's own */
    bool is_of_cluster; /* the path's namespace plays no part */
    enum paging paging;
} relations[] = {
    [RELATED_PODS] = {"pods",        NULL,                  NULL,                     false, AS_ASKED },
    [RELATED_OWNED_PODS] = {"pods",        NULL,                  &kube_view_pods_by_owner, false, AS_ASKED },
    [RELATED_NODE_PODS] = {"pods",        "spec.nodeName",       NULL,                     true,  AS_ASKED },
    [RELATED_POD_LABELS] = {"pods",        NULL,                  &kube_view_labels,        false, AS_ASKED },
    [RELATED_REPLICA_SETS] = {"replicaSets", NULL,                  NULL,                     false, WHOLE    },
    [RELATED_EVENTS] = {"events",      NULL,                  NULL,                     false, FIRST_TEN},
    [RELATED_EVENTS_OF_UID] = {"events",      "involvedObject.uid",  NULL,                     false, FIRST_TEN},
    [RELATED_EVENTS_OF_NAME] = {"events",      "involvedObject.name", NULL,                     true,  FIRST_TEN},
};

/* Where limit and offset play no part, a number that is none is refused all the same. */
static int query_of(const struct svc_call *call, const struct related_request *req,
                    enum paging paging, struct list_query *ret, struct app_error *err)
{
    struct page_params page = req->page;

    if (page_query(call, &page, ret, err) < 0 &&
        (paging == AS_ASKED || err->code == APP_PARAM_TYPE))
        return -1;
    if (paging == WHOLE)
        *ret = (struct list_query){.order_by = LIST_UNSORTED,
                                   .utc_offset_min = call->services->config.utc_offset_min};
    if (paging != FIRST_TEN)
        return 0;
    page.limit = "10";
    page.offset = "0";
    return page_query(call, &page, ret, err);
}

static int select_by(const struct svc_call *call, const struct related_request *in,
                     const struct relation *r, struct kube_list_request *ret, struct app_error *err)
{
    ret->kind = kube_kind_find(r->collection);
    ret->namespace_name = r->is_of_cluster ? NULL : in->namespace_name;
    ret->view = r->view;
    ret->rows_only = in->what == RELATED_POD_LABELS;
    if (in->what == RELATED_OWNED_PODS)
        ret->match = in->owner_uid ? in->owner_uid : "";
    if (!r->field)
        ret->label_selector = in->value;
    else if (in->value)
        ret->field_selector = kube_field_selector(call->arena, r->field, in->value);
    if (r->field && in->value && !ret->field_selector)
        return app_fail(err, APP_BAD_REQUEST, "selector too long");
    return 0;
}

static bool selects_nothing(const struct kube_list_request *req)
{
    return req->label_selector && strcmp(req->label_selector, "-=undefined") == 0;
}

static int list_nothing(const struct kube_list_request *req, struct buf *ret, struct app_error *err)
{
    struct list_run *run AUTO(list_run_destroy_p) = list_run_create(req->kind, req->query, err);

    if (!run || list_run_feed(run, EMPTY_LIST, sizeof(EMPTY_LIST) - 1) < 0)
        return -1;
    return list_run_finish(run, ret, err);
}

static int collect_labels(const struct kube_call *kc, const struct kube_list_request *req,
                          struct buf *ret, struct app_error *err)
{
    struct buf rows AUTO(buf_finish_p) = BUF_INIT(ROWS_MAX_BYTES);

    if (kube_list(kc, req, &rows, err) < 0)
        return -1;
    buf_append_str(ret, "\"metadata\":null,\"itemMetaData\":null,\"items\":[{\"labels\":");
    if (kube_labels_collect((struct text){rows.data, rows.len}, ret, err) < 0)
        return -1;
    return buf_append_str(ret, "}]");
}

/* The route's rule lets a USER into a namespace; that this list is of the whole cluster is only
 * known here, and a refusal is recorded wherever it is made (promise P10). */
static int begin(const struct svc_call *call, const struct related_request *req,
                 const struct kube_list_request *list, struct kube_call *ret, struct app_error *err)
{
    int rc = cluster_call_begin(call, req->cluster_id, list->namespace_name, ret, err);

    if (rc < 0 && err->code == APP_FORBIDDEN)
        access_record_refusal(call, "list of the whole cluster",
                              arena_printf(call->arena, "cluster/%s/", req->cluster_id),
                              err->detail);
    return rc;
}

int related_list(const struct svc_call *call, const struct related_request *req,
                 struct buf *ret_members, struct app_error *err)
{
    const struct relation *r = &relations[req->what];
    struct kube_call kc AUTO(cluster_call_end) = {0};
    struct list_query query;
    struct kube_list_request list = {.query = &query};

    if (query_of(call, req, r->paging, &query, err) < 0 ||
        select_by(call, req, r, &list, err) < 0 || begin(call, req, &list, &kc, err) < 0)
        return -1;
    if (selects_nothing(&list))
        return list_nothing(&list, ret_members, err);
    if (req->what == RELATED_POD_LABELS)
        return collect_labels(&kc, &list, ret_members, err);
    return kube_list(&kc, &list, ret_members, err);
}
