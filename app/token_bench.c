/* SPDX-License-Identifier: Apache-2.0 */
/* A real access token of the built-in issuer, over accounts in memory, checked again and again. */
#include "token_bench.h"
#include "arena.h"
#include "cleanup.h"
#include "clock.h"
#include "issuer.h"
#include "token.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

#define BASE_URL "http://127.0.0.1"
#define REALM "bench"
#define CLIENT "bench-client"
#define PASSWORD_FORM "grant_type=password&client_id=" CLIENT "&username=bench&password=bench-bench"
#define ROUNDS_CACHED 100000
#define ROUNDS_UNCACHED 5000

struct memory {
    struct issuer_password password;
    const char *jwks;
};

static int find_account(void *ctx, struct arena *a, const char *name, struct issuer_account *ret,
                        struct app_error *err)
{
    struct memory *m = ctx;

    (void)a, (void)name, (void)err;
    *ret = (struct issuer_account){.id = "5f0c9e9e-6d1e-4a43-8f0f-3f6f0d8f5a11",
                                   .username = "bench",
                                   .password = m->password,
                                   .roles = "cp-cluster-admin-role",
                                   .is_enabled = true};
    return 0;
}

static int put_refresh(void *ctx, const struct issuer_refresh *token, struct app_error *err)
{
    (void)ctx, (void)token, (void)err;
    return 0;
}

static int give_jwks(void *ctx, const char *url, int64_t deadline_us, struct buf *ret,
                     struct app_error *err)
{
    struct memory *m = ctx;

    (void)url, (void)deadline_us;
    return buf_append_str(ret, m->jwks) == 0 ? 0 : app_fail(err, APP_INTERNAL, "out of memory");
}

/* @return "Bearer ..." in @p a, or NULL */
static const char *make_header(struct arena *a, struct memory *m)
{
    struct issuer_config config = {.base_url = BASE_URL, .realm = REALM, .client_id = CLIENT};
    struct issuer_store store = {.ctx = m,
                                 .find_by_username = find_account,
                                 .find_by_id = find_account,
                                 .put_refresh = put_refresh};
    struct issuer *is = issuer_create(&config, &store, NULL);
    struct issuer_token_input in = {
        .form = TEXT(PASSWORD_FORM), .peer = "127.0.0.1", .now_s = clock_unix_s()};
    struct issuer_answer answer = {.http_status = 0};
    char kid[ISSUER_KEY_ID_BYTES];
    struct text pem;
    json_auto_t *doc = NULL;
    const char *token = NULL;

    if (is && issuer_hash_password(a, TEXT("bench-bench"), &m->password, NULL) == 0 &&
        issuer_generate_key(a, &pem, kid, NULL) == 0 &&
        issuer_add_key(is, pem, in.now_s, NULL) == 0) {
        m->jwks = issuer_jwks(is, a, in.now_s);
        issuer_token_request(is, &in, a, &answer);
    }
    issuer_destroy(is);
    if (answer.http_status != 200 || !m->jwks)
        return NULL;
    doc = json_loads(answer.json, 0, NULL);
    token = json_string_value(json_object_get(doc, "access_token"));
    return token ? arena_printf(a, "Bearer %s", token) : NULL;
}

/* @return µs a check, or a negative number */
static double time_checks(struct memory *m, const char *header, int cache_entries, int rounds)
{
    static const char *const clients[] = {CLIENT};
    struct identity_config config = {.issuer = BASE_URL "/realms/" REALM,
                                     .client_ids = clients,
                                     .client_id_count = 1,
                                     .super_admin_role = "cp-cluster-admin-role",
                                     .jwks_url = BASE_URL "/certs",
                                     .allow_loopback_http = true,
                                     .leeway_s = 30,
                                     .jwks_refresh_s = 300,
                                     .jwks_stale_s = 86400,
                                     .jwks_cooldown_s = 10,
                                     .max_token_life_s = 86400,
                                     .cache_entries = cache_entries};
    struct identity_env env = {.ctx = m, .fetch = give_jwks};
    struct identity *id = identity_create_with(&config, &env, NULL);
    struct principal p;
    int64_t begun_us = 0;
    int rc = id ? 0 : -1;

    for (int i = -1; i < rounds && rc == 0; i++) {
        struct arena *a AUTO(arena_destroy_p) = arena_create(64 * KIB);

        if (i == 0)
            begun_us = clock_mono_us(); /* the round before fetched the key */
        rc = a ? identity_verify(id, text_of(header), clock_mono_us() + US_PER_S, a, &p, NULL) : -1;
    }
    identity_destroy(id);
    return rc == 0 ? (double)(clock_mono_us() - begun_us) / rounds : -1;
}

static double time_verify(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char data[700], signature[512];
    size_t len = sizeof signature;
    int ok = key && ctx;
    int64_t begun_us;

    memset(data, 'x', sizeof data);
    ok = ok && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
         EVP_DigestSign(ctx, signature, &len, data, sizeof data) == 1;
    begun_us = clock_mono_us();
    for (int i = 0; i < ROUNDS_UNCACHED && ok; i++) {
        EVP_MD_CTX_reset(ctx);
        ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
             EVP_DigestVerify(ctx, signature, len, data, sizeof data) == 1;
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok ? (double)(clock_mono_us() - begun_us) / ROUNDS_UNCACHED : -1;
}

int token_bench_run(struct token_bench *ret)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(1 * MIB);
    struct memory m = {.jwks = NULL};
    const char *header = a ? make_header(a, &m) : NULL;

    if (!header)
        return -1;
    ret->cached_us = time_checks(&m, header, 1024, ROUNDS_CACHED);
    ret->uncached_us = time_checks(&m, header, 0, ROUNDS_UNCACHED);
    ret->verify_us = time_verify();
    return ret->cached_us < 0 || ret->uncached_us < 0 || ret->verify_us < 0 ? -1 : 0;
}
