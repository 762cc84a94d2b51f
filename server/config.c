/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "cleanup.h"
#include "config_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (1u * MIB)
#define LIST_MAX 64

extern char **environ;

static const struct config_row rows[CFG_COUNT] = {
#define CONFIG(id, key, env, type, unit, lower, upper, def, help)                                  \
    [id] = {key, env, CONFIG_##type, unit, lower, upper, def, help},
#include "config.def"
#undef CONFIG
};

const struct config_row *config_row(enum config_key k)
{
    assert(k < CFG_COUNT);
    return &rows[k];
}

enum config_key config_find(const char *key)
{
    int k = 0;

    while (k < CFG_COUNT && strcmp(rows[k].key, key) != 0)
        k++;
    return (enum config_key)k;
}

void config_warn(struct config *c, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_printf(&c->warnings, "%s\n", text);
}

/* ---- one value ---- */

static void free_list(struct config_value *v)
{
    for (size_t i = 0; i < v->count; i++)
        free(v->list[i]);
    free(v->list);
    v->list = NULL;
    v->count = 0;
}

static int refuse(enum config_key k, const char *where, struct app_error *err, const char *why)
{
    return app_fail_text(err, APP_BAD_REQUEST, "%s: %s %s", where, rows[k].key, why);
}

static int check_int(enum config_key k, const char *text, int64_t *ret, const char *where,
                     struct app_error *err)
{
    const struct config_row *r = &rows[k];
    int64_t n;

    if (text_to_i64(text_of(text), &n) < 0)
        return refuse(k, where, err, "must be a whole number");
    if (n < r->lower || n > r->upper)
        return app_fail_text(err, APP_BAD_REQUEST, "%s: %s must be from %lld to %lld (%s)", where,
                             r->key, (long long)r->lower, (long long)r->upper, r->unit);
    *ret = n;
    return 0;
}

static int check_bool(enum config_key k, const char *text, int64_t *ret, const char *where,
                      struct app_error *err)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return refuse(k, where, err, "must be true or false");
    *ret = text[0] == 't';
    return 0;
}

static int check_str(enum config_key k, const char *text, const char *where, struct app_error *err)
{
    const struct config_row *r = &rows[k];
    size_t len = strlen(text);
    /* The bounds of a SECRET are those of its file's content. */
    int64_t upper = r->type == CONFIG_SECRET ? 4095 : r->upper;

    if ((int64_t)len < r->lower || (int64_t)len > upper)
        return app_fail_text(err, APP_BAD_REQUEST, "%s: %s must have from %lld to %lld bytes",
                             where, r->key, (long long)r->lower, (long long)upper);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return refuse(k, where, err, "holds a control character");
    }
    return text_is_utf8(text, len) ? 0 : refuse(k, where, err, "is not UTF-8");
}

int config_set_list(struct config *c, enum config_key k, char *const *items, size_t count,
                    const char *where, struct app_error *err)
{
    struct config_value *v = &c->v[k];
    const struct config_row *r = &rows[k];

    if (r->type != CONFIG_LIST)
        return refuse(k, where, err, "is not a list");
    if ((int64_t)count < r->lower || (int64_t)count > r->upper)
        return app_fail_text(err, APP_BAD_REQUEST, "%s: %s must have from %lld to %lld elements",
                             where, r->key, (long long)r->lower, (long long)r->upper);
    free_list(v);
    v->list = calloc(count + 1, sizeof *v->list);
    for (size_t i = 0; v->list && i < count; i++) {
        v->list[i] = strdup(items[i]);
        v->count++;
        if (!items[i][0] || !text_is_utf8(items[i], strlen(items[i])))
            return refuse(k, where, err, "has an element that is empty or not UTF-8");
    }
    return v->list ? 0 : app_fail_text(err, APP_INTERNAL, "out of memory");
}

/* Take "a, b" apart in place. @return the number of elements, or LIST_MAX + 1 for too many. */
static size_t split_list(char *text, char *ret_items[LIST_MAX])
{
    char *rest = NULL;
    size_t count = 0;

    for (char *p = strtok_r(text, ",", &rest); p; p = strtok_r(NULL, ",", &rest)) {
        while (*p == ' ')
            p++;
        for (char *end = p + strlen(p); end > p && end[-1] == ' ';)
            *--end = '\0';
        if (count == LIST_MAX)
            return LIST_MAX + 1;
        ret_items[count++] = p;
    }
    return count;
}

