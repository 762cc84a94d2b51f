/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Makes the tokens of tests/integration/bad_tokens.json, good and bad, with keys generated at run
 * time. The Python tests make the same ones of the same table (tests/integration/bad_tokens.py).
 */
#ifndef CP_TEST_TOKEN_MAKER_H
#define CP_TEST_TOKEN_MAKER_H
#include "arena.h"
#include "text.h"

#include <jansson.h>
#include <openssl/evp.h>

#define MAKER_KID "key-1"
#define MAKER_ENC_KID "key-for-encryption"
#define MAKER_PORTAL_KID "portal-1"
#define MAKER_ISSUER "https://issuer.example.test/realms/cp-realm"
#define MAKER_CLIENT "cp-client"
#define MAKER_SUB "5f0c9e9e-6d1e-4a43-8f0f-3f6f0d8f5a11"
#define MAKER_USERNAME "admin"

struct token_maker {
    EVP_PKEY *sig, *enc, *other, *ec;
    unsigned char portal_key[64];
    int64_t now_s;
    json_t *rows;
    struct arena *a; /* holds every text made */
};

void token_maker_init(struct token_maker *m, int64_t now_s);
void token_maker_finish(struct token_maker *m);
/** The whole Authorization header of a row of the table. */
struct text token_maker_header(struct token_maker *m, const json_t *row);
/** A good access token with @p claims (borrowed, may be NULL) over the usual ones, signed by @p key
 * under @p kid. */
char *token_maker_access(struct token_maker *m, EVP_PKEY *key, const char *kid,
                         const json_t *claims);
/** One key as a JWK. @p use may be NULL. */
char *token_maker_jwk(struct token_maker *m, EVP_PKEY *key, const char *kid, const char *use);
/** The public key as PEM. */
char *token_maker_pem(struct token_maker *m, EVP_PKEY *key);
#endif
