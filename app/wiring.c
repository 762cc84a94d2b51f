/* SPDX-License-Identifier: Apache-2.0 */
#include "wiring.h"
#include "cleanup.h"
#include "clock.h"
#include "command.h"
#include "db.h"
#include "issuer.h"
#include "issuer_store.h"
#include "migrate.h"
#include "net.h"
#include "secrets.h"
#include "token.h"

#include <stdio.h>
#include <string.h>

#define ARENA_MAX_BYTES (64 * MIB)
#define OPERATOR_DEADLINE_US (60 * US_PER_S)

static const char *str_or_null(const struct config *c, enum config_key k)
{
    const char *value = config_str(c, k);

    return *value ? value : NULL;
}

static int wire_database(struct wiring *w, struct app_error *err)
{
    const struct config *c = w->config;
    struct db_config db = {
        .host = config_str(c, CFG_DATABASE_HOST),
        .port = (unsigned)config_int(c, CFG_DATABASE_PORT),
        .socket_path = str_or_null(c, CFG_DATABASE_SOCKET),
        .user = config_str(c, CFG_DATABASE_USER),
        .password = config_secret(c, CFG_DATABASE_PASSWORD_FILE),
        .database = config_str(c, CFG_DATABASE_NAME),
        .ca_file = str_or_null(c, CFG_DATABASE_CA_FILE),
        .max_connections = (unsigned)config_int(c, CFG_DATABASE_POOL_MAX),
        .acquire_timeout_ms = (unsigned)config_int(c, CFG_DATABASE_ACQUIRE_TIMEOUT_MS),
        .connect_timeout_s = (unsigned)config_int(c, CFG_DATABASE_CONNECT_TIMEOUT_S),
        .read_timeout_s = (unsigned)config_int(c, CFG_DATABASE_READ_TIMEOUT_S),
        .write_timeout_s = (unsigned)config_int(c, CFG_DATABASE_WRITE_TIMEOUT_S)};

    w->db = db_pool_create(&db, err);
    return w->db ? 0 : -1;
}

static int wire_secrets(struct wiring *w, struct app_error *err)
{
    const char *key_file = config_secret_path(w->config, CFG_SECRETS_KEY_FILE);

    if (!*key_file)
        return app_fail_text(
            err, APP_BAD_REQUEST,
            "secrets.key_file is not set (make one: cp-portal secrets new-key FILE)");
    w->secrets = secrets_create(w->db, key_file, err);
    return w->secrets ? 0 : -1;
}

static int check_schema(struct wiring *w, struct app_error *err)
{
    size_t pending;

    if (db_migrate_pending(w->db, &pending, err) < 0)
        return -1;
    if (pending > 0)
        return app_fail_text(err, APP_DATABASE, "%zu migrations are missing: run cp-portal migrate",
                             pending);
    return 0;
}

/* The issuer's name: what the configuration says, else where the built-in issuer listens. */
static int name_issuer(struct wiring *w, struct app_error *err)
{
    const struct config *c = w->config;
    const char *name = config_str(c, CFG_IDENTITY_ISSUER);

    if (*name)
        snprintf(w->issuer_name, sizeof w->issuer_name, "%s", name);
    else if (config_bool(c, CFG_ISSUER_ENABLED) && *config_str(c, CFG_ISSUER_URL))
        snprintf(w->issuer_name, sizeof w->issuer_name, "%s", config_str(c, CFG_ISSUER_URL));
    else if (config_bool(c, CFG_ISSUER_ENABLED))
        snprintf(w->issuer_name, sizeof w->issuer_name, "http://%s/realms/%s",
                 config_str(c, CFG_ISSUER_LISTEN), config_str(c, CFG_ISSUER_REALM));
    else
        return app_fail_text(err, APP_BAD_REQUEST, "identity.issuer is not set");
    return 0;
}

static int wire_issuer(struct wiring *w, struct app_error *err)
{
    const struct config *c = w->config;
    const char *realm = config_str(c, CFG_ISSUER_REALM);
    char suffix[128], base_url[sizeof w->issuer_name];
    size_t count, name_len = strlen(w->issuer_name), suffix_len;
    struct issuer_store store;
    struct issuer_config config = {
        .base_url = base_url,
        .realm = realm,
        .client_id = config_list(c, CFG_IDENTITY_CLIENT_IDS, &count)[0],
        .audience = str_or_null(c, CFG_IDENTITY_AUDIENCE),
        .access_ttl_s = (int)config_int(c, CFG_ISSUER_ACCESS_TOKEN_TTL_S),
        .refresh_ttl_s = (int)config_int(c, CFG_ISSUER_REFRESH_TOKEN_TTL_S)};

    if (!config_bool(c, CFG_ISSUER_ENABLED))
        return 0;
    suffix_len = (size_t)snprintf(suffix, sizeof suffix, "/realms/%s", realm);
    if (name_len <= suffix_len || strcmp(w->issuer_name + name_len - suffix_len, suffix) != 0)
        return app_fail_text(err, APP_BAD_REQUEST, "the issuer's URL must end in %s", suffix);
    snprintf(base_url, sizeof base_url, "%.*s", (int)(name_len - suffix_len), w->issuer_name);
    issuer_store_init(&store, w->db);
    w->issuer = issuer_create(&config, &store, err);
    w->issuer_app = (struct issuer_app){.issuer = w->issuer, .realm = realm};
    return w->issuer ? 0 : -1;
}

