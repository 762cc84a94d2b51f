/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of rights and the sign-up, on a real server. */
#include "change_store.h"
#include "cleanup.h"
#include "cluster_store.h"
#include "rig_mariadb.h"
#include "user_store.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW "2026-01-02 09:00:00"

static void add_cluster(const struct rig_schema *s, const char *id, const char *name,
                        const char *type)
{
    const struct cluster_row row = {.cluster_id = id,
                                    .name = name,
                                    .cluster_type = type,
                                    .provider_type = "AWS",
                                    .description = "-",
                                    .status = "A",
                                    .created = NOW,
                                    .last_modified = NOW};
    struct app_error err = {0};

    if (cluster_store_insert(s->pool, &row, NULL, &err) < 0)
        fail_msg("%s", err.detail);
}

/* Two clusters: "host" (named "m-host") and "sub" (named "a-sub"). */
static int setup(void **state)
{
    rig_migrated_setup(state);
    add_cluster(*state, "host", "m-host", "host");
    add_cluster(*state, "sub", "a-sub", "sub");
    return 0;
}

static struct user_row user(const char *cluster, const char *auth_id, const char *ns,
                            const char *type)
{
    return (struct user_row){.cluster_id = cluster,
                             .user_id = "alice",
                             .user_auth_id = auth_id,
                             .namespace_name = ns,
                             .user_type = type,
                             .role_set_code = "r",
                             .service_account_name = "sa",
                             .created = NOW,
                             .last_modified = NOW};
}

static int64_t add(const struct rig_schema *s, const struct user_row *row)
{
    struct app_error err = {0};
    int64_t id = 0;

    if (user_store_insert(s->pool, row, &id, &err) < 0)
        fail_msg("%s", err.detail);
    assert_true(id > 0);
    return id;
}

static int64_t add_user(const struct rig_schema *s, const char *cluster, const char *auth_id,
                        const char *ns, const char *type)
{
    const struct user_row row = user(cluster, auth_id, ns, type);

    return add(s, &row);
}

static struct sign_up person(const char *user_id, const char *auth_id)
{
    return (struct sign_up){.user_id = user_id, .auth_id = auth_id, .now = NOW};
}

/* ---- queries ---- */

static void rights_are_of_exactly_this_person_by_cluster_name(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct right_list list;

    add_user(s, "host", "p1", TEMP_NAMESPACE, "USER"); /* a marker is no right */
    add_user(s, "host", "p1", "shop", "USER");
    add_user(s, "sub", "p1", TEMP_NAMESPACE, "CLUSTER_ADMIN");
    rig_sql(s, "INSERT INTO cp_users VALUES (NULL, 'host', 'x', 'P1', 'theirs', 'USER', 'r', 's', "
               "'x', 'x'), (NULL, 'host', 'x', 'p1 ', 'too', 'CLUSTER_ADMIN', 'r', 's', 'x', 'x')");
    assert_int_equal(user_store_list_rights(s->pool, a, "p1", &list, NULL), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.rows[0].cluster_name, "a-sub");
    assert_string_equal(list.rows[0].user_type, "CLUSTER_ADMIN");
    assert_string_equal(list.rows[1].namespace_name, "shop");
    assert_int_equal(user_store_list_rights(s->pool, a, "P1", &list, NULL), 0);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.rows[0].namespace_name, "theirs");
    assert_int_equal(user_store_list_rights(s->pool, a, "' OR '1'='1", &list, NULL), 0);
    assert_int_equal(list.count, 0);
    assert_int_equal(user_store_list_rights(s->pool, a, "", &list, NULL), 0);
    assert_int_equal(list.count, 0);
}

