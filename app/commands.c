/* SPDX-License-Identifier: Apache-2.0 */
/* The small commands: configuration, schema, keys, accounts, rights, clusters. */
#include "account_store.h"
#include "cleanup.h"
#include "clusters.h"
#include "command.h"
#include "issuer.h"
#include "issuer_api.h"
#include "keys.h"
#include "members.h"
#include "migrate.h"
#include "portal.h"
#include "secrets.h"
#include "uuid.h"
#include "wiring.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (256 * KIB)

/* Reads a small file whole, without its final line ends. @return 0, or -1 with the error for the
 * operator */
static int read_file(const char *path, struct buf *ret, struct app_error *err)
{
    char chunk[4096];
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return app_fail_text(err, APP_BAD_REQUEST, "%s cannot be read (error %d)", path, errno);
    while ((n = read(fd, chunk, sizeof chunk)) > 0)
        if (buf_append(ret, chunk, (size_t)n) < 0)
            break;
    close(fd);
    OPENSSL_cleanse(chunk, sizeof chunk);
    while (ret->len > 0 && strchr("\r\n", ret->data[ret->len - 1]))
        ret->data[--ret->len] = '\0';
    if (n < 0 || buf_failed(ret) || ret->len == 0 || strlen(ret->data) != ret->len)
        return app_fail_text(err, APP_BAD_REQUEST, "%s is empty, too large or not text", path);
    return 0;
}

static void wipe_buf(struct buf *b)
{
    if (b->data)
        OPENSSL_cleanse(b->data, b->len);
    buf_finish(b);
}

/* ---- configuration ---- */

static int print_checked(struct wiring *w, const struct svc_call *call,
                         const struct arguments *args, struct app_error *err)
{
    (void)call;
    (void)args;
    (void)err;
    fputs(config_warnings(w->config), stderr);
    puts("configuration ok");
    return 0;
}

int command_check_config(const struct arguments *args)
{
    return run_wired(args, WIRE_CONFIG, print_checked);
}

static int print_text(int (*write)(struct buf *out))
{
    struct buf out AUTO(buf_finish_p) = BUF_INIT(1 * MIB);

    if (write(&out) < 0 || !out.data)
        return EXIT_FAILED;
    fputs(out.data, stdout);
    return EXIT_OK;
}

int command_config_sample(const struct arguments *args)
{
    (void)args;
    return print_text(config_write_sample);
}

int command_config_docs(const struct arguments *args)
{
    (void)args;
    return print_text(config_write_docs);
}

/* ---- schema ---- */

static void print_step(void *ctx, int version, const char *name, int64_t duration_us)
{
    (void)ctx;
    printf("applied %04d %s (%lld ms)\n", version, name, (long long)(duration_us / 1000));
}

static int migrate(struct wiring *w, const struct svc_call *call, const struct arguments *args,
                   struct app_error *err)
{
    (void)call;
    (void)args;
    if (db_migrate(w->db, print_step, NULL, err) < 0)
        return -1;
    puts("schema is up to date");
    return 0;
}

int command_migrate(const struct arguments *args)
{
    return run_wired(args, WIRE_DATABASE, migrate);
}

/* ---- routes ---- */

static const char *const rule_names[RULE_COUNT] = {
#define RULE(name, needs_token, text) [RULE_##name] = #name,
#include "rules.def"
#undef RULE
};

static void print_routes(const struct api *api)
{
    for (size_t i = 0; i < api->route_count; i++) {
        const struct route *r = &api->routes[i];

        printf("{\"api\":\"%s\",\"id\":\"%s\",\"method\":\"%s\",\"path\":\"%s\",\"rule\":\"%s\","
               "\"mode\":\"%s\",\"bodyMaxBytes\":%zu}\n",
               api->name, r->id, r->method, r->path, rule_names[r->rule],
               r->mode == MODE_INLINE ? "inline" : "worker", r->body_max_bytes);
    }
}

int command_routes(const struct arguments *args)
{
    struct api portal, issuer;

    (void)args;
    portal_api_init(&portal, NULL);
    issuer_api_init(&issuer, NULL);
    print_routes(&portal);
    print_routes(&issuer);
    return EXIT_OK;
}

