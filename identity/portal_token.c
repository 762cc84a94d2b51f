/* SPDX-License-Identifier: Apache-2.0 */
/* The portal's own tokens: HS512, keys of the database (portal contract 3.2; design 9.6). */
#include "cleanup.h"
#include "identity_priv.h"
#include "json.h"

#include <openssl/crypto.h>
#include <string.h>

#define ROLES_INFO_MAX_BYTES 8192
#define FREE_TEXT_MAX_BYTES 1024 /* IP and Browser come from the login body */
#define REPLICA_SKEW_S 30        /* iat only: another replica's clock; exp has no leeway */
#define PORTAL_KEY_MAX_BYTES 1024

/* --- keys
 * --------------------------------------------------------------------------------------------------------
 */

static void key_wipe(struct portal_key *k)
{
    if (k->bytes)
        OPENSSL_clear_free(k->bytes, k->len);
    *k = (struct portal_key){.bytes = NULL};
}

void portal_keys_wipe(struct identity *id)
{
    for (size_t i = 0; i < PORTAL_KEYS; i++)
        key_wipe(&id->portal_keys[i]);
}

static bool is_key(const struct portal_key *k, const char *kid)
{
    return k->bytes && strcmp(k->kid, kid) == 0;
}

/* @p fresh becomes the newest; whatever falls out is wiped. Called with the lock held. */
static void put_first(struct identity *id, struct portal_key fresh)
{
    struct portal_key *keys = id->portal_keys;
    size_t place = 0;

    while (place < PORTAL_KEYS - 1 && !is_key(&keys[place], fresh.kid))
        place++;
    if (keys[place].bytes && !(is_key(&keys[place], fresh.kid) && keys[place].len == fresh.len &&
                               CRYPTO_memcmp(keys[place].bytes, fresh.bytes, fresh.len) == 0))
        atomic_fetch_add(&id->portal_epoch, 1);
    key_wipe(&keys[place]);
    memmove(&keys[1], &keys[0], place * sizeof keys[0]);
    keys[0] = fresh;
}

int identity_set_portal_key(struct identity *id, const char *key_id, const void *key, size_t len,
                            struct app_error *err)
{
    struct portal_key fresh = {.len = len};
    size_t kid_len = key_id ? strlen(key_id) : 0;

    if (kid_len == 0 || kid_len > JWS_KID_MAX_BYTES || len < JWS_HS512_KEY_MIN_BYTES ||
        len > PORTAL_KEY_MAX_BYTES)
        return app_fail(err, APP_INTERNAL, "portal key: id or length");
    memcpy(fresh.kid, key_id, kid_len + 1);
    fresh.bytes = OPENSSL_memdup(key, len);
    if (!fresh.bytes)
        return app_fail(err, APP_INTERNAL, "portal key: no memory");
    pthread_rwlock_wrlock(&id->portal_lock);
    put_first(id, fresh);
    pthread_rwlock_unlock(&id->portal_lock);
    return 0;
}

int portal_verify_signature(struct identity *id, const struct jws *j, struct app_error *err)
{
    const struct portal_key *k = NULL;
    int rc;

    if (!j->kid)
        return app_fail(err, APP_TOKEN_INVALID, "token: no kid");
    pthread_rwlock_rdlock(&id->portal_lock);
    for (size_t i = 0; !k && i < PORTAL_KEYS; i++)
        if (is_key(&id->portal_keys[i], j->kid))
            k = &id->portal_keys[i];
    rc = k ? jws_verify_hs512(j, (struct text){(const char *)k->bytes, k->len}, err)
           : app_fail(err, APP_TOKEN_INVALID, "token: portal key is not known");
    pthread_rwlock_unlock(&id->portal_lock);
    return rc;
}

/* --- reading
 * -----------------------------------------------------------------------------------------------------
 */

/* contract 3.6: a genuine token that says nothing usable is "no token", not a forged one */
static int unusable(struct app_error *err, const char *why)
{
    return app_fail(err, APP_TOKEN_MISSING, "token: %s", why);
}

static int read_portal_times(struct identity *id, const json_t *claims, struct portal_claims *ret,
                             struct app_error *err)
{
    struct claim_rules rules = {identity_now_s(id), PORTAL_TOKEN_TTL_S, REPLICA_SKEW_S};
    struct claim_times times = {0};
    int64_t not_before = 0;

    if (claims_read_times(claims, &rules, &times, err) < 0)
        return -1;
    if (json_int(claims, "nbf", &not_before) && not_before > rules.now_s)
        return unusable(err, "not valid yet");
    if (!json_int(claims, "auth_time", &ret->auth_time_s) || ret->auth_time_s < 0 ||
        ret->auth_time_s > times.issued_s)
        return unusable(err, "auth_time");
    ret->issued_s = times.issued_s;
    ret->expires_s = times.expires_s;
    return 0;
}

