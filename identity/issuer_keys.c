/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer_keys.h"

#include "buf.h"
#include "cleanup.h"
#include "codec.h"
#include "jws.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <string.h>

#define KEYS_MAX 8
#define PEM_MAX_BYTES 16384
#define DOCUMENT_MAX_BYTES 32768
#define RETIRE_MARGIN_S 60 /* leeway of verifiers, and a little */

struct signing_key {
    EVP_PKEY *key;
    char kid[ISSUER_KEY_ID_BYTES];
    char *jwk; /* the public key as it stands in the document */
    int64_t signs_from_s;
};

struct issuer_keys {
    pthread_mutex_t lock;
    int token_ttl_s;
    int count;
    struct signing_key keys[KEYS_MAX]; /* oldest first */
};

static void bio_free_p(BIO **b)
{
    BIO_free_all(*b);
}

static void bn_free_p(BIGNUM **b)
{
    BN_free(*b);
}

static void key_finish(struct signing_key *k)
{
    EVP_PKEY_free(k->key);
    free(k->jwk);
    *k = (struct signing_key){.key = NULL};
}

struct issuer_keys *issuer_keys_create(int token_ttl_s)
{
    struct issuer_keys *k = calloc(1, sizeof *k);

    if (!k)
        return NULL;
    pthread_mutex_init(&k->lock, NULL);
    k->token_ttl_s = token_ttl_s;
    return k;
}

void issuer_keys_destroy(struct issuer_keys *k)
{
    if (!k)
        return;
    for (int i = 0; i < k->count; i++)
        key_finish(&k->keys[i]);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

/* --- one key
 * -----------------------------------------------------------------------------------------------------
 */

static int no_password(char *buf, int size, int is_writing, void *u)
{
    (void)buf, (void)size, (void)is_writing, (void)u;
    return -1; /* never ask on the terminal */
}

static EVP_PKEY *read_pem(struct text pem)
{
    BIO *b AUTO(bio_free_p) =
        pem.len > 0 && pem.len <= PEM_MAX_BYTES ? BIO_new_mem_buf(pem.p, (int)pem.len) : NULL;

    return b ? PEM_read_bio_PrivateKey(b, NULL, no_password, NULL) : NULL;
}

static char *number64(struct arena *a, const EVP_PKEY *key, const char *name)
{
    BIGNUM *n AUTO(bn_free_p) = NULL;
    unsigned char *bytes;

    if (EVP_PKEY_get_bn_param(key, name, &n) != 1)
        return NULL;
    bytes = arena_alloc(a, (size_t)BN_num_bytes(n));
    if (!bytes)
        return NULL;
    return b64url_encode(a, bytes, (size_t)BN_bn2bin(n, bytes));
}

/* RFC 7638 3: SHA-256 of the required members in their order */
static int describe(EVP_PKEY *key, struct signing_key *ret)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(16384);
    unsigned char digest[32];
    char *n = a ? number64(a, key, OSSL_PKEY_PARAM_RSA_N) : NULL;
    char *e = a ? number64(a, key, OSSL_PKEY_PARAM_RSA_E) : NULL;
    char *text =
        n && e ? arena_printf(a, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", e, n) : NULL;
    char *kid;

    if (!text || EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL) != 1)
        return -1;
    kid = b64url_encode(a, digest, sizeof digest);
    if (!kid || strlen(kid) != sizeof ret->kid - 1)
        return -1;
    memcpy(ret->kid, kid, sizeof ret->kid);
    if (asprintf(&ret->jwk,
                 "{\"kid\":\"%s\",\"kty\":\"RSA\",\"alg\":\"RS256\",\"use\":\"sig\","
                 "\"n\":\"%s\",\"e\":\"%s\"}",
                 kid, n, e) < 0)
        return -1;
    return 0;
}

static int read_key(struct text pem, struct signing_key *ret, struct app_error *err)
{
    struct signing_key k = {.key = read_pem(pem)};

    if (!jws_is_rsa_ok(k.key) || describe(k.key, &k) < 0) {
        key_finish(&k);
        return app_fail(err, APP_INTERNAL, "issuer key: not an RSA private key of 2048-8192 bits");
    }
    *ret = k;
    return 0;
}

int issuer_generate_key(struct arena *a, struct text *ret_pem, char ret_kid[ISSUER_KEY_ID_BYTES],
                        struct app_error *err)
{
    struct signing_key k = {.key = EVP_RSA_gen(2048)};
    BIO *b AUTO(bio_free_p) = BIO_new(BIO_s_mem());
    char *pem = NULL, *copy = NULL;
    long len = 0;

