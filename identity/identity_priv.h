/* SPDX-License-Identifier: Apache-2.0 */
/** What the sources of token verification share; not for other modules. */
#ifndef CP_IDENTITY_PRIV_H
#define CP_IDENTITY_PRIV_H
#include "jwks.h"
#include "jws.h"
#include "token.h"
#include "token_cache.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>

#define PORTAL_ISSUER "cp-portal"
#define PORTAL_KEYS 2 /* the newest signs, the one before it still verifies */
#define CLAIM_TEXT_MAX_BYTES 255
#define TIME_MAX_S (INT64_C(1) << 40) /* beyond the year 30000: no sum of times overflows */

struct portal_key {
    char kid[JWS_KID_MAX_BYTES + 1];
    unsigned char *bytes; /* NULL: no key in this place */
    size_t len;
};

struct identity {
    struct identity_config config; /* with its own copies of every string */
    struct identity_env env;
    struct jwks *jwks;
    struct token_cache *cache;
    EVP_MD *sha256;
    pthread_rwlock_t portal_lock; /* guards the keys */
    struct portal_key portal_keys[PORTAL_KEYS];
    _Atomic uint64_t portal_epoch; /* goes up when a key is lost */
};

int64_t identity_now_s(const struct identity *id);
/** @return the token of an Authorization header, or {NULL, 0} (contract 3.1, errata P11). */
struct text identity_bearer_of(struct text authorization);

struct claim_times {
    int64_t issued_s, expires_s;
};
struct claim_rules {
    int64_t now_s, max_life_s;
    int leeway_s; /* for iat and nbf */
};
/** exp and iat as integers in a sane order, nbf reached. Whether exp has passed is not asked here.
 *  @return 0, or -1 with APP_TOKEN_INVALID, or APP_TOKEN_MISSING (nbf, contract 3.2). */
int claims_read_times(const json_t *claims, const struct claim_rules *rules,
                      struct claim_times *ret, struct app_error *err);
/** @return the claim when it is a string of 1-255 bytes without control characters, else NULL. */
const char *claim_text(const json_t *claims, const char *name);

/** Verify the signature of a parsed portal token by its kid. @return 0 or -1 with
 * APP_TOKEN_INVALID. */
int portal_verify_signature(struct identity *id, const struct jws *j, struct app_error *err);
/** Check the claims but for the age. The strings of *ret are owned by @p claims. */
int portal_read_claims(struct identity *id, const json_t *claims, struct portal_claims *ret,
                       struct app_error *err);
void portal_keys_wipe(struct identity *id);
#endif
