/* SPDX-License-Identifier: Apache-2.0 */
#include "connect.h"

#include "cleanup.h"
#include "counters.h"

#include <openssl/crypto.h>

static unsigned or_default(unsigned value, unsigned fallback)
{
    return value ? value : fallback;
}

static char *copy(const char *s, bool *failed)
{
    char *c = s ? strdup(s) : NULL;

    if (s && !c)
        *failed = true;
    return c;
}

int db_settings_init(struct db_settings *s, const struct db_config *config)
{
    bool failed = false;

    *s = (struct db_settings){
        .port = or_default(config->port, 3306),
        .max_connections = or_default(config->max_connections, 16),
        .acquire_timeout_ms = or_default(config->acquire_timeout_ms, 1000),
        .connect_timeout_s = or_default(config->connect_timeout_s, 3),
        .read_timeout_s = or_default(config->read_timeout_s, 15),
        .write_timeout_s = or_default(config->write_timeout_s, 15),
        .statement_timeout_s = or_default(config->statement_timeout_s, 10),
        .lock_timeout_s = or_default(config->lock_timeout_s, 5),
    };
    s->host = copy(config->host, &failed);
    s->socket_path = copy(config->socket_path, &failed);
    s->user = copy(config->user, &failed);
    s->database = copy(config->database, &failed);
    s->ca_file = copy(config->ca_file, &failed);
    s->password_len = config->password.len;
    s->password = calloc(1, config->password.len + 1);
    if (failed || !s->password)
        return -1;
    if (config->password.len)
        memcpy(s->password, config->password.p, config->password.len);
    return 0;
}

void db_settings_finish(struct db_settings *s)
{
    if (s->password)
        OPENSSL_cleanse(s->password, s->password_len);
    free(s->password);
    free(s->host);
    free(s->socket_path);
    free(s->user);
    free(s->database);
    free(s->ca_file);
}

/* Connector/C waits for ever, allows LOCAL INFILE and does not verify TLS unless told (finding 5).
 * An unencrypted server could ask for the password in clear: only challenge methods are allowed. */
static int set_options(MYSQL *m, const struct db_settings *s)
{
    const unsigned tcp = MYSQL_PROTOCOL_TCP, off = 0;
    const my_bool no = 0, yes = 1;
    int bad = 0;

    bad |= mysql_options(m, MYSQL_OPT_CONNECT_TIMEOUT, &s->connect_timeout_s);
    bad |= mysql_options(m, MYSQL_OPT_READ_TIMEOUT, &s->read_timeout_s);
    bad |= mysql_options(m, MYSQL_OPT_WRITE_TIMEOUT, &s->write_timeout_s);
    bad |= mysql_options(m, MYSQL_OPT_LOCAL_INFILE, &off);
    bad |= mysql_options(m, MYSQL_OPT_RECONNECT, &no);
    bad |= mysql_options(m, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (!s->socket_path) {
        bad |= mysql_options(m, MYSQL_OPT_PROTOCOL, &tcp);
        bad |= mysql_options(m, MARIADB_OPT_RESTRICTED_AUTH,
                             "mysql_native_password,client_ed25519,caching_sha2_password");
    }
    if (s->ca_file) {
        bad |= mysql_options(m, MYSQL_OPT_SSL_CA, s->ca_file);
        bad |= mysql_options(m, MYSQL_OPT_SSL_ENFORCE, &yes);
        bad |= mysql_options(m, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
        bad |= mysql_options(m, MARIADB_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
    }
    return bad;
}

static int set_session(MYSQL *m, const struct db_settings *s)
{
    char sql[400];
    int len = snprintf(sql, sizeof sql,
                       "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
                       "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', "
                       "autocommit = 1, max_statement_time = %u, innodb_lock_wait_timeout = %u, "
                       "tx_isolation = 'REPEATABLE-READ'",
                       s->statement_timeout_s, s->lock_timeout_s);

    if (len < 0 || (size_t)len >= sizeof sql)
        return -1;
    return mysql_options(m, MYSQL_INIT_COMMAND, sql);
}

/* The library keeps the password for a reconnect that never happens here. */
static void forget_password(MYSQL *m)
{
    if (m->passwd)
        OPENSSL_cleanse(m->passwd, strlen(m->passwd));
}

static int open_connection(struct db *db, const struct db_settings *s, struct app_error *err)
{
    MYSQL *m = mysql_init(NULL);

    db->mysql = m;
    if (!m || set_options(m, s) || set_session(m, s))
        return app_fail(err, APP_INTERNAL, "database client library: options or memory");
    if (!mysql_real_connect(m, s->socket_path ? NULL : s->host, s->user, s->password, s->database,
                            s->port, s->socket_path, CLIENT_FOUND_ROWS))
        return sql_fail(db, mysql_errno(m), mysql_error(m), err);
    forget_password(m);
    return 0;
}

struct db *db_connect(const struct db_settings *s, struct app_error *err)
{
    struct db *db = calloc(1, sizeof *db);
    int rc = -1;

    if (db)
        db->scratch = malloc(SQL_SCRATCH_BYTES);
    if (!db || !db->scratch)
        app_fail(err, APP_INTERNAL, "out of memory");
    else
        rc = open_connection(db, s, err);
    if (rc == 0)
        return db;
    db_close(db);
    return NULL;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < SQL_COUNT; i++)
        if (db->stmts[i])
            mysql_stmt_close(db->stmts[i]);
    if (db->mysql) {
        forget_password(db->mysql);
        mysql_close(db->mysql);
    }
    free(db->scratch);
    free(db);
}

void db_close_p(struct db **db)
{
    db_close(*db);
}
