/* SPDX-License-Identifier: Apache-2.0 */
#include "token.h"

#include "cleanup.h"
#include "clock.h"
#include "counters.h"
#include "identity_priv.h"
#include "json.h"

#include <string.h>

#define SCRATCH_MAX_BYTES 65536
#define WAIT_DEFAULT_US (5 * US_PER_S)

int64_t identity_now_s(const struct identity *id)
{
    return id->env.unix_s ? id->env.unix_s(id->env.ctx) : clock_unix_s();
}

static int refuse(struct app_error *err, const char *why)
{
    return app_fail(err, APP_TOKEN_INVALID, "token: %s", why);
}

/* --- the header
 * --------------------------------------------------------------------------------------------------
 */

struct text identity_bearer_of(struct text authorization)
{
    struct text t = authorization;

    if (!t.p || !text_starts_with(t, "Bearer "))
        return (struct text){NULL, 0};
    t = (struct text){t.p + 7, t.len - 7};
    while (t.len > 0 && t.p[0] == ' ')
        t = (struct text){t.p + 1, t.len - 1};
    while (t.len > 0 && t.p[t.len - 1] == ' ')
        t.len--;
    return t.len > 0 ? t : (struct text){NULL, 0};
}

bool identity_has_bearer(struct text authorization)
{
    struct text t = identity_bearer_of(authorization);

    return t.p && !text_eq_str(t, "null");
}

/* --- claims
 * ------------------------------------------------------------------------------------------------------
 */

const char *claim_text(const json_t *claims, const char *name)
{
    struct text t = json_text(claims, name);

    if (!t.p || t.len == 0 || t.len > CLAIM_TEXT_MAX_BYTES)
        return NULL;
    for (size_t i = 0; i < t.len; i++)
        if ((unsigned char)t.p[i] < 0x20 || t.p[i] == 0x7f)
            return NULL;
    return t.p;
}

static bool read_time(const json_t *claims, const char *name, int64_t *ret)
{
    return json_int(claims, name, ret) && *ret >= 0 && *ret <= TIME_MAX_S;
}

int claims_read_times(const json_t *claims, const struct claim_rules *rules,
                      struct claim_times *ret, struct app_error *err)
{
    struct claim_times t = {0};
    int64_t not_before = 0;

    if (!read_time(claims, "exp", &t.expires_s))
        return refuse(err, "exp is not a time");
    if (!read_time(claims, "iat", &t.issued_s))
        return refuse(err, "iat is not a time");
    if (t.issued_s > rules->now_s + rules->leeway_s)
        return refuse(err, "issued in the future");
    if (t.expires_s <= t.issued_s || t.expires_s - t.issued_s > rules->max_life_s)
        return refuse(err, "life too long");
    if (json_object_get(claims, "nbf") && !read_time(claims, "nbf", &not_before))
        return refuse(err, "nbf is not a time");
    if (not_before > rules->now_s + rules->leeway_s)
        return app_fail(err, APP_TOKEN_MISSING, "token: not valid yet");
    *ret = t;
    return 0;
}

static bool array_has(const json_t *array, const char *value)
{
    const json_t *item;
    size_t i;

    json_array_foreach (array, i, item) {
        if (json_is_string(item) &&
            text_eq_str((struct text){json_string_value(item), json_string_length(item)}, value))
            return true;
    }
    return false;
}

static bool is_audience_ok(const struct identity *id, const json_t *claims)
{
    const char *want = id->config.audience;

    return !want || text_eq_str(json_text(claims, "aud"), want) ||
           array_has(json_object_get(claims, "aud"), want);
}

static bool is_client_ok(const struct identity *id, const json_t *claims)
{
    struct text azp = json_text(claims, "azp");

    for (size_t i = 0; azp.p && i < id->config.client_id_count; i++)
        if (text_eq_str(azp, id->config.client_ids[i]))
            return true;
    return false;
}

/* realm_access.roles is Keycloak's own; the flat list comes from the realm-role mapper of the
 * portal's realm */
static bool has_admin_role(const struct identity *id, const json_t *claims)
{
    const char *role = id->config.super_admin_role;
    const json_t *realm = json_object_get(claims, "realm_access");

    return role && (array_has(json_object_get(realm, "roles"), role) ||
                    array_has(json_object_get(claims, "roles"), role));
}

