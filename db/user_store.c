/* SPDX-License-Identifier: Apache-2.0 */
#include "user_store.h"

#include "change.h"
#include "cleanup.h"
#include "user_rows.h"

#define AT(member) offsetof(struct user_row, member)
static const struct sql_field user_fields[] = {
    {AT(id),                   FIELD_INT },
    {AT(cluster_id),           FIELD_TEXT},
    {AT(user_id),              FIELD_TEXT},
    {AT(user_auth_id),         FIELD_TEXT},
    {AT(namespace_name),       FIELD_TEXT},
    {AT(user_type),            FIELD_TEXT},
    {AT(role_set_code),        FIELD_TEXT},
    {AT(service_account_name), FIELD_TEXT},
    {AT(created),              FIELD_TEXT},
    {AT(last_modified),        FIELD_TEXT},
};
#undef AT
static const struct sql_shape user_shape = {sizeof(struct user_row), user_fields,
                                            ARRAY_LEN(user_fields)};

#define AT(member) offsetof(struct right_row, member)
static const struct sql_field right_fields[] = {
    {AT(cluster_id),           FIELD_TEXT},
    {AT(cluster_name),         FIELD_TEXT},
    {AT(cluster_type),         FIELD_TEXT},
    {AT(provider_type),        FIELD_TEXT},
    {AT(user_type),            FIELD_TEXT},
    {AT(user_auth_id),         FIELD_TEXT},
    {AT(namespace_name),       FIELD_TEXT},
    {AT(role_set_code),        FIELD_TEXT},
    {AT(service_account_name), FIELD_TEXT},
};
#undef AT
#define CLUSTER_ONLY_FIELDS 6
static const struct sql_shape right_shape = {sizeof(struct right_row), right_fields,
                                             ARRAY_LEN(right_fields)};
static const struct sql_shape right_cluster_shape = {sizeof(struct right_row), right_fields,
                                                     CLUSTER_ONLY_FIELDS};

/* ---- reading ---- */

/* The member at @p offset must equal the statement's first parameter (if it has any) bytewise. */
static int select_users(struct db *db, const struct sql_call *call, struct arena *a, size_t offset,
                        struct user_list *ret, struct app_error *err)
{
    struct sql_rows found = {NULL, 0};

    if (sql_select(db, call, &user_shape, a, &found, err) < 0)
        return -1;
    if (call->in_count)
        sql_keep_equal(&found, sizeof(struct user_row), offset, call->in[0].text.p);
    *ret = (struct user_list){found.rows, found.count};
    return 0;
}

static int pool_select_users(struct db_pool *pool, const struct sql_call *call, struct arena *a,
                             size_t offset, struct user_list *ret, struct app_error *err)
{
    struct db *db AUTO(db_release_p) = db_acquire(pool, err);

    return db ? select_users(db, call, a, offset, ret, err) : -1;
}

int user_rows_by_auth_id(struct db *db, struct arena *a, const char *auth_id, struct user_list *ret,
                         struct app_error *err)
{
    return select_users(db, SQL_CALL(SQL_USER_BY_AUTH_ID, sql_text(auth_id)), a,
                        offsetof(struct user_row, user_auth_id), ret, err);
}

int user_rows_by_user_id(struct db *db, struct arena *a, const char *user_id, struct user_list *ret,
                         struct app_error *err)
{
    return select_users(db, SQL_CALL(SQL_USER_BY_USER_ID, sql_text(user_id)), a,
                        offsetof(struct user_row, user_id), ret, err);
}

int user_rows_super_admins(struct db *db, struct arena *a, struct user_list *ret,
                           struct app_error *err)
{
    return select_users(db, SQL_CALL0(SQL_USER_SUPER_ADMINS), a, 0, ret, err);
}

static int first_user(const struct user_list *found, struct user_row *ret, struct app_error *err)
{
    if (found->count == 0)
        return app_fail(err, APP_NOT_FOUND, "not a registered person");
    *ret = found->rows[0];
    return 0;
}

int user_store_get_registration(struct db_pool *pool, struct arena *a, const char *auth_id,
                                struct user_row *ret, struct app_error *err)
{
    struct user_list found;

    if (pool_select_users(pool, SQL_CALL(SQL_USER_REGISTRATION, sql_text(auth_id)), a,
                          offsetof(struct user_row, user_auth_id), &found, err) < 0)
        return -1;
    return first_user(&found, ret, err);
}

int user_store_get_registration_by_user_id(struct db_pool *pool, struct arena *a,
                                           const char *user_id, struct user_row *ret,
                                           struct app_error *err)
{
    struct user_list found;

    if (pool_select_users(pool, SQL_CALL(SQL_USER_REGISTRATION_BY_USER_ID, sql_text(user_id)), a,
                          offsetof(struct user_row, user_id), &found, err) < 0)
        return -1;
    return first_user(&found, ret, err);
}

int user_store_list_rights(struct db_pool *pool, struct arena *a, const char *auth_id,
                           struct right_list *ret, struct app_error *err)
{
    struct sql_rows found = {NULL, 0};