static int set_joined_list(struct config *c, enum config_key k, const char *text, const char *where,
                           struct app_error *err)
{
    char *copy = strdup(text), *items[LIST_MAX];
    size_t count = copy ? split_list(copy, items) : 0;
    int rc;

    if (!copy)
        rc = app_fail_text(err, APP_INTERNAL, "out of memory");
    else if (count > LIST_MAX)
        rc = refuse(k, where, err, "has too many elements");
    else
        rc = config_set_list(c, k, items, count, where, err);
    free(copy);
    return rc;
}

int config_set(struct config *c, enum config_key k, const char *text, const char *where,
               struct app_error *err)
{
    struct config_value *v = &c->v[k];
    char *copy;
    int rc = 0;

    switch (rows[k].type) {
    case CONFIG_INT:
        rc = check_int(k, text, &v->number, where, err);
        break;
    case CONFIG_BOOL:
        rc = check_bool(k, text, &v->number, where, err);
        break;
    case CONFIG_LIST:
        rc = set_joined_list(c, k, text, where, err);
        break;
    case CONFIG_STR:
    case CONFIG_SECRET:
        rc = check_str(k, text, where, err);
        break;
    }
    if (rc < 0)
        return -1;
    copy = strdup(text);
    if (!copy)
        return app_fail_text(err, APP_INTERNAL, "out of memory");
    free(v->text);
    v->text = copy;
    snprintf(v->where, sizeof v->where, "%s", where);
    return 0;
}

/* ---- the environment ---- */

static const char *env_value(const char *const *env, const char *name)
{
    size_t len = strlen(name);

    for (; *env; env++) {
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
            return *env + len + 1;
    }
    return NULL;
}

const char *config_env(const char *name)
{
    return env_value((const char *const *)environ, name);
}

static int set_from_port(struct config *c, const char *value, struct app_error *err)
{
    char host[256], text[300];
    int64_t port;

    if (config_split_address(c->v[CFG_PORTAL_LISTEN].text, host, sizeof host, &port) < 0)
        snprintf(host, sizeof host, "127.0.0.1");
    snprintf(text, sizeof text, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, value);
    return config_set(c, CFG_PORTAL_LISTEN, text, "PORT", err);
}

static int set_from_database_url(struct config *c, const char *value, struct app_error *err)
{
    char host[256], port_text[24];
    int64_t port;

    if (config_split_address(value, host, sizeof host, &port) < 0)
        return app_fail_text(err, APP_BAD_REQUEST, "DATABASE_URL: must be host:port");
    snprintf(port_text, sizeof port_text, "%lld", (long long)port);
    if (config_set(c, CFG_DATABASE_HOST, host, "DATABASE_URL", err) < 0)
        return -1;
    return config_set(c, CFG_DATABASE_PORT, port_text, "DATABASE_URL", err);
}

static int set_from_database_user(struct config *c, const char *value, struct app_error *err)
{
    return config_set(c, CFG_DATABASE_USER, value, "DATABASE_USER_ID", err);
}

/* Variables of the original that mean the same here. */
static const struct original {
    const char *name;
    enum config_key key; /* our own variable wins over it */
    int (*set)(struct config *c, const char *value, struct app_error *err);
} originals[] = {
    {"PORT",             CFG_PORTAL_LISTEN, set_from_port         },
    {"DATABASE_URL",     CFG_DATABASE_HOST, set_from_database_url },
    {"DATABASE_USER_ID", CFG_DATABASE_USER, set_from_database_user},
};

static int read_originals(struct config *c, const char *const *env, struct app_error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(originals); i++) {
        const char *value = env_value(env, originals[i].name);

        if (!value || env_value(env, rows[originals[i].key].env))
            continue;
        if (originals[i].set(c, value, err) < 0)
            return -1;
        config_warn(c, "%s is a variable of the original; use %s (%s)", originals[i].name,
                    rows[originals[i].key].key, rows[originals[i].key].env);
    }
    if (env_value(env, "DATABASE_USER_PASSWORD"))
        config_warn(c, "DATABASE_USER_PASSWORD is not read: a secret is a file (%s)",
                    rows[CFG_DATABASE_PASSWORD_FILE].key);
    return 0;
}