/* ---- keys ---- */

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Replaces the file in one step: a key file that is half written would lock everybody out. */
static int replace_file(const char *path, const struct buf *content, struct app_error *err)
{
    char fresh[4096];
    int fd, rc;

    if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh)
        return app_fail_text(err, APP_BAD_REQUEST, "the path is too long");
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return app_fail_text(err, APP_BAD_REQUEST, "%s cannot be written (error %d)", fresh, errno);
    rc = write_all(fd, content->data, content->len);
    if (fsync(fd) < 0 || close(fd) < 0 || rc < 0 || rename(fresh, path) < 0) {
        unlink(fresh);
        return app_fail_text(err, APP_BAD_REQUEST, "%s cannot be written (error %d)", path, errno);
    }
    return 0;
}

static int make_key_file(const char *path, struct app_error *err)
{
    struct buf content AUTO(wipe_buf) = BUF_INIT(FILE_MAX_BYTES),
                       old AUTO(wipe_buf) = BUF_INIT(FILE_MAX_BYTES);
    char line[SECRETS_KEY_LINE_BYTES];
    int rc;

    if (access(path, F_OK) == 0 && read_file(path, &old, err) < 0)
        return -1;
    if (secrets_generate_key_line(line, err) < 0)
        return -1;
    rc = buf_printf(&content, "%s%s%s", line, old.data ? old.data : "", old.data ? "\n" : "");
    OPENSSL_cleanse(line, sizeof line);
    return rc < 0 ? app_fail(err, APP_INTERNAL, "out of memory")
                  : replace_file(path, &content, err);
}

int command_secrets_new_key(const struct arguments *args)
{
    struct app_error err = {0};

    if (make_key_file(args->word, &err) < 0)
        return report_error(&err);
    printf("%s\n", args->word);
    return EXIT_OK;
}

static int rotate_secrets(struct wiring *w, const struct svc_call *call,
                          const struct arguments *args, struct app_error *err)
{
    size_t changed;

    (void)call;
    (void)args;
    if (secrets_rotate(w->secrets, &changed, err) < 0)
        return -1;
    printf("%zu secrets sealed anew\n", changed);
    return 0;
}

int command_secrets_rotate(const struct arguments *args)
{
    return run_wired(args, WIRE_SECRETS, rotate_secrets);
}

static int rotate_issuer(struct wiring *w, const struct svc_call *call,
                         const struct arguments *args, struct app_error *err)
{
    struct key_place place = {w->secrets, w->db};

    (void)call;
    (void)args;
    return keys_rotate_issuer(&place, err);
}

int command_issuer_rotate(const struct arguments *args)
{
    return run_wired(args, WIRE_SECRETS, rotate_issuer);
}

static int rotate_portal(struct wiring *w, const struct svc_call *call,
                         const struct arguments *args, struct app_error *err)
{
    struct key_place place = {w->secrets, w->db};

    (void)call;
    (void)args;
    return keys_rotate_portal(&place, err);
}

int command_portal_rotate(const struct arguments *args)
{
    return run_wired(args, WIRE_SECRETS, rotate_portal);
}

/* ---- accounts and rights ---- */

static int insert_account(struct wiring *w, const struct svc_call *call,
                          const struct arguments *args, const char *username, struct text password,
                          struct app_error *err)
{
    struct issuer_password hashed;
    struct account_row row = {.auth_id = svc_uuid(call->arena, err),
                              .username = username,
                              .roles = args->option[OPT_role] ? args->option[OPT_role] : "",
                              .is_enabled = 1};

    if (!row.auth_id || issuer_hash_password(call->arena, password, &hashed, err) < 0)
        return -1;
    row.salt = hashed.salt;
    row.hash = hashed.hash;
    row.scrypt_n = hashed.n;
    row.scrypt_r = hashed.r;
    row.scrypt_p = hashed.p;
    if (account_store_insert(w->db, &row, err) < 0)
        return -1;
    puts(row.auth_id);
    return 0;
}