    if (sql_pool_select(pool, SQL_CALL(SQL_USER_RIGHTS, sql_text(auth_id)), &right_shape, a, &found,
                        err) < 0)
        return -1;
    sql_keep_equal(&found, sizeof(struct right_row), offsetof(struct right_row, user_auth_id),
                   auth_id);
    *ret = (struct right_list){found.rows, found.count};
    return 0;
}

int user_store_list_clusters(struct db_pool *pool, struct arena *a, const char *auth_id,
                             bool is_super_admin, struct right_list *ret, struct app_error *err)
{
    const struct sql_call *all = SQL_CALL0(SQL_USER_CLUSTERS_ALL);
    const struct sql_call *own = SQL_CALL(SQL_USER_CLUSTERS, sql_text(auth_id));
    struct sql_rows found = {NULL, 0};

    if (sql_pool_select(pool, is_super_admin ? all : own, &right_cluster_shape, a, &found, err) < 0)
        return -1;
    if (!is_super_admin)
        sql_keep_equal(&found, sizeof(struct right_row), offsetof(struct right_row, user_auth_id),
                       auth_id);
    *ret = (struct right_list){found.rows, found.count};
    return 0;
}

int user_store_list_in_cluster(struct db_pool *pool, struct arena *a, const char *cluster_id,
                               const char *auth_id, struct user_list *ret, struct app_error *err)
{
    return pool_select_users(pool,
                             SQL_CALL(SQL_USER_IN_CLUSTER, sql_text(auth_id), sql_text(cluster_id)),
                             a, offsetof(struct user_row, user_auth_id), ret, err);
}

int user_store_list_of_cluster(struct db_pool *pool, struct arena *a, const char *cluster_id,
                               struct user_list *ret, struct app_error *err)
{
    return pool_select_users(pool, SQL_CALL(SQL_USER_OF_CLUSTER, sql_text(cluster_id)), a,
                             offsetof(struct user_row, cluster_id), ret, err);
}

int user_store_list_super_admins(struct db_pool *pool, struct arena *a, struct user_list *ret,
                                 struct app_error *err)
{
    struct db *db AUTO(db_release_p) = db_acquire(pool, err);

    return db ? user_rows_super_admins(db, a, ret, err) : -1;
}

/* ---- writing ---- */

int user_rows_insert(struct db *db, const struct user_row *row, int64_t *ret_id,
                     struct app_error *err)
{
    const struct user_row *r = row;
    struct sql_result done = {0, 0};

    if (sql_execute(db,
                    SQL_CALL(SQL_USER_INSERT, sql_text(r->cluster_id), sql_text(r->user_id),
                             sql_text(r->user_auth_id), sql_text(r->namespace_name),
                             sql_text(r->user_type), sql_text(r->role_set_code),
                             sql_text(r->service_account_name), sql_text(r->created),
                             sql_text(r->last_modified)),
                    &done, err) < 0)
        return -1;
    if (ret_id)
        *ret_id = done.insert_id;
    return 0;
}

struct user_insert {
    const struct user_row *row;
    int64_t id;
};

static bool is_same_right(const struct user_row *a, const struct user_row *b)
{
    return strcmp(a->cluster_id, b->cluster_id) == 0 &&
           strcmp(a->namespace_name, b->namespace_name) == 0 &&
           strcmp(a->user_type, b->user_type) == 0 && strcmp(a->user_auth_id, b->user_auth_id) == 0;
}

/* An adopted database has no unique key yet; writers take turns, so looking first is enough. */
static int refuse_duplicate(struct db *db, const struct user_row *row, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(8 * MIB);
    struct user_list have;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (user_rows_by_auth_id(db, a, row->user_auth_id, &have, err) < 0)
        return -1;
    for (size_t i = 0; i < have.count; i++)
        if (is_same_right(&have.rows[i], row))
            return app_fail(err, APP_CONFLICT, "the person has that right already");
    return 0;
}

static int insert_user(struct db *db, void *ctx, struct app_error *err)
{
    struct user_insert *in = ctx;

    if (change_bump(db, CHANGE_USERS, err) < 0 || refuse_duplicate(db, in->row, err) < 0)
        return -1;
    return user_rows_insert(db, in->row, &in->id, err);
}

int user_store_insert(struct db_pool *pool, const struct user_row *row, int64_t *ret_id,
                      struct app_error *err)
{
    struct user_insert in = {.row = row};

    if (sql_transaction(pool, insert_user, &in, err) < 0)
        return -1;
    if (ret_id)
        *ret_id = in.id;
    return 0;
}

struct user_delete {
    const int64_t *ids;
    size_t count;
};

static int delete_users(struct db *db, void *ctx, struct app_error *err)
{
    const struct user_delete *d = ctx;

    if (change_bump(db, CHANGE_USERS, err) < 0)
        return -1;
    for (size_t i = 0; i < d->count; i++)
        if (sql_execute(db, SQL_CALL(SQL_USER_DELETE, sql_int(d->ids[i])), NULL, err) < 0)
            return -1;
    return 0;
}

int user_store_delete(struct db_pool *pool, const int64_t *ids, size_t count, struct app_error *err)
{
    struct user_delete d = {ids, count};

    return count ? sql_transaction(pool, delete_users, &d, err) : 0;
}
