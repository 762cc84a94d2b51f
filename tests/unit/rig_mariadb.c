/* SPDX-License-Identifier: Apache-2.0 */
#include "rig_mariadb.h"

#include "migrate.h"

#include <mysql.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#define VALUE_BYTES 128
#define PATH_BYTES 192

static struct {
    char dir[64];
    char host[VALUE_BYTES];
    char user[VALUE_BYTES];
    char password[VALUE_BYTES];
    char root_password[VALUE_BYTES];
    char socket[PATH_BYTES];
    long port;
    unsigned schema_count;
    bool is_up; /* something below dir may run */
} rig;

static void clean_up(void);

static _Noreturn void give_up(const char *what, const char *why)
{
    fprintf(stderr, "rig_mariadb: %s: %s\n", what, why);
    clean_up();
    _exit(2);
}

static void run_script(const char *name, const char *arg)
{
    char path[PATH_BYTES], setting[PATH_BYTES];
    int status = 0;
    pid_t pid;

    snprintf(path, sizeof path, "%s/tests/rig/mariadb/%s", CP_SOURCE_DIR, name);
    snprintf(setting, sizeof setting, "MARIADB_DIR=%s", rig.dir);
    pid = fork();
    if (pid == 0) {
        execlp("env", "env", setting, path, arg, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        give_up(name, "the script failed");
}

/* The value of "KEY=..." in a file of the rig. */
static void read_value(const char *file, const char *key, char ret[VALUE_BYTES])
{
    char path[PATH_BYTES], line[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", rig.dir, file);
    f = fopen(path, "r");
    if (!f)
        give_up(path, "cannot be read");
    ret[0] = '\0';
    while (fgets(line, sizeof line, f)) {
        size_t len = strlen(key);

        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, key, len) == 0 && line[len] == '=')
            snprintf(ret, VALUE_BYTES, "%.127s", line + len + 1);
    }
    fclose(f);
    if (!ret[0])
        give_up(key, "is not in the rig's settings");
}

/* Also when a test program gives up half-way. */
static void clean_up(void)
{
    if (!rig.is_up)
        return;
    rig.is_up = false;
    run_script("stop.sh", "--purge");
}

int rig_mariadb_start(void **state)
{
    char port[VALUE_BYTES];

    (void)state;
    snprintf(rig.dir, sizeof rig.dir, "/tmp/cp-unit-XXXXXX");
    if (!mkdtemp(rig.dir))
        give_up(rig.dir, "cannot be made");
    rig.is_up = true;
    atexit(clean_up);
    run_script("start.sh", NULL);
    read_value("env", "MARIADB_HOST", rig.host);
    read_value("env", "MARIADB_PORT", port);
    read_value("env", "MARIADB_USER", rig.user);
    read_value("env", "MARIADB_PASSWORD", rig.password);
    read_value("root.cnf", "password", rig.root_password);
    snprintf(rig.socket, sizeof rig.socket, "%s/s.sock", rig.dir);
    rig.port = strtol(port, NULL, 10);
    return 0;
}

int rig_mariadb_stop(void **state)
{
    (void)state;
    clean_up();
    return 0;
}

void rig_mariadb_halt(void)
{
    run_script("stop.sh", NULL);
}

void rig_mariadb_resume(void)
{
    run_script("start.sh", NULL);
}

/* ---- as administrator ---- */

static MYSQL *connect_as_root(const char *schema)
{
    const unsigned timeout_s = 10;
    MYSQL *m = mysql_init(NULL);

    if (!m)
        give_up("mysql_init", "no memory");
    mysql_options(m, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(m, MYSQL_OPT_READ_TIMEOUT, &timeout_s);
    if (!mysql_real_connect(m, NULL, "root", rig.root_password, schema, 0, rig.socket, 0))
        give_up("connect as root", mysql_error(m));
    return m;
}

static void query(MYSQL *m, const char *sql)
{
    if (mysql_real_query(m, sql, (unsigned long)strlen(sql)))
        give_up(sql, mysql_error(m));
}

void rig_sql(const struct rig_schema *s, const char *sql)
{
    MYSQL *m = connect_as_root(s->name);

    query(m, sql);
    mysql_close(m);
}

const char *rig_sql_text(const struct rig_schema *s, const char *sql)
{
    static _Thread_local char text[4096];
    MYSQL *m = connect_as_root(s->name);
    MYSQL_RES *res;
    MYSQL_ROW row;

    query(m, sql);
    res = mysql_store_result(m);
    row = res ? mysql_fetch_row(res) : NULL;
    snprintf(text, sizeof text, "%s", row && row[0] ? row[0] : "");
    mysql_free_result(res);
    mysql_close(m);
    return text;
}

long rig_sql_long(const struct rig_schema *s, const char *sql)
{
    return strtol(rig_sql_text(s, sql), NULL, 10);
}

/* ---- schemas ---- */

struct db_config rig_db_config(const struct rig_schema *s)
{
    return (struct db_config){.host = rig.host,
                              .port = (unsigned)rig.port,
                              .user = rig.user,
                              .password = text_of(rig.password),
                              .database = s->name,
                              .max_connections = 4};
}

int rig_schema_setup(void **state)
{
    struct rig_schema *s = calloc(1, sizeof *s);
    struct app_error err = {0};
    struct db_config config;
    char sql[256];
    MYSQL *m;

    if (!s)
        give_up("schema", "no memory");
    snprintf(s->name, sizeof s->name, "t_%u", ++rig.schema_count);
    m = connect_as_root(NULL);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", s->name);
    query(m, sql);
    snprintf(sql, sizeof sql, "GRANT ALL ON %s.* TO '%.32s'@'127.0.0.1'", s->name, rig.user);
    query(m, sql);
    mysql_close(m);
    config = rig_db_config(s);
    s->pool = db_pool_create(&config, &err);
    if (!s->pool)
        give_up("pool", err.detail);
    *state = s;
    return 0;
}

int rig_migrated_setup(void **state)
{
    struct app_error err = {0};
    struct rig_schema *s;

    rig_schema_setup(state);
    s = *state;
    if (db_migrate(s->pool, NULL, NULL, &err) < 0)
        give_up("migrations", err.detail);
    return 0;
}

int rig_schema_teardown(void **state)
{
    struct rig_schema *s = *state;
    char sql[64];

    db_pool_destroy(s->pool);
    snprintf(sql, sizeof sql, "DROP DATABASE %s", s->name);
    rig_sql(s, sql);
    free(s);
    return 0;
}