static void cluster_list_is_distinct_and_whole_for_super_admins(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct cluster_list clusters;
    struct right_list list;

    add_user(s, "host", "p1", "shop", "USER");
    add_user(s, "host", "p1", "blog", "USER");
    add_user(s, "sub", "p1", TEMP_NAMESPACE, "CLUSTER_ADMIN");
    add_user(s, "sub", "p2", TEMP_NAMESPACE, "CLUSTER_ADMIN");
    assert_int_equal(user_store_list_clusters(s->pool, a, "p1", false, &list, NULL), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.rows[0].cluster_id, "sub");
    assert_string_equal(list.rows[1].cluster_id, "host");
    assert_string_equal(list.rows[1].user_type, "USER");
    assert_null(list.rows[1].namespace_name);
    assert_int_equal(user_store_list_clusters(s->pool, a, "nobody", true, &list, NULL), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.rows[0].user_type, "SUPER_ADMIN");
    assert_int_equal(user_store_list_clusters(s->pool, a, "nobody", false, &list, NULL), 0);
    assert_int_equal(list.count, 0);
    assert_int_equal(cluster_store_list_admin(s->pool, a, "p1", &clusters, NULL), 0);
    assert_int_equal(clusters.count, 1);
    assert_string_equal(clusters.rows[0].cluster_id, "sub");
    assert_string_equal(clusters.rows[0].provider_type, "AWS");
}

static void registration_is_the_row_with_most_authority(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct app_error err = {0};
    struct user_row row;

    assert_int_equal(user_store_get_registration(s->pool, a, "p1", &row, &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
    add_user(s, "host", "p1", TEMP_NAMESPACE, "USER");
    add_user(s, "sub", "p2", TEMP_NAMESPACE, "USER"); /* not in the host cluster */
    assert_int_equal(user_store_get_registration(s->pool, a, "p1", &row, &err), 0);
    assert_string_equal(row.user_type, "USER");
    add_user(s, "host", "p1", TEMP_NAMESPACE, "CLUSTER_ADMIN");
    add_user(s, "host", "p1", TEMP_NAMESPACE, "SUPER_ADMIN");
    assert_int_equal(user_store_get_registration(s->pool, a, "p1", &row, &err), 0);
    assert_string_equal(row.user_type, "SUPER_ADMIN");
    assert_int_equal(user_store_get_registration(s->pool, a, "p2", &row, &err), -1);
    assert_int_equal(user_store_get_registration_by_user_id(s->pool, a, "alice", &row, &err), 0);
    assert_string_equal(row.user_auth_id, "p1");
    assert_int_equal(user_store_get_registration_by_user_id(s->pool, a, "ALICE", &row, &err), -1);
}

static void rows_of_a_cluster_and_of_a_person_in_it(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct user_list list;

    add_user(s, "host", "p1", TEMP_NAMESPACE, "USER");
    add_user(s, "host", "p1", "shop", "USER");
    add_user(s, "host", "p2", "shop", "USER");
    add_user(s, "sub", "p1", "shop", "USER");
    assert_int_equal(user_store_list_in_cluster(s->pool, a, "host", "p1", &list, NULL), 0);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.rows[0].namespace_name, "shop");
    assert_int_equal(user_store_list_of_cluster(s->pool, a, "host", &list, NULL), 0);
    assert_int_equal(list.count, 3);
}

static void same_right_twice_is_a_conflict(void **state)
{
    const struct rig_schema *s = *state;
    const struct user_row row = user("host", "p1", "shop", "USER");
    struct app_error err = {0};
    int64_t id = add(s, &row);

    assert_int_equal(user_store_insert(s->pool, &row, NULL, &err), -1);
    assert_int_equal(err.code, APP_CONFLICT);
    assert_int_equal(user_store_delete(s->pool, &id, 1, &err), 0);
    assert_int_equal(user_store_delete(s->pool, &id, 1, &err), 0);
    add(s, &row);
}

/* ---- sign-up ---- */

static int sign_up(const struct rig_schema *s, struct arena *a, const struct sign_up *in,
                   struct app_error *err)
{
    struct user_list stale;

    return user_store_sign_up(s->pool, a, in, &stale, err);
}

static void sign_up_writes_the_marker_once(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    const struct sign_up in = person("alice", "p1");
    struct change_seqs before, after;
    struct app_error err = {0};
    struct user_row row;

    assert_int_equal(change_store_read(s->pool, &before, NULL), 0);
    assert_int_equal(sign_up(s, a, &in, &err), 0);
    assert_int_equal(change_store_read(s->pool, &after, NULL), 0);
    assert_int_equal(after.seq[CHANGE_USERS], before.seq[CHANGE_USERS] + 1);
    assert_int_equal(user_store_get_registration(s->pool, a, "p1", &row, &err), 0);
    assert_string_equal(row.cluster_id, "host");
    assert_string_equal(row.user_type, "USER");
    assert_string_equal(row.role_set_code, "-");
    assert_string_equal(row.service_account_name, "p1");
    assert_string_equal(row.created, NOW);
    assert_int_equal(sign_up(s, a, &in, &err), -1);
    assert_int_equal(err.code, APP_RULE);
    assert_int_equal(err.message_id, MSG_USER_ALREADY_REGISTERED);
}

static void sign_up_without_host_cluster_fails(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    const struct sign_up in = person("alice", "p1");
    struct app_error err = {0};

    rig_sql(s, "DELETE FROM cp_clusters");
    assert_int_equal(sign_up(s, a, &in, &err), -1);
    assert_int_equal(err.message_id, MSG_SIGNUP_USER_CREATION_FAILED);
}

static void new_identity_of_a_name_takes_nothing_over(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    const struct sign_up in = person("alice", "new");
    struct right_list rights;
    struct user_list stale;

    add_user(s, "host", "old", TEMP_NAMESPACE, "USER");
    add_user(s, "host", "old", "shop", "USER");
    add_user(s, "sub", "old", TEMP_NAMESPACE, "CLUSTER_ADMIN");
    rig_sql(s, "INSERT INTO cp_users VALUES (NULL, 'host', 'Alice', 'cap', 'shop', 'USER', 'r', "
               "'s', 'x', 'x')"); /* another name: it stays */
    assert_int_equal(user_store_sign_up(s->pool, a, &in, &stale, NULL), 0);
    assert_int_equal(stale.count, 2);
    assert_string_equal(stale.rows[0].namespace_name, "shop");
    assert_string_equal(stale.rows[1].user_type, "CLUSTER_ADMIN");
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM cp_users WHERE user_auth_id = 'old'"),
                     0);
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM cp_users"), 2);
    assert_int_equal(user_store_list_rights(s->pool, a, "new", &rights, NULL), 0);
    assert_int_equal(rights.count, 0);
}

