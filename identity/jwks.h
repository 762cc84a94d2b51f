/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The issuer's public keys (RFC 7517): fetched by one thread of its own, remembered, refreshed, and
 * kept for a day when the issuer is away. A kid nobody knows starts at most one fetch in
 * cooldown_s, whatever the kid and however many ask (promises-and-limits finding 14; design 9.12).
 */
#ifndef CP_JWKS_H
#define CP_JWKS_H
#include "error.h"
#include "text.h"
#include "token.h"

#include <openssl/evp.h>

#define JWKS_KEYS_MAX 32
#define JWKS_DOCUMENT_MAX_BYTES 262144

struct jwks;
/** One key, shared by reference. */
struct jwk;

struct jwks_config {
    const char *issuer;
    const char *jwks_url; /* NULL: from discovery */
    int refresh_s, stale_s, cooldown_s;
};

/** Both are copied. Starts the thread; no fetch yet. @return NULL with APP_INTERNAL; env->ctx stays
 * the caller's then. */
struct jwks *jwks_create(const struct jwks_config *config, const struct identity_env *env,
                         struct app_error *err);
/** Stop and join the thread, free. env->ctx is not destroyed. */
void jwks_destroy(struct jwks *s);

enum jwks_state {
    JWKS_KNOWN,   /* a key is there and may be used */
    JWKS_REFUSED, /* no such key, and no fetch is allowed now */
    JWKS_UNKNOWN, /* a fetch could tell */
};

/** Look without waiting. *ret gets a reference when the answer is JWKS_KNOWN. Threads: any; one
 * short lock. */
enum jwks_state jwks_peek(struct jwks *s, const char *kid, struct jwk **ret);
/**
 * Look, and wait for a fetch when that could tell more: at most until @p deadline_us
 * (clock_mono_us() base).
 * @return a reference, or NULL with APP_TOKEN_INVALID. Threads: any.
 */
struct jwk *jwks_find(struct jwks *s, const char *kid, int64_t deadline_us, struct app_error *err);
/** Ask for a fetch when the cool-down allows one. Never blocks. */
void jwks_request(struct jwks *s);

EVP_PKEY *jwk_key(const struct jwk *k);
void jwk_unref(struct jwk *k);
void jwk_unref_p(struct jwk **k);

/** Goes up each time a key is lost or replaced: what was verified before must be verified again. */
uint64_t jwks_epoch(const struct jwks *s);
/** True while the keys at hand may be used at all (fetched less than stale_s ago). */
bool jwks_is_usable(const struct jwks *s);

/** Parse a key set document (exposed for tests and fuzzing). @return number of usable keys put into
 * @p ret, or -1. */
int jwks_parse(struct text document, struct jwk *ret[JWKS_KEYS_MAX], struct app_error *err);
const char *jwk_kid(const struct jwk *k);
#endif
