/* SPDX-License-Identifier: Apache-2.0 */
/* The migrations on a real server, alone and against each other. */
#include "cleanup.h"
#include "clock.h"
#include "lease_store.h"
#include "migrate.h"
#include "migration_table.h"
#include "rig_mariadb.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

struct steps {
    int count;
    int last;
    bool in_order;
};

static void count_step(void *ctx, int version, const char *name, int64_t duration_us)
{
    struct steps *s = ctx;

    assert_non_null(name);
    assert_true(duration_us >= 0);
    s->in_order = s->in_order && version > s->last;
    s->last = version;
    s->count++;
}

static void migrate_ok(const struct rig_schema *s, struct steps *steps)
{
    struct app_error err = {0};

    *steps = (struct steps){.in_order = true};
    if (db_migrate(s->pool, count_step, steps, &err) < 0)
        fail_msg("%s", err.detail);
}

static void expect_refusal(const struct rig_schema *s, const char *part)
{
    struct app_error err = {0};
    size_t pending = 0;

    assert_int_equal(db_migrate(s->pool, NULL, NULL, &err), -1);
    assert_int_equal(err.code, APP_DATABASE);
    assert_non_null(strstr(err.detail, part));
    assert_int_equal(db_migrate_pending(s->pool, &pending, &err), -1);
    assert_non_null(strstr(err.detail, part));
}

static void empty_database_comes_up_and_a_second_run_does_nothing(void **state)
{
    const struct rig_schema *s = *state;
    struct steps steps;
    size_t pending = 0;

    assert_int_equal(db_migrate_pending(s->pool, &pending, NULL), 0);
    assert_int_equal(pending, migration_count);
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM information_schema.tables "
                                     "WHERE table_schema = DATABASE()"),
                     0); /* asking changes nothing */
    migrate_ok(s, &steps);
    assert_int_equal(steps.count, migration_count);
    assert_true(steps.in_order);
    assert_int_equal(db_migrate_pending(s->pool, &pending, NULL), 0);
    assert_int_equal(pending, 0);
    migrate_ok(s, &steps);
    assert_int_equal(steps.count, 0);
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM cpx_lease"), 0); /* given back */
}

/* Every step may be repeated: a crash can lie between a step and its record. */
static void forgotten_records_repeat_their_steps_without_harm(void **state)
{
    const struct rig_schema *s = *state;
    struct steps steps;

    migrate_ok(s, &steps);
    rig_sql(s, "UPDATE cpx_change SET seq = 41 WHERE topic = 'users'");
    rig_sql(s, "DELETE FROM cpx_schema_migration");
    migrate_ok(s, &steps);
    assert_int_equal(steps.count, migration_count);
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM cp_resource_quotas"), 3);
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM cp_limit_ranges"), 6);
    assert_int_equal(rig_sql_long(s, "SELECT seq FROM cpx_change WHERE topic = 'users'"), 41);
}

static void seeds_are_the_originals(void **state)
{
    const struct rig_schema *s = *state;
    struct steps steps;

    migrate_ok(s, &steps);
    assert_string_equal(
        rig_sql_text(s, "SELECT CONCAT_WS('|', name, request_cpu, request_memory, limit_cpu, "
                        "limit_memory, status) FROM cp_resource_quotas WHERE id = 2"),
        "cp-medium-resourcequota|-|-|4|6Gi|{\"cpu\":{\"used\":\"200m\",\"hard\":\"4\"}, "
        "\"memory\":{\"used\":\"1800Mi\",\"hard\": \"6Gi\"}}");
    assert_string_equal(
        rig_sql_text(s, "SELECT CONCAT_WS('|', name, type, resource, min, max, default_request, "
                        "default_limit) FROM cp_limit_ranges WHERE id = 6"),
        "cp-high-limitrange|Container|memory|-|-|-|3Gi");
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM cp_resource_quotas WHERE created "
                                     "REGEXP '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}$'"),
                     3);
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM cp_users"), 0);
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM cp_clusters"), 0);
}

static void original_tables_keep_their_columns_and_gain_keys(void **state)
{
    const struct rig_schema *s = *state;
    struct steps steps;

    migrate_ok(s, &steps);
    assert_string_equal(
        rig_sql_text(s, "SELECT GROUP_CONCAT(column_name ORDER BY ordinal_position) FROM "
                        "information_schema.columns WHERE table_schema = DATABASE() AND "
                        "table_name = 'cp_users'"),
        "id,cluster_id,user_id,user_auth_id,namespace,user_type,role_set_code,"
        "service_account_name,created,last_modified");
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM information_schema.tables t WHERE "
                                     "table_schema = DATABASE() AND table_name LIKE 'cp\\_%'"),
                     15);
    /* no table without primary key, none that is not utf8mb4 */
    assert_int_equal(
        rig_sql_long(s, "SELECT COUNT(*) FROM information_schema.tables t WHERE t.table_schema = "
                        "DATABASE() AND (t.table_collation NOT LIKE 'utf8mb4%' OR NOT EXISTS ("
                        "SELECT 1 FROM information_schema.statistics i WHERE i.table_schema = "
                        "t.table_schema AND i.table_name = t.table_name AND "
                        "i.index_name = 'PRIMARY'))"),
        0);
    assert_string_equal(rig_sql_text(s, "SELECT data_type FROM information_schema.columns WHERE "
                                        "table_schema = DATABASE() AND column_name = 'cpu_raw'"),
                        "bigint");
}

