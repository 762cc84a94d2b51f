/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and statements against a real server: bounds, faults, recovery, transactions. */
#include "cleanup.h"
#include "clock.h"
#include "counters.h"
#include "rig_mariadb.h"
#include "sql.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct db_pool *pool_of(const struct db_config *config)
{
    struct app_error err = {0};
    struct db_pool *pool = db_pool_create(config, &err);

    assert_non_null(pool);
    return pool;
}

static void execute(struct db *db, const char *sql)
{
    struct app_error err = {0};

    if (sql_execute_text(db, text_of(sql), &err) < 0)
        fail_msg("%s: %s", sql, err.detail);
}

/* A value of this connection itself, asked as text: the stores cannot. */
static void expect_sql(struct db *db, const char *sql, const char *want)
{
    MYSQL_RES *res;
    MYSQL_ROW row;

    assert_int_equal(mysql_query(db->mysql, sql), 0);
    res = mysql_store_result(db->mysql);
    row = mysql_fetch_row(res);
    assert_string_equal(row[0], want);
    mysql_free_result(res);
}

static void config_without_host_or_user_is_refused(void **state)
{
    struct db_config config = rig_db_config(*state);
    struct app_error err = {0};

    config.host = NULL;
    assert_null(db_pool_create(&config, &err));
    assert_int_equal(err.code, APP_DATABASE);
    config = rig_db_config(*state);
    config.user = NULL;
    assert_null(db_pool_create(&config, &err));
}

static void session_is_strict_utc_and_limited(void **state)
{
    const struct rig_schema *s = *state;
    struct db *db = db_acquire(s->pool, NULL);

    assert_non_null(db);
    expect_sql(db, "SELECT @@time_zone", "+00:00");
    expect_sql(db, "SELECT @@sql_mode LIKE '%STRICT_ALL_TABLES%'", "1");
    expect_sql(db, "SELECT CONCAT(@@character_set_client, @@character_set_results)",
               "utf8mb4utf8mb4");
    expect_sql(db, "SELECT ROUND(@@max_statement_time)", "10");
    expect_sql(db, "SELECT @@innodb_lock_wait_timeout", "5");
    db_release(db);
}

static void local_infile_is_off(void **state)
{
    const struct rig_schema *s = *state;
    struct db *db = db_acquire(s->pool, NULL);

    execute(db, "CREATE TABLE f (line varchar(100))");
    assert_int_not_equal(
        mysql_query(db->mysql, "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE f"), 0);
    db->is_broken = true; /* the exchange above may be half done */
    db_release(db);
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM f"), 0);
}

static void password_is_not_kept_by_the_connection(void **state)
{
    const struct rig_schema *s = *state;
    struct db *db = db_acquire(s->pool, NULL);

    assert_non_null(db->mysql->passwd);
    assert_string_equal(db->mysql->passwd, "");
    db_release(db);
}

static void wrong_password_is_an_error_that_does_not_show_it(void **state)
{
    struct db_config config = rig_db_config(*state);
    struct app_error err = {0};
    uint64_t errors = counter_get(CTR_DB_ERRORS);
    struct db_pool *pool;

    config.password = TEXT("not-the-word");
    pool = pool_of(&config);
    assert_null(db_acquire(pool, &err));
    assert_int_equal(err.code, APP_DATABASE);
    assert_null(strstr(err.detail, "not-the-word"));
    assert_int_equal(counter_get(CTR_DB_ERRORS), errors + 1);
    db_pool_destroy(pool);
}

static void ca_file_means_no_plain_connection(void **state)
{
    struct db_config config = rig_db_config(*state);
    struct app_error err = {0};
    struct db_pool *pool;

    config.ca_file = "/etc/ssl/certs/ca-certificates.crt"; /* the rig's server has no TLS */
    pool = pool_of(&config);
    assert_null(db_acquire(pool, &err));
    assert_int_equal(err.code, APP_DATABASE);
    db_pool_destroy(pool);
}

/* ---- bounds ---- */