static int read_issuer_times(const struct identity *id, const json_t *claims,
                             struct cached_token *ret, struct app_error *err)
{
    struct claim_rules rules = {identity_now_s(id), id->config.max_token_life_s,
                                id->config.leeway_s};
    struct claim_times times = {0};

    if (claims_read_times(claims, &rules, &times, err) < 0)
        return err->code == APP_TOKEN_MISSING ? refuse(err, "not valid yet") : -1;
    ret->expires_s = times.expires_s + id->config.leeway_s;
    if (!read_time(claims, "auth_time", &ret->auth_time_s))
        ret->auth_time_s = 0;
    return 0;
}

/* Strings of *ret are owned by @p claims. The age is judged by the caller. */
static int read_issuer_claims(const struct identity *id, const json_t *claims,
                              struct cached_token *ret, struct app_error *err)
{
    if (!text_eq_str(json_text(claims, "iss"), id->config.issuer))
        return refuse(err, "issuer");
    if (!text_eq_str(json_text(claims, "typ"), "Bearer"))
        return refuse(err, "not an access token");
    if (!is_client_ok(id, claims))
        return refuse(err, "azp");
    if (!is_audience_ok(id, claims))
        return refuse(err, "aud");
    ret->kind = TOKEN_KEYCLOAK;
    ret->issuer = id->config.issuer;
    ret->auth_id = claim_text(claims, "sub");
    if (!ret->auth_id)
        return refuse(err, "sub");
    ret->user_id = claim_text(claims, "preferred_username");
    if (!ret->user_id && json_object_get(claims, "preferred_username"))
        return refuse(err, "preferred_username");
    if (!ret->user_id)
        ret->user_id = ret->auth_id;
    ret->is_eligible_super_admin = has_admin_role(id, claims);
    return read_issuer_times(id, claims, ret, err);
}

static int read_portal(struct identity *id, const json_t *claims, struct cached_token *ret,
                       struct app_error *err)
{
    struct portal_claims p;

    if (portal_read_claims(id, claims, &p, err) < 0)
        return -1;
    *ret = (struct cached_token){.kind = TOKEN_PORTAL,
                                 .epoch = ret->epoch,
                                 .expires_s = p.expires_s,
                                 .auth_time_s = p.auth_time_s,
                                 .auth_id = p.auth_id,
                                 .user_id = p.user_id,
                                 .issuer = p.issuer};
    return 0;
}

/* --- one check
 * ---------------------------------------------------------------------------------------------------
 */

enum { CHECK_WOULD_BLOCK = 1, NEVER_WAIT = 0 };

static uint64_t epoch_of(const struct identity *id, enum token_kind kind)
{
    return kind == TOKEN_PORTAL ? atomic_load(&id->portal_epoch) : jwks_epoch(id->jwks);
}

static int fill(const struct cached_token *t, int64_t leeway_s, struct principal *ret)
{
    *ret = (struct principal){.token_kind = t->kind,
                              .issuer = t->issuer,
                              .auth_id = t->auth_id,
                              .user_id = t->user_id,
                              .is_eligible_super_admin = t->is_eligible_super_admin,
                              .auth_time_s = t->auth_time_s,
                              .expires_s = t->expires_s - leeway_s};
    return 0;
}

static int64_t leeway_of(const struct identity *id, enum token_kind kind)
{
    return kind == TOKEN_KEYCLOAK ? id->config.leeway_s : 0;
}

/* @return false when the digest cannot be had: then the token is refused, for without it two tokens
 * could share one entry of the cache */
static bool digest_of(const struct identity *id, struct text token,
                      unsigned char ret[TOKEN_DIGEST_BYTES])
{
    return EVP_Digest(token.p, token.len, ret, NULL, id->sha256, NULL) == 1;
}

/* @return true with *ret when the token was verified before and nothing has changed since */
static bool from_cache(struct identity *id, const unsigned char *digest, struct arena *a,
                       struct principal *ret)
{
    struct cached_token t;

    if (!token_cache_get(id->cache, digest, a, &t))
        return false;
    if (identity_now_s(id) >= t.expires_s || t.epoch != epoch_of(id, t.kind) ||
        (t.kind == TOKEN_KEYCLOAK && !jwks_is_usable(id->jwks))) {
        token_cache_drop(id->cache, digest);
        return false;
    }
    counter_add(CTR_TOKEN_CACHE_HITS, 1);
    fill(&t, leeway_of(id, t.kind), ret);
    return true;
}