static void edited_step_is_refused(void **state)
{
    const struct rig_schema *s = *state;
    struct steps steps;

    migrate_ok(s, &steps);
    rig_sql(s, "UPDATE cpx_schema_migration SET checksum = REPEAT('0', 64) WHERE version = 4");
    expect_refusal(s, "0004_cp_users");
}

static void newer_schema_is_refused(void **state)
{
    const struct rig_schema *s = *state;
    struct steps steps;

    migrate_ok(s, &steps);
    rig_sql(s, "INSERT INTO cpx_schema_migration VALUES (9999, '9999_later', REPEAT('a', 64), "
               "UTC_TIMESTAMP(6))");
    expect_refusal(s, "newer than this program");
}

/* ---- two at once ---- */

struct runner {
    const struct rig_schema *schema;
    struct db_pool *pool;
    struct steps steps;
    int rc;
    struct app_error err;
};

static void *run(void *ctx)
{
    struct runner *r = ctx;

    r->steps = (struct steps){.in_order = true};
    r->rc = db_migrate(r->pool, count_step, &r->steps, &r->err);
    db_thread_end();
    return NULL;
}

static void of_two_starters_one_works_and_both_end_well(void **state)
{
    const struct rig_schema *s = *state;
    struct runner runners[3];
    pthread_t threads[ARRAY_LEN(runners)];
    int total = 0;

    for (size_t i = 0; i < ARRAY_LEN(runners); i++) {
        runners[i] = (struct runner){.schema = s, .pool = s->pool};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(runners); i++) {
        pthread_join(threads[i], NULL);
        if (runners[i].rc < 0)
            fail_msg("%s", runners[i].err.detail);
        total += runners[i].steps.count;
    }
    assert_int_equal(total, migration_count); /* every step once, whoever did it */
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM cpx_schema_migration"),
                     (long)migration_count);
}

static void make_lease_table(const struct rig_schema *s, const char *expires)
{
    char sql[256];

    rig_sql(s, "CREATE TABLE cpx_lease (name varchar(64) PRIMARY KEY, owner varchar(64) NOT NULL, "
               "expires_at datetime(6) NOT NULL)");
    snprintf(sql, sizeof sql,
             "INSERT INTO cpx_lease VALUES ('%s', 'somebody', UTC_TIMESTAMP(6) %s)", MIGRATE_LEASE,
             expires);
    rig_sql(s, sql);
}

static void lease_of_another_is_respected(void **state)
{
    const struct rig_schema *s = *state;
    struct runner r = {.schema = s, .pool = s->pool};
    pthread_t t;

    make_lease_table(s, "+ INTERVAL 1 HOUR");
    assert_int_equal(pthread_create(&t, NULL, run, &r), 0);
    usleep(1500 * 1000);
    /* nothing but the runner's own tables */
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM information_schema.tables "
                                     "WHERE table_schema = DATABASE() AND table_name NOT IN "
                                     "('cpx_lease', 'cpx_schema_migration')"),
                     0);
    rig_sql(s, "DELETE FROM cpx_lease"); /* the other is done */
    pthread_join(t, NULL);
    assert_int_equal(r.rc, 0);
    assert_int_equal(r.steps.count, migration_count);
}

static void lease_of_a_dead_starter_runs_out(void **state)
{
    const struct rig_schema *s = *state;
    int64_t begun_us = clock_mono_us();
    struct steps steps;

    make_lease_table(s, "+ INTERVAL 1 SECOND");
    migrate_ok(s, &steps);
    assert_int_equal(steps.count, migration_count);
    assert_true(clock_mono_us() - begun_us > 500LL * US_PER_MS);
}

static void database_that_is_down_is_an_error(void **state)
{
    struct db_config config = rig_db_config(*state);
    struct app_error err = {0};
    struct db_pool *pool;

    config.port = 1;
    pool = db_pool_create(&config, &err);
    assert_non_null(pool);
    assert_int_equal(db_migrate(pool, NULL, NULL, &err), -1);
    assert_int_equal(err.code, APP_DATABASE);
    db_pool_destroy(pool);
}

#define ON_SCHEMA(test) cmocka_unit_test_setup_teardown(test, rig_schema_setup, rig_schema_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SCHEMA(empty_database_comes_up_and_a_second_run_does_nothing),
        ON_SCHEMA(forgotten_records_repeat_their_steps_without_harm),
        ON_SCHEMA(seeds_are_the_originals),
        ON_SCHEMA(original_tables_keep_their_columns_and_gain_keys),
        ON_SCHEMA(edited_step_is_refused),
        ON_SCHEMA(newer_schema_is_refused),
        ON_SCHEMA(of_two_starters_one_works_and_both_end_well),
        ON_SCHEMA(lease_of_another_is_respected),
        ON_SCHEMA(lease_of_a_dead_starter_runs_out),
        ON_SCHEMA(database_that_is_down_is_an_error),
    };

    return cmocka_run_group_tests(tests, rig_mariadb_start, rig_mariadb_stop);
}