static void rights_given_before_the_sign_up_stay(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    const struct sign_up in = person("alice", "p1");
    struct user_list stale;

    add_user(s, "host", "p1", "shop", "USER");
    add_user(s, "host", "old", "shop", "USER");
    assert_int_equal(user_store_sign_up(s->pool, a, &in, &stale, NULL), 0);
    assert_int_equal(stale.count, 1);
    assert_string_equal(stale.rows[0].user_auth_id, "old");
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM cp_users WHERE user_auth_id = 'p1'"), 2);
}

static void failed_sign_up_deletes_nothing(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct sign_up in = person("alice", "new");
    struct app_error err = {0};

    add_user(s, "host", "old", "shop", "USER");
    in.now = NULL; /* created may not be NULL: the insert after the deletes fails */
    assert_int_equal(sign_up(s, a, &in, &err), -1);
    assert_int_equal(err.code, APP_DATABASE);
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM cp_users"), 1);
}

static void there_is_one_super_admin_until_gone(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct sign_up first = person("root", "r1"), second = person("boss", "r2");
    struct app_error err = {0};
    struct user_list admins;

    first.is_super_admin = second.is_super_admin = true;
    assert_int_equal(sign_up(s, a, &first, &err), 0);
    assert_int_equal(sign_up(s, a, &first, &err), -1);
    assert_int_equal(err.message_id, MSG_SUPER_ADMIN_ALREADY_REGISTERED);
    assert_int_equal(sign_up(s, a, &second, &err), -1);
    assert_int_equal(err.message_id, MSG_SUPER_ADMIN_ALREADY_REGISTERED);
    assert_int_equal(user_store_list_super_admins(s->pool, a, &admins, &err), 0);
    assert_int_equal(admins.count, 1);
    second.gone_super_admins = &admins.rows[0].id;
    second.gone_count = 1;
    assert_int_equal(sign_up(s, a, &second, &err), 0);
    assert_int_equal(user_store_list_super_admins(s->pool, a, &admins, &err), 0);
    assert_int_equal(admins.count, 1);
    assert_string_equal(admins.rows[0].user_auth_id, "r2");
}

