/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in issuer's accounts and refresh tokens in the database. */
#include "issuer_store.h"

#include "account_store.h"
#include "cleanup.h"

#include <string.h>

static struct issuer_account account_of(const struct account_row *row)
{
    return (struct issuer_account){
        .id = row->auth_id,
        .username = row->username,
        .password = {row->salt, row->hash, row->scrypt_n, row->scrypt_r, row->scrypt_p},
        .roles = row->roles,
        .is_enabled = row->is_enabled != 0
    };
}

static struct text digest_text(const unsigned char *sha256)
{
    return (struct text){(const char *)sha256, TOKEN_SHA256_BYTES};
}

static int find_by_username(void *ctx, struct arena *a, const char *username,
                            struct issuer_account *ret, struct app_error *err)
{
    struct account_row row;

    if (account_store_get_by_username(ctx, a, username, &row, err) < 0)
        return -1;
    *ret = account_of(&row);
    return 0;
}

static int find_by_id(void *ctx, struct arena *a, const char *id, struct issuer_account *ret,
                      struct app_error *err)
{
    struct account_row row;

    if (account_store_get(ctx, a, id, &row, err) < 0)
        return -1;
    *ret = account_of(&row);
    return 0;
}

static int put_refresh(void *ctx, const struct issuer_refresh *token, struct app_error *err)
{
    struct refresh_token_row row = {.sha256 = digest_text(token->sha256),
                                    .auth_id = token->account_id,
                                    .client_id = token->client_id,
                                    .session_id = token->session_id,
                                    .auth_time_s = token->auth_time_s,
                                    .expires_s = token->expires_s};

    return refresh_token_insert(ctx, &row, err);
}

static int get_refresh(void *ctx, struct arena *a, const unsigned char *sha256,
                       struct issuer_refresh *ret, struct app_error *err)
{
    struct refresh_token_row row;

    if (refresh_token_get(ctx, a, digest_text(sha256), &row, err) < 0)
        return -1;
    *ret = (struct issuer_refresh){.session_id = row.session_id,
                                   .account_id = row.auth_id,
                                   .client_id = row.client_id,
                                   .auth_time_s = row.auth_time_s,
                                   .expires_s = row.expires_s,
                                   .is_used = row.is_revoked != 0};
    memcpy(ret->sha256, sha256, sizeof ret->sha256);
    return 0;
}

static int consume_refresh(void *ctx, const unsigned char *sha256, int64_t now_s,
                           bool *ret_was_valid, struct app_error *err)
{
    return refresh_token_consume(ctx, digest_text(sha256), now_s, ret_was_valid, err);
}

static int revoke_session(void *ctx, const char *session_id, struct app_error *err)
{
    return refresh_token_revoke_session(ctx, session_id, err);
}

void issuer_store_init(struct issuer_store *ret, struct db_pool *pool)
{
    *ret = (struct issuer_store){.ctx = pool,
                                 .find_by_username = find_by_username,
                                 .find_by_id = find_by_id,
                                 .put_refresh = put_refresh,
                                 .get_refresh = get_refresh,
                                 .consume_refresh = consume_refresh,
                                 .revoke_session = revoke_session};
}