int portal_read_claims(struct identity *id, const json_t *claims, struct portal_claims *ret,
                       struct app_error *err)
{
    struct portal_claims p = {.user_id = claim_text(claims, "sub"),
                              .auth_id = claim_text(claims, "userAuthId"),
                              .issuer = json_str_or(claims, "idp", ""),
                              .client_ip = json_str_or(claims, "IP", ""),
                              .browser = json_str_or(claims, "Browser", "")};

    if (!text_eq_str(json_text(claims, "iss"), PORTAL_ISSUER))
        return app_fail(err, APP_TOKEN_INVALID, "token: issuer");
    if (!p.user_id || !p.auth_id)
        return unusable(err, "sub or userAuthId");
    if (user_type_of(json_str_or(claims, "userType", "")) == USER_TYPE_NONE)
        return unusable(err, "userType");
    if (!json_is_object(json_object_get(claims, "rolesInfo")))
        return unusable(err, "rolesInfo");
    if (p.issuer[0] && strcmp(p.issuer, id->config.issuer) != 0)
        return unusable(err, "of another identity provider");
    if (read_portal_times(id, claims, &p, err) < 0)
        return -1;
    *ret = p;
    return 0;
}

/* The strings of *c move into the arena. */
static int keep(struct arena *a, struct portal_claims *c)
{
    const char **fields[] = {&c->user_id, &c->auth_id, &c->issuer, &c->client_ip, &c->browser};

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        *fields[i] = arena_strdup(a, *fields[i]);
        if (!*fields[i])
            return -1;
    }
    return 0;
}

int identity_read_portal_token(struct identity *id, struct text authorization, struct arena *a,
                               struct portal_claims *ret, bool *is_expired, struct app_error *err)
{
    struct text token = identity_bearer_of(authorization);
    json_auto_t *claims = NULL;
    struct portal_claims c = {0};
    struct jws j;

    if (!token.p)
        return unusable(err, "absent");
    if (jws_parse(a, token, &j, err) < 0)
        return -1;
    if (j.alg != JWS_HS512)
        return app_fail(err, APP_TOKEN_INVALID, "token: not one of the portal");
    if (portal_verify_signature(id, &j, err) < 0)
        return -1;
    claims = jws_claims(&j, err);
    if (!claims || portal_read_claims(id, claims, &c, err) < 0)
        return -1;
    if (keep(a, &c) < 0)
        return app_fail(err, APP_TOKEN_INVALID, "token: no memory");
    *ret = c;
    *is_expired = identity_now_s(id) >= c.expires_s;
    return 0;
}

bool identity_may_refresh(struct identity *id, const struct portal_claims *c)
{
    return identity_now_s(id) - c->auth_time_s <= PORTAL_REFRESH_MAX_AGE_S;
}

/* --- issuing
 * -----------------------------------------------------------------------------------------------------
 */

/* @return a new reference */
static json_t *bounded_roles(const json_t *roles)
{
    size_t len = json_is_object(roles) ? json_dumpb(roles, NULL, 0, JSON_COMPACT) : 0;

    return len > 0 && len <= ROLES_INFO_MAX_BYTES ? json_deep_copy(roles) : json_object();
}

static const char *bounded(const char *s)
{
    return s && strlen(s) <= FREE_TEXT_MAX_BYTES ? s : "";
}

static json_t *portal_payload(const struct portal_token_input *in, int64_t now_s)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I}", "iss",
                     PORTAL_ISSUER, "sub", in->user_id, "userType", user_type_name(in->type),
                     "userAuthId", in->auth_id, "idp", in->issuer ? in->issuer : "", "IP",
                     bounded(in->client_ip), "Browser", bounded(in->browser), "rolesInfo",
                     bounded_roles(in->roles_info), "iat", (json_int_t)now_s, "exp",
                     (json_int_t)now_s + PORTAL_TOKEN_TTL_S, "auth_time",
                     (json_int_t)(in->auth_time_s > 0 ? in->auth_time_s : now_s));
}

static char *sign(struct identity *id, const json_t *payload, struct arena *a,
                  struct app_error *err)
{
    const struct portal_key *k = &id->portal_keys[0];
    char *token = NULL;

    pthread_rwlock_rdlock(&id->portal_lock);
    if (k->bytes)
        token =
            jws_sign_hs512(a, k->kid, payload, (struct text){(const char *)k->bytes, k->len}, err);
    else
        app_fail(err, APP_INTERNAL, "no portal key");
    pthread_rwlock_unlock(&id->portal_lock);
    return token;
}

char *identity_issue_portal_token(struct identity *id, const struct portal_token_input *in,
                                  struct arena *a, struct app_error *err)
{
    json_auto_t *payload = NULL;

    if (!in->user_id || !in->user_id[0] || !in->auth_id || !in->auth_id[0] ||
        in->type == USER_TYPE_NONE) {
        app_fail(err, APP_INTERNAL, "portal token: nobody to issue it to");
        return NULL;
    }
    payload = portal_payload(in, identity_now_s(id));
    if (!payload) {
        app_fail(err, APP_INTERNAL, "portal token: text that is not UTF-8, or no memory");
        return NULL;
    }
    return sign(id, payload, a, err);
}
