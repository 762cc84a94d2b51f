/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A bounded pool of MariaDB connections. Statements are run only by the stores of this folder
 * (cluster_store.h, user_store.h, ...): there is no general "run this SQL".
 *
 * Every connection is utf8mb4, strict sql_mode, UTC, without LOCAL INFILE and without
 * auto-reconnect; it has connect, read and write time-outs, a statement and a lock-wait limit. A
 * dead connection is closed and replaced by a new one, never revived.
 *
 * Errors of this module and of every store:
 *   APP_DATABASE    unreachable, or a statement failed; err->detail says why (for the log)
 *   APP_OVERLOADED  no connection within acquire_timeout_ms, the server's own connection limit, or
 *                   a transaction that lost against others five times
 *   APP_CONFLICT    a unique key already holds the value
 *   APP_UNPROCESSABLE  a value does not fit its column
 *   APP_INTERNAL    memory or arena exhausted
 * Threads: any, a pool is shared. Blocking: at most acquire + (when it connects) connect + per
 * statement the read time-out; workers only, never an event loop.
 * Source: promises-and-limits.md 2 and 3 (findings 5-7), MariaDB Connector/C manual.
 */
#ifndef CP_DB_H
#define CP_DB_H
#include "error.h"
#include "text.h"

struct db_pool;
struct db; /* one connection, lent to one caller at a time */

struct db_config {
    const char *host;        /* TCP; NULL when socket_path is set */
    unsigned port;           /* 0: 3306 */
    const char *socket_path; /* Unix socket; NULL: TCP */
    const char *user;
    struct text password; /* borrowed during db_pool_create() only: copied, wiped on destroy */
    const char *database;
    const char *ca_file; /* PEM; set: TLS is required and verified (host name too). NULL: none */
    unsigned max_connections;     /* 0: 16 */
    unsigned acquire_timeout_ms;  /* 0: 1000 */
    unsigned connect_timeout_s;   /* 0: 3 */
    unsigned read_timeout_s;      /* 0: 15 */
    unsigned write_timeout_s;     /* 0: 15 */
    unsigned statement_timeout_s; /* 0: 10, MariaDB's max_statement_time */
    unsigned lock_timeout_s;      /* 0: 5, innodb_lock_wait_timeout */
};

/**
 * Make a pool; connects nothing yet, so a database that is down is no error here.
 * Call before other threads use the database. @return NULL with APP_INTERNAL (memory) or
 * APP_DATABASE (a config that cannot work).
 */
struct db_pool *db_pool_create(const struct db_config *config, struct app_error *err);
/** Close all connections; none may be lent. NULL is allowed. */
void db_pool_destroy(struct db_pool *pool);

/** Borrow a connection. @return NULL with APP_OVERLOADED or APP_DATABASE. Stores call it for you.
 */
struct db *db_acquire(struct db_pool *pool, struct app_error *err);
/** Give it back; NULL is allowed. A connection with an open transaction or an error is closed. */
void db_release(struct db *db);
/** For AUTO(). */
void db_release_p(struct db **db);

/** One round trip ("is it there?", for /readyz). @return 0, or -1 as db_acquire(). */
int db_pool_ping(struct db_pool *pool, struct app_error *err) __attribute__((warn_unused_result));

struct db_pool_stats {
    unsigned open; /* connections, lent or idle */
    unsigned lent;
    unsigned max;
};
void db_pool_stats(struct db_pool *pool, struct db_pool_stats *ret);

/** Each thread that used a pool calls this once before it ends. */
void db_thread_end(void);
#endif
