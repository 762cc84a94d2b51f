/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The built-in issuer: local accounts, password and refresh grant, RS256 access tokens shaped like
 * Keycloak's. No HTTP and no SQL here: the token endpoint's handler gives the form body, the
 * documents are cached text, accounts and refresh tokens live behind struct issuer_store. Source:
 * RFC 6749 4.3, 5, 6; RFC 7517; RFC 7638; OpenID Connect Discovery 1.0 section 3; design 6.
 */
#ifndef CP_ISSUER_H
#define CP_ISSUER_H
#include "arena.h"
#include "error.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ISSUER_FORM_MAX_BYTES 8192
#define ISSUER_KEY_DELAY_S                                                                         \
    15 /* a new key is published this long before it signs: longer than a verifier's cool-down */
#define ISSUER_KEY_ID_BYTES 44 /* RFC 7638 thumbprint in base64url and a NUL */
#define ISSUER_SHA256_BYTES 32

/** A password as it is stored: scrypt (RFC 7914) with its parameters. */
struct issuer_password {
    struct text salt, hash;
    int64_t n, r, p;
};

/** One account, strings owned by the arena it was read into. */
struct issuer_account {
    const char *id;       /* becomes sub; a UUID */
    const char *username; /* lower case; becomes preferred_username */
    struct issuer_password password;
    const char *roles; /* names joined by one blank; become realm_access.roles */
    bool is_enabled;
};

/** A refresh token as it is stored: its SHA-256, never itself. */
struct issuer_refresh {
    unsigned char sha256[ISSUER_SHA256_BYTES];
    const char *session_id, *account_id, *client_id;
    int64_t auth_time_s; /* when the password was given */
    int64_t expires_s;
    bool is_used; /* used or revoked; ignored by put */
};

/** All return 0, or -1 with *err (APP_DATABASE ...). Threads: any. They may block. */
struct issuer_store {
    void *ctx;
    /** -1 with APP_NOT_FOUND when there is no such account. */
    int (*find_by_username)(void *ctx, struct arena *a, const char *username,
                            struct issuer_account *ret, struct app_error *err);
    int (*find_by_id)(void *ctx, struct arena *a, const char *id, struct issuer_account *ret,
                      struct app_error *err);
    int (*put_refresh)(void *ctx, const struct issuer_refresh *token, struct app_error *err);
    /** Also used and expired ones; -1 with APP_NOT_FOUND. */
    int (*get_refresh)(void *ctx, struct arena *a, const unsigned char sha256[ISSUER_SHA256_BYTES],
                       struct issuer_refresh *ret, struct app_error *err);
    /** Mark as used, atomically: of several callers exactly one learns that the token was valid
     * until then. */
    int (*consume_refresh)(void *ctx, const unsigned char sha256[ISSUER_SHA256_BYTES],
                           int64_t now_s, bool *ret_was_valid, struct app_error *err);
    /** Mark every token of the session as used. */
    int (*revoke_session)(void *ctx, const char *session_id, struct app_error *err);
};

struct issuer_config {
    const char *base_url; /* without a slash at the end; issuer = base_url + "/realms/" + realm */
    const char *realm;
    const char *client_id; /* the one public client */
    const char
        *audience;    /* aud of access tokens; NULL: none, as Keycloak without an audience mapper */
    int access_ttl_s; /* 0: 300 */
    int refresh_ttl_s; /* 0: 1800 */
    int session_max_s; /* 0: 36000, counted from the password */
    int scrypt_log2_n; /* 0: 15 */
};

struct issuer;
/** All strings are copied; @p store is copied, its ctx borrowed. @return NULL with APP_INTERNAL. */
struct issuer *issuer_create(const struct issuer_config *config, const struct issuer_store *store,
                             struct app_error *err);
void issuer_destroy(struct issuer *is);
/** @return the issuer's name: what access tokens carry as iss. Lives as long as @p is. */
const char *issuer_name(const struct issuer *is);

/** Make an RSA-2048 signing key. @return 0 with the PKCS#8 PEM (in @p a, secret: store it sealed
 * and let the arena go) and its key id, or -1 with APP_INTERNAL. Takes about 100 ms. */
int issuer_generate_key(struct arena *a, struct text *ret_pem, char ret_kid[ISSUER_KEY_ID_BYTES],
                        struct app_error *err);
/**
 * Publish a key, at @p now_s. Call oldest first at the start. The first signs at once, a later one
 * after ISSUER_KEY_DELAY_S; the one before it stays published until the last token it signed has
 * expired. At most 8 keys. A key that is already there changes nothing. @return 0, or -1 with
 * APP_INTERNAL (not an RSA key of 2048-8192 bits, full).
 */
int issuer_add_key(struct issuer *is, struct text pem, int64_t now_s, struct app_error *err);

/** The documents, answered from memory (no I/O, one short lock). @return text in @p a, or NULL (no
 * memory). */
const char *issuer_jwks(struct issuer *is, struct arena *a, int64_t now_s);
const char *issuer_discovery(struct issuer *is, struct arena *a);

struct issuer_token_input {
    struct text form; /* application/x-www-form-urlencoded body, at most ISSUER_FORM_MAX_BYTES */
    const char *peer; /* address of the client, for throttling */
    int64_t now_s;
};

struct issuer_answer {
    int http_status;        /* 200, 400, 401, 429, 503 */
    const char *json;       /* in the arena; send with Cache-Control: no-store */
    int retry_after_s;      /* 0: none */
    const char *log_detail; /* static or in the arena; no secret; NULL on success */
};

/**
 * The token endpoint: grant_type password or refresh_token of the public client.
 * Errors are RFC 6749 5.2 objects: invalid_request, invalid_client (401), invalid_grant,
 * unsupported_grant_type; slow_down (429) after repeated failures of one user from one peer;
 * temporarily_unavailable (503). A refresh token works once; its second use revokes the whole
 * session. Threads: any. Blocks on the store and on scrypt (one at a time in the process: 32 MiB
 * and about 100 ms each).
 */
void issuer_token_request(struct issuer *is, const struct issuer_token_input *in, struct arena *a,
                          struct issuer_answer *ret);

/** Hash a new password (8-1024 bytes) with fresh salt, into @p a. @return 0, or -1 with
 * APP_BAD_REQUEST (length) or APP_INTERNAL. Blocks as a token request does. */
int issuer_hash_password(struct arena *a, struct text password, struct issuer_password *ret,
                         struct app_error *err) __attribute__((warn_unused_result));
#endif