static void pool_is_bounded_and_waiting_is(void **state)
{
    struct db_config config = rig_db_config(*state);
    struct app_error err = {0};
    struct db_pool_stats stats;
    struct db *a, *b;
    int64_t begun_us;
    struct db_pool *pool;

    config.max_connections = 2;
    config.acquire_timeout_ms = 150;
    pool = pool_of(&config);
    a = db_acquire(pool, &err);
    b = db_acquire(pool, &err);
    assert_non_null(a);
    assert_non_null(b);
    begun_us = clock_mono_us();
    assert_null(db_acquire(pool, &err));
    assert_int_equal(err.code, APP_OVERLOADED);
    assert_in_range(clock_mono_us() - begun_us, 140 * US_PER_MS, 1500 * US_PER_MS);
    db_pool_stats(pool, &stats);
    assert_int_equal(stats.open, 2);
    assert_int_equal(stats.lent, 2);
    db_release(b);
    assert_ptr_equal(db_acquire(pool, &err), b); /* reused, not opened anew */
    db_release(b);
    db_release(a);
    db_pool_destroy(pool);
}

static void *release_later(void *db)
{
    usleep(100 * 1000);
    db_release(db);
    db_thread_end();
    return NULL;
}

static void waiter_gets_what_another_releases(void **state)
{
    struct db_config config = rig_db_config(*state);
    struct db_pool *pool;
    struct db *a, *b;
    pthread_t t;

    config.max_connections = 1;
    pool = pool_of(&config);
    a = db_acquire(pool, NULL);
    assert_int_equal(pthread_create(&t, NULL, release_later, a), 0);
    b = db_acquire(pool, NULL);
    assert_ptr_equal(b, a);
    pthread_join(t, NULL);
    db_release(b);
    db_pool_destroy(pool);
}

struct hammer {
    struct db_pool *pool;
    atomic_int failed;
    atomic_int most_open;
};

static void *ping_often(void *ctx)
{
    struct hammer *h = ctx;
    struct db_pool_stats stats;

    for (int i = 0; i < 50; i++) {
        if (db_pool_ping(h->pool, NULL) < 0)
            atomic_fetch_add(&h->failed, 1);
        db_pool_stats(h->pool, &stats);
        if ((int)stats.open > atomic_load(&h->most_open))
            atomic_store(&h->most_open, (int)stats.open);
    }
    db_thread_end();
    return NULL;
}

static void many_threads_share_few_connections(void **state)
{
    struct db_config config = rig_db_config(*state);
    struct hammer h = {0};
    pthread_t threads[8];

    config.max_connections = 3;
    config.acquire_timeout_ms = 5000;
    h.pool = pool_of(&config);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ping_often, &h), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(h.failed, 0);
    assert_in_range(h.most_open, 1, 3);
    db_pool_destroy(h.pool);
}

/* ---- faults ---- */

static void idle_connection_that_died_is_replaced_unseen(void **state)
{
    const struct rig_schema *s = *state;
    struct db *db = db_acquire(s->pool, NULL);
    struct app_error err = {0};
    char kill[64];

    snprintf(kill, sizeof kill, "KILL %lu", mysql_thread_id(db->mysql));
    db_release(db);
    rig_sql(s, kill);
    usleep(50 * 1000);
    assert_int_equal(db_pool_ping(s->pool, &err), 0);
}

static void lent_connection_that_died_is_an_error_once(void **state)
{
    const struct rig_schema *s = *state;
    struct db *db = db_acquire(s->pool, NULL);
    struct db_pool_stats stats;
    struct app_error err = {0};
    char kill[64];

    snprintf(kill, sizeof kill, "KILL %lu", mysql_thread_id(db->mysql));
    rig_sql(s, kill);
    assert_int_equal(sql_execute(db, SQL_CALL0(SQL_BEGIN), NULL, &err), -1);
    assert_int_equal(err.code, APP_DATABASE);
    db_release(db);
    db_pool_stats(s->pool, &stats);
    assert_int_equal(stats.open, 0);
    assert_int_equal(db_pool_ping(s->pool, &err), 0);
}

static void server_that_stops_is_an_error_until_it_is_back(void **state)
{
    const struct rig_schema *s = *state;
    struct app_error err = {0};
    int64_t begun_us;

    assert_int_equal(db_pool_ping(s->pool, &err), 0);
    rig_mariadb_halt();
    begun_us = clock_mono_us();
    for (int i = 0; i < 5; i++) {
        assert_int_equal(db_pool_ping(s->pool, &err), -1);
        assert_int_equal(err.code, APP_DATABASE);
    }
    assert_true(clock_mono_us() - begun_us < US_PER_S);
    rig_mariadb_resume();
    usleep(300 * 1000); /* longer than the pause after a failed connect */
    assert_int_equal(db_pool_ping(s->pool, &err), 0);
}

