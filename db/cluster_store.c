/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster_store.h"

#include "change.h"
#include "cleanup.h"
#include "cluster_url.h"

#include <strings.h>

/* A cluster row as selected; the auth id only by SQL_CLUSTER_LIST_ADMIN. */
struct full_row {
    struct cluster_row row;
    const char *auth_id;
};

#define AT(member) offsetof(struct full_row, member)
static const struct sql_field cluster_fields[] = {
    {AT(row.cluster_id),    FIELD_TEXT},
    {AT(row.name),          FIELD_TEXT},
    {AT(row.cluster_type),  FIELD_TEXT},
    {AT(row.provider_type), FIELD_TEXT},
    {AT(row.description),   FIELD_TEXT},
    {AT(row.status),        FIELD_TEXT},
    {AT(row.ssh_key),       FIELD_TEXT},
    {AT(row.created),       FIELD_TEXT},
    {AT(row.last_modified), FIELD_TEXT},
    {AT(auth_id),           FIELD_TEXT},
};
#undef AT
static const struct sql_shape cluster_shape = {sizeof(struct cluster_row), cluster_fields,
                                               ARRAY_LEN(cluster_fields) - 1};
static const struct sql_shape full_shape = {sizeof(struct full_row), cluster_fields,
                                            ARRAY_LEN(cluster_fields)};
_Static_assert(offsetof(struct full_row, row) == 0, "one field table serves both shapes");

static const struct sql_field id_field = {0, FIELD_TEXT};
static const struct sql_shape id_shape = {sizeof(const char *), &id_field, 1};

/* ---- reading ---- */

int cluster_store_list(struct db_pool *pool, struct arena *a, struct cluster_list *ret,
                       struct app_error *err)
{
    struct sql_rows found = {NULL, 0};

    if (sql_pool_select(pool, SQL_CALL0(SQL_CLUSTER_LIST), &cluster_shape, a, &found, err) < 0)
        return -1;
    *ret = (struct cluster_list){found.rows, found.count};
    return 0;
}

int cluster_store_list_admin(struct db_pool *pool, struct arena *a, const char *auth_id,
                             struct cluster_list *ret, struct app_error *err)
{
    const struct full_row *full;
    struct cluster_row *rows;
    struct sql_rows found = {NULL, 0};

    if (sql_pool_select(pool, SQL_CALL(SQL_CLUSTER_LIST_ADMIN, sql_text(auth_id)), &full_shape, a,
                        &found, err) < 0)
        return -1;
    sql_keep_equal(&found, sizeof(struct full_row), offsetof(struct full_row, auth_id), auth_id);
    rows = arena_array(a, found.count, sizeof *rows);
    if (!rows)
        return app_fail(err, APP_INTERNAL, "out of memory");
    full = found.rows;
    for (size_t i = 0; i < found.count; i++)
        rows[i] = full[i].row;
    *ret = (struct cluster_list){rows, found.count};
    return 0;
}

/* The one row whose id is bytewise @p cluster_id. */
static int pick(struct sql_rows *found, const char *cluster_id, struct cluster_row *ret,
                struct app_error *err)
{
    sql_keep_equal(found, sizeof *ret, offsetof(struct cluster_row, cluster_id), cluster_id);
    if (found->count == 0)
        return app_fail(err, APP_NOT_FOUND, "no cluster %.64s", cluster_id);
    memcpy(ret, found->rows, sizeof *ret);
    return 0;
}

int cluster_store_get(struct db_pool *pool, struct arena *a, const char *cluster_id,
                      struct cluster_row *ret, struct app_error *err)
{
    struct sql_rows found = {NULL, 0};

    if (sql_pool_select(pool, SQL_CALL(SQL_CLUSTER_GET, sql_text(cluster_id)), &cluster_shape, a,
                        &found, err) < 0)
        return -1;
    return pick(&found, cluster_id, ret, err);
}

static int host_of(const struct sql_rows *found, const char **ret, struct app_error *err)
{
    if (found->count == 0)
        return app_fail(err, APP_NOT_FOUND, "there is no host cluster");
    if (found->count > 1)
        return app_fail(err, APP_DATABASE, "cp_clusters: more than one host cluster");
    memcpy(ret, found->rows, sizeof *ret);
    return 0;
}

int cluster_store_host_id(struct db_pool *pool, struct arena *a, const char **ret,
                          struct app_error *err)
{
    struct sql_rows found = {NULL, 0};

    if (sql_pool_select(pool, SQL_CALL0(SQL_CLUSTER_HOST), &id_shape, a, &found, err) < 0)
        return -1;
    return host_of(&found, ret, err);
}

