/* SPDX-License-Identifier: Apache-2.0 */
#include "account_store.h"

#include "cleanup.h"
#include "sql.h"

#define AT(member) offsetof(struct account_row, member)
static const struct sql_field account_fields[] = {
    {AT(auth_id),    FIELD_TEXT },
    {AT(username),   FIELD_TEXT },
    {AT(salt),       FIELD_BYTES},
    {AT(hash),       FIELD_BYTES},
    {AT(scrypt_n),   FIELD_INT  },
    {AT(scrypt_r),   FIELD_INT  },
    {AT(scrypt_p),   FIELD_INT  },
    {AT(roles),      FIELD_TEXT },
    {AT(is_enabled), FIELD_INT  },
    {AT(created),    FIELD_TEXT },
};
#undef AT
static const struct sql_shape account_shape = {sizeof(struct account_row), account_fields,
                                               ARRAY_LEN(account_fields)};

#define AT(member) offsetof(struct refresh_token_row, member)
static const struct sql_field token_fields[] = {
    {AT(sha256),      FIELD_BYTES},
    {AT(auth_id),     FIELD_TEXT },
    {AT(client_id),   FIELD_TEXT },
    {AT(session_id),  FIELD_TEXT },
    {AT(auth_time_s), FIELD_INT  },
    {AT(expires_s),   FIELD_INT  },
    {AT(is_revoked),  FIELD_INT  },
};
#undef AT
static const struct sql_shape token_shape = {sizeof(struct refresh_token_row), token_fields,
                                             ARRAY_LEN(token_fields)};

int account_store_insert(struct db_pool *pool, const struct account_row *row, struct app_error *err)
{
    return sql_pool_execute(pool,
                            SQL_CALL(SQL_ACCOUNT_INSERT, sql_text(row->auth_id),
                                     sql_text(row->username), sql_bytes(row->salt),
                                     sql_bytes(row->hash), sql_int(row->scrypt_n),
                                     sql_int(row->scrypt_r), sql_int(row->scrypt_p),
                                     sql_text(row->roles), sql_int(row->is_enabled)),
                            NULL, err);
}

/* The row whose member at @p offset is bytewise the statement's only parameter. */
static int get_account(struct db_pool *pool, const struct sql_call *call, struct arena *a,
                       size_t offset, struct account_row *ret, struct app_error *err)
{
    struct sql_rows found = {NULL, 0};

    if (sql_pool_select(pool, call, &account_shape, a, &found, err) < 0)
        return -1;
    sql_keep_equal(&found, sizeof *ret, offset, call->in[0].text.p);
    if (found.count == 0)
        return app_fail(err, APP_NOT_FOUND, "no such account");
    memcpy(ret, found.rows, sizeof *ret);
    return 0;
}

int account_store_get_by_username(struct db_pool *pool, struct arena *a, const char *username,
                                  struct account_row *ret, struct app_error *err)
{
    return get_account(pool, SQL_CALL(SQL_ACCOUNT_BY_USERNAME, sql_text(username)), a,
                       offsetof(struct account_row, username), ret, err);
}

int account_store_get(struct db_pool *pool, struct arena *a, const char *auth_id,
                      struct account_row *ret, struct app_error *err)
{
    return get_account(pool, SQL_CALL(SQL_ACCOUNT_GET, sql_text(auth_id)), a,
                       offsetof(struct account_row, auth_id), ret, err);
}

int account_store_list(struct db_pool *pool, struct arena *a, struct account_list *ret,
                       struct app_error *err)
{
    struct sql_rows found = {NULL, 0};

    if (sql_pool_select(pool, SQL_CALL0(SQL_ACCOUNT_LIST), &account_shape, a, &found, err) < 0)
        return -1;
    *ret = (struct account_list){found.rows, found.count};
    return 0;
}

int account_store_update(struct db_pool *pool, const struct account_row *row, struct app_error *err)
{
    struct sql_result done = {0, 0};

    if (sql_pool_execute(pool,
                         SQL_CALL(SQL_ACCOUNT_UPDATE, sql_bytes(row->salt), sql_bytes(row->hash),
                                  sql_int(row->scrypt_n), sql_int(row->scrypt_r),
                                  sql_int(row->scrypt_p), sql_text(row->roles),
                                  sql_int(row->is_enabled), sql_text(row->auth_id)),
                         &done, err) < 0)
        return -1;
    return done.matched ? 0 : app_fail(err, APP_NOT_FOUND, "no such account");
}

static int delete_account(struct db *db, void *ctx, struct app_error *err)
{
    const char *auth_id = *(const char *const *)ctx;

    if (sql_execute(db, SQL_CALL(SQL_REFRESH_DELETE_OF, sql_text(auth_id)), NULL, err) < 0)
        return -1;
    return sql_execute(db, SQL_CALL(SQL_ACCOUNT_DELETE, sql_text(auth_id)), NULL, err);
}

int account_store_delete(struct db_pool *pool, const char *auth_id, struct app_error *err)
{
    return sql_transaction(pool, delete_account, &auth_id, err);
}

/* ---- refresh tokens ---- */

int refresh_token_insert(struct db_pool *pool, const struct refresh_token_row *row,
                         struct app_error *err)
{
    return sql_pool_execute(pool,
                            SQL_CALL(SQL_REFRESH_INSERT, sql_bytes(row->sha256),
                                     sql_text(row->auth_id), sql_text(row->client_id),
                                     sql_text(row->session_id), sql_int(row->auth_time_s),
                                     sql_int(row->expires_s)),
                            NULL, err);
}

int refresh_token_get(struct db_pool *pool, struct arena *a, struct text sha256,
                      struct refresh_token_row *ret, struct app_error *err)
{
    struct sql_rows found = {NULL, 0};

    if (sql_pool_select(pool, SQL_CALL(SQL_REFRESH_GET, sql_bytes(sha256)), &token_shape, a, &found,
                        err) < 0)
        return -1;
    if (found.count == 0)
        return app_fail(err, APP_NOT_FOUND, "no such refresh token");
    memcpy(ret, found.rows, sizeof *ret);
    return 0;
}

int refresh_token_consume(struct db_pool *pool, struct text sha256, int64_t now_s,
                          bool *ret_was_valid, struct app_error *err)
{
    struct sql_result done = {0, 0};

    if (sql_pool_execute(pool, SQL_CALL(SQL_REFRESH_CONSUME, sql_bytes(sha256), sql_int(now_s)),
                         &done, err) < 0)
        return -1;
    *ret_was_valid = done.matched == 1;
    return 0;
}

int refresh_token_revoke_session(struct db_pool *pool, const char *session_id,
                                 struct app_error *err)
{
    return sql_pool_execute(pool, SQL_CALL(SQL_REFRESH_REVOKE_SESSION, sql_text(session_id)), NULL,
                            err);
}

int refresh_token_purge(struct db_pool *pool, int64_t before_s, struct app_error *err)
{
    return sql_pool_execute(pool, SQL_CALL(SQL_REFRESH_PURGE, sql_int(before_s)), NULL, err);
}
