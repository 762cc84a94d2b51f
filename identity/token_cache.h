/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Tokens that were verified, by the SHA-256 of their text: bounded, sharded, each look-up one short
 * lock. The token itself is not kept. An entry says what was true when it was put; the caller
 * checks expiry and epoch on each hit. Threads: any.
 */
#ifndef CP_TOKEN_CACHE_H
#define CP_TOKEN_CACHE_H
#include "arena.h"
#include "principal.h"

#define TOKEN_DIGEST_BYTES 32

struct token_cache;

/** What is remembered. The strings of a found entry are in the arena of the look-up. */
struct cached_token {
    enum token_kind kind;
    uint64_t epoch; /* of the keys that verified it */
    int64_t expires_s, auth_time_s;
    bool is_eligible_super_admin;
    const char *auth_id, *user_id, *issuer;
};

/** @param entries  about this many; 0 gives a cache that remembers nothing. @return NULL when
 * memory is short. */
struct token_cache *token_cache_create(int entries);
void token_cache_destroy(struct token_cache *c);
/** @return true with *ret when the token is there. */
bool token_cache_get(struct token_cache *c, const unsigned char digest[TOKEN_DIGEST_BYTES],
                     struct arena *a, struct cached_token *ret);
/** Remember; forgets the entry of the same place that expires first. Failing to remember is no
 * error. */
void token_cache_put(struct token_cache *c, const unsigned char digest[TOKEN_DIGEST_BYTES],
                     const struct cached_token *t);
void token_cache_drop(struct token_cache *c, const unsigned char digest[TOKEN_DIGEST_BYTES]);
#endif
