/* SPDX-License-Identifier: Apache-2.0 */
#include "principal.h"

#include "cleanup.h"

#include <string.h>

static const char *const type_names[] = {
    [USER_TYPE_NONE] = "",
    [USER_TYPE_USER] = "USER",
    [USER_TYPE_CLUSTER_ADMIN] = "CLUSTER_ADMIN",
    [USER_TYPE_SUPER_ADMIN] = "SUPER_ADMIN",
};

const char *user_type_name(enum user_type t)
{
    return (size_t)t < ARRAY_LEN(type_names) ? type_names[t] : "";
}

enum user_type user_type_of(const char *name)
{
    for (size_t t = USER_TYPE_USER; name && t < ARRAY_LEN(type_names); t++)
        if (strcmp(name, type_names[t]) == 0)
            return (enum user_type)t;
    return USER_TYPE_NONE;
}

enum user_type principal_cluster_type(const struct principal *p, const char *cluster_id)
{
    enum user_type best = USER_TYPE_NONE;

    if (!cluster_id)
        return USER_TYPE_NONE;
    if (p->type == USER_TYPE_SUPER_ADMIN)
        return USER_TYPE_SUPER_ADMIN;
    for (size_t i = 0; i < p->grant_count; i++) {
        const struct grant *g = &p->grants[i];

        /* only the person's own type makes a super administrator, never a row of one cluster */
        if (strcmp(g->cluster_id, cluster_id) == 0 && g->type > best &&
            g->type <= USER_TYPE_CLUSTER_ADMIN)
            best = g->type;
    }
    return best;
}

bool principal_has_namespace(const struct principal *p, const char *cluster_id,
                             const char *namespace_name)
{
    enum user_type type = principal_cluster_type(p, cluster_id);

    if (!namespace_name || type == USER_TYPE_NONE)
        return false;
    if (type >= USER_TYPE_CLUSTER_ADMIN)
        return true;
    for (size_t i = 0; i < p->grant_count; i++) {
        const struct grant *g = &p->grants[i];

        if (g->type == USER_TYPE_USER && g->namespace_name &&
            strcmp(g->cluster_id, cluster_id) == 0 &&
            strcmp(g->namespace_name, namespace_name) == 0)
            return true;
    }
    return false;
}
