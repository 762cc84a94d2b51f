/* SPDX-License-Identifier: Apache-2.0 */
#include "sql.h"

#include "cleanup.h"
#include "counters.h"
#include "user_store.h"

#include <assert.h>
#include <errmsg.h>
#include <mysqld_error.h>

#define COLUMN_MAX_BYTES 65536u
#define MAX_ROWS 200000u

static const struct text statements[SQL_COUNT] = {
#define STMT(id, sql) [id] = {sql, sizeof(sql) - 1},
#include "statements.def"
#undef STMT
};

/* ---- errors ---- */

#define ER_WSREP_NOT_READY 1047 /* the header calls it ER_UNKNOWN_COM_ERROR */
#define ER_KILLED 1927          /* the connection was killed */

static const struct {
    unsigned number;
    enum app_code code;
    bool breaks; /* the connection is of no use any more */
} known_errors[] = {
    {ER_DUP_ENTRY,                       APP_CONFLICT,      false},
    {ER_DATA_TOO_LONG,                   APP_UNPROCESSABLE, false},
    {ER_TRUNCATED_WRONG_VALUE_FOR_FIELD, APP_UNPROCESSABLE, false},
    {ER_WARN_DATA_OUT_OF_RANGE,          APP_UNPROCESSABLE, false},
    {ER_CON_COUNT_ERROR,                 APP_OVERLOADED,    true },
    {ER_TOO_MANY_USER_CONNECTIONS,       APP_OVERLOADED,    true },
    {ER_USER_LIMIT_REACHED,              APP_OVERLOADED,    true },
    {ER_SERVER_SHUTDOWN,                 APP_DATABASE,      true },
    {ER_WSREP_NOT_READY,                 APP_DATABASE,      true },
    {ER_KILLED,                          APP_DATABASE,      true },
};

int sql_fail(struct db *db, unsigned number, const char *text, struct app_error *err)
{
    enum app_code code = APP_DATABASE;
    bool breaks = number >= CR_MIN_ERROR && number <= CR_MAX_ERROR;

    for (size_t i = 0; i < ARRAY_LEN(known_errors); i++)
        if (known_errors[i].number == number) {
            code = known_errors[i].code;
            breaks = known_errors[i].breaks;
        }
    if (db) {
        db->last_errno = number;
        db->is_broken |= breaks;
    }
    if (code != APP_CONFLICT && code != APP_UNPROCESSABLE)
        counter_add(CTR_DB_ERRORS, 1);
    return app_fail(err, code, "database: %u %s", number, text);
}

/* A row that is not what the program expects: never cut, never guessed. */
static int broken_row(enum sql_id id, size_t column, const char *what, struct app_error *err)
{
    counter_add(CTR_DB_ERRORS, 1);
    return app_fail(err, APP_DATABASE, "database: statement %d, column %zu: %s", (int)id, column,
                    what);
}

/* ---- running a prepared statement ---- */

static int fail_statement(struct db *db, MYSQL_STMT *st, struct app_error *err)
{
    sql_fail(db, mysql_stmt_errno(st), mysql_stmt_error(st), err);
    mysql_stmt_free_result(st);
    return -1;
}

static MYSQL_STMT *prepared(struct db *db, enum sql_id id, struct app_error *err)
{
    MYSQL_STMT *st = db->stmts[id];

    if (st)
        return st;
    st = mysql_stmt_init(db->mysql);
    if (!st) {
        app_fail(err, APP_INTERNAL, "out of memory");
        return NULL;
    }
    if (mysql_stmt_prepare(st, statements[id].p, (unsigned long)statements[id].len)) {
        fail_statement(db, st, err);
        mysql_stmt_close(st);
        return NULL;
    }
    db->stmts[id] = st;
    return st;
}

static void bind_value(MYSQL_BIND *b, const struct sql_value *v)
{
    static const enum enum_field_types types[] = {[SQL_NULL] = MYSQL_TYPE_NULL,
                                                  [SQL_TEXT] = MYSQL_TYPE_STRING,
                                                  [SQL_BYTES] = MYSQL_TYPE_BLOB,
                                                  [SQL_INT] = MYSQL_TYPE_LONGLONG};

    *b = (MYSQL_BIND){.buffer_type = types[v->kind]};
    if (v->kind == SQL_INT) {
        b->buffer = (void *)&v->number;
    } else if (v->kind != SQL_NULL) {
        b->buffer = (void *)v->text.p;
        b->buffer_length = (unsigned long)v->text.len;
    }
}

