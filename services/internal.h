/* SPDX-License-Identifier: Apache-2.0 */
/** Private to services/: the object behind struct services and what its files share. */
#ifndef CP_SERVICES_INTERNAL_H
#define CP_SERVICES_INTERNAL_H
#include "client.h"
#include "context.h"
#include "impersonate.h"
#include "user_store.h"

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

/* keys.c */
/** Read the newest keys of portal tokens into identity; make the first one when there is none and
 * @p may_create. */
int keys_load_portal(struct services *s, bool may_create, struct app_error *err);

/* services.c */
/** Contract text of now, with the configured offset. @return @p ret */
const char *svc_now_text(const struct services *s, char ret[32]);
/** A random UUID (RFC 9562 version 4) in @p a, or NULL with the error. */
const char *svc_uuid(struct arena *a, struct app_error *err);

/* cluster_call.c */
/**
 * Begin a call to @p cluster_id as the caller, for @p namespace_name (NULL: cluster-scoped).
 * On success ret->cluster is a reference the caller gives back with kube_cluster_unref().
 * @return 0, or -1; a cluster that is not registered is APP_CODE_ERROR with a human text
 * (contract 4.2).
 */
int cluster_call_begin(const struct svc_call *call, const char *cluster_id,
                       const char *namespace_name, struct kube_call *ret, struct app_error *err);
/** The same with the cluster's own credential: the server's own work only. */
int cluster_call_own(const struct svc_call *call, const char *cluster_id, struct kube_call *ret,
                     struct app_error *err);
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
