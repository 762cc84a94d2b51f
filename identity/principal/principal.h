/* SPDX-License-Identifier: Apache-2.0 */
/** Who a request is made by, and what the database says that person may do. */
#ifndef CP_PRINCIPAL_H
#define CP_PRINCIPAL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ascending authority. The names on the wire are those of user_type_name(). */
enum user_type { USER_TYPE_NONE, USER_TYPE_USER, USER_TYPE_CLUSTER_ADMIN, USER_TYPE_SUPER_ADMIN };

/** One row of rights: type USER holds for one namespace, the admin types for the whole cluster. */
struct grant {
    const char *cluster_id;
    enum user_type type;
    const char *namespace_name; /* NULL unless type is USER */
};

enum token_kind { TOKEN_NONE, TOKEN_KEYCLOAK, TOKEN_PORTAL };

struct principal {
    enum token_kind token_kind;
    const char *issuer;  /* of the identity, also for portal tokens; "" when unknown */
    const char *auth_id; /* sub of the identity provider; cp_users.user_auth_id; never empty */
    const char *user_id; /* display name; cp_users.user_id */
    bool is_eligible_super_admin; /* Keycloak role (design 9.2); only for Keycloak tokens */
    int64_t auth_time_s;          /* portal tokens: when the person signed in */
    int64_t expires_s;
    enum user_type type; /* global authority, from the database rows; NONE: no rights at all */
    const struct grant *grants; /* SUPER_ADMIN: empty, it holds for every registered cluster */
    size_t grant_count;
};

const char *user_type_name(enum user_type t);
/** @return the type of @p name (exact), or USER_TYPE_NONE. */
enum user_type user_type_of(const char *name);
/** Authority of @p p in cluster @p cluster_id: admin type, USER when there is any namespace grant,
 * or NONE. */
enum user_type principal_cluster_type(const struct principal *p, const char *cluster_id);
/** @return true when @p p may act in that namespace (admins of the cluster: any; USER: exact,
 * case-sensitive). */
bool principal_has_namespace(const struct principal *p, const char *cluster_id,
                             const char *namespace_name);
#endif