/* @return 0 with a reference, -1, or CHECK_WOULD_BLOCK (only for NEVER_WAIT) */
static int issuer_key(struct identity *id, const char *kid, int64_t deadline_us, struct jwk **ret,
                      struct app_error *err)
{
    enum jwks_state state = kid ? jwks_peek(id->jwks, kid, ret) : JWKS_REFUSED;

    if (state == JWKS_KNOWN)
        return 0;
    if (state == JWKS_REFUSED)
        return refuse(err, kid ? "the issuer's key is not known" : "no kid");
    if (deadline_us == NEVER_WAIT)
        return CHECK_WOULD_BLOCK;
    *ret = jwks_find(id->jwks, kid, deadline_us, err);
    return *ret ? 0 : -1;
}

static int check_signature(struct identity *id, const struct jws *j, int64_t deadline_us,
                           struct app_error *err)
{
    struct jwk *key AUTO(jwk_unref_p) = NULL;
    int rc;

    if (j->alg == JWS_HS512)
        return portal_verify_signature(id, j, err);
    rc = issuer_key(id, j->kid, deadline_us, &key, err);
    return rc != 0 ? rc : jws_verify_rs256(j, jwk_key(key), err);
}

/* Make the strings of *t outlive the parsed claims, then remember and hand out. */
static int accept(struct identity *id, const unsigned char *digest, struct cached_token *t,
                  struct arena *a, struct principal *ret)
{
    struct cached_token mine = *t;

    mine.auth_id = arena_strdup(a, t->auth_id);
    mine.user_id = arena_strdup(a, t->user_id);
    mine.issuer = arena_strdup(a, t->issuer);
    if (!mine.auth_id || !mine.user_id || !mine.issuer)
        return -1;
    token_cache_put(id->cache, digest, &mine);
    return fill(&mine, leeway_of(id, t->kind), ret);
}

struct check {
    struct text token;
    unsigned char digest[TOKEN_DIGEST_BYTES];
    int64_t deadline_us;
};

static int check_fully(struct identity *id, const struct check *c, struct arena *a,
                       struct principal *ret, struct app_error *err)
{
    struct arena *scratch AUTO(arena_destroy_p) = arena_create(SCRATCH_MAX_BYTES);
    json_auto_t *claims = NULL;
    struct cached_token t = {0};
    struct jws j;
    bool is_portal;
    int rc;

    if (!scratch || jws_parse(scratch, c->token, &j, err) < 0)
        return scratch ? -1 : refuse(err, "no memory");
    is_portal = j.alg == JWS_HS512;
    /* read before the key is looked up: a key lost in between makes the entry stale at once */
    t.epoch = epoch_of(id, is_portal ? TOKEN_PORTAL : TOKEN_KEYCLOAK);
    rc = check_signature(id, &j, c->deadline_us, err);
    if (rc != 0)
        return rc;
    claims = jws_claims(&j, err);
    if (!claims || (is_portal ? read_portal(id, claims, &t, err)
                              : read_issuer_claims(id, claims, &t, err)) < 0)
        return -1;
    if (identity_now_s(id) >= t.expires_s)
        return app_fail(err, APP_TOKEN_EXPIRED, "token: expired");
    return accept(id, c->digest, &t, a, ret) < 0 ? refuse(err, "no memory") : 0;
}

static int check(struct identity *id, struct check *c, struct arena *a, struct principal *ret,
                 struct app_error *err)
{
    struct app_error unused;

    if (!err)
        err = &unused;
    if (!c->token.p)
        return app_fail(err, APP_TOKEN_MISSING, "no bearer token");
    if (c->token.len > TOKEN_MAX_BYTES)
        return refuse(err, "too long");
    if (!digest_of(id, c->token, c->digest))
        return refuse(err, "no digest");
    if (from_cache(id, c->digest, a, ret))
        return 0;
    return check_fully(id, c, a, ret, err);
}

int identity_verify(struct identity *id, struct text authorization, int64_t deadline_us,
                    struct arena *a, struct principal *ret, struct app_error *err)
{
    struct check c = {.token = identity_bearer_of(authorization),
                      .deadline_us =
                          deadline_us > 0 ? deadline_us : clock_mono_us() + WAIT_DEFAULT_US};

    return check(id, &c, a, ret, err);
}

int identity_try_verify(struct identity *id, struct text authorization, struct arena *a,
                        struct principal *ret, struct app_error *err)
{
    struct check c = {.token = identity_bearer_of(authorization), .deadline_us = NEVER_WAIT};