int cluster_store_find_by_url(struct db_pool *pool, struct arena *a, const char *api_url,
                              const char **ret_id, struct app_error *err)
{
    unsigned char key[URL_KEY_BYTES];
    const struct text key_text = {(const char *)key, sizeof key};
    struct sql_rows found = {NULL, 0};

    if (cluster_url_key(text_of(api_url), key) < 0)
        return app_fail(err, APP_NOT_FOUND, "not a URL");
    if (sql_pool_select(pool, SQL_CALL(SQL_TRUST_FIND, sql_bytes(key_text)), &id_shape, a, &found,
                        err) < 0)
        return -1;
    if (found.count == 0)
        return app_fail(err, APP_NOT_FOUND, "no cluster with that API address");
    memcpy(ret_id, found.rows, sizeof *ret_id);
    return 0;
}

/* ---- trust ---- */

static const char *const trust_names[] = {
    [TRUST_PENDING] = "pending", [TRUST_VERIFIED] = "verified", [TRUST_PINNED] = "pinned"};

struct trust_row {
    struct cluster_trust trust;
    const char *state;
    const char *cluster_id;
};

#define AT(member) offsetof(struct trust_row, member)
static const struct sql_field trust_fields[] = {
    {AT(trust.api_url),       FIELD_TEXT},
    {AT(trust.ca_pem),        FIELD_TEXT},
    {AT(trust.pinned_sha256), FIELD_TEXT},
    {AT(trust.seen_sha256),   FIELD_TEXT},
    {AT(state),               FIELD_TEXT},
    {AT(trust.detail),        FIELD_TEXT},
    {AT(cluster_id),          FIELD_TEXT},
};
#undef AT
static const struct sql_shape trust_shape = {sizeof(struct trust_row), trust_fields,
                                             ARRAY_LEN(trust_fields)};

int cluster_store_get_trust(struct db_pool *pool, struct arena *a, const char *cluster_id,
                            struct cluster_trust *ret, struct app_error *err)
{
    struct trust_row row;
    struct sql_rows found = {NULL, 0};

    if (sql_pool_select(pool, SQL_CALL(SQL_TRUST_GET, sql_text(cluster_id)), &trust_shape, a,
                        &found, err) < 0)
        return -1;
    /* the column ignores trailing blanks */
    sql_keep_equal(&found, sizeof row, offsetof(struct trust_row, cluster_id), cluster_id);
    if (found.count == 0)
        return app_fail(err, APP_NOT_FOUND, "no trust record of cluster %.64s", cluster_id);
    memcpy(&row, found.rows, sizeof row);
    for (size_t i = 0; i < ARRAY_LEN(trust_names); i++)
        if (strcmp(row.state, trust_names[i]) == 0) {
            row.trust.state = (enum trust_state)i;
            *ret = row.trust;
            return 0;
        }
    /* an unknown word must never count as trusted */
    return app_fail(err, APP_DATABASE, "cpx_cluster: unknown trust_state");
}

static int write_trust(struct db *db, enum sql_id id, const char *cluster_id,
                       const struct cluster_trust *t, struct sql_result *ret, struct app_error *err)
{
    unsigned char key[URL_KEY_BYTES];
    const struct text key_text = {(const char *)key, sizeof key};

    if (cluster_url_key(text_of(t->api_url), key) < 0)
        return app_fail(err, APP_UNPROCESSABLE, "the API address is not a URL");
    return sql_execute(db,
                       SQL_CALL(id, sql_text(t->api_url), sql_bytes(key_text), sql_text(t->ca_pem),
                                sql_text(t->pinned_sha256), sql_text(t->seen_sha256),
                                sql_text(trust_names[t->state]),
                                sql_text(t->detail ? t->detail : ""), sql_text(cluster_id)),
                       ret, err);
}

struct cluster_write { /* what the transactions below work on */
    const char *cluster_id;
    const struct cluster_row *row;
    const struct cluster_trust *trust;
    const struct cluster_change *change;
    const char *now;
};

static int put_trust(struct db *db, void *ctx, struct app_error *err)
{
    const struct cluster_write *w = ctx;
    struct sql_result done = {0, 0};

    if (change_bump(db, CHANGE_CLUSTERS, err) < 0 ||
        write_trust(db, SQL_TRUST_UPDATE, w->cluster_id, w->trust, &done, err) < 0)
        return -1;
    if (done.matched)
        return 0;
    return write_trust(db, SQL_TRUST_INSERT, w->cluster_id, w->trust, NULL, err);
}

int cluster_store_put_trust(struct db_pool *pool, const char *cluster_id,
                            const struct cluster_trust *trust, struct app_error *err)
{
    struct cluster_write w = {.cluster_id = cluster_id, .trust = trust};

    return sql_transaction(pool, put_trust, &w, err);
}

/* ---- writing ---- */

