/* SPDX-License-Identifier: Apache-2.0 */
#include "clusters.h"
#include "access.h"
#include "cleanup.h"
#include "cluster_store.h"
#include "internal.h"
#include "list.h"
#include "page.h"
#include "parallel.h"
#include "user_model.h"
#include "view.h"

#include <string.h>

#define NODE_LIST_MAX_BYTES (1 * MIB)
#define UNKNOWN_VERSION "[-]"

static struct cluster_model model_of(const struct cluster_row *r)
{
    return (struct cluster_model){.cluster_id = r->cluster_id,
                                  .name = r->name,
                                  .cluster_type = r->cluster_type,
                                  .provider_type = r->provider_type,
                                  .description = r->description,
                                  .created = r->created,
                                  .ssh_key = r->ssh_key,
                                  .last_modified = r->last_modified,
                                  .status = r->status};
}

static int write_model(const struct cluster_model *m, struct buf *out, struct app_error *err)
{
    return cluster_model_write(out, m) == 0 ? 0
                                            : app_fail(err, APP_INTERNAL, "answer over its limit");
}

static bool answers(const struct svc_call *call, const char *cluster_id)
{
    struct app_error err;

    return cluster_call_ping(call, cluster_id, &err) == 0;
}

/* ---- list ---- */

struct ping_work {
    const struct svc_call *call;
    const struct cluster_list *list;
    bool *is_active; /* one per row, written by one thread each */
};

static void ping_one(void *ctx, size_t i)
{
    struct ping_work *w = ctx;
    const struct cluster_row *r = &w->list->rows[i];

    w->is_active[i] = strcmp(r->status, "A") == 0 && answers(w->call, r->cluster_id);
}

static int read_clusters(const struct svc_call *call, struct cluster_list *ret,
                         struct app_error *err)
{
    struct db_pool *db = call->services->config.db;

    return call->principal->type == USER_TYPE_SUPER_ADMIN
               ? cluster_store_list(db, call->arena, ret, err)
               : cluster_store_list_admin(db, call->arena, call->principal->auth_id, ret, err);
}

/* Only the clusters of the page are asked, all at once: the page costs its slowest one. */
static int page_clusters(const struct svc_call *call, struct cluster_list *list,
                         const struct list_query *query, struct page *ret, struct app_error *err)
{
    struct page_row *rows = arena_array(call->arena, list->count, sizeof *rows);

    if (!rows)
        return app_fail(err, APP_INTERNAL, "out of memory");
    for (size_t i = 0; i < list->count; i++)
        rows[i] = (struct page_row){list->rows[i].name, list->rows[i].created, i};
    page_rows(rows, list->count, query, ret);
    return 0;
}

static int write_list(const struct svc_call *call, const struct cluster_list *list,
                      const struct page *page, struct buf *out, struct app_error *err)
{
    struct cluster_list shown = {arena_array(call->arena, page->count, sizeof *shown.rows),
                                 page->count};
    struct ping_work work = {call, &shown, arena_array(call->arena, page->count, sizeof(bool))};

    if (!shown.rows || !work.is_active)
        return app_fail(err, APP_INTERNAL, "out of memory");
    for (size_t i = 0; i < page->count; i++)
        shown.rows[i] = list->rows[page->rows[i].index];
    parallel_for(shown.count, ping_one, &work);
    page_write_meta(out, page);
    buf_append_str(out, "\"items\":[");
    for (size_t i = 0; i < shown.count; i++) {
        struct cluster_model m = model_of(&shown.rows[i]);

        m.is_active = work.is_active[i];
        buf_append_str(out, i ? ",{" : "{");
        buf_append_str(out, "\"resultCode\":null,\"resultMessage\":null,\"httpStatusCode\":null,"
                            "\"detailMessage\":null,");
        cluster_model_write(out, &m);
        buf_append_char(out, '}');
    }
    return buf_append_char(out, ']') == 0 ? 0 : app_fail(err, APP_INTERNAL, "list over its limit");
}

int cluster_list(const struct svc_call *call, const struct page_params *params,
                 struct buf *ret_members, struct app_error *err)
{
    struct cluster_list list = {0};
    struct list_query query;
    struct page page = {0};

    if (page_query(call, params, &query, err) < 0 || read_clusters(call, &list, err) < 0 ||
        page_clusters(call, &list, &query, &page, err) < 0)
        return -1;
    return write_list(call, &list, &page, ret_members, err);
}

/* ---- detail ---- */