    return check(id, &c, a, ret, err);
}

bool identity_is_ready_for(struct identity *id, struct text authorization)
{
    struct arena *scratch AUTO(arena_destroy_p) = arena_create(SCRATCH_MAX_BYTES);
    struct text token = identity_bearer_of(authorization);
    struct jwk *key AUTO(jwk_unref_p) = NULL;
    struct jws j;

    if (!scratch || !token.p || jws_parse(scratch, token, &j, NULL) < 0)
        return true; /* refused without asking anybody */
    return j.alg != JWS_RS256 || !j.kid || jwks_peek(id->jwks, j.kid, &key) != JWKS_UNKNOWN;
}

void identity_prefetch(struct identity *id)
{
    jwks_request(id->jwks);
}

/* --- life
 * --------------------------------------------------------------------------------------------------------
 */

static const char *setting_at_fault(const struct identity_config *c)
{
    if (!c->issuer || !c->issuer[0])
        return "issuer";
    if (!c->client_ids || c->client_id_count == 0)
        return "client ids";
    for (size_t i = 0; i < c->client_id_count; i++)
        if (!c->client_ids[i] || !c->client_ids[i][0])
            return "client ids";
    if (c->leeway_s < 0 || c->leeway_s > 300)
        return "leeway";
    if (c->jwks_refresh_s <= 0 || c->jwks_stale_s < c->jwks_refresh_s || c->jwks_cooldown_s < 0)
        return "key set times";
    return c->max_token_life_s <= 0 ? "token life" : NULL;
}

static const char *copy(const char *s, bool *is_short)
{
    char *p = s ? strdup(s) : NULL;

    *is_short = *is_short || (s && !p);
    return p;
}

static int copy_config(struct identity *id, const struct identity_config *c)
{
    const char **clients = calloc(c->client_id_count, sizeof *clients);
    bool is_short = !clients;

    id->config = *c;
    id->config.client_ids = clients;
    id->config.issuer = copy(c->issuer, &is_short);
    id->config.audience = copy(c->audience, &is_short);
    id->config.super_admin_role = copy(c->super_admin_role, &is_short);
    id->config.jwks_url = copy(c->jwks_url, &is_short);
    id->config.ca_pem = NULL; /* used by the environment only */
    for (size_t i = 0; clients && i < c->client_id_count; i++)
        clients[i] = copy(c->client_ids[i], &is_short);
    return is_short ? -1 : 0;
}

static void free_config(struct identity_config *c)
{
    for (size_t i = 0; c->client_ids && i < c->client_id_count; i++)
        free((char *)c->client_ids[i]);
    free((void *)c->client_ids);
    free((char *)c->issuer);
    free((char *)c->audience);
    free((char *)c->super_admin_role);
    free((char *)c->jwks_url);
}

static int build(struct identity *id, const struct identity_config *config, struct app_error *err)
{
    struct jwks_config keys = {config->issuer, config->jwks_url, config->jwks_refresh_s,
                               config->jwks_stale_s, config->jwks_cooldown_s};

    if (copy_config(id, config) < 0)
        return app_fail(err, APP_INTERNAL, "identity: no memory");
    id->cache = token_cache_create(config->cache_entries);
    id->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!id->cache || !id->sha256)
        return app_fail(err, APP_INTERNAL, "identity: no memory");
    id->jwks = jwks_create(&keys, &id->env, err);
    return id->jwks ? 0 : -1;
}

struct identity *identity_create_with(const struct identity_config *config,
                                      const struct identity_env *env, struct app_error *err)
{
    const char *fault = setting_at_fault(config);
    struct identity *id = fault ? NULL : calloc(1, sizeof *id);

    if (!id) {
        app_fail(err, APP_INTERNAL, "identity: %s", fault ? fault : "no memory");
        if (env->destroy)
            env->destroy(env->ctx);
        return NULL;
    }
    id->env = *env;
    pthread_rwlock_init(&id->portal_lock, NULL);
    if (build(id, config, err) == 0)
        return id;
    identity_destroy(id);
    return NULL;
}

void identity_destroy(struct identity *id)
{
    if (!id)
        return;
    jwks_destroy(id->jwks);
    if (id->env.destroy)
        id->env.destroy(id->env.ctx);
    token_cache_destroy(id->cache);
    EVP_MD_free(id->sha256);
    portal_keys_wipe(id);
    pthread_rwlock_destroy(&id->portal_lock);
    free_config(&id->config);
    free(id);
}
