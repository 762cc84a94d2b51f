/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of what belongs to another object (contract 13.14, 13.15, 13.18, 13.19): which parameter
 * says what is wanted. */
#include "related.h"
#include "call.h"
#include "cleanup.h"
#include "portal.h"

#include <string.h>

#define MEMBERS_MAX_BYTES (256 * MIB)

static int answer(struct http_req *req, struct http_res *res, struct related_request *wanted,
                  struct app_error *err)
{
    struct svc_call call = call_of(req);
    struct buf members AUTO(buf_finish_p) = BUF_INIT(MEMBERS_MAX_BYTES);

    wanted->cluster_id = req_var(req, "cluster");
    wanted->namespace_name = req_var(req, "namespace");
    wanted->page = page_params_of(req);
    if (related_list(&call, wanted, &members, err) < 0)
        return -1;
    return res_success_raw(req, res, &members, err);
}

int portal_list_related_pods(struct http_req *req, struct http_res *res, struct app_error *err)
{
    const char *type = req_query_joined(req, "type");
    struct related_request wanted = {.what = RELATED_PODS,
                                     .value = req_query_joined(req, "selector"),
                                     .owner_uid = req_query_joined(req, "ownerReferencesUid")};

    if (type && strcmp(type, "replicaSets") == 0)
        wanted.what = RELATED_OWNED_PODS;
    return answer(req, res, &wanted, err);
}

int portal_list_node_pods(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct related_request wanted = {.what = RELATED_NODE_PODS, .value = req_var(req, "nodeName")};

    return answer(req, res, &wanted, err);
}

int portal_list_pod_labels(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct related_request wanted = {.what = RELATED_POD_LABELS};

    return answer(req, res, &wanted, err);
}

int portal_list_related_replica_sets(struct http_req *req, struct http_res *res,
                                     struct app_error *err)
{
    struct related_request wanted = {.what = RELATED_REPLICA_SETS,
                                     .value = req_query_joined(req, "selector")};

    return answer(req, res, &wanted, err);
}

int portal_list_events(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct related_request wanted = {.what = RELATED_EVENTS};

    return answer(req, res, &wanted, err);
}

/* Clients send type=node with a node's name: events of nodes are in no namespace of theirs. */
int portal_list_object_events(struct http_req *req, struct http_res *res, struct app_error *err)
{
    const char *type = req_query_joined(req, "type");
    struct related_request wanted = {.what = RELATED_EVENTS_OF_UID,
                                     .value = req_var(req, "resourceUid")};

    if (type && *type)
        wanted.what = RELATED_EVENTS_OF_NAME;
    return answer(req, res, &wanted, err);
}

int portal_get_endpoints(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct svc_call call = call_of(req);
    struct resource_ref ref = {.cluster_id = req_var(req, "cluster"),
                               .namespace_name = req_var(req, "namespace"),
                               .name = req_var(req, "resourceName")};
    struct buf members AUTO(buf_finish_p) = BUF_INIT(MEMBERS_MAX_BYTES);

    if (related_endpoints(&call, &ref, &members, err) < 0)
        return -1;
    return res_success_raw(req, res, &members, err);
}