/* kubeletVersion of the newest node (contract 13.3 step 4), read as the caller. */
static const char *newest_kubelet(const struct svc_call *call, const char *cluster_id)
{
    struct kube_call kc AUTO(cluster_call_end) = {0};
    struct list_query query = {.order_by = LIST_BY_TIME, .descending = true, .limit = 1};
    struct kube_list_request req = {.kind = kube_kind_find("nodes"), .query = &query};
    struct buf members AUTO(buf_finish_p) = BUF_INIT(NODE_LIST_MAX_BYTES);
    struct app_error err;
    json_auto_t *list = NULL, *node = NULL;
    const char *name = NULL, *version = NULL, *path;

    if (cluster_call_begin(call, cluster_id, NULL, &kc, &err) < 0 ||
        kube_list(&kc, &req, &members, &err) < 0 || !members.data)
        return NULL;
    list = json_loads(arena_printf(call->arena, "{%s}", members.data), 0, NULL);
    if (json_unpack(list, "{s:[{s:s}]}", "items", "name", &name) < 0)
        return NULL;
    path = kube_path_item(call->arena, req.kind, NULL, name, &err);
    node = path ? kube_get_json(&kc, path, 0, &err) : NULL;
    if (json_unpack(node, "{s:{s:{s:s}}}", "status", "nodeInfo", "kubeletVersion", &version) < 0)
        return NULL;
    return arena_strdup(call->arena, version);
}

/* What an operator should know of a cluster that is not in use yet. */
static const char *notice_of(const struct cluster_trust *trust)
{
    return trust->state == TRUST_PENDING && trust->detail && *trust->detail ? trust->detail : NULL;
}

int cluster_detail(const struct svc_call *call, const char *cluster_id, struct cluster_result *ret,
                   struct app_error *err)
{
    struct db_pool *db = call->services->config.db;
    struct cluster_row row;
    struct cluster_trust trust = {.api_url = NULL, .state = TRUST_VERIFIED};
    struct cluster_model m;
    const char *version = NULL;

    if (cluster_store_get(db, call->arena, cluster_id, &row, err) < 0)
        return err->code == APP_NOT_FOUND ? app_refuse(err, MSG_NOT_EXIST_RESOURCE) : -1;
    if (cluster_store_get_trust(db, call->arena, cluster_id, &trust, err) < 0 &&
        err->code != APP_NOT_FOUND)
        return -1;
    m = model_of(&row);
    m.api_url = trust.api_url;
    m.token = "-"; /* never shown (design 9.5) */
    if (strcmp(row.status, "A") == 0 && answers(call, cluster_id))
        version = newest_kubelet(call, cluster_id);
    m.is_active = version != NULL;
    m.kubernetes_version = version ? version : UNKNOWN_VERSION;
    ret->notice = notice_of(&trust);
    return write_model(&m, &ret->members, err);
}

/* ---- change ---- */

static int apply_change(const struct svc_call *call, const struct cluster_input *in,
                        struct app_error *err)
{
    struct services *s = call->services;
    char now[32];
    struct cluster_change change = {.name = in->name, .description = in->description};

    return cluster_store_update(s->config.db, in->cluster_id, &change, svc_now_text(s, now), err);
}

int cluster_change(const struct svc_call *call, const struct cluster_input *in,
                   struct cluster_result *ret, struct app_error *err)
{
    const char *target = arena_printf(call->arena, "cluster/%s", in->cluster_id);
    struct cluster_row row;
    struct cluster_model m;
    int rc;

    if (text_is_blank(in->cluster_id) || text_is_blank(in->name))
        return app_refuse(err, MSG_REQUEST_VALUE_IS_MISSING);
    if (!target || audit_begin(call, "clusters.change", target, err) < 0)
        return target ? -1 : app_fail(err, APP_INTERNAL, "out of memory");
    rc = apply_change(call, in, err);
    audit_end(call, "clusters.change", target, rc, err);
    if (rc < 0)
        return err->code == APP_NOT_FOUND ? app_refuse(err, MSG_NOT_EXIST_RESOURCE) : -1;
    if (cluster_store_get(call->services->config.db, call->arena, in->cluster_id, &row, err) < 0)
        return -1;
    m = model_of(&row);
    return write_model(&m, &ret->members, err);
}

struct kube_cluster *cluster_connection(struct services *s, const char *cluster_id,
                                        struct app_error *err)
{
    return kube_cluster_get(s->kube, cluster_id, err);
}
