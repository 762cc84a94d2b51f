/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate.h"

#include "cleanup.h"
#include "clock.h"
#include "lease_store.h"
#include "migration_table.h"
#include "sql.h"

#include <pthread.h>

#define LEASE_TTL_MS 30000
#define LEASE_RENEW_MS 8000
#define LEASE_WAIT_MS 120000
#define LEASE_POLL_MS 200
#define STEP_READ_TIMEOUT_S 3600 /* a DDL step on a large table takes its time */
#define BOOTSTRAP_STEPS 2        /* the tables of this runner itself */

/* ---- what is recorded ---- */

struct recorded {
    int64_t version;
    const char *name;
    const char *checksum;
};

#define AT(member) offsetof(struct recorded, member)
static const struct sql_field recorded_fields[] = {
    {AT(version),  FIELD_INT },
    {AT(name),     FIELD_TEXT},
    {AT(checksum), FIELD_TEXT},
};
#undef AT
static const struct sql_shape recorded_shape = {sizeof(struct recorded), recorded_fields,
                                                ARRAY_LEN(recorded_fields)};

static int check_recorded(const struct recorded *r, struct app_error *err)
{
    const struct migration *m;

    if (r->version < 1 || (uint64_t)r->version > migration_count)
        return app_fail(err, APP_DATABASE,
                        "the database schema is newer than this program: it has step %lld (%.64s), "
                        "this program knows steps up to %zu; install the newer program",
                        (long long)r->version, r->name, migration_count);
    m = &migration_table[r->version - 1];
    if (strcmp(r->checksum, m->checksum) != 0 || strcmp(r->name, m->name) != 0)
        return app_fail(
            err, APP_DATABASE,
            "migration %s: the database recorded %.64s with another checksum (%.12s..., "
            "here %.12s...): a merged step was edited, or the database is not ours",
            m->name, r->name, r->checksum, m->checksum);
    return 0;
}

static int mark_recorded(const struct sql_rows *rows, bool *is_applied, struct app_error *err)
{
    const struct recorded *r = rows->rows;

    for (size_t i = 0; i < rows->count; i++) {
        if (check_recorded(&r[i], err) < 0)
            return -1;
        is_applied[r[i].version - 1] = true;
    }
    return 0;
}

static int has_table(struct db *db, struct arena *a, bool *ret, struct app_error *err)
{
    static const struct sql_field field = {0, FIELD_INT};
    static const struct sql_shape shape = {sizeof(int64_t), &field, 1};
    struct sql_rows found = {NULL, 0};
    int64_t count;

    if (sql_select(db, SQL_CALL0(SQL_MIGRATION_TABLE), &shape, a, &found, err) < 0)
        return -1;
    memcpy(&count, found.rows, sizeof count);
    *ret = count > 0;
    return 0;
}

/* @return (in @p a) a flag for each migration, or NULL */
static bool *read_applied(struct db *db, struct arena *a, struct app_error *err)
{
    bool *is_applied = arena_array(a, migration_count, sizeof *is_applied);
    struct sql_rows rows = {NULL, 0};
    bool exists = false;

    if (!is_applied)
        app_fail(err, APP_INTERNAL, "out of memory");
    if (!is_applied || has_table(db, a, &exists, err) < 0)
        return NULL;
    if (!exists)
        return is_applied;
    if (sql_select(db, SQL_CALL0(SQL_MIGRATION_LIST), &recorded_shape, a, &rows, err) < 0 ||
        mark_recorded(&rows, is_applied, err) < 0)
        return NULL;
    return is_applied;
}

static int count_pending(struct db *db, size_t *ret, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const bool *is_applied = a ? read_applied(db, a, err) : NULL;
    size_t pending = 0;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (!is_applied)
        return -1;
    for (size_t i = 0; i < migration_count; i++)
        pending += !is_applied[i];
    *ret = pending;
    return 0;
}

int db_migrate_pending(struct db_pool *pool, size_t *ret_count, struct app_error *err)
{
    struct db *db AUTO(db_release_p) = db_acquire(pool, err);

    return db ? count_pending(db, ret_count, err) : -1;
}

/* ---- holding the lease while a step runs ---- */

struct keeper {
    struct db_pool *pool;
    struct lease lease;
    char owner[LEASE_OWNER_BYTES];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool must_stop;
    bool is_lost;
};

