/* SPDX-License-Identifier: Apache-2.0 */
#include "jwks.h"

#include "cleanup.h"
#include "clock.h"
#include "codec.h"
#include "counters.h"
#include "json.h"
#include "jws.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define FETCH_TIMEOUT_US (3 * US_PER_S)
#define RETRY_S 30 /* after a failed fetch, when nobody asks for one earlier */

struct jwk {
    atomic_int refs;
    EVP_PKEY *key;
    char kid[JWS_KID_MAX_BYTES + 1];
};

struct jwks {
    struct jwks_config config;
    struct identity_env env;
    pthread_t thread;
    pthread_mutex_t lock; /* guards everything below but the atomics */
    pthread_cond_t changed;
    bool is_stopping, is_requested, is_fetching, was_tried, has_failed;
    uint64_t fetch_count; /* finished ones */
    int64_t last_end_us;
    struct jwk *keys[JWKS_KEYS_MAX];
    int key_count;
    char *discovered_url; /* the thread's alone */
    _Atomic int64_t fetched_us;
    atomic_bool has_keys;
    _Atomic uint64_t epoch;
};

EVP_PKEY *jwk_key(const struct jwk *k)
{
    return k->key;
}

const char *jwk_kid(const struct jwk *k)
{
    return k->kid;
}

void jwk_unref(struct jwk *k)
{
    if (!k || atomic_fetch_sub(&k->refs, 1) != 1)
        return;
    EVP_PKEY_free(k->key);
    free(k);
}

void jwk_unref_p(struct jwk **k)
{
    jwk_unref(*k);
}

static void keys_drop(struct jwk **keys, int count)
{
    for (int i = 0; i < count; i++)
        jwk_unref(keys[i]);
}

/* --- one document
 * ------------------------------------------------------------------------------------------------
 */

static void param_bld_free_p(OSSL_PARAM_BLD **p)
{
    OSSL_PARAM_BLD_free(*p);
}

static void params_free_p(OSSL_PARAM **p)
{
    OSSL_PARAM_free(*p);
}

static void pkey_ctx_free_p(EVP_PKEY_CTX **p)
{
    EVP_PKEY_CTX_free(*p);
}

static void bn_free_p(BIGNUM **p)
{
    BN_free(*p);
}

static BIGNUM *read_number(struct arena *a, const json_t *jwk, const char *name, size_t max_bytes)
{
    struct text t = json_text(jwk, name);
    unsigned char *bytes;
    size_t len;

    if (!t.p || t.len == 0 || b64url_decode(a, t, &bytes, &len) < 0 || len > max_bytes)
        return NULL;
    return BN_bin2bn(bytes, (int)len, NULL);
}

static EVP_PKEY *rsa_of(BIGNUM *n, BIGNUM *e)
{
    OSSL_PARAM_BLD *b AUTO(param_bld_free_p) = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params AUTO(params_free_p) = NULL;
    EVP_PKEY_CTX *c AUTO(pkey_ctx_free_p) = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;

    if (!b || !c || !OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) ||
        !OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e))
        return NULL;
    params = OSSL_PARAM_BLD_to_param(b);
    if (!params || EVP_PKEY_fromdata_init(c) != 1 ||
        EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return NULL;
    if (jws_is_rsa_ok(key))
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static EVP_PKEY *read_rsa(const json_t *jwk)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(8192);
    BIGNUM *n AUTO(bn_free_p) = a ? read_number(a, jwk, "n", JWS_RSA_MAX_BITS / 8) : NULL;
    /* a wide exponent only makes verification slow (NIST SP 800-89 5.3.3: odd, over 2^16; 3 is
     * still met) */
    BIGNUM *e AUTO(bn_free_p) = a ? read_number(a, jwk, "e", 8) : NULL;

    if (!n || !e || !BN_is_odd(n) || !BN_is_odd(e) || BN_is_one(e))
        return NULL;
    return rsa_of(n, e);
}

