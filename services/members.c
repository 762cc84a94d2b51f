/* SPDX-License-Identifier: Apache-2.0 */
#include "members.h"
#include "access.h"
#include "cleanup.h"
#include "internal.h"
#include "list.h"
#include "page.h"
#include "trust.h"
#include "user_model.h"
#include "view.h"

#include <jansson.h>
#include <string.h>

#define NAMES_MAX_BYTES (4 * MIB) /* 60,000 namespaces of the longest name */

/* UsersList: clusterType is "" for a list made here, null for one read from rows (contract 13.26).
 */
static void list_begin(struct buf *out, const char *cluster_type_json)
{
    buf_printf(out, "\"clusterType\":%s,\"items\":[", cluster_type_json);
}

static void list_add(struct buf *out, const struct user_model *u)
{
    if (out->len > 0 && out->data[out->len - 1] == '}')
        buf_append_char(out, ',');
    user_model_write(out, u);
}

static int list_end(struct buf *out, struct app_error *err)
{
    return buf_append_char(out, ']') == 0 ? 0 : app_fail(err, APP_INTERNAL, "list over its limit");
}

int member_clusters(const struct svc_call *call, bool admin_only, struct buf *ret_members,
                    struct app_error *err)
{
    const struct principal *p = call->principal;
    struct right_list rights;

    if (user_store_list_clusters(call->services->config.db, call->arena, p->auth_id,
                                 p->type == USER_TYPE_SUPER_ADMIN, &rights, err) < 0)
        return -1;
    list_begin(ret_members, "null");
    for (size_t i = 0; i < rights.count; i++) {
        const struct right_row *r = &rights.rows[i];
        struct user_model u = {.cluster_id = r->cluster_id,
                               .cluster_name = r->cluster_name,
                               .cluster_type = r->cluster_type,
                               .cluster_provider_type = r->provider_type,
                               .user_type = r->user_type};

        if (!admin_only || user_type_of(r->user_type) > USER_TYPE_USER)
            list_add(ret_members, &u);
    }
    return list_end(ret_members, err);
}

static int write_own_namespaces(const struct svc_call *call, const char *cluster_id,
                                struct buf *ret_members, struct app_error *err)
{
    struct user_list rows;

    if (user_store_list_in_cluster(call->services->config.db, call->arena, cluster_id,
                                   call->principal->auth_id, &rows, err) < 0)
        return -1;
    list_begin(ret_members, "null");
    for (size_t i = 0; i < rows.count; i++) {
        const struct user_row *r = &rows.rows[i];
        struct user_model u = {.id = r->id,
                               .cluster_id = r->cluster_id,
                               .user_id = r->user_id,
                               .user_auth_id = r->user_auth_id,
                               .namespace_name = r->namespace_name,
                               .service_account_name = r->service_account_name,
                               .role_set_code = r->role_set_code,
                               .user_type = r->user_type,
                               .created = r->created,
                               .last_modified = r->last_modified};

        list_add(ret_members, &u);
    }
    return list_end(ret_members, err);
}

/* @return the items of a list answer whose members stand in @p members: our own text, so only
 * memory can fail */
static json_t *items_of(const struct buf *members, struct app_error *err)
{
    struct buf object AUTO(buf_finish_p) = BUF_INIT(NAMES_MAX_BYTES + 16);
    json_t *doc = NULL, *items;

    buf_printf(&object, "{%s}", members->data ? members->data : "");
    if (!buf_failed(&object))
        doc = json_loadb(object.data, object.len, JSON_ALLOW_NUL, NULL);
    items = doc ? json_incref(json_object_get(doc, "items")) : NULL;
    json_decref(doc);
    if (!items)
        app_fail(err, APP_INTERNAL, "the list of namespaces could not be read back");
    return items;
}

/* Names alone: of a namespace a cluster may tell anything, and all that is read here becomes a tree
 * in memory. */
static int read_namespace_names(const struct svc_call *call, const char *cluster_id,
                                const struct page_params *params, struct buf *ret_members,
                                struct app_error *err)
{
    struct kube_call kc AUTO(cluster_call_end) = {0};
    struct list_query query;
    struct kube_list_request req = {
        .kind = kube_kind_find("namespaces"), .view = &kube_view_names, .query = &query};

