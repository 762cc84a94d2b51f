/* SPDX-License-Identifier: Apache-2.0 */
#include "portal.h"
#include "access.h"
#include "call.h"
#include "cleanup.h"

#include <assert.h>
#include <string.h>

static const struct route routes[] = {
#define ROUTE(id, method, path, handler, rule, body, mode)                                         \
    ROUTE_ROW(id, method, path, handler, rule, body, mode),
#include "portal.def"
#undef ROUTE
};

/* Every row names a rule: RULE_UNSET in any of them would be a zero factor. */
#define ROUTE(id, method, path, handler, rule, body, mode) *(RULE_##rule != RULE_UNSET)
static_assert(1
#include "portal.def"
              ,
              "a route without a rule");
#undef ROUTE

static int authenticate(struct http_req *req, const struct principal **ret, struct app_error *err)
{
    return access_authenticate(req->app, req->authorization, req->deadline_us, req->arena, ret,
                               err);
}

/* A refusal, too, is known without waiting: only what needs a fetch goes to the worker pool. */
static bool is_ready(struct http_req *req)
{
    const struct principal *ignored;
    struct app_error err;

    return access_try_authenticate(req->app, req->authorization, req->arena, &ignored, &err) != 1;
}

static const char *var_or_empty(const struct http_req *req, const char *name)
{
    for (size_t i = 0; i < req->var_count; i++)
        if (strcmp(req->vars[i].name, name) == 0)
            return req->vars[i].value.p;
    return "";
}

static int deny(struct app_error *err, const char *what)
{
    return app_fail(err, APP_ACCESS_DENIED, "rule: %s", what);
}

/* BUG-40: a person with rights in the cluster, but not there, is told so; one without any right
 * learns nothing. */
static int authorize_place(const struct http_req *req, const struct principal *p,
                           enum route_rule rule, struct app_error *err)
{
    const char *cluster = var_or_empty(req, "cluster");
    enum user_type type = principal_cluster_type(p, cluster);

    if (type == USER_TYPE_NONE)
        return deny(err, "no authority on the cluster");
    if (type != USER_TYPE_USER || rule == RULE_CLUSTER_MEMBER)
        return 0;
    if (rule == RULE_CLUSTER_ADMIN_OF_CLUSTER)
        return deny(err, "admin of the cluster");
    if (rule == RULE_NAMESPACED &&
        principal_has_namespace(p, cluster, var_or_empty(req, "namespace")))
        return 0;
    return app_fail(err, APP_FORBIDDEN, "USER without this namespace");
}

static int authorize_global(const struct http_req *req, const struct principal *p,
                            enum route_rule rule, struct app_error *err)
{
    if (rule == RULE_SUPER_ADMIN)
        return p->type == USER_TYPE_SUPER_ADMIN ? 0 : deny(err, "SUPER_ADMIN");
    if (p->type < USER_TYPE_CLUSTER_ADMIN)
        return deny(err, "global admin");
    if (rule == RULE_GLOBAL_ADMIN_OF_CLUSTER &&
        principal_cluster_type(p, var_or_empty(req, "cluster")) < USER_TYPE_CLUSTER_ADMIN)
        return deny(err, "admin of the cluster");
    return 0;
}

/* Default is deny: a rule that is not named here lets nobody through. */
static int authorize(const struct http_req *req, enum route_rule rule, struct app_error *err)
{
    const struct principal *p = req->principal;

    if (rule == RULE_PUBLIC || rule == RULE_REFRESH)
        return 0;
    if (!p)
        return app_fail(err, APP_TOKEN_MISSING, "no principal");
    switch (rule) {
    case RULE_IDENTITY:
        return 0;
    case RULE_OWN_DATA:
        return p->type != USER_TYPE_NONE ? 0 : deny(err, "no rights at all");
    case RULE_SUPER_ADMIN:
    case RULE_GLOBAL_ADMIN:
    case RULE_GLOBAL_ADMIN_OF_CLUSTER:
        return authorize_global(req, p, rule, err);
    case RULE_CLUSTER_ADMIN_OF_CLUSTER:
    case RULE_CLUSTER_MEMBER:
    case RULE_CLUSTER_SCOPED:
    case RULE_NAMESPACED:
        return authorize_place(req, p, rule, err);
    default:
        return deny(err, "unknown rule");
    }
}

static void record_refusal(struct http_req *req, const struct app_error *why)
{
    struct svc_call call = call_of(req);
    const char *action = arena_printf(req->arena, "%s %s", req->route->method, req->route->path);
    const char *target = arena_printf(req->arena, "cluster/%s/%s", var_or_empty(req, "cluster"),
                                      var_or_empty(req, "namespace"));

    access_record_refusal(&call, action ? action : "", target ? target : "", why->detail);
}

void portal_api_init(struct api *ret, struct services *s)
{
    *ret = (struct api){.name = "portal",
                        .routes = routes,
                        .route_count = ARRAY_LEN(routes),
                        .authenticate = authenticate,
                        .is_ready = is_ready,
                        .authorize = authorize,
                        .record_refusal = record_refusal,
                        .is_compat = true,
                        .app = s};
}
