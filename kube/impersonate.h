/* SPDX-License-Identifier: Apache-2.0 */
/**
 * As whom a call acts in the cluster (design 4 "Acting").
 *
 * The account name is a function of the identity provider's subject alone: itself when it is a
 * DNS-1123 label, else "u-" and 40 hex digits of its SHA-256. The namespace must be one the
 * database granted; it is kube-system for cluster administrators only. Pure functions. Threads:
 * any. Nothing blocks.
 */
#ifndef CP_KUBE_IMPERSONATE_H
#define CP_KUBE_IMPERSONATE_H
#include "arena.h"
#include "error.h"

#include <stddef.h>

#define KUBE_ACCOUNT_BYTES 64
#define KUBE_ADMIN_NAMESPACE "kube-system"
#define KUBE_SUPER_ADMIN_GROUP "cp-portal:super-admins"
#define KUBE_EXTRA_USER                                                                            \
    "portal.k-paas.org/user" /* the key of the extra value: the auth id, for the cluster's audit   \
                                log */

/* The authority to act with; services map enum user_type to it (kube does not see identity/). */
enum kube_authority { KUBE_AS_NONE, KUBE_AS_USER, KUBE_AS_CLUSTER_ADMIN, KUBE_AS_SUPER_ADMIN };

struct kube_identity {
    const char *user;
    const char *const *groups; /* none for service accounts: the API server adds theirs */
    size_t group_count;
    const char *portal_user; /* auth id, as it is */
};

/** Write the service account name of @p auth_id. @return 0, or -1 (empty). */
int kube_account_name(const char *auth_id, char ret[KUBE_ACCOUNT_BYTES]);

/**
 * @param authority            authority in the cluster (principal_cluster_type), USER needs @p
 * namespace_name
 * @param namespace_name  a namespace the database granted to this person (principal_has_namespace);
 * only used for USER
 * @return 0, or -1 with APP_FORBIDDEN (no authority; USER without a namespace, or with "all":
 * BUG-40), APP_INTERNAL (no memory, empty auth id). Strings live in @p a.
 */
int kube_identity_for(struct arena *a, enum kube_authority authority, const char *auth_id,
                      const char *namespace_name, struct kube_identity *ret, struct app_error *err)
    __attribute__((warn_unused_result));

struct net_header;
#define KUBE_IDENTITY_HEADERS_MAX 8
/** Write the impersonation headers of @p id (values checked or percent-encoded) to @p
 * ret[KUBE_IDENTITY_HEADERS_MAX]. @return 0 or -1 APP_INTERNAL. */
int kube_identity_headers(struct arena *a, const struct kube_identity *id, struct net_header *ret,
                          size_t *ret_count, struct app_error *err)
    __attribute__((warn_unused_result));
#endif