static bool is_signing_key(const json_t *jwk)
{
    const json_t *use = json_object_get(jwk, "use"), *alg = json_object_get(jwk, "alg");

    return text_eq_str(json_text(jwk, "kty"), "RSA") &&
           (!use || text_eq_str(json_text(jwk, "use"), "sig")) &&
           (!alg || text_eq_str(json_text(jwk, "alg"), "RS256"));
}

/* @return NULL for a key of another kind: those are none of ours and no error */
static struct jwk *read_key(const json_t *json)
{
    struct text kid = json_text(json, "kid");
    struct jwk *k;

    if (!json_is_object(json) || !is_signing_key(json) || !kid.p || kid.len == 0 ||
        kid.len > JWS_KID_MAX_BYTES)
        return NULL;
    k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    atomic_init(&k->refs, 1);
    memcpy(k->kid, kid.p, kid.len);
    k->key = read_rsa(json);
    if (k->key)
        return k;
    free(k);
    return NULL;
}

static int find_kid(struct jwk *const *keys, int count, const char *kid)
{
    for (int i = 0; i < count; i++)
        if (strcmp(keys[i]->kid, kid) == 0)
            return i;
    return -1;
}

int jwks_parse(struct text document, struct jwk *ret[JWKS_KEYS_MAX], struct app_error *err)
{
    json_auto_t *doc = document.len <= JWKS_DOCUMENT_MAX_BYTES
                           ? json_parse(document.p, document.len, false, NULL)
                           : NULL;
    const json_t *list = json_object_get(doc, "keys"), *item;
    struct jwk *found[JWKS_KEYS_MAX];
    int count = 0;
    size_t i;

    if (!json_is_array(list))
        return app_fail(err, APP_UPSTREAM_BROKEN, "key set: not a JWK set");
    json_array_foreach (list, i, item) {
        struct jwk *k = count < JWKS_KEYS_MAX ? read_key(item) : NULL;

        if (!k)
            continue;
        if (find_kid(found, count, k->kid) >= 0) {
            jwk_unref(k);
            keys_drop(found, count);
            return app_fail(err, APP_UPSTREAM_BROKEN, "key set: one kid names two keys");
        }
        found[count++] = k;
    }
    if (count == 0)
        return app_fail(err, APP_UPSTREAM_BROKEN, "key set: no RSA signing key in it");
    for (int k = 0; k < count; k++)
        ret[k] = found[k];
    return count;
}

/* --- fetching
 * ----------------------------------------------------------------------------------------------------
 */

static int64_t now_us(const struct jwks *s)
{
    return s->env.mono_us ? s->env.mono_us(s->env.ctx) : clock_mono_us();
}

static int get(struct jwks *s, const char *url, struct buf *ret, struct app_error *err)
{
    return s->env.fetch(s->env.ctx, url, clock_mono_us() + FETCH_TIMEOUT_US, ret, err);
}

/* scheme://host[:port] */
static struct text origin_of(const char *url)
{
    const char *host = strstr(url, "://");

    if (!host)
        return (struct text){NULL, 0};
    return (struct text){url, (size_t)(host - url) + 3 + strcspn(host + 3, "/?#")};
}

/* OpenID Connect Discovery 1.0, 4.3: the issuer must be the very one that was asked */
static int read_discovery(struct jwks *s, const struct buf *body, struct app_error *err)
{
    json_auto_t *doc = body->data ? json_parse(body->data, body->len, false, NULL) : NULL;
    const char *issuer = json_str_or(doc, "issuer", ""), *url = json_str_or(doc, "jwks_uri", "");

    if (strcmp(issuer, s->config.issuer) != 0)
        return app_fail(err, APP_UPSTREAM_BROKEN, "discovery: the issuer is another one");
    if (!text_eq(origin_of(url), origin_of(issuer)))
        return app_fail(err, APP_UPSTREAM_BROKEN, "discovery: jwks_uri is on another origin");
    s->discovered_url = strdup(url);
    return s->discovered_url ? 0 : app_fail(err, APP_INTERNAL, "discovery: no memory");
}