    if (b && k.key && describe(k.key, &k) == 0 &&
        PEM_write_bio_PKCS8PrivateKey(b, k.key, NULL, NULL, 0, NULL, NULL) == 1) {
        len = BIO_get_mem_data(b, &pem);
        copy = len > 0 ? arena_strndup(a, pem, (size_t)len) : NULL;
        if (len > 0)
            OPENSSL_cleanse(pem, (size_t)len);
    }
    if (copy) {
        *ret_pem = (struct text){copy, (size_t)len};
        memcpy(ret_kid, k.kid, sizeof k.kid);
    }
    key_finish(&k);
    return copy ? 0 : app_fail(err, APP_INTERNAL, "issuer key: could not be made");
}

/* --- the set
 * -----------------------------------------------------------------------------------------------------
 */

/* the newest that may sign already; -1: there is none */
static int signer(const struct issuer_keys *k, int64_t now_s)
{
    int i = k->count - 1;

    while (i > 0 && k->keys[i].signs_from_s > now_s)
        i--;
    return i;
}

/* A key is done when the one after it has signed for as long as a token lives. */
static void retire(struct issuer_keys *k, int64_t now_s)
{
    while (k->count > 1 && k->keys[1].signs_from_s + k->token_ttl_s + RETIRE_MARGIN_S <= now_s) {
        key_finish(&k->keys[0]);
        k->count--;
        memmove(&k->keys[0], &k->keys[1], (size_t)k->count * sizeof k->keys[0]);
    }
}

static bool has(const struct issuer_keys *k, const char *kid)
{
    for (int i = 0; i < k->count; i++)
        if (strcmp(k->keys[i].kid, kid) == 0)
            return true;
    return false;
}

int issuer_keys_add(struct issuer_keys *k, struct text pem, int64_t now_s, struct app_error *err)
{
    struct signing_key fresh = {.key = NULL};
    int rc = 0;

    if (read_key(pem, &fresh, err) < 0)
        return -1;
    pthread_mutex_lock(&k->lock);
    retire(k, now_s);
    if (has(k, fresh.kid)) {
        key_finish(&fresh);
    } else if (k->count == KEYS_MAX) {
        key_finish(&fresh);
        rc = app_fail(err, APP_INTERNAL, "issuer key: too many");
    } else {
        fresh.signs_from_s = k->count ? now_s + ISSUER_KEY_DELAY_S : now_s;
        k->keys[k->count++] = fresh;
    }
    pthread_mutex_unlock(&k->lock);
    return rc;
}

const char *issuer_keys_document(struct issuer_keys *k, struct arena *a, int64_t now_s)
{
    struct buf b AUTO(buf_finish_p) = BUF_INIT(DOCUMENT_MAX_BYTES);

    pthread_mutex_lock(&k->lock);
    retire(k, now_s);
    buf_append_str(&b, "{\"keys\":[");
    for (int i = k->count - 1; i >= 0; i--)
        buf_printf(&b, "%s%s", k->keys[i].jwk, i ? "," : "");
    pthread_mutex_unlock(&k->lock);
    buf_append_str(&b, "]}");
    return buf_failed(&b) ? NULL : arena_strndup(a, b.data, b.len);
}

static EVP_PKEY *take_signer(struct issuer_keys *k, int64_t now_s, char kid[ISSUER_KEY_ID_BYTES])
{
    EVP_PKEY *key = NULL;
    int i;

    pthread_mutex_lock(&k->lock);
    i = signer(k, now_s);
    if (i >= 0 && EVP_PKEY_up_ref(k->keys[i].key) == 1) {
        key = k->keys[i].key;
        memcpy(kid, k->keys[i].kid, ISSUER_KEY_ID_BYTES);
    }
    pthread_mutex_unlock(&k->lock);
    return key;
}

char *issuer_keys_sign(struct issuer_keys *k, struct arena *a, const json_t *claims, int64_t now_s,
                       struct app_error *err)
{
    char kid[ISSUER_KEY_ID_BYTES];
    EVP_PKEY *key = take_signer(k, now_s, kid);
    char *token = NULL;

    if (key)
        token = jws_sign_rs256(a, kid, claims, key, err);
    else
        app_fail(err, APP_INTERNAL, "issuer: no signing key");
    EVP_PKEY_free(key);
    return token;
}
