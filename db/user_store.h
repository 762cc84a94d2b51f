/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Rows of cp_users: one person in one role in one place. Errors: db.h. Every write bumps the change
 * sequence "users" in its own transaction.
 *
 * A person is user_auth_id, compared bytewise in C after the SQL match, because the columns compare
 * case-insensitively and ignore trailing blanks; so is user_id. Strings of rows live in the
 * caller's arena; outputs are written on success only; a list may be empty. Source:
 * common-api.md 5.1, 5.2, 7, 10; design 9.2.
 */
#ifndef CP_USER_STORE_H
#define CP_USER_STORE_H
#include "arena.h"
#include "db.h"

#include <stdbool.h>
#include <stdint.h>

#define TEMP_NAMESPACE "cp-portal-temp-namespace"

struct user_row {
    int64_t id;
    const char *cluster_id;
    const char *user_id;
    const char *user_auth_id;
    const char *namespace_name; /* TEMP_NAMESPACE for markers and admins */
    const char *user_type;      /* "SUPER_ADMIN", "CLUSTER_ADMIN", "USER" (legacy: others) */
    const char *role_set_code;
    const char *service_account_name;
    const char *created; /* contract text */
    const char *last_modified;
};

struct user_list {
    struct user_row *rows;
    size_t count;
};

/** A row of rights joined with its cluster. */
struct right_row {
    const char *cluster_id;
    const char *cluster_name; /* may be NULL */
    const char *cluster_type;
    const char *provider_type;
    const char *user_type;
    const char *user_auth_id;         /* NULL for a super administrator's list_clusters */
    const char *namespace_name;       /* NULL in user_store_list_clusters() */
    const char *role_set_code;        /* NULL in user_store_list_clusters() */
    const char *service_account_name; /* NULL in user_store_list_clusters() */
};

struct right_list {
    struct right_row *rows;
    size_t count;
};

/**
 * The row that makes @p auth_id a registered person: (host cluster, temp namespace), the one with
 * the most authority when there are several. APP_NOT_FOUND: not registered.
 */
int user_store_get_registration(struct db_pool *pool, struct arena *a, const char *auth_id,
                                struct user_row *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** C1: the same by exact user_id; several: the first by id. APP_NOT_FOUND: none. */
int user_store_get_registration_by_user_id(struct db_pool *pool, struct arena *a,
                                           const char *user_id, struct user_row *ret,
                                           struct app_error *err)
    __attribute__((warn_unused_result));

/**
 * C4 and the principal's grants: every row of the person that is not (USER in the temp namespace),
 * super administrator's row included, of clusters that exist, by cluster name.
 */
int user_store_list_rights(struct db_pool *pool, struct arena *a, const char *auth_id,
                           struct right_list *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/**
 * C3 (users/clustersList): @p is_super_admin: every cluster, user_type SUPER_ADMIN; else the
 * person's distinct (cluster, user_type). By cluster name. The right is the caller's to decide.
 */
int user_store_list_clusters(struct db_pool *pool, struct arena *a, const char *auth_id,
                             bool is_super_admin, struct right_list *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** C5 (common-api #20): rows of the person in the cluster except the temp namespace, by id. */
int user_store_list_in_cluster(struct db_pool *pool, struct arena *a, const char *cluster_id,
                               const char *auth_id, struct user_list *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** C12 (common-api #19): all rows of the cluster, by id. */
int user_store_list_of_cluster(struct db_pool *pool, struct arena *a, const char *cluster_id,
                               struct user_list *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** Every SUPER_ADMIN row, by id: who must still be alive at the issuer before one is replaced. */
int user_store_list_super_admins(struct db_pool *pool, struct arena *a, struct user_list *ret,
                                 struct app_error *err) __attribute__((warn_unused_result));

/** Insert @p row (id ignored). *ret_id may be NULL. APP_CONFLICT: that person has that type in that
 * namespace already. */
int user_store_insert(struct db_pool *pool, const struct user_row *row, int64_t *ret_id,
                      struct app_error *err) __attribute__((warn_unused_result));
/** Delete rows by id in one transaction; missing ones are no error. */
int user_store_delete(struct db_pool *pool, const int64_t *ids, size_t count, struct app_error *err)
    __attribute__((warn_unused_result));

struct sign_up {
    const char *user_id; /* lower case */
    const char *auth_id;
    bool is_super_admin;
    /* ids of SUPER_ADMIN rows whose person no longer exists at the issuer: they do not block, and
     * are deleted by a new super administrator's sign-up */
    const int64_t *gone_super_admins;
    size_t gone_count;
    const char *now; /* contract text */
};

/**
 * Register a person: checks, removal of stale rows and the new row in one transaction, serialised
 * with every other write to users, so that of two sign-ups at once one wins.
 * @p ret_stale: rows of rights of an older identity with this user_id that were deleted (their
 * service accounts and bindings are the caller's to remove).
 * @return -1 with APP_RULE and MSG_SUPER_ADMIN_ALREADY_REGISTERED, MSG_USER_ALREADY_REGISTERED or
 * MSG_SIGNUP_USER_CREATION_FAILED (there is no host cluster), or as db.h.
 */
int user_store_sign_up(struct db_pool *pool, struct arena *a, const struct sign_up *in,
                       struct user_list *ret_stale, struct app_error *err)
    __attribute__((warn_unused_result));
#endif
