/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Token verification: RS256 access tokens of the one active issuer (Keycloak-shaped) and portal tokens (HS512).
 * A check that cannot be completed is a refusal (promise P6).
 * Source: RFC 7515, 7517, 7519, 8725; portal contract 3.2, 3.6, 3.7; design 9.1, 9.2, 9.6, 9.12.
 */
#ifndef CP_TOKEN_H
#define CP_TOKEN_H
#include "arena.h"
#include "error.h"
#include "principal.h"
#include "text.h"

#include <jansson.h>

#define TOKEN_MAX_BYTES (16 * 1024)
#define TOKEN_HEADER_MAX_BYTES 2048
#define PORTAL_TOKEN_TTL_S 10800
#define PORTAL_REFRESH_MAX_AGE_S (12 * 3600)

struct identity;

struct identity_config {
    const char *issuer;          /* exact iss */
    const char *const *client_ids; /* accepted azp values; at least one */
    size_t client_id_count;
    const char *audience;        /* required aud (string or member of array), or NULL: the azp rule alone */
    const char *super_admin_role; /* realm role that makes eligible, e.g. "cp-cluster-admin-role" */
    const char *jwks_url;        /* NULL: taken from discovery at issuer + /.well-known/openid-configuration */
    bool allow_loopback_http;
    int leeway_s;                /* issuer tokens: 30; portal tokens always 0 */
    int jwks_refresh_s;          /* 300 */
    int jwks_stale_s;            /* 86400, for known kids */
    int jwks_cooldown_s;         /* 10: at least this between any two fetches */
    int64_t max_token_life_s;    /* 86400: exp - iat of an accepted token */
    int cache_entries;           /* verified tokens remembered until they expire; 0: none */
};

struct net;
/** @p n borrowed for the lifetime. No network access yet. @return NULL with the error. */
struct identity *identity_create(const struct identity_config *config, struct net *n, struct app_error *err);
void identity_destroy(struct identity *id);

/** Give the HS512 key (>= 64 random bytes, copied, wiped on destroy) of portal tokens; may be called again on rotation:
 *  the newest key signs, the previous one still verifies. Threads: any. */
int identity_set_portal_key(struct identity *id, const char *key_id, const void *key, size_t len, struct app_error *err);

/**
 * Verify the value of an Authorization header ("Bearer ...", contract 3.1 and errata P11).
 * On success *ret (in @p a) has everything but type and grants: those are the database's.
 * @return 0, or -1 with APP_TOKEN_MISSING, APP_TOKEN_INVALID or APP_TOKEN_EXPIRED.
 * Threads: any. Blocks only for an issuer key that is not known yet: one fetch at a time, at most @p deadline_us.
 */
int identity_verify(struct identity *id, struct text authorization, int64_t deadline_us, struct arena *a,
                    struct principal *ret, struct app_error *err) __attribute__((warn_unused_result));

/** True when verifying would not block (signature cached, or its key known): the inline path asks before it calls. */
bool identity_is_ready_for(struct identity *id, struct text authorization);

/** The claims of an *expired* portal token whose signature is valid, for GET /refreshtoken (contract 3.7, errata P13). */
struct portal_claims {
    const char *user_id, *auth_id, *issuer, *client_ip, *browser; /* "" when absent */
    int64_t auth_time_s, issued_s, expires_s;
};
/**
 * Verify signature and shape of a portal token without refusing it for its age.
 * @return 0 with *ret and *is_expired; -1 with APP_TOKEN_MISSING or APP_TOKEN_INVALID.
 */
int identity_read_portal_token(struct identity *id, struct text authorization, struct arena *a,
                               struct portal_claims *ret, bool *is_expired, struct app_error *err);

/** What goes into a portal token besides iat and exp. @p roles_info is borrowed (contract 3.2); over 8 KiB it becomes {}. */
struct portal_token_input {
    const char *user_id, *auth_id, *issuer, *client_ip, *browser;
    enum user_type type;
    const json_t *roles_info;
    int64_t auth_time_s; /* 0: now */
};
/** @return the signed token (HS512, in @p a), or NULL. */
char *identity_issue_portal_token(struct identity *id, const struct portal_token_input *in, struct arena *a,
                                  struct app_error *err);
#endif
