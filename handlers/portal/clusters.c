/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters: contract 13.3. */
#include "clusters.h"
#include "call.h"
#include "cleanup.h"
#include "json.h"
#include "portal.h"

#define MEMBERS_MAX_BYTES (16 * MIB)

int portal_list_clusters(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct svc_call call = call_of(req);
    struct page_params params = page_params_of(req);
    struct buf members AUTO(buf_finish_p) = BUF_INIT(MEMBERS_MAX_BYTES);

    if (cluster_list(&call, &params, &members, err) < 0)
        return -1;
    return res_success_raw(req, res, &members, err);
}

/* The answer of every other cluster route: the Clusters object, with the service's notice as detail
 * if there is one. */
static int answer(struct http_req *req, struct http_res *res, int rc, struct cluster_result *result,
                  struct app_error *err)
{
    res->notice = result->notice;
    if (rc == 0)
        rc = res_success_raw(req, res, &result->members, err);
    buf_finish(&result->members);
    return rc;
}

int portal_get_cluster(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct svc_call call = call_of(req);
    struct cluster_result result = {.members = BUF_INIT(MEMBERS_MAX_BYTES)};
    int rc = cluster_detail(&call, req_var(req, "cluster"), &result, err);

    return answer(req, res, rc, &result, err);
}

/* A flag of the body: absent is false; the text form is taken too, as the original does. */
static int body_bool(const json_t *body, const char *name, bool *ret, struct app_error *err)
{
    const json_t *v = json_object_get(body, name);
    struct text t = json_text(body, name);

    if (json_is_boolean(v) || !v || json_is_null(v))
        *ret = json_is_true(v);
    else if (text_eq_nocase(t, TEXT("true")) || text_eq_nocase(t, TEXT("false")))
        *ret = t.len == 4;
    else
        return app_fail(err, APP_BODY_MALFORMED, "%s is no boolean", name);
    return 0;
}

static int read_input(struct http_req *req, struct cluster_input *ret, const json_t **ret_body,
                      struct app_error *err)
{
    const json_t *body;

    if (req_json(req, &body, err) < 0)
        return -1;
    *ret = (struct cluster_input){
        .cluster_id = json_str_or(body, "cluster", ""),
        .name = json_str_or(body, "resourceName", ""),
        .cluster_type = json_str_or(body, "clusterType", "sub"),
        .provider_type = json_str_or(body, "providerType", "AWS"),
        .description = json_str_or(body, "description", ""),
        .ssh_key = json_str_or(body, "sshKey", ""),
        .api_url = json_str_or(body, "clusterApiUrl", ""),
        .token = json_str_or(body, "clusterToken", ""),
        .ca_data = json_str_or(body, "clusterCaData", ""),
    };
    *ret_body = body;
    return 0;
}

int portal_register_cluster(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct svc_call call = call_of(req);
    struct cluster_result result = {.members = BUF_INIT(MEMBERS_MAX_BYTES)};
    struct cluster_input in;
    const json_t *body;
    bool is_register = false;

    if (read_input(req, &in, &body, err) < 0 ||
        body_bool(body, "isClusterRegister", &is_register, err) < 0)
        return -1;
    if (!is_register)
        return cluster_refuse_creation(&in, err);
    return answer(req, res, cluster_register(&call, &in, &result, err), &result, err);
}

int portal_change_cluster(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct svc_call call = call_of(req);
    struct cluster_result result = {.members = BUF_INIT(MEMBERS_MAX_BYTES)};
    struct cluster_input in;
    const json_t *body;

    if (read_input(req, &in, &body, err) < 0)
        return -1;
    return answer(req, res, cluster_change(&call, &in, &result, err), &result, err);
}

int portal_delete_cluster(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct svc_call call = call_of(req);
    struct cluster_result result = {.members = BUF_INIT(MEMBERS_MAX_BYTES)};
    int rc = cluster_delete(&call, req_var(req, "cluster"), &result, err);

    return answer(req, res, rc, &result, err);
}
