/* SPDX-License-Identifier: Apache-2.0 */
/** The Roles every portal namespace gets, as tables (contract 15). Pure. Threads: any. */
#ifndef CP_KUBE_ROLES_H
#define CP_KUBE_ROLES_H
#include <jansson.h>

#define KUBE_ROLE_INIT "cp-init-role"
#define KUBE_ROLE_ADMIN "cp-admin-role"

/** @return the Role object @p role for @p namespace_name as a new reference; NULL: no such role, or
 * no memory. */
json_t *kube_role_json(const char *role, const char *namespace_name);
#endif
