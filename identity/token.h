/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Token verification: RS256 access tokens of the one active issuer (Keycloak-shaped) and portal
 * tokens (HS512). A check that cannot be completed is a refusal (promise P6). Source: RFC 7515,
 * 7517, 7519, 8725; portal contract 3.2, 3.6, 3.7; design 9.1, 9.2, 9.6, 9.12.
 */
#ifndef CP_TOKEN_H
#define CP_TOKEN_H
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "principal.h"
#include "text.h"

#include <jansson.h>

#define TOKEN_MAX_BYTES 16384
#define TOKEN_HEADER_MAX_BYTES 2048
#define PORTAL_TOKEN_TTL_S 10800
#define PORTAL_REFRESH_MAX_AGE_S 43200

struct identity;

struct identity_config {
    const char *issuer;            /* exact iss */
    const char *const *client_ids; /* accepted azp values; at least one */
    size_t client_id_count;
    const char
        *audience; /* required aud (string or member of array), or NULL: the azp rule alone */
    const char *super_admin_role; /* realm role that makes eligible, e.g. "cp-cluster-admin-role" */
    const char
        *jwks_url; /* NULL: taken from discovery at issuer + /.well-known/openid-configuration */
    const char *ca_pem; /* trust exactly these authorities towards the issuer; NULL: the system's */
    int leeway_s;       /* issuer tokens: 30; portal tokens always 0 */
    int jwks_refresh_s; /* 300 */
    int jwks_stale_s;   /* 86400, for known kids */
    int jwks_cooldown_s;      /* 10: at least this between any two fetches */
    int64_t max_token_life_s; /* 86400: exp - iat of an accepted token */
    int cache_entries;        /* verified tokens remembered until they expire; 0: none */
    bool allow_loopback_http;
};

/** Where the time and the issuer's documents come from; tests give their own. */
struct identity_env {
    void *ctx;
    /** GET @p url into @p ret (initialised, with its maximum). Any status but 200 is a failure.
     * Blocks at most until
     *  @p deadline_us; called by one thread at a time. @return 0 or -1 */
    int (*fetch)(void *ctx, const char *url, int64_t deadline_us, struct buf *ret,
                 struct app_error *err);
    /** Make a running fetch and all later ones fail soon; may be NULL. */
    void (*cancel)(void *ctx);
    void (*destroy)(void *ctx);   /* may be NULL */
    int64_t (*unix_s)(void *ctx); /* NULL: clock_unix_s() */
    int64_t (*mono_us)(
        void *ctx); /* NULL: clock_mono_us(); ages and cool-down only, never the wait of a caller */
};

/** As identity_create() with another environment. @p env is copied; its ctx is destroyed with the
 * result, also on failure. */
struct identity *identity_create_with(const struct identity_config *config,
                                      const struct identity_env *env, struct app_error *err);

struct net;
/** All strings of @p config are copied. One thread is started, which does every fetch. @p n
 * borrowed for the lifetime. No network access yet. @return NULL with the error (APP_INTERNAL,
 * detail says which setting). */
struct identity *identity_create(const struct identity_config *config, struct net *n,
                                 struct app_error *err);
/** Stop the thread (a fetch under way is cancelled), free, wipe keys. No caller may be inside. NULL
 * is allowed. */
void identity_destroy(struct identity *id);
/** Ask for a first fetch of the issuer's keys in the background (a warm start). Never blocks. */
void identity_prefetch(struct identity *id);

/** Give the HS512 key (>= 64 random bytes, copied, wiped on destroy) of portal tokens; may be
 * called again on rotation: the newest key signs, the previous one still verifies. Threads: any. */
int identity_set_portal_key(struct identity *id, const char *key_id, const void *key, size_t len,
                            struct app_error *err);

/**
 * Verify the value of an Authorization header ("Bearer ...", contract 3.1 and errata P11).
 * On success *ret (in @p a) has everything but type and grants: those are the database's.
 * @return 0, or -1 with APP_TOKEN_MISSING, APP_TOKEN_INVALID or APP_TOKEN_EXPIRED.
 * Threads: any. Blocks only for an issuer key that is not known yet: one fetch at a time, at most
 * @p deadline_us.
 */
int identity_verify(struct identity *id, struct text authorization, int64_t deadline_us,
                    struct arena *a, struct principal *ret, struct app_error *err)
    __attribute__((warn_unused_result));

/**
 * As identity_verify(), for threads that must not block: one look-up instead of
 * identity_is_ready_for() and a second one.
 * @return 0, -1, or 1 when the issuer's key would have to be fetched: nothing is set, call
 * identity_verify() elsewhere.
 */
int identity_try_verify(struct identity *id, struct text authorization, struct arena *a,
                        struct principal *ret, struct app_error *err)
    __attribute__((warn_unused_result));

/** True when the header carries a bearer at all; "Bearer", "Bearer null" and other schemes do not
 * (design 9.1). */
bool identity_has_bearer(struct text authorization);

/** True when verifying would not block (signature cached, or its key known): the inline path asks
 * before it calls. */
bool identity_is_ready_for(struct identity *id, struct text authorization);

/** The claims of an *expired* portal token whose signature is valid, for GET /refreshtoken
 * (contract 3.7, errata P13). */
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

/** True while the sign-in behind @p c is at most PORTAL_REFRESH_MAX_AGE_S old (design 9.6). */
bool identity_may_refresh(struct identity *id, const struct portal_claims *c);

/** What goes into a portal token besides iat and exp. @p roles_info is borrowed (contract 3.2);
 * over 8 KiB it becomes {}. */
struct portal_token_input {
    const char *user_id, *auth_id, *issuer, *client_ip, *browser;
    enum user_type type;
    const json_t *roles_info;
    int64_t auth_time_s; /* 0: now */
};
/** @return the signed token (HS512, in @p a), or NULL. */
char *identity_issue_portal_token(struct identity *id, const struct portal_token_input *in,
                                  struct arena *a, struct app_error *err);
#endif