static struct timespec after_ms(int64_t ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* @return true: stop was asked for */
static bool wait_for_stop(struct keeper *k)
{
    struct timespec until = after_ms(LEASE_RENEW_MS);
    bool must_stop;

    pthread_mutex_lock(&k->lock);
    while (!k->must_stop)
        if (pthread_cond_timedwait(&k->changed, &k->lock, &until))
            break;
    must_stop = k->must_stop;
    pthread_mutex_unlock(&k->lock);
    return must_stop;
}

/* A renewal that fails is tried again; what counts is that the database says it is still ours. */
static void *keep(void *ctx)
{
    struct keeper *k = ctx;
    bool is_held = true;

    while (is_held && !wait_for_stop(k))
        (void)!lease_store_renew(k->pool, &k->lease, &is_held, NULL);
    pthread_mutex_lock(&k->lock);
    k->is_lost = !is_held;
    pthread_mutex_unlock(&k->lock);
    db_thread_end();
    return NULL;
}

static bool is_lost(struct keeper *k)
{
    bool lost;

    pthread_mutex_lock(&k->lock);
    lost = k->is_lost;
    pthread_mutex_unlock(&k->lock);
    return lost;
}

static int start_keeper(struct keeper *k, struct app_error *err)
{
    pthread_condattr_t attr;

    if (pthread_condattr_init(&attr))
        return app_fail(err, APP_INTERNAL, "out of memory");
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&k->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&k->lock, NULL);
    if (pthread_create(&k->thread, NULL, keep, k) == 0)
        return 0;
    pthread_mutex_destroy(&k->lock);
    pthread_cond_destroy(&k->changed);
    return app_fail(err, APP_INTERNAL, "cannot start a thread");
}

static void stop_keeper(struct keeper *k)
{
    pthread_mutex_lock(&k->lock);
    k->must_stop = true;
    pthread_cond_signal(&k->changed);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    pthread_mutex_destroy(&k->lock);
    pthread_cond_destroy(&k->changed);
}

/* ---- applying ---- */

struct run {
    struct db *db; /* with long time-outs */
    struct keeper *keeper;
    migrate_report report;
    void *report_ctx;
};

static int apply(struct run *r, const struct migration *m, struct app_error *err)
{
    int64_t begun_us = clock_mono_us();
    struct app_error why = {0};

    if (is_lost(r->keeper))
        return app_fail(err, APP_DATABASE, "migration %s: the lease was lost, start again",
                        m->name);
    if (sql_execute_text(r->db, m->sql, &why) < 0)
        return app_fail(err, why.code, "migration %s: %.180s", m->name, why.detail);
    if (sql_execute(r->db,
                    SQL_CALL(SQL_MIGRATION_RECORD, sql_int(m->version), sql_text(m->name),
                             sql_text(m->checksum)),
                    NULL, err) < 0)
        return -1;
    if (r->report)
        r->report(r->report_ctx, m->version, m->name, clock_mono_us() - begun_us);
    return 0;
}

static int apply_missing(struct run *r, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    const bool *is_applied = a ? read_applied(r->db, a, err) : NULL;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (!is_applied)
        return -1;
    for (size_t i = 0; i < migration_count; i++)
        if (!is_applied[i] && apply(r, &migration_table[i], err) < 0)
            return -1;
    return 0;
}

static int wait_for_lease(struct keeper *k, struct app_error *err)
{
    const int64_t until_us = clock_mono_us() + (int64_t)LEASE_WAIT_MS * US_PER_MS;
    const struct timespec pause = {0, LEASE_POLL_MS * 1000000L};
    bool is_held = false;

    for (;;) {
        if (lease_store_acquire(k->pool, &k->lease, &is_held, err) < 0)
            return -1;
        if (is_held)
            return 0;
        if (clock_mono_us() >= until_us)
            return app_fail(err, APP_OVERLOADED,
                            "another program holds the migration lease for more than %d s",
                            LEASE_WAIT_MS / 1000);
        nanosleep(&pause, NULL);
    }
}

/* The tables of lease and record must exist before there can be a lease; both may run twice. */
static int bootstrap(struct db *db, struct app_error *err)
{
    for (size_t i = 0; i < BOOTSTRAP_STEPS; i++)
        if (sql_execute_text(db, migration_table[i].sql, err) < 0)
            return -1;
    return 0;
}

static int migrate_with_lease(struct run *r, struct app_error *err)
{
    int rc;

    if (wait_for_lease(r->keeper, err) < 0)
        return -1;
    rc = start_keeper(r->keeper, err);
    if (rc == 0) {
        rc = apply_missing(r, err);
        stop_keeper(r->keeper);
    }
    /* not given up cleanly, it runs out by itself */
    (void)!lease_store_release(r->keeper->pool, &r->keeper->lease, NULL);
    return rc;
}

int db_migrate(struct db_pool *pool, migrate_report report, void *ctx, struct app_error *err)
{
    const struct db_timeouts t = {STEP_READ_TIMEOUT_S, 0};
    struct keeper keeper = {.pool = pool};
    struct db *db AUTO(db_close_p) = db_open(pool, &t, err);
    struct run r = {.db = db, .keeper = &keeper, .report = report, .report_ctx = ctx};
    size_t pending = 0;

    /* a schema that is up to date, or refused, is seen without touching anything */
    if (!db || count_pending(db, &pending, err) < 0)
        return -1;
    if (pending == 0)
        return 0;
    keeper.lease = (struct lease){MIGRATE_LEASE, keeper.owner, LEASE_TTL_MS};
    if (lease_make_owner(keeper.owner, err) < 0 || bootstrap(db, err) < 0)
        return -1;
    return migrate_with_lease(&r, err);
}
