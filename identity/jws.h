/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Compact JWS (RFC 7515), strictly: exactly three segments, canonical base64url, JSON objects
 * without duplicate keys, no critical extensions. The caller says which algorithm it wants; the
 * token never chooses (RFC 8725 3.1). Key hints inside a token (jku, jwk, x5u, x5c) are never
 * looked at. Threads: any. Nothing blocks.
 */
#ifndef CP_JWS_H
#define CP_JWS_H
#include "arena.h"
#include "error.h"
#include "text.h"

#include <jansson.h>
#include <openssl/evp.h>

#define JWS_MAX_BYTES 16384
#define JWS_HEADER_MAX_BYTES 2048 /* decoded */
#define JWS_KID_MAX_BYTES 255
#define JWS_RSA_MIN_BITS 2048
#define JWS_RSA_MAX_BITS 8192
#define JWS_HS512_KEY_MIN_BYTES 64

enum jws_alg { JWS_RS256, JWS_HS512 };

/** A token taken apart; nothing in it is to be believed before jws_verify_...(). Everything lives
 * in the arena. */
struct jws {
    enum jws_alg alg;
    const char *kid; /* NULL when the header has none */
    struct text signing_input;
    const unsigned char *signature;
    size_t signature_len;
    struct text payload; /* decoded bytes; not parsed */
};

/** @return 0, or -1 with APP_TOKEN_INVALID. */
int jws_parse(struct arena *a, struct text token, struct jws *ret, struct app_error *err)
    __attribute__((warn_unused_result));

/** Check the signature. The algorithm is this function's, not the token's. @return 0, or -1 with
 * APP_TOKEN_INVALID. */
int jws_verify_rs256(const struct jws *j, EVP_PKEY *key, struct app_error *err)
    __attribute__((warn_unused_result));
int jws_verify_hs512(const struct jws *j, struct text key, struct app_error *err)
    __attribute__((warn_unused_result));

/** Parse the payload, after verification. @return a new reference (an object), or NULL with
 * APP_TOKEN_INVALID. */
json_t *jws_claims(const struct jws *j, struct app_error *err) __attribute__((warn_unused_result));

/** @return true for an RSA key (not RSA-PSS) of an allowed size. */
bool jws_is_rsa_ok(const EVP_PKEY *key);

/** Sign @p claims. @return the token in @p a, or NULL with APP_INTERNAL. */
char *jws_sign_rs256(struct arena *a, const char *kid, const json_t *claims, EVP_PKEY *key,
                     struct app_error *err);
char *jws_sign_hs512(struct arena *a, const char *kid, const json_t *claims, struct text key,
                     struct app_error *err);
#endif