static void super_admin_who_signs_up_as_user_keeps_the_row(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const struct rig_schema *s = *state;
    struct sign_up in = person("root", "r1"), same_name = person("root", "r9");
    struct app_error err = {0};
    struct user_list admins;

    in.is_super_admin = true;
    assert_int_equal(sign_up(s, a, &in, &err), 0);
    in.is_super_admin = false;
    assert_int_equal(sign_up(s, a, &in, &err), -1);
    assert_int_equal(err.message_id, MSG_USER_ALREADY_REGISTERED);
    assert_int_equal(sign_up(s, a, &same_name, &err), 0);
    assert_int_equal(user_store_list_super_admins(s->pool, a, &admins, &err), 0);
    assert_int_equal(admins.count, 1);
    assert_string_equal(admins.rows[0].user_auth_id, "r1");
}

/* ---- at once ---- */

struct race {
    const struct rig_schema *schema;
    bool is_super_admin;
    bool same_person;
    atomic_int next;
    atomic_int done;
    atomic_int refused;
};

static void *race_to_sign_up(void *ctx)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    struct race *r = ctx;
    char name[16];
    struct sign_up in = person(name, name);
    struct app_error err = {0};
    int n = atomic_fetch_add(&r->next, 1);

    snprintf(name, sizeof name, "p%d", r->same_person ? 0 : n);
    in.is_super_admin = r->is_super_admin;
    if (sign_up(r->schema, a, &in, &err) == 0)
        atomic_fetch_add(&r->done, 1);
    else if (err.code == APP_RULE)
        atomic_fetch_add(&r->refused, 1);
    db_thread_end();
    return NULL;
}

static void run_race(struct race *r)
{
    pthread_t threads[4];

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race_to_sign_up, r), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(r->done, 1);
    assert_int_equal(r->refused, 3);
    assert_int_equal(rig_sql_long(r->schema, "SELECT COUNT(*) FROM cp_users"), 1);
}

static void one_person_at_once_makes_one_row(void **state)
{
    struct race r = {.schema = *state, .same_person = true};

    run_race(&r);
}

/* An adopted database has no unique key: taking turns must be enough. */
static void one_person_at_once_makes_one_row_without_the_key(void **state)
{
    struct race r = {.schema = *state, .same_person = true};

    rig_sql(*state, "ALTER TABLE cp_users DROP KEY uk_cp_users_right");
    run_race(&r);
}

static void of_many_super_admins_at_once_one_wins(void **state)
{
    struct race r = {.schema = *state, .is_super_admin = true};

    run_race(&r);
}

#define ON_SCHEMA(test) cmocka_unit_test_setup_teardown(test, setup, rig_schema_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SCHEMA(rights_are_of_exactly_this_person_by_cluster_name),
        ON_SCHEMA(cluster_list_is_distinct_and_whole_for_super_admins),
        ON_SCHEMA(registration_is_the_row_with_most_authority),
        ON_SCHEMA(rows_of_a_cluster_and_of_a_person_in_it),
        ON_SCHEMA(same_right_twice_is_a_conflict),
        ON_SCHEMA(sign_up_writes_the_marker_once),
        ON_SCHEMA(sign_up_without_host_cluster_fails),
        ON_SCHEMA(new_identity_of_a_name_takes_nothing_over),
        ON_SCHEMA(rights_given_before_the_sign_up_stay),
        ON_SCHEMA(failed_sign_up_deletes_nothing),
        ON_SCHEMA(there_is_one_super_admin_until_gone),
        ON_SCHEMA(super_admin_who_signs_up_as_user_keeps_the_row),
        ON_SCHEMA(one_person_at_once_makes_one_row),
        ON_SCHEMA(one_person_at_once_makes_one_row_without_the_key),
        ON_SCHEMA(of_many_super_admins_at_once_one_wins),
    };

    return cmocka_run_group_tests(tests, rig_mariadb_start, rig_mariadb_stop);
}
