/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Private to db/: how a store runs a statement of statements.def. Errors: db.h.
 */
#ifndef CP_SQL_H
#define CP_SQL_H
#include "arena.h"
#include "db.h"

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

enum sql_id {
#define STMT(id, text) id,
#include "statements.def"
#undef STMT
    SQL_COUNT
};

/** A parameter; text is borrowed until the call returns. */
struct sql_value {
    enum { SQL_NULL, SQL_TEXT, SQL_BYTES, SQL_INT } kind;
    struct text text;
    int64_t number;
};

static inline struct sql_value sql_text(const char *s)
{
    return (struct sql_value){.kind = s ? SQL_TEXT : SQL_NULL, .text = text_of(s)};
}

static inline struct sql_value sql_bytes(struct text t)
{
    return (struct sql_value){.kind = t.p ? SQL_BYTES : SQL_NULL, .text = t};
}

static inline struct sql_value sql_int(int64_t n)
{
    return (struct sql_value){.kind = SQL_INT, .number = n};
}

#define SQL_MAX_PARAMS 16
#define SQL_MAX_COLUMNS 16

/** A statement and its parameters, in the order of its question marks. */
struct sql_call {
    enum sql_id id;
    const struct sql_value *in;
    size_t in_count;
};

#define SQL_CALL(id, ...)                                                                          \
    (&(const struct sql_call){id, (const struct sql_value[]){__VA_ARGS__},                         \
                              sizeof((const struct sql_value[]){__VA_ARGS__}) /                    \
                                  sizeof(struct sql_value)})
#define SQL_CALL0(id) (&(const struct sql_call){id, NULL, 0})

/** How columns become members of a row struct, in the order of the SELECT. */
struct sql_field {
    size_t offset;
    enum {
        FIELD_TEXT,  /* const char *, NULL for NULL; a NUL byte inside is an error */
        FIELD_BYTES, /* struct text, followed by a NUL; {NULL, 0} for NULL */
        FIELD_INT    /* int64_t; NULL is 0 */
    } kind;
};

struct sql_shape {
    size_t row_bytes;
    const struct sql_field *fields;
    size_t field_count;
};

struct sql_rows {
    void *rows; /* row_bytes each, in the arena */
    size_t count;
};

/** Run a SELECT and read all its rows. */
int sql_select(struct db *db, const struct sql_call *call, const struct sql_shape *shape,
               struct arena *a, struct sql_rows *ret, struct app_error *err)
    __attribute__((warn_unused_result));

struct sql_result {
    uint64_t matched; /* rows found by UPDATE (also unchanged ones), deleted or inserted */
    int64_t insert_id;
};

/** Run a statement without rows. @p ret may be NULL. */
int sql_execute(struct db *db, const struct sql_call *call, struct sql_result *ret,
                struct app_error *err) __attribute__((warn_unused_result));

/** The same on a connection of the pool. */
int sql_pool_select(struct db_pool *pool, const struct sql_call *call,
                    const struct sql_shape *shape, struct arena *a, struct sql_rows *ret,
                    struct app_error *err) __attribute__((warn_unused_result));
int sql_pool_execute(struct db_pool *pool, const struct sql_call *call, struct sql_result *ret,
                     struct app_error *err) __attribute__((warn_unused_result));

/** Keep the rows whose text member at @p offset equals @p want bytewise, in their order. */
void sql_keep_equal(struct sql_rows *rows, size_t row_bytes, size_t offset, const char *want);

/** Run a statement that is not in the table: migration steps only. */
int sql_execute_text(struct db *db, struct text sql, struct app_error *err)
    __attribute__((warn_unused_result));

/** The work of a transaction. May run again from the start: it must set all its results anew. */
typedef int (*sql_work)(struct db *db, void *ctx, struct app_error *err);

/**
 * Run @p work between START TRANSACTION and COMMIT; any failure rolls back. A deadlock (1213) or a
 * lock wait time-out (1205) runs the whole again, at most 5 times, after 50 ms, 100 ms, ... and
 * jitter; then APP_OVERLOADED.
 */
int sql_transaction(struct db_pool *pool, sql_work work, void *ctx, struct app_error *err)
    __attribute__((warn_unused_result));

/* ---- pool.c and sql.c only ---- */

#define SQL_SCRATCH_BYTES ((size_t)160 * 1024)

struct db {
    struct db_pool *pool; /* NULL: opened by db_open(), not part of a pool */
    MYSQL *mysql;
    MYSQL_STMT *stmts[SQL_COUNT]; /* prepared when first used */
    unsigned char *scratch;       /* SQL_SCRATCH_BYTES: one row as fetched */
    bool is_broken;
    bool in_transaction;
    unsigned last_errno; /* of the latest statement, 0: it went well */
    struct db *next;     /* idle list */
};

struct db_timeouts {
    unsigned read_s;
    unsigned statement_s; /* 0: no limit */
};

/** A connection of its own, with other time-outs than the pool's: migrations. */
struct db *db_open(struct db_pool *pool, const struct db_timeouts *t, struct app_error *err);
void db_close(struct db *db);
void db_close_p(struct db **db);

/** Set @p err for MariaDB error @p number and note it on @p db (may be NULL). @return -1. */
int sql_fail(struct db *db, unsigned number, const char *text, struct app_error *err);
#endif
