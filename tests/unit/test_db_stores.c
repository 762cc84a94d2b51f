/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters, accounts, leases, changes, audit, sealed rows as stored: on a real server. */
#include "account_store.h"
#include "audit_store.h"
#include "change_store.h"
#include "cleanup.h"
#include "cluster_store.h"
#include "lease_store.h"
#include "rig_mariadb.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW "2026-01-02 09:00:00"
#define LATER "2026-01-03 09:00:00"

static struct cluster_row cluster(const char *id, const char *name, const char *type)
{
    return (struct cluster_row){.cluster_id = id,
                                .name = name,
                                .cluster_type = type,
                                .provider_type = "OPENSTACK",
                                .description = "-",
                                .status = "A",
                                .created = NOW,
                                .last_modified = NOW};
}

static struct cluster_trust trust(const char *url)
{
    return (struct cluster_trust){.api_url = url, .state = TRUST_PENDING, .detail = "seen once"};
}

static void add_cluster(const struct rig_schema *s, const char *id, const char *name,
                        const char *url)
{
    const struct cluster_row row = cluster(id, name, "sub");
    const struct cluster_trust t = trust(url);
    struct app_error err = {0};

    if (cluster_store_insert(s->pool, &row, url ? &t : NULL, &err) < 0)
        fail_msg("%s", err.detail);
}

static int64_t seq(const struct rig_schema *s, enum change_topic topic)
{
    struct change_seqs seqs;

    assert_int_equal(change_store_read(s->pool, &seqs, NULL), 0);
    return seqs.seq[topic];
}

/* ---- clusters ---- */

