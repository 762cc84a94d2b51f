/* SPDX-License-Identifier: Apache-2.0 */
/** The caller's own clusters and namespaces (portal contract 13.26), and granting rights (command
 * line). */
#ifndef CP_SERVICES_MEMBERS_H
#define CP_SERVICES_MEMBERS_H
#include "buf.h"
#include "context.h"
#include "resources.h"

/** Members clusterType and items: the clusters of the caller; @p admin_only leaves out those held
 * as USER. */
int member_clusters(const struct svc_call *call, bool admin_only, struct buf *ret_members,
                    struct app_error *err) __attribute__((warn_unused_result));
/** Members clusterType and items: the namespaces the caller may choose in @p cluster_id. */
int member_namespaces(const struct svc_call *call, const char *cluster_id,
                      const struct page_params *params, struct buf *ret_members,
                      struct app_error *err) __attribute__((warn_unused_result));

struct member_grant {
    const char *cluster_id, *user_id, *auth_id;
    const char *namespace_name; /* NULL: cluster administrator */
    const char *role;           /* Role in the namespace; ignored for a cluster administrator */
};
/** Give a right: account and binding in the cluster first, then the row. Giving it again changes
 * nothing. */
int member_grant(const struct svc_call *call, const struct member_grant *grant,
                 struct app_error *err) __attribute__((warn_unused_result));
#endif
