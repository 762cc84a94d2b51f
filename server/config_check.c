/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets' files, and the rules that no single key can tell. */
#include "cleanup.h"
#include "codec.h"
#include "config_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- secrets ---- */

static const char *const published[] = {
#define PUBLISHED(digest) digest,
#include "published.def"
#undef PUBLISHED
};

static bool is_published(const char *secret, size_t len)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char hex[2 * SHA256_DIGEST_LENGTH + 1];

    SHA256((const unsigned char *)secret, len, digest);
    hex_encode(digest, sizeof digest, hex);
    for (size_t i = 0; i < ARRAY_LEN(published); i++) {
        if (strcmp(published[i], hex) == 0)
            return true;
    }
    return false;
}

/* A relative name is a systemd credential when there are any, else relative to the working
 * directory. */
static char *find_secret(const char *name)
{
    const char *dir = config_env("CREDENTIALS_DIRECTORY");
    char *path = NULL;

    if (name[0] == '/' || !dir || !*dir)
        return strdup(name);
    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static const char *check_stat(int fd, int64_t upper, size_t *ret_size)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return "is not a regular file";
    if (st.st_mode & S_IROTH)
        return "may be read by everybody: chmod o-rwx";
    if (st.st_size == 0)
        return "is empty";
    if (st.st_size > upper)
        return "is too large for a secret";
    *ret_size = (size_t)st.st_size;
    return NULL;
}

static const char *read_content(int fd, struct config_value *v, size_t size)
{
    ssize_t n;

    v->secret = calloc(1, size + 1);
    if (!v->secret)
        return "cannot be kept: out of memory";
    n = read(fd, v->secret, size);
    if (n != (ssize_t)size)
        return "cannot be read";
    if (v->secret[size - 1] == '\n')
        size--;
    if (size && v->secret[size - 1] == '\r')
        size--;
    v->secret[size] = '\0';
    v->secret_len = size;
    if (size == 0)
        return "is empty";
    if (memchr(v->secret, 0, size))
        return "holds a NUL";
    return is_published(v->secret, size) ? "holds a published default: make one of your own" : NULL;
}