/* An account that exists is left as it is, so that a script may be run again. */
static int add_account(struct wiring *w, const struct svc_call *call, const struct arguments *args,
                       struct app_error *err)
{
    struct buf password AUTO(wipe_buf) = BUF_INIT(FILE_MAX_BYTES);
    /* the issuer looks names up in lower case, as Keycloak does */
    const char *username = arena_strdup_lower(call->arena, args->option[OPT_username]);
    struct account_row row;

    if (!username)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (account_store_get_by_username(w->db, call->arena, username, &row, err) == 0) {
        puts(row.auth_id);
        return 0;
    }
    if (err->code != APP_NOT_FOUND ||
        read_file(args->option[OPT_password_file], &password, err) < 0)
        return -1;
    return insert_account(w, call, args, username, (struct text){password.data, password.len}, err);
}

int command_account_add(const struct arguments *args)
{
    return run_wired(args, WIRE_DATABASE, add_account);
}

static int grant(struct wiring *w, const struct svc_call *call, const struct arguments *args,
                 struct app_error *err)
{
    bool is_admin = args->option[OPT_cluster_admin] != NULL;
    struct member_grant g = {.cluster_id = args->option[OPT_cluster],
                             .auth_id = args->option[OPT_auth_id],
                             .user_id = args->option[OPT_user_id],
                             .namespace_name = is_admin ? NULL : args->option[OPT_namespace],
                             .role = args->option[OPT_role]};

    (void)w;
    if (!is_admin && (!g.namespace_name || !g.role))
        return app_fail_text(err, APP_BAD_REQUEST,
                             "give --namespace and --role, or --cluster-admin");
    return member_grant(call, &g, err);
}

int command_user_grant(const struct arguments *args)
{
    return run_wired(args, WIRE_SERVICES, grant);
}

/* ---- clusters ---- */

static const char *option_or(const struct arguments *args, enum option_id id, const char *fallback)
{
    return args->option[id] ? args->option[id] : fallback;
}

static int register_cluster(const struct svc_call *call, const struct cluster_input *in,
                            struct app_error *err)
{
    struct cluster_result result = {.members = BUF_INIT(1 * MIB)};
    int rc = cluster_register(call, in, &result, err);

    if (rc == 0)
        puts(result.cluster_id);
    if (rc == 0 && result.notice)
        fprintf(stderr, "cp-portal: %s\n", result.notice);
    buf_finish(&result.members);
    return rc;
}

/* A cluster that is registered already is left as it is, so that a script may be run again. */
static int add_cluster(struct wiring *w, const struct svc_call *call, const struct arguments *args,
                       struct app_error *err)
{
    struct buf token AUTO(wipe_buf) = BUF_INIT(FILE_MAX_BYTES);
    struct buf ca AUTO(buf_finish_p) = BUF_INIT(FILE_MAX_BYTES);
    struct cluster_input in = {.name = args->option[OPT_name],
                               .cluster_type = option_or(args, OPT_type, "sub"),
                               .provider_type = option_or(args, OPT_provider, "AWS"),
                               .description = option_or(args, OPT_description, "-"),
                               .ssh_key = "",
                               .api_url = args->option[OPT_api_url],
                               .ca_data = ""};
    const char *existing;

    (void)w;
    if (cluster_find_by_url(call, in.api_url, &existing, err) == 0) {
        puts(existing);
        return 0;
    }
    if (err->code != APP_NOT_FOUND || read_file(args->option[OPT_token_file], &token, err) < 0)
        return -1;
    if (args->option[OPT_ca_file] && read_file(args->option[OPT_ca_file], &ca, err) < 0)
        return -1;
    in.token = token.data;
    if (ca.data)
        in.ca_data = ca.data;
    return register_cluster(call, &in, err);
}

int command_cluster_add(const struct arguments *args)
{
    return run_wired(args, WIRE_SERVICES, add_cluster);
}

static int trust_cluster(struct wiring *w, const struct svc_call *call,
                         const struct arguments *args, struct app_error *err)
{
    const char *state;

    (void)w;
    if (cluster_confirm_trust(call, args->word, args->option[OPT_fingerprint], &state, err) < 0)
        return -1;
    printf("trusted by %s\n", state);
    return 0;
}

int command_cluster_trust(const struct arguments *args)
{
    return run_wired(args, WIRE_SERVICES, trust_cluster);
}