static int refuse_second_host(struct db *db, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(16 * KIB);
    struct sql_rows found = {NULL, 0};

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (sql_select(db, SQL_CALL0(SQL_CLUSTER_HOST), &id_shape, a, &found, err) < 0)
        return -1;
    return found.count ? app_fail(err, APP_CONFLICT, "there is a host cluster already") : 0;
}

static int insert_cluster(struct db *db, void *ctx, struct app_error *err)
{
    const struct cluster_write *w = ctx;
    const struct cluster_row *r = w->row;

    if (change_bump(db, CHANGE_CLUSTERS, err) < 0)
        return -1;
    if (strcasecmp(r->cluster_type, "host") == 0 && refuse_second_host(db, err) < 0)
        return -1;
    if (sql_execute(db,
                    SQL_CALL(SQL_CLUSTER_INSERT, sql_text(r->cluster_id), sql_text(r->name),
                             sql_text(r->cluster_type), sql_text(r->provider_type),
                             sql_text(r->description), sql_text(r->status), sql_text(r->ssh_key),
                             sql_text(r->created), sql_text(r->last_modified)),
                    NULL, err) < 0)
        return -1;
    if (!w->trust)
        return 0;
    return write_trust(db, SQL_TRUST_INSERT, r->cluster_id, w->trust, NULL, err);
}

int cluster_store_insert(struct db_pool *pool, const struct cluster_row *row,
                         const struct cluster_trust *trust, struct app_error *err)
{
    struct cluster_write w = {.row = row, .trust = trust};

    return sql_transaction(pool, insert_cluster, &w, err);
}

static int lock_cluster(struct db *db, struct arena *a, const char *cluster_id,
                        struct cluster_row *ret, struct app_error *err)
{
    struct sql_rows found = {NULL, 0};

    if (sql_select(db, SQL_CALL(SQL_CLUSTER_LOCK, sql_text(cluster_id)), &cluster_shape, a, &found,
                   err) < 0)
        return -1;
    return pick(&found, cluster_id, ret, err);
}

/* Take @p want for @p *have when it says something else. */
static bool take(const char **have, const char *want)
{
    if (!want || (*have && strcmp(*have, want) == 0))
        return false;
    *have = want;
    return true;
}

static int update_cluster(struct db *db, void *ctx, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(64 * KIB);
    const struct cluster_write *w = ctx;
    struct cluster_row row = {0};
    bool is_changed;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (change_bump(db, CHANGE_CLUSTERS, err) < 0 ||
        lock_cluster(db, a, w->cluster_id, &row, err) < 0)
        return -1;
    is_changed = take(&row.name, w->change->name);
    is_changed |= take(&row.description, w->change->description);
    is_changed |= take(&row.status, w->change->status);
    if (!is_changed)
        return 0;
    return sql_execute(db,
                       SQL_CALL(SQL_CLUSTER_UPDATE, sql_text(row.name), sql_text(row.description),
                                sql_text(row.status), sql_text(w->now), sql_text(row.cluster_id)),
                       NULL, err);
}

int cluster_store_update(struct db_pool *pool, const char *cluster_id,
                         const struct cluster_change *change, const char *now,
                         struct app_error *err)
{
    struct cluster_write w = {.cluster_id = cluster_id, .change = change, .now = now};

    return sql_transaction(pool, update_cluster, &w, err);
}

int cluster_store_set_status(struct db_pool *pool, const char *cluster_id, const char *status,
                             const char *now, struct app_error *err)
{
    const struct cluster_change change = {.status = status};

    return cluster_store_update(pool, cluster_id, &change, now, err);
}

static int delete_cluster(struct db *db, void *ctx, struct app_error *err)
{
    static const enum sql_id steps[] = {SQL_CLUSTER_DELETE_USERS,  SQL_CLUSTER_DELETE_LOGS,
                                        SQL_CLUSTER_DELETE_STATUS, SQL_CLUSTER_DELETE_NODES,
                                        SQL_TRUST_DELETE,          SQL_CLUSTER_DELETE};
    struct arena *a AUTO(arena_destroy_p) = arena_create(64 * KIB);
    const struct cluster_write *w = ctx;
    struct cluster_row row = {0};

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (change_bump(db, CHANGE_USERS, err) < 0 || change_bump(db, CHANGE_CLUSTERS, err) < 0 ||
        lock_cluster(db, a, w->cluster_id, &row, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (sql_execute(db, SQL_CALL(steps[i], sql_text(w->cluster_id)), NULL, err) < 0)
            return -1;
    return 0;
}

int cluster_store_delete(struct db_pool *pool, const char *cluster_id, struct app_error *err)
{
    struct cluster_write w = {.cluster_id = cluster_id};

    return sql_transaction(pool, delete_cluster, &w, err);
}