static int read_secret(struct config *c, enum config_key k, struct app_error *err)
{
    struct config_value *v = &c->v[k];
    const char *why = NULL;
    size_t size = 0;
    int fd;

    v->secret_path = find_secret(v->text);
    fd = v->secret_path ? open(v->secret_path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return app_fail_text(err, APP_BAD_REQUEST, "%s: %s: the file cannot be opened", v->where,
                             config_row(k)->key);
    why = check_stat(fd, config_row(k)->upper, &size);
    if (!why)
        why = read_content(fd, v, size);
    close(fd);
    return why ? app_fail_text(err, APP_BAD_REQUEST, "%s: %s: the file %s", v->where,
                               config_row(k)->key, why)
               : 0;
}

int config_read_secrets(struct config *c, struct app_error *err)
{
    for (int k = 0; k < CFG_COUNT; k++) {
        if (config_row((enum config_key)k)->type == CONFIG_SECRET && c->v[k].text[0] &&
            read_secret(c, (enum config_key)k, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- rules over several keys ---- */

int config_split_address(const char *listen_at, char *host, size_t host_bytes, int64_t *ret_port)
{
    const char *colon = strrchr(listen_at, ':');
    size_t len;

    if (!colon || text_to_i64(text_of(colon + 1), ret_port) < 0 || *ret_port < 0 ||
        *ret_port > 65535)
        return -1;
    len = (size_t)(colon - listen_at);
    if (len >= 2 && listen_at[0] == '[' && listen_at[len - 1] == ']') {
        listen_at++;
        len -= 2;
    } else if (memchr(listen_at, ':', len)) {
        return -1; /* an IPv6 address needs its brackets */
    }
    if (len >= host_bytes)
        return -1;
    snprintf(host, host_bytes, "%.*s", (int)len, listen_at);
    return 0;
}

static bool is_numeric(const char *host)
{
    unsigned char room[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, room) == 1 || inet_pton(AF_INET6, host, room) == 1;
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (is_numeric(host) && strncmp(host, "127.", 4) == 0);
}

static int refuse(const struct config *c, enum config_key k, struct app_error *err, const char *why)
{
    return app_fail_text(err, APP_BAD_REQUEST, "%s: %s %s", c->v[k].where, config_row(k)->key, why);
}

static const enum config_key listens[] = {CFG_PORTAL_LISTEN, CFG_PUBLIC_LISTEN,
                                          CFG_MANAGEMENT_LISTEN, CFG_ISSUER_LISTEN};

static int check_listens(const struct config *c, struct app_error *err)
{
    char host[256];
    int64_t port;

    for (size_t i = 0; i < ARRAY_LEN(listens); i++) {
        const char *at = config_str(c, listens[i]);

        if (!*at)
            continue;
        if (config_split_address(at, host, sizeof host, &port) < 0 ||
            (*host && strcmp(host, "localhost") != 0 && !is_numeric(host)))
            return refuse(c, listens[i], err, "must be address:port, the address a number");
        for (size_t k = 0; port && k < i; k++) {
            if (strcmp(at, config_str(c, listens[k])) == 0)
                return refuse(c, listens[i], err, "is the address of another listener");
        }
    }
    return 0;
}

/* https, or http to a loopback address where that is allowed. */
static int check_url(const struct config *c, enum config_key k, bool allow_loopback,
                     struct app_error *err)
{
    const char *url = config_str(c, k);
    char host[256];
    size_t len;

    if (!*url || strncmp(url, "https://", 8) == 0)
        return 0;
    if (strncmp(url, "http://", 7) != 0)
        return refuse(c, k, err, "must be an https:// URL");
    url += 7;
    len = *url == '[' ? strcspn(url, "]") : strcspn(url, ":/");
    snprintf(host, sizeof host, "%.*s", (int)(*url == '[' && len ? len - 1 : len),
             *url == '[' ? url + 1 : url);
    if (!is_loopback(host))
        return refuse(c, k, err, "must be an https:// URL");
    if (!allow_loopback)
        return refuse(c, k, err, "is http:// on loopback: identity.allow_loopback_http is false");
    return 0;
}

static int check_database(const struct config *c, struct app_error *err)
{
    if (!*config_str(c, CFG_DATABASE_SOCKET) && !is_loopback(config_str(c, CFG_DATABASE_HOST)) &&
        !*config_str(c, CFG_DATABASE_CA_FILE))
        return refuse(c, CFG_DATABASE_HOST, err, "is not loopback: database.ca_file is needed");
    return 0;
}

static int check_sizes(const struct config *c, struct app_error *err)
{
    int64_t all = config_int(c, CFG_NET_HEADERS_MAX_BYTES);

    if (config_int(c, CFG_NET_HEADER_MAX_BYTES) > all)
        return refuse(c, CFG_NET_HEADER_MAX_BYTES, err, "is over net.headers_max_bytes");
    if (config_int(c, CFG_REQUEST_IN_FLIGHT_MAX) < config_int(c, CFG_WORKERS_THREADS))
        return refuse(c, CFG_REQUEST_IN_FLIGHT_MAX, err, "is under workers.threads");
    return 0;
}

static int check_log_level(const struct config *c, struct app_error *err)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};

    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcmp(config_str(c, CFG_LOG_LEVEL), levels[i]) == 0)
            return 0;
    }
    return refuse(c, CFG_LOG_LEVEL, err, "must be debug, info, warn or error");
}

static int check_identity(const struct config *c, struct app_error *err)
{
    bool loopback = config_bool(c, CFG_IDENTITY_ALLOW_LOOPBACK_HTTP);

    if (config_bool(c, CFG_ISSUER_ENABLED) && !*config_str(c, CFG_ISSUER_LISTEN))
        return refuse(c, CFG_ISSUER_ENABLED, err, "needs issuer.listen");
    if (check_url(c, CFG_IDENTITY_ISSUER, loopback, err) < 0)
        return -1;
    return check_url(c, CFG_IDENTITY_JWKS_URL, loopback, err);
}

static int check_origins(const struct config *c, struct app_error *err)
{
    size_t count;
    const char *const *origins = config_list(c, CFG_CORS_ALLOWED_ORIGINS, &count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(origins[i], "*") != 0 && !strstr(origins[i], "://"))
            return refuse(c, CFG_CORS_ALLOWED_ORIGINS, err, "must have origins like https://host");
    }
    return 0;
}

int config_check(const struct config *c, struct app_error *err)
{
    static int (*const checks[])(const struct config *, struct app_error *) = {
        check_listens, check_database, check_sizes, check_log_level, check_identity, check_origins,
    };

    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        if (checks[i](c, err) < 0)
            return -1;
    }
    return 0;
}
