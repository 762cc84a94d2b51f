/* SPDX-License-Identifier: Apache-2.0 */
#include "jws.h"

#include "cleanup.h"
#include "codec.h"
#include "json.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>

/* JWS_HEADER_MAX_BYTES in base64url: four for each begun three */
#define HEADER_MAX_CHARS 2732

static const struct {
    const char *name;
    enum jws_alg alg;
} algorithms[] = {
    {"RS256", JWS_RS256},
    {"HS512", JWS_HS512}
};

static int refuse(struct app_error *err, const char *why)
{
    return app_fail(err, APP_TOKEN_INVALID, "token: %s", why);
}

static int split(struct text token, struct text ret[3])
{
    const char *end = token.p + token.len, *from = token.p;

    for (int i = 0; i < 3; i++) {
        const char *dot = memchr(from, '.', (size_t)(end - from));

        if ((dot == NULL) != (i == 2))
            return -1;
        ret[i] = (struct text){from, (size_t)((dot ? dot : end) - from)};
        if (ret[i].len == 0)
            return -1;
        from = dot + 1;
    }
    return 0;
}

/* RFC 7519 5.1, RFC 9068 2.1: absent, JWT or at+jwt, in any case, with or without "application/" */
static bool is_type_ok(const json_t *header)
{
    struct text type = json_text(header, "typ");

    if (!json_object_get(header, "typ"))
        return true;
    if (!type.p)
        return false;
    if (type.len > 12 && text_eq_nocase((struct text){type.p, 12}, TEXT("application/")))
        type = (struct text){type.p + 12, type.len - 12};
    return text_eq_nocase(type, TEXT("JWT")) || text_eq_nocase(type, TEXT("at+jwt"));
}

static int read_algorithm(const json_t *header, enum jws_alg *ret)
{
    struct text name = json_text(header, "alg");

    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
        if (text_eq_str(name, algorithms[i].name)) {
            *ret = algorithms[i].alg;
            return 0;
        }
    return -1;
}

static int read_kid(struct arena *a, const json_t *header, const char **ret)
{
    struct text kid = json_text(header, "kid");

    *ret = NULL;
    if (!json_object_get(header, "kid"))
        return 0;
    if (!kid.p || kid.len == 0 || kid.len > JWS_KID_MAX_BYTES)
        return -1;
    *ret = arena_strndup(a, kid.p, kid.len);
    return *ret ? 0 : -1;
}

static int read_header(struct arena *a, struct text segment, struct jws *ret, struct app_error *err)
{
    json_auto_t *header = NULL;
    unsigned char *bytes;
    size_t len;

    if (b64url_decode(a, segment, &bytes, &len) < 0)
        return refuse(err, "header is not base64url");
    if (len > JWS_HEADER_MAX_BYTES)
        return refuse(err, "header too long");
    header = json_parse((const char *)bytes, len, false, NULL);
    if (!json_is_object(header))
        return refuse(err, "header is not a JSON object of single keys");
    /* RFC 7515 4.1.11, RFC 7797: understood extensions are none */
    if (json_object_get(header, "crit") || json_object_get(header, "b64"))
        return refuse(err, "critical extension");
    if (json_object_get(header, "zip") || json_object_get(header, "enc"))
        return refuse(err, "encrypted or compressed");
    if (!is_type_ok(header))
        return refuse(err, "header typ");
    if (read_algorithm(header, &ret->alg) < 0)
        return refuse(err, "algorithm");
    if (read_kid(a, header, &ret->kid) < 0)
        return refuse(err, "kid");
    return 0;
}

int jws_parse(struct arena *a, struct text token, struct jws *ret, struct app_error *err)
{
    struct jws j = {0};
    struct text part[3];
    unsigned char *payload, *signature;

    if (token.len > JWS_MAX_BYTES)
        return refuse(err, "too long");
    if (token.len == 0 || split(token, part) < 0)
        return refuse(err, "not three segments");
    if (part[0].len > HEADER_MAX_CHARS)
        return refuse(err, "header too long");
    if (read_header(a, part[0], &j, err) < 0)
        return -1;
    if (b64url_decode(a, part[1], &payload, &j.payload.len) < 0)
        return refuse(err, "payload is not base64url");
    if (b64url_decode(a, part[2], &signature, &j.signature_len) < 0)
        return refuse(err, "signature is not base64url");
    j.payload.p = (const char *)payload;
    j.signature = signature;
    j.signing_input = (struct text){token.p, part[0].len + 1 + part[1].len};
    *ret = j;
    return 0;
}