static int discover(struct jwks *s, struct app_error *err)
{
    struct buf body AUTO(buf_finish_p) = BUF_INIT(JWKS_DOCUMENT_MAX_BYTES);
    char *url = NULL;
    int rc = -1;

    if (s->config.jwks_url || s->discovered_url)
        return 0;
    if (asprintf(&url, "%s/.well-known/openid-configuration", s->config.issuer) < 0)
        return app_fail(err, APP_INTERNAL, "discovery: no memory");
    if (get(s, url, &body, err) == 0)
        rc = read_discovery(s, &body, err);
    free(url);
    return rc;
}

/* @return number of keys, or -1; runs without the lock */
static int fetch(struct jwks *s, struct jwk *ret[JWKS_KEYS_MAX])
{
    struct buf body AUTO(buf_finish_p) = BUF_INIT(JWKS_DOCUMENT_MAX_BYTES);
    struct app_error err = {0};
    int count = -1;

    counter_add(CTR_JWKS_FETCHES, 1);
    if (discover(s, &err) < 0)
        return -1;
    if (get(s, s->config.jwks_url ? s->config.jwks_url : s->discovered_url, &body, &err) == 0 &&
        body.data)
        count = jwks_parse((struct text){body.data, body.len}, ret, &err);
    if (count < 0) { /* the issuer may have moved its key set */
        free(s->discovered_url);
        s->discovered_url = NULL;
    }
    return count;
}

static bool is_same_key(const struct jwk *old, struct jwk *const *keys, int count)
{
    int i = find_kid(keys, count, old->kid);

    return i >= 0 && EVP_PKEY_eq(old->key, keys[i]->key) == 1;
}

static void install(struct jwks *s, struct jwk *const *keys, int count)
{
    bool is_lost = false;

    for (int i = 0; i < s->key_count; i++)
        is_lost = is_lost || !is_same_key(s->keys[i], keys, count);
    keys_drop(s->keys, s->key_count);
    for (int i = 0; i < count; i++)
        s->keys[i] = keys[i];
    s->key_count = count;
    if (is_lost)
        atomic_fetch_add(&s->epoch, 1);
    atomic_store(&s->fetched_us, now_us(s));
    atomic_store(&s->has_keys, true);
}

static bool is_cool(const struct jwks *s)
{
    return !s->was_tried || now_us(s) - s->last_end_us >= s->config.cooldown_s * US_PER_S;
}

static void request_locked(struct jwks *s)
{
    if (s->is_fetching || s->is_requested || !is_cool(s))
        return;
    s->is_requested = true;
    pthread_cond_broadcast(&s->changed);
}

static void fetch_locked(struct jwks *s)
{
    struct jwk *keys[JWKS_KEYS_MAX] = {NULL};
    int count;

    s->is_requested = false;
    s->is_fetching = true;
    pthread_mutex_unlock(&s->lock);
    count = fetch(s, keys);
    pthread_mutex_lock(&s->lock);
    if (count > 0)
        install(s, keys, count);
    s->is_fetching = false;
    s->was_tried = true;
    s->has_failed = count <= 0;
    s->last_end_us = now_us(s);
    s->fetch_count++;
    pthread_cond_broadcast(&s->changed);
}

/* @return microseconds until a fetch is due by itself; 0: now; -1: never */
static int64_t due_in_us(const struct jwks *s)
{
    int wait_s = s->has_failed ? RETRY_S : s->config.refresh_s;
    int64_t left;

    if (s->is_requested)
        return 0;
    if (!s->was_tried)
        return -1;
    if (wait_s < s->config.cooldown_s)
        wait_s = s->config.cooldown_s;
    left = s->last_end_us + wait_s * US_PER_S - now_us(s);
    return left > 0 ? left : 0;
}

static void wait_until(struct jwks *s, int64_t deadline_us)
{
    struct timespec t = {.tv_sec = (time_t)(deadline_us / US_PER_S),
                         .tv_nsec = (long)(deadline_us % US_PER_S) * 1000};

    pthread_cond_timedwait(&s->changed, &s->lock, &t);
}