static int wire_identity(struct wiring *w, struct app_error *err)
{
    const struct config *c = w->config;
    struct identity_config config = {
        .issuer = w->issuer_name,
        .audience = str_or_null(c, CFG_IDENTITY_AUDIENCE),
        .super_admin_role = config_str(c, CFG_IDENTITY_SUPER_ADMIN_ROLE),
        .jwks_url = str_or_null(c, CFG_IDENTITY_JWKS_URL),
        .allow_loopback_http = config_bool(c, CFG_IDENTITY_ALLOW_LOOPBACK_HTTP),
        .leeway_s = (int)config_int(c, CFG_IDENTITY_LEEWAY_S),
        .jwks_refresh_s = (int)config_int(c, CFG_IDENTITY_JWKS_REFRESH_S),
        .jwks_stale_s = (int)config_int(c, CFG_IDENTITY_JWKS_STALE_S),
        .jwks_cooldown_s = (int)config_int(c, CFG_IDENTITY_JWKS_COOLDOWN_S),
        .max_token_life_s = 86400,
        .cache_entries = (int)config_int(c, CFG_IDENTITY_TOKEN_CACHE_ENTRIES)};

    config.client_ids = config_list(c, CFG_IDENTITY_CLIENT_IDS, &config.client_id_count);
    w->identity = identity_create(&config, w->net, err);
    return w->identity ? 0 : -1;
}

static int wire_services(struct wiring *w, struct app_error *err)
{
    const struct config *c = w->config;
    struct services_config config = {
        .issuer = w->issuer_name,
        .utc_offset_min = (int)config_int(c, CFG_CONTRACT_UTC_OFFSET_MIN),
        .kube_allow_loopback_http = config_bool(c, CFG_KUBE_ALLOW_LOOPBACK_HTTP),
        .kube_max_in_flight = (int)config_int(c, CFG_KUBE_MAX_IN_FLIGHT),
        .kube_connect_timeout_ms = (int)config_int(c, CFG_KUBE_CONNECT_TIMEOUT_MS),
        .kube_first_byte_timeout_ms = (int)config_int(c, CFG_KUBE_FIRST_BYTE_TIMEOUT_MS)};

    if (check_schema(w, err) < 0 || name_issuer(w, err) < 0 || wire_issuer(w, err) < 0)
        return -1;
    w->net = net_create((int)config_int(c, CFG_NET_LOOP_THREADS), err);
    if (!w->net || wire_identity(w, err) < 0)
        return -1;
    config.db = w->db;
    config.secrets = w->secrets;
    config.net = w->net;
    config.identity = w->identity;
    config.issuer_core = w->issuer;
    w->services = services_create(&config, err);
    return w->services ? 0 : -1;
}

int wiring_init(struct wiring *w, const char *config_path, enum wiring_level level,
                struct app_error *err)
{
    static int (*const steps[])(struct wiring *,
                                struct app_error *) = {[WIRE_DATABASE] = wire_database,
                                                       [WIRE_SECRETS] = wire_secrets,
                                                       [WIRE_SERVICES] = wire_services};

    memset(w, 0, sizeof *w);
    w->config = config_load(config_path, err);
    if (!w->config)
        return -1;
    for (size_t i = WIRE_DATABASE; i < ARRAY_LEN(steps) && i <= (size_t)level; i++)
        if (steps[i](w, err) < 0)
            return -1;
    return 0;
}

void wiring_finish(struct wiring *w)
{
    services_destroy(w->services);
    identity_destroy(w->identity);
    issuer_destroy(w->issuer);
    if (w->net)
        net_destroy(w->net);
    secrets_destroy(w->secrets);
    db_pool_destroy(w->db);
    config_destroy(w->config);
    memset(w, 0, sizeof *w);
}

struct svc_call wiring_operator_call(struct wiring *w, struct arena *a)
{
    static const struct principal operator_principal = {.issuer = "local",
                                                        .auth_id = "operator",
                                                        .user_id = "operator",
                                                        .type = USER_TYPE_SUPER_ADMIN};

    return (struct svc_call){.services = w->services,
                             .arena = a,
                             .principal = &operator_principal,
                             .deadline_us = clock_mono_us() + OPERATOR_DEADLINE_US,
                             .request_id = "command-line"};
}

int report_error(const struct app_error *err)
{
    fprintf(stderr, "cp-portal: %s%s%s\n", err->text[0] ? err->text : app_code_name(err->code),
            err->detail[0] && strcmp(err->detail, err->text) != 0 ? ": " : "",
            strcmp(err->detail, err->text) != 0 ? err->detail : "");
    return EXIT_FAILED;
}

int run_wired(const struct arguments *args, enum wiring_level level, wired_fn run)
{
    struct wiring w AUTO(wiring_finish_p) = {.config = NULL};
    struct arena *a AUTO(arena_destroy_p) = arena_create(ARENA_MAX_BYTES);
    struct app_error err = {0};
    struct svc_call call;

    if (!a || wiring_init(&w, args->option[OPT_config], level, &err) < 0)
        return report_error(&err);
    call = wiring_operator_call(&w, a);
    return run(&w, &call, args, &err) < 0 ? report_error(&err) : EXIT_OK;
}