static void cluster_comes_back_as_it_was_stored(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    struct cluster_row in =
        cluster("c-1", "클러스터 \xf0\x9f\x9a\x80 '; DROP TABLE cp_users; --", "sub");
    const struct rig_schema *s = *state;
    struct app_error err = {0};
    struct cluster_row out;
    struct cluster_trust t;

    in.ssh_key = "key-a";
    assert_int_equal(cluster_store_insert(s->pool, &in, NULL, &err), 0);
    assert_int_equal(cluster_store_get(s->pool, a, "c-1", &out, &err), 0);
    assert_string_equal(out.name, in.name);
    assert_string_equal(out.ssh_key, "key-a");
    assert_string_equal(out.created, NOW);
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM cp_users"), 0); /* still there */
    assert_int_equal(cluster_store_get_trust(s->pool, a, "c-1", &t, &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
}

static void cluster_ids_compare_bytewise(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct app_error err = {0};
    struct cluster_row out;

    add_cluster(s, "abc", "one", NULL);
    assert_int_equal(cluster_store_get(s->pool, a, "ABC", &out, &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
    assert_int_equal(cluster_store_get(s->pool, a, "abc ", &out, &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
    assert_int_equal(cluster_store_delete(s->pool, "ABC", &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
    assert_int_equal(cluster_store_get(s->pool, a, "' OR '1'='1", &out, &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
    assert_int_equal(cluster_store_get(s->pool, a, "abc", &out, &err), 0);
}

static void clusters_are_listed_by_name(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct cluster_list list;

    assert_int_equal(cluster_store_list(s->pool, a, &list, NULL), 0);
    assert_int_equal(list.count, 0);
    add_cluster(s, "1", "zeta", NULL);
    add_cluster(s, "2", "Alpha", NULL);
    add_cluster(s, "3", "beta", NULL);
    assert_int_equal(cluster_store_list(s->pool, a, &list, NULL), 0);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.rows[0].name, "Alpha");
    assert_string_equal(list.rows[1].name, "beta");
    assert_string_equal(list.rows[2].name, "zeta");
}

static void second_cluster_of_an_id_an_address_or_a_host_is_a_conflict(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct cluster_row host = cluster("h1", "host", "host"), row = cluster("c1", "x", "sub");
    struct cluster_trust t = trust("HTTPS://api-One.test:6443/");
    struct app_error err = {0};
    const char *id;

    assert_int_equal(cluster_store_host_id(s->pool, a, &id, &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
    assert_int_equal(cluster_store_insert(s->pool, &host, NULL, &err), 0);
    add_cluster(s, "c1", "one", "https://api-one.test:6443");
    assert_int_equal(cluster_store_insert(s->pool, &row, NULL, &err), -1);
    assert_int_equal(err.code, APP_CONFLICT);
    row.cluster_id = "c2";
    assert_int_equal(cluster_store_insert(s->pool, &row, &t, &err), -1);
    assert_int_equal(err.code, APP_CONFLICT);
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM cp_clusters WHERE cluster_id = 'c2'"),
                     0); /* one transaction: the row went with its side row */
    host.cluster_id = "h2";
    host.cluster_type = "HOST";
    assert_int_equal(cluster_store_insert(s->pool, &host, NULL, &err), -1);
    assert_int_equal(err.code, APP_CONFLICT);
    assert_int_equal(cluster_store_host_id(s->pool, a, &id, &err), 0);
    assert_string_equal(id, "h1");
    assert_int_equal(
        cluster_store_find_by_url(s->pool, a, "https://API-one.test:6443///", &id, &err), 0);
    assert_string_equal(id, "c1");
    assert_int_equal(cluster_store_find_by_url(s->pool, a, "https://api-two.test:6443", &id, &err),
                     -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
}

static void change_is_written_only_when_something_differs(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct cluster_change change = {.name = "renamed"};
    struct app_error err = {0};
    struct cluster_row out;

    add_cluster(s, "c", "one", NULL);
    assert_int_equal(cluster_store_update(s->pool, "c", &change, LATER, &err), 0);
    assert_int_equal(cluster_store_get(s->pool, a, "c", &out, &err), 0);
    assert_string_equal(out.name, "renamed");
    assert_string_equal(out.description, "-");
    assert_string_equal(out.last_modified, LATER);
    assert_string_equal(out.created, NOW);
    assert_int_equal(cluster_store_update(s->pool, "c", &change, "2027-01-01 00:00:00", &err), 0);
    assert_int_equal(cluster_store_set_status(s->pool, "c", "D", LATER, &err), 0);
    assert_int_equal(cluster_store_get(s->pool, a, "c", &out, &err), 0);
    assert_string_equal(out.last_modified, LATER);
    assert_string_equal(out.status, "D");
    assert_int_equal(cluster_store_update(s->pool, "none", &change, LATER, &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
}

static void value_too_long_is_refused_not_cut(void **state)
{
    const struct rig_schema *s = *state;
    struct cluster_row row = cluster("c", "n", "sub");
    struct app_error err = {0};
    char name[257];

    memset(name, 'x', sizeof name);
    name[256] = '\0';
    row.name = name;
    assert_int_equal(cluster_store_insert(s->pool, &row, NULL, &err), -1);
    assert_int_equal(err.code, APP_UNPROCESSABLE);
    name[255] = '\0';
    assert_int_equal(cluster_store_insert(s->pool, &row, NULL, &err), 0);
}

static void trust_is_replaced_and_an_unknown_state_never_trusted(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct cluster_trust in = trust("https://api:6443"), out;
    struct app_error err = {0};

    add_cluster(s, "c", "one", "https://api:6443");
    in.state = TRUST_PINNED;
    in.pinned_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    in.ca_pem = "-----BEGIN CERTIFICATE-----";
    in.detail = NULL;
    assert_int_equal(cluster_store_put_trust(s->pool, "c", &in, &err), 0);
    assert_int_equal(cluster_store_put_trust(s->pool, "c", &in, &err), 0); /* nothing differs */
    assert_int_equal(cluster_store_get_trust(s->pool, a, "c ", &out, &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND); /* a blank more is another id */
    assert_int_equal(cluster_store_get_trust(s->pool, a, "c", &out, &err), 0);
    assert_int_equal(out.state, TRUST_PINNED);
    assert_string_equal(out.pinned_sha256, in.pinned_sha256);
    assert_string_equal(out.ca_pem, in.ca_pem);
    assert_null(out.seen_sha256);
    assert_string_equal(out.detail, "");
    rig_sql(s, "UPDATE cpx_cluster SET trust_state = 'VERIFIED!'");
    assert_int_equal(cluster_store_get_trust(s->pool, a, "c", &out, &err), -1);
    assert_int_equal(err.code, APP_DATABASE);
}

static void column_wider_than_its_buffer_is_an_error(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct app_error err = {0};
    struct cluster_trust out;

    add_cluster(s, "c", "one", "https://api:6443");
    rig_sql(s, "ALTER TABLE cpx_cluster MODIFY ca_pem mediumtext");
    rig_sql(s, "UPDATE cpx_cluster SET ca_pem = REPEAT('x', 65536)");
    assert_int_equal(cluster_store_get_trust(s->pool, a, "c", &out, &err), 0);
    assert_int_equal(strlen(out.ca_pem), 65536);
    rig_sql(s, "UPDATE cpx_cluster SET ca_pem = REPEAT('x', 65537)");
    assert_int_equal(cluster_store_get_trust(s->pool, a, "c", &out, &err), -1);
    assert_int_equal(err.code, APP_DATABASE);
    assert_non_null(strstr(err.detail, "wider"));
    rig_sql(s, "UPDATE cpx_cluster SET ca_pem = NULL");
    assert_int_equal(cluster_store_get_trust(s->pool, a, "c", &out, &err), 0); /* usable again */
}

static void nul_byte_in_a_text_and_a_full_arena_are_errors(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    struct arena *tiny AUTO(arena_destroy_p) = arena_create(64);
    const struct rig_schema *s = *state;
    struct app_error err = {0};
    struct cluster_list list;

    add_cluster(s, "c", "a name that is longer than what a small arena holds, on purpose", NULL);
    assert_int_equal(cluster_store_list(s->pool, tiny, &list, &err), -1);
    assert_int_equal(err.code, APP_INTERNAL);
    assert_int_equal(cluster_store_list(s->pool, a, &list, &err), 0);
    rig_sql(s, "UPDATE cp_clusters SET name = CONCAT('a', CHAR(0), 'b')");
    assert_int_equal(cluster_store_list(s->pool, a, &list, &err), -1);
    assert_int_equal(err.code, APP_DATABASE);
    assert_non_null(strstr(err.detail, "NUL"));
}

static void fill_around_cluster(const struct rig_schema *s, const char *id)
{
    static const struct {
        const char *into;
        const char *values;
    } rows[] = {
        {"cp_users (cluster_id, user_id, user_auth_id, namespace, user_type, role_set_code, "
         "service_account_name, created, last_modified)",     "'u', 'a', 'ns', 'USER', 'r', 'sa', 'x', 'x'"},
        {"cp_cluster_log (cluster_id, process_no)",                    "1"                                          },
        {"cp_metric_cluster_status (cluster_id, update_time)",         "'x'"                                        },
        {"cp_metric_node_status (cluster_id, node_name, update_time)", "'n', 'x'"                                   },
    };
    char sql[400];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(sql, sizeof sql, "INSERT INTO %s VALUES ('%s', %s)", rows[i].into, id,
                 rows[i].values);
        rig_sql(s, sql);
    }
}

static long rows_of_cluster(const struct rig_schema *s, const char *id)
{
    static const char *const tables[] = {"cp_clusters",           "cp_users",
                                         "cp_cluster_log",        "cp_metric_cluster_status",
                                         "cp_metric_node_status", "cpx_cluster"};
    char sql[256];
    long sum = 0;

    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM %s WHERE cluster_id = '%s'", tables[i], id);
        sum += rig_sql_long(s, sql);
    }
    return sum;
}

static void delete_takes_all_or_nothing(void **state)
{
    const struct rig_schema *s = *state;
    struct app_error err = {0};

    add_cluster(s, "gone", "one", "https://one:6443");
    add_cluster(s, "stays", "two", "https://two:6443");
    fill_around_cluster(s, "gone");
    fill_around_cluster(s, "stays");
    /* the last step fails: everything must still be there */
    rig_sql(s, "CREATE TRIGGER no_delete BEFORE DELETE ON cp_clusters FOR EACH ROW "
               "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not today'");
    assert_int_equal(cluster_store_delete(s->pool, "gone", &err), -1);
    assert_int_equal(err.code, APP_DATABASE);
    assert_int_equal(rows_of_cluster(s, "gone"), 6);
    rig_sql(s, "DROP TRIGGER no_delete");
    assert_int_equal(cluster_store_delete(s->pool, "gone", &err), 0);
    assert_int_equal(rows_of_cluster(s, "gone"), 0);
    assert_int_equal(rows_of_cluster(s, "stays"), 6);
    assert_int_equal(cluster_store_delete(s->pool, "gone", &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
}

static void writes_bump_the_change_sequence_and_failures_do_not(void **state)
{
    const struct rig_schema *s = *state;
    const struct cluster_row again = cluster("c", "n", "sub");
    int64_t clusters = seq(s, CHANGE_CLUSTERS), users = seq(s, CHANGE_USERS);

    add_cluster(s, "c", "n", NULL);
    assert_int_equal(seq(s, CHANGE_CLUSTERS), clusters + 1);
    assert_int_equal(cluster_store_insert(s->pool, &again, NULL, NULL), -1);
    assert_int_equal(seq(s, CHANGE_CLUSTERS), clusters + 1);
    assert_int_equal(seq(s, CHANGE_USERS), users);
    assert_int_equal(cluster_store_delete(s->pool, "c", NULL), 0);
    assert_int_equal(seq(s, CHANGE_CLUSTERS), clusters + 2);
    assert_int_equal(seq(s, CHANGE_USERS), users + 1);
    assert_int_equal(change_store_bump(s->pool, CHANGE_SECRETS, NULL), 0);
    assert_int_equal(seq(s, CHANGE_SECRETS), 1);
}

/* ---- leases ---- */

static void lease_has_one_owner_until_it_expires(void **state)
{
    const struct rig_schema *s = *state;
    const struct lease mine = {"job", "me", 400}, other = {"job", "other", 60000};
    bool is_held = false;

    assert_int_equal(lease_store_acquire(s->pool, &mine, &is_held, NULL), 0);
    assert_true(is_held);
    assert_int_equal(lease_store_acquire(s->pool, &other, &is_held, NULL), 0);
    assert_false(is_held);
    assert_int_equal(lease_store_renew(s->pool, &other, &is_held, NULL), 0);
    assert_false(is_held);
    assert_int_equal(lease_store_release(s->pool, &other, NULL), 0); /* not its to give */
    assert_int_equal(lease_store_renew(s->pool, &mine, &is_held, NULL), 0);
    assert_true(is_held);
    usleep(600 * 1000);
    assert_int_equal(lease_store_renew(s->pool, &mine, &is_held, NULL), 0);
    assert_false(is_held); /* too late: it may have been another's in between */
    assert_int_equal(lease_store_acquire(s->pool, &other, &is_held, NULL), 0);
    assert_true(is_held);
    assert_int_equal(lease_store_acquire(s->pool, &mine, &is_held, NULL), 0);
    assert_false(is_held);
    assert_int_equal(lease_store_release(s->pool, &other, NULL), 0);
    assert_int_equal(lease_store_acquire(s->pool, &mine, &is_held, NULL), 0);
    assert_true(is_held);
}

struct race {
    struct db_pool *pool;
    atomic_int winners;
    atomic_int failed;
};

static void *race_for_lease(void *ctx)
{
    struct race *r = ctx;
    char owner[LEASE_OWNER_BYTES];
    bool is_held = false;

    if (lease_make_owner(owner, NULL) < 0 ||
        lease_store_acquire(r->pool, &(struct lease){"race", owner, 60000}, &is_held, NULL) < 0)
        atomic_fetch_add(&r->failed, 1);
    atomic_fetch_add(&r->winners, is_held);
    db_thread_end();
    return NULL;
}

static void run_threads(void *(*fn)(void *), void *ctx)
{
    pthread_t threads[4];

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fn, ctx), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
}

static void one_of_many_gets_the_lease(void **state)
{
    const struct rig_schema *s = *state;
    struct race r = {.pool = s->pool};

    run_threads(race_for_lease, &r);
    assert_int_equal(r.failed, 0);
    assert_int_equal(r.winners, 1);
}

/* ---- accounts and refresh tokens ---- */

#define AUTH_ID "00000000-0000-4000-8000-000000000001"

static struct account_row account(void)
{
    return (struct account_row){
        .auth_id = AUTH_ID,
        .username = "ann",
        .salt = {"\0salt\xff", 6},
        .hash = {"\0hash\xfe", 6},
        .scrypt_n = 16384,
        .scrypt_r = 8,
        .scrypt_p = 1,
        .roles = "cp-cluster-admin-role",
        .is_enabled = 1
    };
}

static void account_comes_back_bytewise(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct account_row in = account(), out;
    struct account_list list;
    struct app_error err = {0};

    assert_int_equal(account_store_insert(s->pool, &in, &err), 0);
    assert_int_equal(account_store_insert(s->pool, &in, &err), -1);
    assert_int_equal(err.code, APP_CONFLICT);
    assert_int_equal(account_store_get_by_username(s->pool, a, "ann", &out, &err), 0);
    assert_true(text_eq(out.salt, in.salt));
    assert_true(text_eq(out.hash, in.hash));
    assert_int_equal(out.scrypt_n, 16384);
    assert_int_equal(strlen(out.created), 19);
    assert_int_equal(account_store_get_by_username(s->pool, a, "ANN", &out, &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
    assert_int_equal(account_store_get_by_username(s->pool, a, "ann ", &out, &err), -1);
    in.is_enabled = 0;
    assert_int_equal(account_store_update(s->pool, &in, &err), 0);
    assert_int_equal(account_store_get(s->pool, a, AUTH_ID, &out, &err), 0);
    assert_int_equal(out.is_enabled, 0);
    assert_int_equal(account_store_list(s->pool, a, &list, &err), 0);
    assert_int_equal(list.count, 1);
    assert_int_equal(account_store_delete(s->pool, AUTH_ID, &err), 0);
    assert_int_equal(account_store_update(s->pool, &in, &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
}

static struct refresh_token_row token(const char bytes[TOKEN_SHA256_BYTES], int64_t expires_s)
{
    return (struct refresh_token_row){
        .sha256 = {bytes, TOKEN_SHA256_BYTES},
        .auth_id = AUTH_ID,
        .client_id = "client",
        .session_id = "session-1",
        .auth_time_s = 1000,
        .expires_s = expires_s
    };
}

static const char token_a[TOKEN_SHA256_BYTES] = "\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static const char token_b[TOKEN_SHA256_BYTES] = "\0bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

static void *race_for_token(void *ctx)
{
    struct race *r = ctx;
    bool was_valid = false;

    if (refresh_token_consume(r->pool, (struct text){token_a, sizeof token_a}, 2000, &was_valid,
                              NULL) < 0)
        atomic_fetch_add(&r->failed, 1);
    atomic_fetch_add(&r->winners, was_valid);
    db_thread_end();
    return NULL;
}

static void refresh_token_is_used_once(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct refresh_token_row row = token(token_a, 3000), expired = token(token_b, 2000), out;
    struct race r = {.pool = s->pool};
    struct app_error err = {0};
    bool was_valid = true;

    assert_int_equal(refresh_token_insert(s->pool, &row, &err), 0);
    assert_int_equal(refresh_token_insert(s->pool, &expired, &err), 0);
    run_threads(race_for_token, &r);
    assert_int_equal(r.failed, 0);
    assert_int_equal(r.winners, 1);
    assert_int_equal(refresh_token_get(s->pool, a, row.sha256, &out, &err), 0);
    assert_int_equal(out.is_revoked, 1);
    assert_int_equal(out.auth_time_s, 1000);
    assert_int_equal(refresh_token_consume(s->pool, expired.sha256, 2000, &was_valid, &err), 0);
    assert_false(was_valid);
    assert_int_equal(refresh_token_purge(s->pool, 2500, &err), 0);
    assert_int_equal(refresh_token_get(s->pool, a, expired.sha256, &out, &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
}

static void revoked_session_takes_its_tokens(void **state)
{
    const struct rig_schema *s = *state;
    struct refresh_token_row row = token(token_a, 3000);
    bool was_valid = true;

    assert_int_equal(refresh_token_insert(s->pool, &row, NULL), 0);
    assert_int_equal(refresh_token_revoke_session(s->pool, "session-1", NULL), 0);
    assert_int_equal(refresh_token_consume(s->pool, row.sha256, 2000, &was_valid, NULL), 0);
    assert_false(was_valid);
}

/* ---- audit ---- */

static void audit_never_fails_for_its_text(void **state)
{
    const struct rig_schema *s = *state;
    struct audit_row row = {.request_id = "r1", .action = "login", .outcome = "ok"};
    char detail[2000];

    memset(detail, 'd', sizeof detail);
    detail[sizeof detail - 1] = '\0';
    memcpy(detail + 999, "\xec\x95\x84", 3); /* a character across the limit of 1,000 bytes */
    row.detail = detail;
    row.actor_user_id = "caf\xe9"; /* not UTF-8 */
    assert_int_equal(audit_store_append(s->pool, &row, NULL), 0);
    assert_int_equal(rig_sql_long(s, "SELECT CHAR_LENGTH(detail) FROM cpx_audit"), 999);
    assert_string_equal(rig_sql_text(s, "SELECT actor_user_id FROM cpx_audit"), "caf?");
    assert_int_equal(rig_sql_long(s, "SELECT ABS(TIMESTAMPDIFF(SECOND, at, UTC_TIMESTAMP())) < 60 "
                                     "FROM cpx_audit"),
                     1);
}

#define ON_SCHEMA(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, rig_migrated_setup, rig_schema_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SCHEMA(cluster_comes_back_as_it_was_stored),
        ON_SCHEMA(cluster_ids_compare_bytewise),
        ON_SCHEMA(clusters_are_listed_by_name),
        ON_SCHEMA(second_cluster_of_an_id_an_address_or_a_host_is_a_conflict),
        ON_SCHEMA(change_is_written_only_when_something_differs),
        ON_SCHEMA(value_too_long_is_refused_not_cut),
        ON_SCHEMA(trust_is_replaced_and_an_unknown_state_never_trusted),
        ON_SCHEMA(column_wider_than_its_buffer_is_an_error),
        ON_SCHEMA(nul_byte_in_a_text_and_a_full_arena_are_errors),
        ON_SCHEMA(delete_takes_all_or_nothing),
        ON_SCHEMA(writes_bump_the_change_sequence_and_failures_do_not),
        ON_SCHEMA(lease_has_one_owner_until_it_expires),
        ON_SCHEMA(one_of_many_gets_the_lease),
        ON_SCHEMA(account_comes_back_bytewise),
        ON_SCHEMA(refresh_token_is_used_once),
        ON_SCHEMA(revoked_session_takes_its_tokens),
        ON_SCHEMA(audit_never_fails_for_its_text),
    };

    return cmocka_run_group_tests(tests, rig_mariadb_start, rig_mariadb_stop);
}