/* A listener that accepts in the kernel and never says a word. */
static int mute_listener(unsigned *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static void mute_server_costs_the_connect_timeout_once(void **state)
{
    struct db_config config = rig_db_config(*state);
    struct app_error err = {0};
    int fd = mute_listener(&config.port);
    struct db_pool *pool;
    int64_t begun_us = clock_mono_us();

    config.connect_timeout_s = 1;
    config.read_timeout_s = 1;
    pool = pool_of(&config);
    assert_null(db_acquire(pool, &err));
    assert_int_equal(err.code, APP_DATABASE);
    assert_in_range(clock_mono_us() - begun_us, 900 * US_PER_MS, 4 * US_PER_S);
    begun_us = clock_mono_us();
    assert_null(db_acquire(pool, &err)); /* fails at once: the pause after a failed connect */
    assert_int_equal(err.code, APP_DATABASE);
    assert_true(clock_mono_us() - begun_us < 200LL * US_PER_MS);
    db_pool_destroy(pool);
    close(fd);
}

static void long_statement_is_ended_by_the_server(void **state)
{
    struct db_config config = rig_db_config(*state);
    struct app_error err = {0};
    int64_t begun_us = clock_mono_us();
    struct db_pool *pool;
    struct db *db;

    config.statement_timeout_s = 1;
    pool = pool_of(&config);
    db = db_acquire(pool, &err);
    execute(db, "CREATE TABLE one (n int)");
    execute(db, "INSERT INTO one VALUES (1)");
    assert_int_equal(sql_execute_text(db, TEXT("UPDATE one SET n = SLEEP(8)"), &err), -1);
    assert_int_equal(err.code, APP_DATABASE);
    assert_true(clock_mono_us() - begun_us < 5 * US_PER_S);
    assert_false(db->is_broken); /* the connection lives on */
    db_release(db);
    db_pool_destroy(pool);
}

static void silent_server_is_left_after_the_read_timeout(void **state)
{
    struct db_config config = rig_db_config(*state);
    struct app_error err = {0};
    int64_t begun_us;
    struct db_pool *pool;
    struct db *db;

    config.read_timeout_s = 1;
    pool = pool_of(&config);
    db = db_acquire(pool, &err);
    begun_us = clock_mono_us();
    assert_int_equal(sql_execute_text(db, TEXT("SELECT SLEEP(6)"), &err), -1);
    assert_true(clock_mono_us() - begun_us < 5 * US_PER_S);
    assert_true(db->is_broken);
    db_release(db);
    db_pool_destroy(pool);
}

/* ---- transactions ---- */

struct work {
    const struct rig_schema *schema;
    const char *first, *second;
    int runs;
    pthread_barrier_t *meet;
    int rc;
};

static int insert_then_fail(struct db *db, void *ctx, struct app_error *err)
{
    (void)ctx;
    execute(db, "INSERT INTO pair VALUES (9, 9)");
    return app_fail(err, APP_NOT_FOUND, "no");
}

static int claim_deadlock(struct db *db, void *ctx, struct app_error *err)
{
    struct work *w = ctx;

    w->runs++;
    return sql_fail(db, 1213, "made up", err);
}

static void make_pair(const struct rig_schema *s)
{
    rig_sql(s, "CREATE TABLE pair (id int PRIMARY KEY, n int NOT NULL)");
    rig_sql(s, "INSERT INTO pair VALUES (1, 0), (2, 0)");
}

static void failed_work_is_rolled_back_and_keeps_its_error(void **state)
{
    const struct rig_schema *s = *state;
    struct app_error err = {0};

    make_pair(s);
    assert_int_equal(sql_transaction(s->pool, insert_then_fail, NULL, &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
    assert_int_equal(rig_sql_long(s, "SELECT COUNT(*) FROM pair"), 2);
}

static void deadlock_is_tried_six_times_then_overload(void **state)
{
    const struct rig_schema *s = *state;
    struct work w = {.runs = 0};
    struct app_error err = {0};
    int64_t begun_us = clock_mono_us();

    assert_int_equal(sql_transaction(s->pool, claim_deadlock, &w, &err), -1);
    assert_int_equal(err.code, APP_OVERLOADED);
    assert_int_equal(w.runs, 6);
    /* 50 + 100 + 200 + 400 + 800 ms and up to half of it again */
    assert_in_range(clock_mono_us() - begun_us, 1550 * US_PER_MS, 4 * US_PER_S);
}

static int add_to_both(struct db *db, void *ctx, struct app_error *err)
{
    struct work *w = ctx;

    w->runs++;
    if (sql_execute_text(db, text_of(w->first), err) < 0)
        return -1;
    if (w->runs == 1)
        pthread_barrier_wait(w->meet);
    return sql_execute_text(db, text_of(w->second), err);
}

static void *run_transaction(void *ctx)
{
    struct work *w = ctx;

    w->rc = sql_transaction(w->schema->pool, add_to_both, w, NULL);
    db_thread_end();
    return NULL;
}

static void real_deadlock_ends_with_both_done(void **state)
{
    static const char one[] = "UPDATE pair SET n = n + 1 WHERE id = 1";
    static const char two[] = "UPDATE pair SET n = n + 1 WHERE id = 2";
    const struct rig_schema *s = *state;
    pthread_barrier_t meet;
    struct work a = {.schema = s, .first = one, .second = two, .meet = &meet};
    struct work b = {.schema = s, .first = two, .second = one, .meet = &meet};
    pthread_t t;

    make_pair(s);
    pthread_barrier_init(&meet, NULL, 2);
    assert_int_equal(pthread_create(&t, NULL, run_transaction, &b), 0);
    run_transaction(&a);
    pthread_join(t, NULL);
    pthread_barrier_destroy(&meet);
    assert_int_equal(a.rc, 0);
    assert_int_equal(b.rc, 0);
    assert_true(a.runs + b.runs >= 3);
    assert_int_equal(rig_sql_long(s, "SELECT SUM(n) FROM pair"), 4);
}

/* ---- reading ---- */

static void statements_are_counted(void **state)
{
    const struct rig_schema *s = *state;
    uint64_t before = counter_get(CTR_SQL_STATEMENTS);
    struct db *db;

    assert_int_equal(db_pool_ping(s->pool, NULL), 0); /* asked twice a second: no statement */
    assert_int_equal(counter_get(CTR_SQL_STATEMENTS), before);
    db = db_acquire(s->pool, NULL);
    assert_int_equal(sql_execute(db, SQL_CALL0(SQL_BEGIN), NULL, NULL), 0);
    assert_int_equal(counter_get(CTR_SQL_STATEMENTS), before + 1);
    assert_int_equal(sql_execute(db, SQL_CALL0(SQL_ROLLBACK), NULL, NULL), 0);
    db_release(db);
}

static void released_transaction_is_not_reused(void **state)
{
    const struct rig_schema *s = *state;
    struct db *db = db_acquire(s->pool, NULL);
    struct db_pool_stats stats;

    make_pair(s);
    assert_int_equal(sql_execute(db, SQL_CALL0(SQL_BEGIN), NULL, NULL), 0);
    db->in_transaction = true;
    execute(db, "UPDATE pair SET n = 7");
    db_release(db);
    db_pool_stats(s->pool, &stats);
    assert_int_equal(stats.open, 0);
    assert_int_equal(rig_sql_long(s, "SELECT SUM(n) FROM pair"), 0);
}

#define ON_SCHEMA(test) cmocka_unit_test_setup_teardown(test, rig_schema_setup, rig_schema_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SCHEMA(config_without_host_or_user_is_refused),
        ON_SCHEMA(session_is_strict_utc_and_limited),
        ON_SCHEMA(local_infile_is_off),
        ON_SCHEMA(password_is_not_kept_by_the_connection),
        ON_SCHEMA(wrong_password_is_an_error_that_does_not_show_it),
        ON_SCHEMA(ca_file_means_no_plain_connection),
        ON_SCHEMA(pool_is_bounded_and_waiting_is),
        ON_SCHEMA(waiter_gets_what_another_releases),
        ON_SCHEMA(many_threads_share_few_connections),
        ON_SCHEMA(idle_connection_that_died_is_replaced_unseen),
        ON_SCHEMA(lent_connection_that_died_is_an_error_once),
        ON_SCHEMA(mute_server_costs_the_connect_timeout_once),
        ON_SCHEMA(long_statement_is_ended_by_the_server),
        ON_SCHEMA(silent_server_is_left_after_the_read_timeout),
        ON_SCHEMA(failed_work_is_rolled_back_and_keeps_its_error),
        ON_SCHEMA(deadlock_is_tried_six_times_then_overload),
        ON_SCHEMA(real_deadlock_ends_with_both_done),
        ON_SCHEMA(statements_are_counted),
        ON_SCHEMA(released_transaction_is_not_reused),
        ON_SCHEMA(server_that_stops_is_an_error_until_it_is_back),
    };

    return cmocka_run_group_tests(tests, rig_mariadb_start, rig_mariadb_stop);
}