static void *run(void *arg)
{
    struct jwks *s = arg;

    pthread_mutex_lock(&s->lock);
    while (!s->is_stopping) {
        int64_t left = due_in_us(s);

        if (left == 0)
            fetch_locked(s);
        else if (left > 0)
            wait_until(s, clock_mono_us() + left);
        else
            pthread_cond_wait(&s->changed, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* --- asking
 * ------------------------------------------------------------------------------------------------------
 */

bool jwks_is_usable(const struct jwks *s)
{
    return atomic_load(&s->has_keys) &&
           now_us(s) - atomic_load(&s->fetched_us) < s->config.stale_s * US_PER_S;
}

uint64_t jwks_epoch(const struct jwks *s)
{
    return atomic_load(&s->epoch);
}

static enum jwks_state peek_locked(struct jwks *s, const char *kid, struct jwk **ret)
{
    int i = jwks_is_usable(s) ? find_kid(s->keys, s->key_count, kid) : -1;

    if (i < 0)
        return s->is_fetching || s->is_requested || is_cool(s) ? JWKS_UNKNOWN : JWKS_REFUSED;
    if (now_us(s) - atomic_load(&s->fetched_us) >= s->config.refresh_s * US_PER_S)
        request_locked(s);
    atomic_fetch_add(&s->keys[i]->refs, 1);
    *ret = s->keys[i];
    return JWKS_KNOWN;
}

enum jwks_state jwks_peek(struct jwks *s, const char *kid, struct jwk **ret)
{
    enum jwks_state state;

    pthread_mutex_lock(&s->lock);
    state = peek_locked(s, kid, ret);
    pthread_mutex_unlock(&s->lock);
    return state;
}

struct jwk *jwks_find(struct jwks *s, const char *kid, int64_t deadline_us, struct app_error *err)
{
    struct jwk *k = NULL;
    uint64_t seen;

    pthread_mutex_lock(&s->lock);
    seen = s->fetch_count;
    while (peek_locked(s, kid, &k) == JWKS_UNKNOWN && s->fetch_count == seen && !s->is_stopping &&
           clock_mono_us() < deadline_us) {
        request_locked(s);
        wait_until(s, deadline_us);
    }
    pthread_mutex_unlock(&s->lock);
    if (!k)
        app_fail(err, APP_TOKEN_INVALID, "token: the issuer's key is not known");
    return k;
}

void jwks_request(struct jwks *s)
{
    pthread_mutex_lock(&s->lock);
    request_locked(s);
    pthread_mutex_unlock(&s->lock);
}

/* --- life
 * --------------------------------------------------------------------------------------------------------
 */

static void init_sync(struct jwks *s)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attr);
    pthread_condattr_destroy(&attr);
}

static void release(struct jwks *s)
{
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    keys_drop(s->keys, s->key_count);
    free(s->discovered_url);
    free((char *)s->config.issuer);
    free((char *)s->config.jwks_url);
    free(s);
}

struct jwks *jwks_create(const struct jwks_config *config, const struct identity_env *env,
                         struct app_error *err)
{
    struct jwks *s = calloc(1, sizeof *s);

    if (!s) {
        app_fail(err, APP_INTERNAL, "key set: no memory");
        return NULL;
    }
    s->config = *config;
    s->config.issuer = strdup(config->issuer);
    s->config.jwks_url = config->jwks_url ? strdup(config->jwks_url) : NULL;
    s->env = *env;
    init_sync(s);
    if (s->config.issuer && !s->config.jwks_url == !config->jwks_url &&
        pthread_create(&s->thread, NULL, run, s) == 0)
        return s;
    release(s);
    app_fail(err, APP_INTERNAL, "key set: thread not started");
    return NULL;
}

void jwks_destroy(struct jwks *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (s->env.cancel)
        s->env.cancel(s->env.ctx);
    pthread_join(s->thread, NULL);
    release(s);
}
