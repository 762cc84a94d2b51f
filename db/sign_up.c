/* SPDX-License-Identifier: Apache-2.0 */
/* Part of user_store.h: the registration of a person (common-api.md 5.1, rows 11 and 12). */
#include "change.h"
#include "cleanup.h"
#include "user_rows.h"
#include "user_store.h"

struct registration {
    const struct sign_up *in;
    struct arena *arena;
    struct user_list stale; /* result */
};

static bool is_type(const struct user_row *r, const char *type)
{
    return strcmp(r->user_type, type) == 0;
}

static bool is_gone(const struct sign_up *in, int64_t id)
{
    for (size_t i = 0; i < in->gone_count; i++)
        if (in->gone_super_admins[i] == id)
            return true;
    return false;
}

/* A super administrator exists unless all whose rows there are have left the issuer. */
static int check_super_admin(struct registration *r, const struct user_list *admins,
                             struct app_error *err)
{
    for (size_t i = 0; i < admins->count; i++)
        if (!is_gone(r->in, admins->rows[i].id))
            return app_refuse(err, MSG_SUPER_ADMIN_ALREADY_REGISTERED);
    return 0;
}

/* The original would delete the row of a super administrator who signs up as a user; here that
 * person is registered already. */
static int check_user(struct registration *r, const struct user_list *own, const char *host,
                      struct app_error *err)
{
    for (size_t i = 0; i < own->count; i++) {
        const struct user_row *u = &own->rows[i];
        bool is_marker = is_type(u, "USER") && strcmp(u->cluster_id, host) == 0 &&
                         strcmp(u->namespace_name, TEMP_NAMESPACE) == 0;

        if (is_marker || (is_type(u, "SUPER_ADMIN") && !is_gone(r->in, u->id)))
            return app_refuse(err, MSG_USER_ALREADY_REGISTERED);
    }
    return 0;
}

static int delete_rows(struct db *db, const struct user_list *rows, struct app_error *err)
{
    for (size_t i = 0; i < rows->count; i++)
        if (sql_execute(db, SQL_CALL(SQL_USER_DELETE, sql_int(rows->rows[i].id)), NULL, err) < 0)
            return -1;
    return 0;
}

static bool is_stale_right(const struct user_row *u)
{
    return !is_type(u, "SUPER_ADMIN") &&
           !(is_type(u, "USER") && strcmp(u->namespace_name, TEMP_NAMESPACE) == 0);
}

/* Of @p same_name, the rows to delete stay in it; those whose rights must be withdrawn outside go
 * into r->stale. A living super administrator's row is never touched. */
static int sort_out(struct registration *r, struct user_list *same_name, struct app_error *err)
{
    size_t kept = 0;

    r->stale =
        (struct user_list){arena_array(r->arena, same_name->count, sizeof(struct user_row)), 0};
    if (!r->stale.rows)
        return app_fail(err, APP_INTERNAL, "out of memory");
    for (size_t i = 0; i < same_name->count; i++) {
        const struct user_row u = same_name->rows[i];

        if (is_type(&u, "SUPER_ADMIN") && !is_gone(r->in, u.id))
            continue;
        /* rights this very person was given before signing up are not stale */
        if (!r->in->is_super_admin && strcmp(u.user_auth_id, r->in->auth_id) == 0)
            continue;
        same_name->rows[kept++] = u;
        if (is_stale_right(&u))
            r->stale.rows[r->stale.count++] = u;
    }
    same_name->count = kept;
    return 0;
}

static int insert_registration(struct db *db, const struct sign_up *in, const char *host,
                               struct app_error *err)
{
    const struct user_row row = {.cluster_id = host,
                                 .user_id = in->user_id,
                                 .user_auth_id = in->auth_id,
                                 .namespace_name = TEMP_NAMESPACE,
                                 .user_type = in->is_super_admin ? "SUPER_ADMIN" : "USER",
                                 .role_set_code = "-",
                                 .service_account_name = in->auth_id,
                                 .created = in->now,
                                 .last_modified = in->now};
    struct app_error why = {0};

    if (user_rows_insert(db, &row, NULL, &why) == 0)
        return 0;
    if (why.code == APP_CONFLICT)
        return app_refuse(err, in->is_super_admin ? MSG_SUPER_ADMIN_ALREADY_REGISTERED
                                                  : MSG_USER_ALREADY_REGISTERED);
    if (err)
        *err = why;
    return -1;
}

static int find_host(struct db *db, struct arena *a, const char **ret, struct app_error *err)
{
    static const struct sql_field field = {0, FIELD_TEXT};
    static const struct sql_shape shape = {sizeof(const char *), &field, 1};
    struct sql_rows found = {NULL, 0};

    if (sql_select(db, SQL_CALL0(SQL_CLUSTER_HOST), &shape, a, &found, err) < 0)
        return -1;
    if (found.count != 1)
        return app_refuse(err, MSG_SIGNUP_USER_CREATION_FAILED);
    memcpy(ret, found.rows, sizeof *ret);
    return 0;
}

/* Checks and clean-up that differ: a super administrator replaces those who are gone. */
static int check(struct db *db, struct registration *r, const char *host, struct app_error *err)
{
    struct user_list rows;

    if (!r->in->is_super_admin) {
        if (user_rows_by_auth_id(db, r->arena, r->in->auth_id, &rows, err) < 0)
            return -1;
        return check_user(r, &rows, host, err);
    }
    if (user_rows_super_admins(db, r->arena, &rows, err) < 0 ||
        check_super_admin(r, &rows, err) < 0)
        return -1;
    return delete_rows(db, &rows, err);
}

static int sign_up(struct db *db, void *ctx, struct app_error *err)
{
    struct registration *r = ctx;
    struct user_list same_name;
    const char *host = "";

    if (change_bump(db, CHANGE_USERS, err) < 0 || find_host(db, r->arena, &host, err) < 0 ||
        check(db, r, host, err) < 0 ||
        user_rows_by_user_id(db, r->arena, r->in->user_id, &same_name, err) < 0 ||
        sort_out(r, &same_name, err) < 0 || delete_rows(db, &same_name, err) < 0)
        return -1;
    return insert_registration(db, r->in, host, err);
}

int user_store_sign_up(struct db_pool *pool, struct arena *a, const struct sign_up *in,
                       struct user_list *ret_stale, struct app_error *err)
{
    struct registration r = {.in = in, .arena = a};

    if (sql_transaction(pool, sign_up, &r, err) < 0)
        return -1;
    *ret_stale = r.stale;
    return 0;
}
