/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"
#include "cluster_store.h"
#include "db.h"
#include "internal.h"
#include "keys.h"
#include "secrets.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/* The token's bytes are wiped by the registry once it has its copy (kube_cluster_record.token). */
static int load_token(struct services *s, struct arena *a, const char *cluster_id, char **ret,
                      struct app_error *err)
{
    const char *path = arena_printf(a, "cluster/%s", cluster_id);
    struct text token;

    if (!path)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (secrets_get(s->config.secrets, a, path, &token, err) < 0)
        return -1;
    *ret = arena_strndup(a, token.p, token.len);
    text_wipe(token);
    return *ret ? 0 : app_fail(err, APP_INTERNAL, "out of memory");
}

static enum kube_trust_state state_of(const struct cluster_trust *t)
{
    if (t->state == TRUST_PINNED)
        return KUBE_TRUST_PIN;
    if (t->state == TRUST_VERIFIED)
        return t->ca_pem ? KUBE_TRUST_CA : KUBE_TRUST_SYSTEM;
    return KUBE_TRUST_PENDING;
}

static int load_record(void *ctx, struct arena *a, const char *cluster_id,
                       struct kube_cluster_record *ret, struct app_error *err)
{
    struct services *s = ctx;
    struct cluster_trust trust;
    char *token = NULL;

    if (cluster_store_get_trust(s->config.db, a, cluster_id, &trust, err) < 0 ||
        load_token(s, a, cluster_id, &token, err) < 0)
        return -1;
    *ret = (struct kube_cluster_record){.cluster_id = arena_strdup(a, cluster_id),
                                        .api_url = trust.api_url,
                                        .trust_state = state_of(&trust),
                                        .ca_pem = trust.ca_pem,
                                        .pinned_sha256 = trust.pinned_sha256,
                                        .token = token};
    return ret->cluster_id ? 0 : app_fail(err, APP_INTERNAL, "out of memory");
}

int svc_load_keys(struct services *s, struct app_error *err)
{
    struct key_place place = {s->config.secrets, s->config.db};

    if (keys_load_portal(&place, s->config.identity, err) < 0)
        return -1;
    return s->config.issuer_core ? keys_load_issuer(&place, s->config.issuer_core, err) : 0;
}

struct services *services_create(const struct services_config *config, struct app_error *err)
{
    struct services *s = calloc(1, sizeof *s);
    struct kube_config kube = {.utc_offset_min = config->utc_offset_min,
                               .allow_loopback_http = config->kube_allow_loopback_http,
                               .max_in_flight = config->kube_max_in_flight,
                               .connect_timeout_ms = config->kube_connect_timeout_ms,
                               .first_byte_timeout_ms = config->kube_first_byte_timeout_ms};

    if (!s) {
        app_fail(err, APP_INTERNAL, "out of memory");
        return NULL;
    }
    s->config = *config;
    s->rights = rights_cache_create();
    s->kube = kube_create(config->net, &kube, load_record, s, err);
    if (s->rights && s->kube && svc_load_keys(s, err) == 0)
        return s;
    if (!s->rights)
        app_fail(err, APP_INTERNAL, "out of memory");
    services_destroy(s);
    return NULL;
}

void services_destroy(struct services *s)
{
    if (!s)
        return;
    kube_destroy(s->kube);
    rights_cache_destroy(s->rights);
    free(s);
}

bool services_is_database_up(struct services *s)
{
    struct app_error err;

    return db_pool_ping(s->config.db, &err) == 0;
}

const char *svc_now_text(const struct services *s, char ret[32])
{
    clock_format_local(clock_unix_s(), s->config.utc_offset_min, ret);
    return ret;
}

const char *svc_uuid(struct arena *a, struct app_error *err)
{
    unsigned char b[16];
    const char *text;

    if (RAND_bytes(b, sizeof b) != 1) {
        app_fail(err, APP_INTERNAL, "no random bytes");
        return NULL;
    }
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    text = arena_printf(a, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                        b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
                        b[12], b[13], b[14], b[15]);
    if (!text)
        app_fail(err, APP_INTERNAL, "out of memory");
    return text;
}