static MYSQL_STMT *run(struct db *db, const struct sql_call *call, struct app_error *err)
{
    MYSQL_BIND in[SQL_MAX_PARAMS];
    MYSQL_STMT *st;

    assert(call->in_count <= SQL_MAX_PARAMS);
    db->last_errno = 0;
    st = prepared(db, call->id, err);
    if (!st)
        return NULL;
    assert(mysql_stmt_param_count(st) == call->in_count);
    for (size_t i = 0; i < call->in_count; i++) {
        bind_value(&in[i], &call->in[i]);
        /* without a length of its own an empty text would be sent as NULL-terminated */
        in[i].length = &in[i].buffer_length;
    }
    counter_add(CTR_SQL_STATEMENTS, 1);
    if ((call->in_count && mysql_stmt_bind_param(st, in)) || mysql_stmt_execute(st)) {
        fail_statement(db, st, err);
        return NULL;
    }
    return st;
}

int sql_execute(struct db *db, const struct sql_call *call, struct sql_result *ret,
                struct app_error *err)
{
    MYSQL_STMT *st = run(db, call, err);

    if (!st)
        return -1;
    if (ret)
        *ret = (struct sql_result){mysql_stmt_affected_rows(st), (int64_t)mysql_stmt_insert_id(st)};
    return 0;
}

int sql_execute_text(struct db *db, struct text sql, struct app_error *err)
{
    MYSQL_STMT *st = mysql_stmt_init(db->mysql);
    int rc = 0;

    if (!st)
        return app_fail(err, APP_INTERNAL, "out of memory");
    db->last_errno = 0;
    counter_add(CTR_SQL_STATEMENTS, 1);
    if (mysql_stmt_prepare(st, sql.p, (unsigned long)sql.len) || mysql_stmt_execute(st))
        rc = fail_statement(db, st, err);
    mysql_stmt_close(st);
    return rc;
}

/* ---- reading rows ---- */

/* One cell as fetched; text lies in the connection's scratch memory until the next fetch. */
struct cell {
    unsigned char *bytes;
    unsigned long room;
    unsigned long len;
    my_bool is_null;
    int64_t number;
};

struct reader {
    struct db *db;
    enum sql_id id;
    const struct sql_shape *shape;
    struct arena *arena;
    struct cell cells[SQL_MAX_COLUMNS];
    char *rows; /* malloc'ed while it grows */
    size_t count;
    size_t cap;
};

static void bind_cell(MYSQL_BIND *b, struct cell *c, int kind)
{
    *b = (MYSQL_BIND){.is_null = &c->is_null, .length = &c->len};
    if (kind == FIELD_INT) {
        b->buffer_type = MYSQL_TYPE_LONGLONG;
        b->buffer = &c->number;
    } else {
        b->buffer_type = kind == FIELD_BYTES ? MYSQL_TYPE_BLOB : MYSQL_TYPE_STRING;
        b->buffer = c->bytes;
        b->buffer_length = c->room;
    }
}

/* Share the scratch memory out by the declared widths of the columns. */
static int bind_columns(struct reader *r, MYSQL_STMT *st, MYSQL_RES *meta, struct app_error *err)
{
    MYSQL_BIND out[SQL_MAX_COLUMNS];
    size_t used = 0;

    for (size_t i = 0; i < r->shape->field_count; i++) {
        const MYSQL_FIELD *f = mysql_fetch_field_direct(meta, (unsigned)i);
        unsigned long want = f->length < COLUMN_MAX_BYTES ? f->length + 1 : COLUMN_MAX_BYTES;

        if (r->shape->fields[i].kind == FIELD_INT)
            want = 0;
        if (want > SQL_SCRATCH_BYTES - used)
            return broken_row(r->id, i, "the row is wider than the fetch buffer", err);
        r->cells[i] = (struct cell){.bytes = r->db->scratch + used, .room = want};
        used += want;
        bind_cell(&out[i], &r->cells[i], (int)r->shape->fields[i].kind);
    }
    if (mysql_stmt_bind_result(st, out))
        return fail_statement(r->db, st, err);
    return 0;
}

static int store_cell(struct reader *r, size_t i, char *row, struct app_error *err)
{
    const struct cell *c = &r->cells[i];
    char *member = row + r->shape->fields[i].offset;
    char *text = NULL;
    struct text bytes = {NULL, 0};

    if (r->shape->fields[i].kind == FIELD_INT) {
        memcpy(member, &(int64_t){c->is_null ? 0 : c->number}, sizeof(int64_t));
        return 0;
    }
    if (!c->is_null) {
        text = arena_strndup(r->arena, (const char *)c->bytes, c->len);
        if (!text)
            return app_fail(err, APP_INTERNAL, "the answer of the database does not fit in memory");
        bytes = (struct text){text, c->len};
    }
    if (r->shape->fields[i].kind == FIELD_BYTES) {
        memcpy(member, &bytes, sizeof bytes);
        return 0;
    }
    if (text && strlen(text) != c->len)
        return broken_row(r->id, i, "a NUL byte in a text", err);
    memcpy(member, &text, sizeof text);
    return 0;
}

