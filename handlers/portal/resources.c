/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes objects: one handler for each of list, detail and YAML, for every kind
 * (contract 13.0). */
#include "call.h"
#include "cleanup.h"
#include "portal.h"

#include <string.h>

#define MEMBERS_MAX_BYTES (256 * MIB)

/* The collection is the last literal segment of the route's template that names a kind. */
static const char *collection_of(struct http_req *req)
{
    const char *found = NULL;
    size_t found_len = 0;

    for (const char *p = req->route->path; *p == '/';) {
        size_t len = strcspn(++p, "/");

        if (resource_is_kind(p, len)) {
            found = p;
            found_len = len;
        }
        p += len;
    }
    return found ? arena_strndup(req->arena, found, found_len) : NULL;
}

static const char *var_or_null(const struct http_req *req, const char *name)
{
    for (size_t i = 0; i < req->var_count; i++)
        if (strcmp(req->vars[i].name, name) == 0)
            return req->vars[i].value.p;
    return NULL;
}

static int ref_of(struct http_req *req, struct resource_ref *ret, struct app_error *err)
{
    ret->collection = collection_of(req);
    ret->cluster_id = req_var(req, "cluster");
    ret->namespace_name = var_or_null(req, "namespace");
    ret->name = var_or_null(req, "resourceName");
    if (!ret->collection)
        return app_fail(err, APP_INTERNAL, "the route's template names no kind");
    /* a namespace is an object itself, named by the {namespace} of its path */
    if (strcmp(ret->collection, "namespaces") == 0) {
        ret->name = ret->namespace_name;
        ret->namespace_name = NULL;
    }
    return 0;
}

typedef int (*resource_read)(const struct svc_call *call, const struct resource_ref *ref,
                             struct buf *ret_members, struct app_error *err);

static int answer(struct http_req *req, struct http_res *res, resource_read read,
                  struct app_error *err)
{
    struct svc_call call = call_of(req);
    struct resource_ref ref;
    struct buf members AUTO(buf_finish_p) = BUF_INIT(MEMBERS_MAX_BYTES);

    if (ref_of(req, &ref, err) < 0 || read(&call, &ref, &members, err) < 0)
        return -1;
    return res_success_raw(req, res, &members, err);
}

int portal_list(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct svc_call call = call_of(req);
    struct resource_ref ref;
    struct page_params params = page_params_of(req);
    bool with_usage;
    struct buf members AUTO(buf_finish_p) = BUF_INIT(MEMBERS_MAX_BYTES);

    if (ref_of(req, &ref, err) < 0 ||
        req_query_bool(req, "includeUsage", false, &with_usage, err) < 0 ||
        resource_list(&call, &ref, &params, with_usage, &members, err) < 0)
        return -1;
    return res_success_raw(req, res, &members, err);
}

int portal_get(struct http_req *req, struct http_res *res, struct app_error *err)
{
    return answer(req, res, resource_detail, err);
}

int portal_get_yaml(struct http_req *req, struct http_res *res, struct app_error *err)
{
    return answer(req, res, resource_yaml, err);
}
