/* SPDX-License-Identifier: Apache-2.0 */
/** Private to services/: the object behind struct services and what its files share. */
#ifndef CP_SERVICES_INTERNAL_H
#define CP_SERVICES_INTERNAL_H
#include "client.h"
#include "context.h"
#include "impersonate.h"
#include "user_store.h"
#include "uuid.h"

struct rights_cache;

struct services {
    struct services_config config;
    struct kube *kube;
    struct rights_cache *rights; /* access.c */
};

/* access.c */
struct rights_cache *rights_cache_create(void);
void rights_cache_destroy(struct rights_cache *c);
/** The grants of right rows, without the cache. */
int rights_of_rows(struct arena *a, const struct right_list *rows, struct principal *ret,
                   struct app_error *err);

/* services.c */
/** Take up signing keys that another server or the operator made. */
int svc_load_keys(struct services *s, struct app_error *err);
/** Contract text of now, with the configured offset. @return @p ret */
const char *svc_now_text(const struct services *s, char ret[32]);
/* cluster_call.c */
/**
 * Begin a call to @p cluster_id as the caller, for @p namespace_name (NULL: cluster-scoped).
 * On success ret->cluster is a reference the caller gives back with kube_cluster_unref().
 * @return 0, or -1; a cluster that is not registered is APP_CODE_ERROR with a human text
 * (contract 4.2).
 */
int cluster_call_begin(const struct svc_call *call, const char *cluster_id,
                       const char *namespace_name, struct kube_call *ret, struct app_error *err);
/** The same with the cluster's own credential, which may do next to nothing: asking whether the
 * cluster answers. */
int cluster_call_own(const struct svc_call *call, const char *cluster_id, struct kube_call *ret,
                     struct app_error *err);
/** The server's own changes in a cluster (removing stale accounts): as a super administrator named
 * "cp-portal". */
int cluster_call_as_server(const struct svc_call *call, const char *cluster_id,
                           struct kube_call *ret, struct app_error *err);
/** Ask @p cluster_id, with its own credential, whether it answers: within one second, or the call's
 * deadline. */
int cluster_call_ping(const struct svc_call *call, const char *cluster_id, struct app_error *err);
/** For AUTO(): gives ret->cluster back. */
void cluster_call_end(struct kube_call *kc);

/* audit.c */
/** Record the intent of a change before it is made; the change must not happen when this fails
 * (promise P10). */
int audit_begin(const struct svc_call *call, const char *action, const char *target,
                struct app_error *err);
/** Record how it ended; @p rc and @p err are the change's own outcome. A failure to record is
 * logged only. */
void audit_end(const struct svc_call *call, const char *action, const char *target, int rc,
               const struct app_error *err);
#endif