static void md_ctx_free_p(EVP_MD_CTX **c)
{
    EVP_MD_CTX_free(*c);
}

bool jws_is_rsa_ok(const EVP_PKEY *key)
{
    int bits = key ? EVP_PKEY_get_bits(key) : 0;

    return key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && bits >= JWS_RSA_MIN_BITS &&
           bits <= JWS_RSA_MAX_BITS;
}

int jws_verify_rs256(const struct jws *j, EVP_PKEY *key, struct app_error *err)
{
    EVP_MD_CTX *c AUTO(md_ctx_free_p) = NULL;

    if (j->alg != JWS_RS256)
        return refuse(err, "algorithm");
    if (!jws_is_rsa_ok(key) || j->signature_len != (size_t)EVP_PKEY_get_size(key))
        return refuse(err, "key or signature size");
    c = EVP_MD_CTX_new();
    if (!c || EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, key) != 1)
        return refuse(err, "verification could not be set up");
    if (EVP_DigestVerify(c, j->signature, j->signature_len,
                         (const unsigned char *)j->signing_input.p, j->signing_input.len) != 1)
        return refuse(err, "signature");
    return 0;
}

static int hs512(struct text key, struct text input, unsigned char ret[EVP_MAX_MD_SIZE])
{
    unsigned len = 0;

    if (!key.p || key.len < JWS_HS512_KEY_MIN_BYTES || key.len > INT32_MAX)
        return -1;
    if (!HMAC(EVP_sha512(), key.p, (int)key.len, (const unsigned char *)input.p, input.len, ret,
              &len))
        return -1;
    return len == 64 ? 0 : -1;
}

int jws_verify_hs512(const struct jws *j, struct text key, struct app_error *err)
{
    unsigned char mac[EVP_MAX_MD_SIZE];

    if (j->alg != JWS_HS512)
        return refuse(err, "algorithm");
    if (hs512(key, j->signing_input, mac) < 0)
        return refuse(err, "verification could not be done");
    if (j->signature_len != 64 || CRYPTO_memcmp(mac, j->signature, 64) != 0)
        return refuse(err, "signature");
    return 0;
}

json_t *jws_claims(const struct jws *j, struct app_error *err)
{
    json_t *claims = json_parse(j->payload.p, j->payload.len, false, NULL);

    if (json_is_object(claims))
        return claims;
    json_decref(claims);
    refuse(err, "payload is not a JSON object of single keys");
    return NULL;
}

/* header.payload, ready to be signed */
static char *signing_input(struct arena *a, const char *alg, const char *kid, const json_t *claims)
{
    json_auto_t *header = json_pack("{s:s, s:s, s:s}", "alg", alg, "typ", "JWT", "kid", kid);
    char *head = header ? json_dumps(header, JSON_COMPACT) : NULL;
    char *body = json_dumps(claims, JSON_COMPACT);
    char *h64 = head ? b64url_encode(a, head, strlen(head)) : NULL;
    char *b64 = body ? b64url_encode(a, body, strlen(body)) : NULL;

    free(head);
    free(body);
    return h64 && b64 ? arena_printf(a, "%s.%s", h64, b64) : NULL;
}

static char *finish(struct arena *a, const char *input, const unsigned char *signature, size_t len,
                    struct app_error *err)
{
    char *s64 = b64url_encode(a, signature, len);
    char *token = s64 ? arena_printf(a, "%s.%s", input, s64) : NULL;

    if (!token)
        app_fail(err, APP_INTERNAL, "token: no memory");
    return token;
}

char *jws_sign_rs256(struct arena *a, const char *kid, const json_t *claims, EVP_PKEY *key,
                     struct app_error *err)
{
    EVP_MD_CTX *c AUTO(md_ctx_free_p) = EVP_MD_CTX_new();
    unsigned char signature[JWS_RSA_MAX_BITS / 8];
    size_t len = sizeof signature;
    char *input = signing_input(a, "RS256", kid, claims);

    if (!input || !c || EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(c, signature, &len, (const unsigned char *)input, strlen(input)) != 1) {
        app_fail(err, APP_INTERNAL, "token: could not be signed");
        return NULL;
    }
    return finish(a, input, signature, len, err);
}

char *jws_sign_hs512(struct arena *a, const char *kid, const json_t *claims, struct text key,
                     struct app_error *err)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    char *input = signing_input(a, "HS512", kid, claims);

    if (!input || hs512(key, text_of(input), mac) < 0) {
        app_fail(err, APP_INTERNAL, "token: could not be signed");
        return NULL;
    }
    return finish(a, input, mac, 64, err);
}
