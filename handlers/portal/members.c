/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's own clusters and namespaces: contract 13.26. */
#include "members.h"
#include "call.h"
#include "cleanup.h"
#include "portal.h"

#define MEMBERS_MAX_BYTES (64 * MIB)

int portal_list_own_clusters(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct svc_call call = call_of(req);
    bool admin_only;
    struct buf members AUTO(buf_finish_p) = BUF_INIT(MEMBERS_MAX_BYTES);

    if (req_query_bool(req, "isGlobal", false, &admin_only, err) < 0 ||
        member_clusters(&call, admin_only, &members, err) < 0)
        return -1;
    return res_success_raw(req, res, &members, err);
}

int portal_list_own_namespaces(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct svc_call call = call_of(req);
    struct page_params params = page_params_of(req);
    struct buf members AUTO(buf_finish_p) = BUF_INIT(MEMBERS_MAX_BYTES);

    if (member_namespaces(&call, req_var(req, "cluster"), &params, &members, err) < 0)
        return -1;
    return res_success_raw(req, res, &members, err);
}

int portal_openapi(struct http_req *req, struct http_res *res, struct app_error *err)
{
    (void)req;
    res->content_type = "application/yaml";
    buf_init(&res->body, openapi_portal_yaml_len + 1);
    if (buf_append(&res->body, openapi_portal_yaml, openapi_portal_yaml_len) < 0)
        return app_fail(err, APP_INTERNAL, "out of memory");
    return 0;
}