static int grow(struct reader *r, struct app_error *err)
{
    size_t cap = r->cap ? r->cap * 2 : 16;
    char *rows;

    if (cap > MAX_ROWS)
        return app_fail(err, APP_INTERNAL, "database: more than %u rows", MAX_ROWS);
    rows = realloc(r->rows, cap * r->shape->row_bytes);
    if (!rows)
        return app_fail(err, APP_INTERNAL, "out of memory");
    r->rows = rows;
    r->cap = cap;
    return 0;
}

static int store_row(struct reader *r, struct app_error *err)
{
    char *row;

    if (r->count == r->cap && grow(r, err) < 0)
        return -1;
    row = r->rows + r->count * r->shape->row_bytes;
    memset(row, 0, r->shape->row_bytes);
    for (size_t i = 0; i < r->shape->field_count; i++)
        if (store_cell(r, i, row, err) < 0)
            return -1;
    r->count++;
    return 0;
}

static int truncated(struct reader *r, struct app_error *err)
{
    for (size_t i = 0; i < r->shape->field_count; i++)
        if (r->shape->fields[i].kind != FIELD_INT && !r->cells[i].is_null &&
            r->cells[i].len > r->cells[i].room)
            return broken_row(r->id, i, "wider than its buffer", err);
    return broken_row(r->id, 0, "a number does not fit", err);
}

static int read_rows(struct reader *r, MYSQL_STMT *st, struct app_error *err)
{
    for (;;) {
        switch (mysql_stmt_fetch(st)) { /* four outcomes, never "zero or not" */
        case 0:
            if (store_row(r, err) < 0)
                return -1;
            break;
        case MYSQL_NO_DATA:
            return 0;
        case MYSQL_DATA_TRUNCATED:
            return truncated(r, err);
        default:
            return fail_statement(r->db, st, err);
        }
    }
}

static void free_meta_p(MYSQL_RES **meta)
{
    if (*meta)
        mysql_free_result(*meta);
}

static int read_result(struct reader *r, MYSQL_STMT *st, struct app_error *err)
{
    MYSQL_RES *meta AUTO(free_meta_p) = mysql_stmt_result_metadata(st);
    int rc;

    if (!meta || mysql_num_fields(meta) != r->shape->field_count ||
        r->shape->field_count > SQL_MAX_COLUMNS)
        rc = broken_row(r->id, 0, "not the columns of its shape", err);
    else
        rc = bind_columns(r, st, meta, err);
    if (rc == 0)
        rc = read_rows(r, st, err);
    if (mysql_stmt_free_result(st) && rc == 0)
        rc = fail_statement(r->db, st, err);
    return rc;
}

/* Move the rows from the growing memory into the arena. */
static int hand_over(const struct reader *r, struct sql_rows *ret, struct app_error *err)
{
    void *rows = arena_array(r->arena, r->count, r->shape->row_bytes);

    if (!rows)
        return app_fail(err, APP_INTERNAL, "the answer of the database does not fit in memory");
    if (r->count)
        memcpy(rows, r->rows, r->count * r->shape->row_bytes);
    *ret = (struct sql_rows){rows, r->count};
    return 0;
}

int sql_select(struct db *db, const struct sql_call *call, const struct sql_shape *shape,
               struct arena *a, struct sql_rows *ret, struct app_error *err)
{
    struct reader r = {.db = db, .id = call->id, .shape = shape, .arena = a};
    MYSQL_STMT *st = run(db, call, err);
    int rc;

    if (!st)
        return -1;
    rc = read_result(&r, st, err);
    if (rc == 0)
        rc = hand_over(&r, ret, err);
    free(r.rows);
    return rc;
}

void sql_keep_equal(struct sql_rows *rows, size_t row_bytes, size_t offset, const char *want)
{
    char *base = rows->rows;
    size_t kept = 0;

    for (size_t i = 0; i < rows->count; i++) {
        const char *have;

        memcpy(&have, base + i * row_bytes + offset, sizeof have);
        if (!have || strcmp(have, want) != 0)
            continue;
        memmove(base + kept * row_bytes, base + i * row_bytes, row_bytes);
        kept++;
    }
    rows->count = kept;
}

/* ---- with the pool ---- */

int sql_pool_select(struct db_pool *pool, const struct sql_call *call,
                    const struct sql_shape *shape, struct arena *a, struct sql_rows *ret,
                    struct app_error *err)
{
    struct db *db AUTO(db_release_p) = db_acquire(pool, err);

    return db ? sql_select(db, call, shape, a, ret, err) : -1;
}

int sql_pool_execute(struct db_pool *pool, const struct sql_call *call, struct sql_result *ret,
                     struct app_error *err)
{
    struct db *db AUTO(db_release_p) = db_acquire(pool, err);

    return db ? sql_execute(db, call, ret, err) : -1;
}