    if (page_query(call, params, &query, err) < 0 ||
        cluster_call_begin(call, cluster_id, NULL, &kc, err) < 0)
        return -1;
    return kube_list(&kc, &req, ret_members, err);
}

/* Administrators see every namespace, read as themselves. */
static int write_all_namespaces(const struct svc_call *call, const char *cluster_id,
                                const struct page_params *params, struct buf *ret_members,
                                struct app_error *err)
{
    struct user_model all = {.namespace_name = "ALL"};
    struct buf members AUTO(buf_finish_p) = BUF_INIT(NAMES_MAX_BYTES);
    json_auto_t *items = NULL;
    json_t *item;
    size_t i;

    if (read_namespace_names(call, cluster_id, params, &members, err) < 0 ||
        !(items = items_of(&members, err)))
        return -1;
    list_begin(ret_members, "\"\"");
    list_add(ret_members, &all);
    json_array_foreach (items, i, item) {
        struct user_model u = {.namespace_name = json_string_value(item)};

        list_add(ret_members, &u);
    }
    return list_end(ret_members, err);
}

static int ping(const struct svc_call *call, const char *cluster_id, struct app_error *err)
{
    struct app_error why = {0};

    if (cluster_call_ping(call, cluster_id, &why) == 0)
        return 0;
    app_refuse(err, MSG_UNABLE_TO_COMMUNICATE_K8S_API_SERVER);
    memcpy(err->detail, why.detail, sizeof err->detail);
    return -1;
}

int member_namespaces(const struct svc_call *call, const char *cluster_id,
                      const struct page_params *params, struct buf *ret_members,
                      struct app_error *err)
{
    if (ping(call, cluster_id, err) < 0)
        return -1;
    if (principal_cluster_type(call->principal, cluster_id) == USER_TYPE_USER)
        return write_own_namespaces(call, cluster_id, ret_members, err);
    return write_all_namespaces(call, cluster_id, params, ret_members, err);
}

static int make_account(const struct svc_call *call, const struct member_grant *g,
                        const char *account, struct app_error *err)
{
    struct kube_call kc AUTO(cluster_call_end) = {0};
    struct kube_account a = {.namespace_name =
                                 g->namespace_name ? g->namespace_name : KUBE_ADMIN_NAMESPACE,
                             .name = account,
                             .role = g->namespace_name ? g->role : NULL};

    /* as the operator, a super administrator: the portal's own credential may make no accounts */
    if (cluster_call_begin(call, g->cluster_id, NULL, &kc, err) < 0)
        return -1;
    if (g->namespace_name && (kube_ensure_namespace(&kc, g->namespace_name, err) < 0 ||
                              kube_ensure_roles(&kc, g->namespace_name, err) < 0))
        return -1;
    return kube_ensure_account(&kc, &a, err);
}

static int insert_row(const struct svc_call *call, const struct member_grant *g,
                      const char *account, struct app_error *err)
{
    struct services *s = call->services;
    char now[32];
    struct user_row row = {.cluster_id = g->cluster_id,
                           .user_id = g->user_id,
                           .user_auth_id = g->auth_id,
                           .namespace_name = g->namespace_name ? g->namespace_name : TEMP_NAMESPACE,
                           .user_type = g->namespace_name ? "USER" : "CLUSTER_ADMIN",
                           .role_set_code = g->namespace_name ? g->role : "cluster-admin",
                           .service_account_name = account,
                           .created = svc_now_text(s, now),
                           .last_modified = now};

    if (user_store_insert(s->config.db, &row, NULL, err) < 0 && err->code != APP_CONFLICT)
        return -1;
    access_forget(s);
    return 0;
}

int member_grant(const struct svc_call *call, const struct member_grant *grant,
                 struct app_error *err)
{
    char account[KUBE_ACCOUNT_BYTES];
    const char *target =
        arena_printf(call->arena, "user/%s/%s/%s", grant->auth_id, grant->cluster_id,
                     grant->namespace_name ? grant->namespace_name : "*");
    int rc;

    if (!target || kube_account_name(grant->auth_id, account) < 0)
        return app_fail(err, APP_BAD_REQUEST, "no auth id");
    if (audit_begin(call, "users.grant", target, err) < 0)
        return -1;
    rc = make_account(call, grant, account, err);
    if (rc == 0)
        rc = insert_row(call, grant, account, err);
    audit_end(call, "users.grant", target, rc, err);
    return rc;
}