static int read_env(struct config *c, const char *const *env, struct app_error *err)
{
    if (read_originals(c, env, err) < 0)
        return -1;
    for (int k = 0; k < CFG_COUNT; k++) {
        const char *value = env_value(env, rows[k].env);

        if (value && config_set(c, (enum config_key)k, value, rows[k].env, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- loading ---- */

static struct config *make_default(struct app_error *err)
{
    struct config *c = calloc(1, sizeof *c);

    if (!c) {
        app_fail_text(err, APP_INTERNAL, "out of memory");
        return NULL;
    }
    buf_init(&c->warnings, 16 * KIB);
    for (int k = 0; k < CFG_COUNT; k++) {
        if (config_set(c, (enum config_key)k, rows[k].fallback, "default", err) < 0) {
            config_destroy(c);
            return NULL;
        }
    }
    return c;
}

static int fill(struct config *c, const char *name, const struct text *yaml, const char *const *env,
                struct app_error *err)
{
    if (yaml && config_read_yaml(c, name, *yaml, err) < 0)
        return -1;
    if (env && read_env(c, env, err) < 0)
        return -1;
    if (config_read_secrets(c, err) < 0)
        return -1;
    return config_check(c, err);
}

static struct config *load(const char *name, const struct text *yaml, const char *const *env,
                           struct app_error *err)
{
    struct config *c = make_default(err);

    if (c && fill(c, name, yaml, env, err) < 0) {
        config_destroy(c);
        return NULL;
    }
    return c;
}

struct config *config_parse(const char *name, struct text yaml, const char *const *env,
                            struct app_error *err)
{
    return load(name, &yaml, env, err);
}

static int read_file(const char *path, struct buf *ret, struct app_error *err)
{
    char piece[8192];
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return app_fail_text(err, APP_BAD_REQUEST, "%s: cannot be opened (%s)", path,
                             errno == ENOENT ? "no such file" : "no permission or no file");
    while ((n = read(fd, piece, sizeof piece)) > 0) {
        if (buf_append(ret, piece, (size_t)n) < 0)
            break;
    }
    close(fd);
    if (n < 0 || buf_failed(ret))
        return app_fail_text(err, APP_BAD_REQUEST, "%s: cannot be read, or is over 1 MiB", path);
    return 0;
}

struct config *config_load(const char *path, struct app_error *err)
{
    struct buf file AUTO(buf_finish_p) = BUF_INIT(FILE_MAX_BYTES);
    struct text yaml;

    if (!path)
        return load("", NULL, (const char *const *)environ, err);
    if (read_file(path, &file, err) < 0)
        return NULL;
    yaml = (struct text){file.data ? file.data : "", file.len};
    return load(path, &yaml, (const char *const *)environ, err);
}

void config_destroy(struct config *c)
{
    if (!c)
        return;
    for (int k = 0; k < CFG_COUNT; k++) {
        struct config_value *v = &c->v[k];

        free_list(v);
        free(v->text);
        free(v->secret_path);
        if (v->secret)
            OPENSSL_cleanse(v->secret, v->secret_len);
        free(v->secret);
    }
    buf_finish(&c->warnings);
    free(c);
}

/* ---- reading ---- */

static const struct config_value *value(const struct config *c, enum config_key k,
                                        enum config_type type)
{
    assert(k < CFG_COUNT && rows[k].type == type);
    return &c->v[k];
}

const char *config_str(const struct config *c, enum config_key k)
{
    return value(c, k, CONFIG_STR)->text;
}

int64_t config_int(const struct config *c, enum config_key k)
{
    return value(c, k, CONFIG_INT)->number;
}

bool config_bool(const struct config *c, enum config_key k)
{
    return value(c, k, CONFIG_BOOL)->number != 0;
}

const char *const *config_list(const struct config *c, enum config_key k, size_t *ret_count)
{
    const struct config_value *v = value(c, k, CONFIG_LIST);

    if (ret_count)
        *ret_count = v->count;
    return (const char *const *)v->list;
}

struct text config_secret(const struct config *c, enum config_key k)
{
    const struct config_value *v = value(c, k, CONFIG_SECRET);

    return (struct text){v->secret, v->secret_len};
}

const char *config_secret_path(const struct config *c, enum config_key k)
{
    const char *path = value(c, k, CONFIG_SECRET)->secret_path;

    return path ? path : "";
}

const char *config_warnings(const struct config *c)
{
    return c->warnings.data ? c->warnings.data : "";
}
