/* SPDX-License-Identifier: Apache-2.0 */
#include "lease_store.h"

#include "codec.h"
#include "sql.h"

#include <openssl/rand.h>
#include <unistd.h>

#define OWNER_RANDOM_BYTES 12
#define US_A_MS 1000

int lease_make_owner(char ret[LEASE_OWNER_BYTES], struct app_error *err)
{
    unsigned char random[OWNER_RANDOM_BYTES];
    char hex[2 * OWNER_RANDOM_BYTES + 1];
    char host[24] = "";

    if (RAND_bytes(random, sizeof random) != 1)
        return app_fail(err, APP_INTERNAL, "no random bytes");
    hex_encode(random, sizeof random, hex);
    (void)gethostname(host, sizeof host - 1); /* for the reader only: the random part is unique */
    for (char *c = host; *c; c++)
        if ((unsigned char)*c > 126)
            *c = '?';
    snprintf(ret, LEASE_OWNER_BYTES, "%.23s-%ld-%s", host, (long)getpid() % 10000000, hex);
    return 0;
}

/* @p is_held of a statement that changes the row only when the lease is ours to change. */
static int change_lease(struct db *db, const struct sql_call *call, bool *is_held,
                        struct app_error *err)
{
    struct sql_result done = {0, 0};

    if (sql_execute(db, call, &done, err) < 0)
        return -1;
    *is_held = done.matched == 1;
    return 0;
}

static int insert_lease(struct db *db, const struct lease *l, bool *ret, struct app_error *err)
{
    struct app_error why = {0};

    if (sql_execute(db,
                    SQL_CALL(SQL_LEASE_INSERT, sql_text(l->owner), sql_int(l->ttl_ms * US_A_MS),
                             sql_text(l->name)),
                    NULL, &why) == 0) {
        *ret = true;
        return 0;
    }
    if (why.code == APP_CONFLICT) { /* another was faster */
        *ret = false;
        return 0;
    }
    if (err)
        *err = why;
    return -1;
}

struct lease_work {
    const struct lease *lease;
    bool is_held;
};

static int acquire(struct db *db, void *ctx, struct app_error *err)
{
    struct lease_work *w = ctx;
    const struct lease *l = w->lease;

    if (change_lease(db,
                     SQL_CALL(SQL_LEASE_TAKE, sql_text(l->owner), sql_int(l->ttl_ms * US_A_MS),
                              sql_text(l->name), sql_text(l->owner)),
                     &w->is_held, err) < 0)
        return -1;
    return w->is_held ? 0 : insert_lease(db, l, &w->is_held, err);
}

/* In a transaction for its retries: two who insert at once may deadlock. */
int lease_store_acquire(struct db_pool *pool, const struct lease *l, bool *ret_is_held,
                        struct app_error *err)
{
    struct lease_work w = {.lease = l};

    if (sql_transaction(pool, acquire, &w, err) < 0)
        return -1;
    *ret_is_held = w.is_held;
    return 0;
}

static int renew(struct db *db, void *ctx, struct app_error *err)
{
    struct lease_work *w = ctx;
    const struct lease *l = w->lease;

    return change_lease(db,
                        SQL_CALL(SQL_LEASE_RENEW, sql_int(l->ttl_ms * US_A_MS), sql_text(l->name),
                                 sql_text(l->owner)),
                        &w->is_held, err);
}

int lease_store_renew(struct db_pool *pool, const struct lease *l, bool *ret_is_held,
                      struct app_error *err)
{
    struct lease_work w = {.lease = l};

    if (sql_transaction(pool, renew, &w, err) < 0)
        return -1;
    *ret_is_held = w.is_held;
    return 0;
}

int lease_store_release(struct db_pool *pool, const struct lease *l, struct app_error *err)
{
    return sql_pool_execute(
        pool, SQL_CALL(SQL_LEASE_RELEASE, sql_text(l->name), sql_text(l->owner)), NULL, err);
}
