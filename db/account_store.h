/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Rows of the built-in issuer: cpx_account (local accounts) and cpx_refresh_token. Errors: db.h.
 * Strings of rows live in the caller's arena; outputs are written on success only. A password hash
 * in an arena is wiped by nobody.
 * Source: design 6; migrations of both tables.
 */
#ifndef CP_ACCOUNT_STORE_H
#define CP_ACCOUNT_STORE_H
#include "arena.h"
#include "db.h"

#include <stdbool.h>
#include <stdint.h>

#define ACCOUNT_SALT_MAX_BYTES 64
#define ACCOUNT_HASH_MAX_BYTES 64
#define TOKEN_SHA256_BYTES 32

struct account_row {
    const char *auth_id;  /* UUID */
    const char *username; /* lower case, unique bytewise */
    struct text salt;     /* scrypt (RFC 7914) salt, parameters, result */
    struct text hash;
    int64_t scrypt_n;
    int64_t scrypt_r;
    int64_t scrypt_p;
    const char *roles;   /* names joined by one blank; may be "" */
    int64_t is_enabled;  /* 0 or 1 */
    const char *created; /* UTC "YYYY-MM-DD hh:mm:ss"; ignored by insert */
};

struct account_list {
    struct account_row *rows;
    size_t count;
};

struct refresh_token_row {
    struct text sha256; /* TOKEN_SHA256_BYTES of the token: the token itself is never stored */
    const char *auth_id;
    const char *client_id;
    const char *session_id;
    int64_t auth_time_s; /* Unix seconds */
    int64_t expires_s;
    int64_t is_revoked; /* 0 or 1; ignored by insert */
};

/** APP_CONFLICT: auth_id or username exists. */
int account_store_insert(struct db_pool *pool, const struct account_row *row, struct app_error *err)
    __attribute__((warn_unused_result));
/** APP_NOT_FOUND: none with exactly that name. */
int account_store_get_by_username(struct db_pool *pool, struct arena *a, const char *username,
                                  struct account_row *ret, struct app_error *err)
    __attribute__((warn_unused_result));
int account_store_get(struct db_pool *pool, struct arena *a, const char *auth_id,
                      struct account_row *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** By username. */
int account_store_list(struct db_pool *pool, struct arena *a, struct account_list *ret,
                       struct app_error *err) __attribute__((warn_unused_result));
/** Replace salt, hash, scrypt parameters, roles and is_enabled of row->auth_id. APP_NOT_FOUND. */
int account_store_update(struct db_pool *pool, const struct account_row *row, struct app_error *err)
    __attribute__((warn_unused_result));
/** The account and its refresh tokens; a missing one is no error. */
int account_store_delete(struct db_pool *pool, const char *auth_id, struct app_error *err)
    __attribute__((warn_unused_result));

int refresh_token_insert(struct db_pool *pool, const struct refresh_token_row *row,
                         struct app_error *err) __attribute__((warn_unused_result));
/** Also revoked and expired rows: the caller looks. APP_NOT_FOUND. */
int refresh_token_get(struct db_pool *pool, struct arena *a, struct text sha256,
                      struct refresh_token_row *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/**
 * Revoke one token, atomically: of several callers exactly one gets *ret_was_valid true (it was
 * neither revoked nor expired at @p now_s), so a token is used at most once.
 */
int refresh_token_consume(struct db_pool *pool, struct text sha256, int64_t now_s,
                          bool *ret_was_valid, struct app_error *err)
    __attribute__((warn_unused_result));
/** Revoke every token of a session (logout, reuse detected). */
int refresh_token_revoke_session(struct db_pool *pool, const char *session_id,
                                 struct app_error *err) __attribute__((warn_unused_result));
/** Delete rows that expired before @p before_s. */
int refresh_token_purge(struct db_pool *pool, int64_t before_s, struct app_error *err)
    __attribute__((warn_unused_result));
#endif
