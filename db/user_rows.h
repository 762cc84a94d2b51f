/* SPDX-License-Identifier: Apache-2.0 */
/** Private to db/: rows of cp_users on a connection, for use inside a transaction. Errors: db.h. */
#ifndef CP_USER_ROWS_H
#define CP_USER_ROWS_H
#include "sql.h"
#include "user_store.h"

/** Rows whose user_auth_id is bytewise @p auth_id, by id. */
int user_rows_by_auth_id(struct db *db, struct arena *a, const char *auth_id, struct user_list *ret,
                         struct app_error *err) __attribute__((warn_unused_result));
/** Rows whose user_id is bytewise @p user_id, by id. */
int user_rows_by_user_id(struct db *db, struct arena *a, const char *user_id, struct user_list *ret,
                         struct app_error *err) __attribute__((warn_unused_result));
int user_rows_super_admins(struct db *db, struct arena *a, struct user_list *ret,
                           struct app_error *err) __attribute__((warn_unused_result));
/** @p ret_id may be NULL. */
int user_rows_insert(struct db *db, const struct user_row *row, int64_t *ret_id,
                     struct app_error *err) __attribute__((warn_unused_result));
#endif
