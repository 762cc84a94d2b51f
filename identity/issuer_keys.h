/* SPDX-License-Identifier: Apache-2.0 */
/** The signing keys of the built-in issuer: which signs, which are still published. Threads: any;
 * short locks. */
#ifndef CP_ISSUER_KEYS_H
#define CP_ISSUER_KEYS_H
#include "issuer.h"

#include <jansson.h>

struct issuer_keys;
/** @param token_ttl_s  how long a token may live: a key stays published this long after it last
 * signed. */
struct issuer_keys *issuer_keys_create(int token_ttl_s);
void issuer_keys_destroy(struct issuer_keys *k);
/** As issuer_add_key(). */
int issuer_keys_add(struct issuer_keys *k, struct text pem, int64_t now_s, struct app_error *err);
/** The JWK set of everything published at @p now_s. @return in @p a, or NULL. */
const char *issuer_keys_document(struct issuer_keys *k, struct arena *a, int64_t now_s);
/** Sign @p claims with the key in force at @p now_s. @return the token in @p a, or NULL with
 * APP_INTERNAL. */
char *issuer_keys_sign(struct issuer_keys *k, struct arena *a, const json_t *claims, int64_t now_s,
                       struct app_error *err);
#endif
