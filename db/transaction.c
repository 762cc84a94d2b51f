/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "clock.h"
#include "sql.h"

#include <mysqld_error.h>
#include <openssl/rand.h>

#define MAX_RETRIES 5
#define FIRST_PAUSE_MS 50

static bool lost_a_race(unsigned number)
{
    return number == ER_LOCK_DEADLOCK || number == ER_LOCK_WAIT_TIMEOUT;
}

static void pause_before(int attempt)
{
    unsigned char random = 0;
    long ms = (long)FIRST_PAUSE_MS << (attempt - 1);
    struct timespec t;

    if (RAND_bytes(&random, 1) != 1)
        random = 128; /* no jitter is no reason to fail */
    ms += ms * random / 512;
    t = (struct timespec){ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* @return 0, -1, or 1: the whole must run again */
static int run_once(struct db *db, sql_work work, void *ctx, struct app_error *err)
{
    unsigned why;

    if (sql_execute(db, SQL_CALL0(SQL_BEGIN), NULL, err) < 0)
        return -1;
    db->in_transaction = true;
    if (work(db, ctx, err) == 0 && sql_execute(db, SQL_CALL0(SQL_COMMIT), NULL, err) == 0) {
        db->in_transaction = false;
        return 0;
    }
    why = db->last_errno;
    /* 1205 undoes one statement only, so the roll-back is always sent. The error is the first. */
    if (!db->is_broken && sql_execute(db, SQL_CALL0(SQL_ROLLBACK), NULL, NULL) == 0)
        db->in_transaction = false;
    return lost_a_race(why) ? 1 : -1;
}

int sql_transaction(struct db_pool *pool, sql_work work, void *ctx, struct app_error *err)
{
    struct app_error scratch;
    int rc = 1;

    err = err ? err : &scratch;
    for (int attempt = 0; attempt <= MAX_RETRIES && rc == 1; attempt++) {
        struct db *db AUTO(db_release_p) = NULL;

        if (attempt > 0)
            pause_before(attempt);
        db = db_acquire(pool, err);
        if (!db)
            return -1;
        rc = run_once(db, work, ctx, err);
    }
    if (rc == 1)
        return app_fail(err, APP_OVERLOADED, "a transaction lost %d times against others",
                        MAX_RETRIES + 1);
    return rc;
}
