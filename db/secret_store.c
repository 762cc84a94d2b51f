/* SPDX-License-Identifier: Apache-2.0 */
#include "secret_store.h"

#include "change.h"
#include "cleanup.h"

#define PATH_MAX_BYTES 255

#define AT(member) offsetof(struct secret_row, member)
static const struct sql_field secret_fields[] = {
    {AT(path),       FIELD_BYTES},
    {AT(key_id),     FIELD_TEXT },
    {AT(nonce),      FIELD_BYTES},
    {AT(ciphertext), FIELD_BYTES},
};
#undef AT
static const struct sql_shape secret_shape = {sizeof(struct secret_row), secret_fields,
                                              ARRAY_LEN(secret_fields)};
static const struct sql_field path_field = {0, FIELD_BYTES};
static const struct sql_shape path_shape = {sizeof(struct text), &path_field, 1};

int secret_store_get(struct db_pool *pool, struct arena *a, struct text path,
                     struct secret_row *ret, struct app_error *err)
{
    struct sql_rows found = {NULL, 0};

    if (sql_pool_select(pool, SQL_CALL(SQL_SECRET_GET, sql_bytes(path)), &secret_shape, a, &found,
                        err) < 0)
        return -1;
    if (found.count == 0)
        return app_fail(err, APP_NOT_FOUND, "no secret %.*s", (int)path.len, path.p);
    memcpy(ret, found.rows, sizeof *ret);
    return 0;
}

struct secret_write {
    const struct secret_row *row;
    struct text old_nonce;
    struct text path;
    bool is_replaced;
};

static int put(struct db *db, void *ctx, struct app_error *err)
{
    const struct secret_row *row = ((struct secret_write *)ctx)->row;

    if (change_bump(db, CHANGE_SECRETS, err) < 0)
        return -1;
    return sql_execute(db,
                       SQL_CALL(SQL_SECRET_PUT, sql_bytes(row->path), sql_text(row->key_id),
                                sql_bytes(row->nonce), sql_bytes(row->ciphertext)),
                       NULL, err);
}

int secret_store_put(struct db_pool *pool, const struct secret_row *row, struct app_error *err)
{
    struct secret_write w = {.row = row};

    return sql_transaction(pool, put, &w, err);
}

static int replace(struct db *db, void *ctx, struct app_error *err)
{
    struct secret_write *w = ctx;
    struct sql_result done = {0, 0};

    if (change_bump(db, CHANGE_SECRETS, err) < 0 ||
        sql_execute(db,
                    SQL_CALL(SQL_SECRET_REPLACE, sql_text(w->row->key_id), sql_bytes(w->row->nonce),
                             sql_bytes(w->row->ciphertext), sql_bytes(w->row->path),
                             sql_bytes(w->old_nonce)),
                    &done, err) < 0)
        return -1;
    w->is_replaced = done.matched == 1;
    return 0;
}

int secret_store_replace(struct db_pool *pool, struct text old_nonce, const struct secret_row *row,
                         bool *ret_replaced, struct app_error *err)
{
    struct secret_write w = {.row = row, .old_nonce = old_nonce};

    if (sql_transaction(pool, replace, &w, err) < 0)
        return -1;
    *ret_replaced = w.is_replaced;
    return 0;
}

static int remove_secret(struct db *db, void *ctx, struct app_error *err)
{
    const struct secret_write *w = ctx;

    if (change_bump(db, CHANGE_SECRETS, err) < 0)
        return -1;
    return sql_execute(db, SQL_CALL(SQL_SECRET_DELETE, sql_bytes(w->path)), NULL, err);
}

int secret_store_delete(struct db_pool *pool, struct text path, struct app_error *err)
{
    struct secret_write w = {.path = path};

    return sql_transaction(pool, remove_secret, &w, err);
}

static int list_paths(struct db_pool *pool, const struct sql_call *call, struct arena *a,
                      struct secret_path_list *ret, struct app_error *err)
{
    struct sql_rows found = {NULL, 0};

    if (sql_pool_select(pool, call, &path_shape, a, &found, err) < 0)
        return -1;
    *ret = (struct secret_path_list){found.rows, found.count};
    return 0;
}

int secret_store_list(struct db_pool *pool, struct arena *a, struct text prefix,
                      struct secret_path_list *ret, struct app_error *err)
{
    char end[PATH_MAX_BYTES + 1]; /* the prefix and a byte above all that paths may hold */

    if (prefix.len > PATH_MAX_BYTES)
        return app_fail(err, APP_INTERNAL, "secret prefix too long");
    memcpy(end, prefix.p, prefix.len);
    end[prefix.len] = (char)0xff;
    return list_paths(
        pool,
        SQL_CALL(SQL_SECRET_LIST, sql_bytes(prefix), sql_bytes((struct text){end, prefix.len + 1})),
        a, ret, err);
}

int secret_store_list_not_under_key(struct db_pool *pool, struct arena *a, const char *key_id,
                                    struct text after, struct secret_path_list *ret,
                                    struct app_error *err)
{
    return list_paths(pool, SQL_CALL(SQL_SECRET_NOT_UNDER, sql_text(key_id), sql_bytes(after)), a,
                      ret, err);
}
