/* SPDX-License-Identifier: Apache-2.0 */
/** The wire models Users and Clusters as tables (portal contract 13.3, 13.26). Threads: any;
 * nothing blocks. */
#ifndef CP_SERVICES_USER_MODEL_H
#define CP_SERVICES_USER_MODEL_H
#include "buf.h"

#include <stdint.h>

/** One element of UsersList; NULL strings follow the null policy of contract 13.26. */
struct user_model {
    int64_t id;
    const char *cluster_id, *user_id, *user_auth_id;
    const char *cluster_name, *cluster_provider_type, *cluster_type;
    const char *namespace_name, *service_account_name, *role_set_code, *user_type;
    const char *created, *last_modified;
};
/** Append the JSON object of @p u. */
int user_model_write(struct buf *out, const struct user_model *u);

/** Members of the Clusters model without envelope; NULL is null. clusterToken is always "-" once
 * there is a cluster. */
struct cluster_model {
    const char *cluster_id, *api_url, *token, *name, *cluster_type, *provider_type, *description;
    const char *kubernetes_version, *created, *ssh_key, *last_modified, *status;
    int is_active;
};
/** Append the members (no braces). */
int cluster_model_write(struct buf *out, const struct cluster_model *c);
#endif
