/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "clock.h"
#include "internal.h"

#define PING_TIMEOUT_US US_PER_S

static enum kube_authority authority_of(enum user_type t)
{
    static const enum kube_authority map[] = {[USER_TYPE_NONE] = KUBE_AS_NONE,
                                              [USER_TYPE_USER] = KUBE_AS_USER,
                                              [USER_TYPE_CLUSTER_ADMIN] = KUBE_AS_CLUSTER_ADMIN,
                                              [USER_TYPE_SUPER_ADMIN] = KUBE_AS_SUPER_ADMIN};

    return map[t];
}

int cluster_call_own(const struct svc_call *call, const char *cluster_id, struct kube_call *ret,
                     struct app_error *err)
{
    struct kube_cluster *c = kube_cluster_get(call->services->kube, cluster_id, err);

    if (!c) {
        if (err->code == APP_NOT_FOUND)
            app_fail_text(err, APP_CODE_ERROR, "The cluster is not registered.");
        return -1;
    }
    *ret = (struct kube_call){.cluster = c,
                              .identity = NULL,
                              .deadline_us = call->deadline_us,
                              .cancel = call->cancel,
                              .request_id = call->request_id};
    return 0;
}

static int call_as(const struct svc_call *call, const char *cluster_id,
                   const struct kube_identity *identity, struct kube_call *ret,
                   struct app_error *err)
{
    if (cluster_call_own(call, cluster_id, ret, err) < 0)
        return -1;
    ret->identity = identity;
    return 0;
}

int cluster_call_begin(const struct svc_call *call, const char *cluster_id,
                       const char *namespace_name, struct kube_call *ret, struct app_error *err)
{
    struct kube_identity *identity = arena_alloc(call->arena, sizeof *identity);
    const struct principal *p = call->principal;
    enum user_type type = principal_cluster_type(p, cluster_id);

    if (!identity)
        return app_fail(err, APP_INTERNAL, "out of memory");
    /* the route's rule has checked this already; checked again so that no other caller can forget
     * it */
    if (type == USER_TYPE_USER &&
        (!namespace_name || !principal_has_namespace(p, cluster_id, namespace_name)))
        return app_fail(err, APP_FORBIDDEN, "USER without this namespace");
    if (kube_identity_for(call->arena, authority_of(type), p->auth_id, namespace_name, identity,
                          err) < 0)
        return -1;
    return call_as(call, cluster_id, identity, ret, err);
}

int cluster_call_as_server(const struct svc_call *call, const char *cluster_id,
                           struct kube_call *ret, struct app_error *err)
{
    struct kube_identity *identity = arena_alloc(call->arena, sizeof *identity);

    if (!identity)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (kube_identity_for(call->arena, KUBE_AS_SUPER_ADMIN, "cp-portal", NULL, identity, err) < 0)
        return -1;
    return call_as(call, cluster_id, identity, ret, err);
}

int cluster_call_ping(const struct svc_call *call, const char *cluster_id, struct app_error *err)
{
    struct kube_call kc AUTO(cluster_call_end) = {0};
    int64_t limit_us = clock_mono_us() + PING_TIMEOUT_US;

    if (cluster_call_own(call, cluster_id, &kc, err) < 0)
        return -1;
    if (kc.deadline_us > limit_us)
        kc.deadline_us = limit_us;
    return kube_ping(&kc, err);
}

void cluster_call_end(struct kube_call *kc)
{
    kube_cluster_unref(kc->cluster);
    kc->cluster = NULL;
}
