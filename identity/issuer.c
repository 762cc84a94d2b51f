/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer.h"

#include "cleanup.h"
#include "codec.h"
#include "form.h"
#include "issuer_keys.h"
#include "password.h"
#include "throttle.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#define DOCUMENT_MAX_BYTES 8192
#define USERNAME_MAX_BYTES 255
#define SCOPE "profile email"
#define REFRESH_BYTES 32
#define UUID_TEXT_BYTES 37
#define CODE_SLOW_DOWN "slow_down"

struct issuer {
    struct issuer_config
        config; /* with its own copies of every string and every default filled in */
    struct issuer_store store;
    char *name;
    char *discovery;
    struct issuer_keys *keys;
    struct throttle *throttle;
    struct arena *arena; /* of nobody's password */
    struct issuer_password
        nobody; /* checked when there is no such user, so that the time tells nothing */
};

/* One token request on its way. */
struct request {
    struct issuer *is;
    const struct issuer_token_input *in;
    struct arena *a;
    struct form form;
    struct issuer_answer *ret;
};

/* --- answers
 * -----------------------------------------------------------------------------------------------------
 */

static void answer_error(struct request *r, int status, const char *code, const char *description)
{
    const char *json =
        arena_printf(r->a, "{\"error\":\"%s\",\"error_description\":\"%s\"}", code, description);

    *r->ret =
        (struct issuer_answer){.http_status = status,
                               .json = json ? json : "{\"error\":\"temporarily_unavailable\"}",
                               .log_detail = description};
}

static void answer_unavailable(struct request *r, const struct app_error *err)
{
    const char *detail = arena_strdup(r->a, err->detail);

    answer_error(r, 503, "temporarily_unavailable", "Try again later");
    r->ret->retry_after_s = 1;
    r->ret->log_detail = detail ? detail : "temporarily unavailable";
}

static void answer_invalid_grant(struct request *r, const char *description)
{
    answer_error(r, 400, "invalid_grant", description);
}

/* --- tokens
 * ------------------------------------------------------------------------------------------------------
 */

static int random_uuid(char ret[UUID_TEXT_BYTES])
{
    unsigned char b[16];
    char hex[33];

    if (RAND_bytes(b, sizeof b) != 1)
        return -1;
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    hex_encode(b, sizeof b, hex);
    snprintf(ret, UUID_TEXT_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
             hex + 20);
    return 0;
}

static json_t *roles_array(const char *names)
{
    json_t *list = json_array();

    while (list && names && *names) {
        size_t len = strcspn(names, " ");

        if (len > 0)
            json_array_append_new(list, json_stringn(names, len));
        names += len + (names[len] == ' ');
    }
    return list;
}

/* One session: who, since when. */
struct session {
    const char *id;
    const struct issuer_account *account;
    int64_t auth_time_s;
};

static json_t *access_claims(const struct request *r, const struct session *s)
{
    const struct issuer_config *c = &r->is->config;
    char jti[UUID_TEXT_BYTES];
    json_t *claims;

    if (random_uuid(jti) < 0)
        return NULL;
    claims = json_pack("{s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:o}, s:s, s:s}", "exp",
                       (json_int_t)r->in->now_s + c->access_ttl_s, "iat", (json_int_t)r->in->now_s,
                       "auth_time", (json_int_t)s->auth_time_s, "jti", jti, "iss", r->is->name,
                       "sub", s->account->id, "typ", "Bearer", "azp", c->client_id, "sid", s->id,
                       "realm_access", "roles", roles_array(s->account->roles), "scope", SCOPE,
                       "preferred_username", s->account->username);
    if (claims && c->audience && json_object_set_new(claims, "aud", json_string(c->audience)) < 0) {
        json_decref(claims);
        return NULL;
    }
    return claims;
}

static char *access_token(const struct request *r, const struct session *s, struct app_error *err)
{
    json_auto_t *claims = access_claims(r, s);

    if (!claims) {
        app_fail(err, APP_INTERNAL, "issuer: no memory or no random bytes");
        return NULL;
    }
    return issuer_keys_sign(r->is->keys, r->a, claims, r->in->now_s, err);
}

static int digest_of(struct text token, unsigned char ret[ISSUER_SHA256_BYTES])
{
    return EVP_Digest(token.p, token.len, ret, NULL, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

static int64_t refresh_expiry(const struct request *r, const struct session *s)
{
    int64_t by_token = r->in->now_s + r->is->config.refresh_ttl_s;
    int64_t by_session = s->auth_time_s + r->is->config.session_max_s;

    return by_token < by_session ? by_token : by_session;
}

/* @return a new refresh token, stored; NULL with the error */
static char *refresh_token(const struct request *r, const struct session *s, struct app_error *err)
{
    struct issuer_refresh row = {.session_id = s->id,
                                 .account_id = s->account->id,
                                 .client_id = r->is->config.client_id,
                                 .auth_time_s = s->auth_time_s,
                                 .expires_s = refresh_expiry(r, s)};
    unsigned char bytes[REFRESH_BYTES];
    char *token =
        RAND_bytes(bytes, sizeof bytes) == 1 ? b64url_encode(r->a, bytes, sizeof bytes) : NULL;

    if (!token || digest_of(text_of(token), row.sha256) < 0) {
        app_fail(err, APP_INTERNAL, "issuer: no memory or no random bytes");
        return NULL;
    }
    return r->is->store.put_refresh(r->is->store.ctx, &row, err) < 0 ? NULL : token;
}

static void answer_tokens(struct request *r, const struct session *s, const char *access,
                          const char *refresh)
{
    const char *json =
        arena_printf(r->a,
                     "{\"access_token\":\"%s\",\"expires_in\":%d,\"refresh_expires_in\":%lld,"
                     "\"refresh_token\":\"%s\",\"token_type\":\"Bearer\",\"not-before-policy\":0,"
                     "\"session_state\":\"%s\",\"scope\":\"" SCOPE "\"}",
                     access, r->is->config.access_ttl_s,
                     (long long)(refresh_expiry(r, s) - r->in->now_s), refresh, s->id);
    struct app_error err = {.detail = "issuer: no memory"};

    if (json)
        *r->ret = (struct issuer_answer){.http_status = 200, .json = json};
    else
        answer_unavailable(r, &err);
}

/* --- grant_type=password (RFC 6749 4.3)
 * --------------------------------------------------------------------------- */

static void open_session(struct request *r, const struct issuer_account *account)
{
    char id[UUID_TEXT_BYTES];
    struct session s = {.id = id, .account = account, .auth_time_s = r->in->now_s};
    struct app_error err = {.detail = "issuer: no random bytes"};
    char *access = random_uuid(id) == 0 ? access_token(r, &s, &err) : NULL;
    char *refresh = access ? refresh_token(r, &s, &err) : NULL;

    if (refresh)
        answer_tokens(r, &s, access, refresh);
    else
        answer_unavailable(r, &err);
}

/* @return 0 with the verdict, or -1. An unknown user costs the same work as a known one. */
static int check_account(struct request *r, const char *username, const char *password,
                         struct issuer_account *ret, bool *ret_is_right, struct app_error *err)
{
    const struct issuer_password *stored = &r->is->nobody;
    bool is_known = false, is_right = false;

    if (r->is->store.find_by_username(r->is->store.ctx, r->a, username, ret, err) == 0) {
        is_known = true;
        stored = &ret->password;
    } else if (err->code != APP_NOT_FOUND) {
        return -1;
    }
    if (password_check(text_of(password), stored, &is_right, err) < 0)
        return -1;
    *ret_is_right = is_known && is_right;
    return 0;
}

static char *lower_case(struct arena *a, const char *s)
{
    char *copy = arena_strdup(a, s);

    for (char *p = copy; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return copy;
}

static void sign_in(struct request *r, const char *username, const char *password)
{
    struct issuer_account account;
    struct app_error err = {0};
    bool is_right = false;
    int wait_s = throttle_begin(r->is->throttle, username, r->in->peer, r->in->now_s);

    if (wait_s > 0) {
        answer_error(r, 429, CODE_SLOW_DOWN, "Too many failed attempts");
        r->ret->retry_after_s = wait_s;
        return;
    }
    if (check_account(r, username, password, &account, &is_right, &err) < 0) {
        throttle_take_back(r->is->throttle, username, r->in->peer);
        answer_unavailable(r, &err);
        return;
    }
    if (!is_right) {
        answer_invalid_grant(r, "Invalid user credentials");
        return;
    }
    throttle_clear(r->is->throttle, username, r->in->peer);
    if (account.is_enabled)
        open_session(r, &account);
    else
        answer_invalid_grant(r, "Account disabled");
}

static void grant_password(struct request *r)
{
    const char *username = form_get(&r->form, "username");
    const char *password = form_get(&r->form, "password");

    if (!username || !username[0] || strlen(username) > USERNAME_MAX_BYTES || !password) {
        answer_error(r, 400, "invalid_request", "Missing parameter: username or password");
        return;
    }
    username = lower_case(r->a, username);
    if (username && strlen(password) <= PASSWORD_MAX_BYTES)
        sign_in(r, username, password);
    else
        answer_error(r, 400, "invalid_request", "Password too long");
}

/* --- grant_type=refresh_token (RFC 6749 6)
 * ------------------------------------------------------------------------ */

static void refuse_reuse(struct request *r, const char *session_id)
{
    struct app_error err = {0};

    if (r->is->store.revoke_session(r->is->store.ctx, session_id, &err) < 0)
        answer_unavailable(r, &err);
    else
        answer_invalid_grant(r, "Token was used before: session revoked");
}

/*
 * The new token is stored before the old one is consumed: whoever loses the race for the old one
 * revokes the session, and that takes the winner's new token with it. The other order would leave a
 * new token in a revoked session.
 */
static void rotate(struct request *r, const struct issuer_refresh *old,
                   const struct issuer_account *account)
{
    struct session s = {old->session_id, account, old->auth_time_s};
    struct app_error err = {0};
    bool was_valid = false;
    char *access = access_token(r, &s, &err);
    char *refresh = access ? refresh_token(r, &s, &err) : NULL;

    if (!refresh || r->is->store.consume_refresh(r->is->store.ctx, old->sha256, r->in->now_s,
                                                 &was_valid, &err) < 0) {
        answer_unavailable(r, &err);
        return;
    }
    if (was_valid)
        answer_tokens(r, &s, access, refresh);
    else
        refuse_reuse(r, old->session_id);
}

static void refresh_session(struct request *r, const struct issuer_refresh *old)
{
    struct issuer_account account;
    struct app_error err = {0};

    if (old->is_used) {
        refuse_reuse(r, old->session_id);
        return;
    }
    if (old->expires_s <= r->in->now_s || strcmp(old->client_id, r->is->config.client_id) != 0) {
        answer_invalid_grant(r, "Token is not active");
        return;
    }
    if (r->is->store.find_by_id(r->is->store.ctx, r->a, old->account_id, &account, &err) < 0) {
        if (err.code == APP_NOT_FOUND)
            answer_invalid_grant(r, "Token is not active");
        else
            answer_unavailable(r, &err);
        return;
    }
    if (account.is_enabled)
        rotate(r, old, &account);
    else
        answer_invalid_grant(r, "Account disabled");
}

static void grant_refresh(struct request *r)
{
    const char *token = form_get(&r->form, "refresh_token");
    unsigned char sha256[ISSUER_SHA256_BYTES];
    struct issuer_refresh old;
    struct app_error err = {.detail = "issuer: digest"};

    if (!token || !token[0]) {
        answer_error(r, 400, "invalid_request", "Missing parameter: refresh_token");
        return;
    }
    if (digest_of(text_of(token), sha256) == 0 &&
        r->is->store.get_refresh(r->is->store.ctx, r->a, sha256, &old, &err) == 0)
        refresh_session(r, &old);
    else if (err.code == APP_NOT_FOUND)
        answer_invalid_grant(r, "Invalid refresh token");
    else
        answer_unavailable(r, &err);
}

/* --- the endpoint
 * -------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    void (*run)(struct request *r);
} grants[] = {
    {"password",      grant_password},
    {"refresh_token", grant_refresh }
};

static void run_grant(struct request *r, const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(grants); i++)
        if (strcmp(grants[i].name, type) == 0) {
            grants[i].run(r);
            return;
        }
    answer_error(r, 400, "unsupported_grant_type", "Unsupported grant_type");
}

void issuer_token_request(struct issuer *is, const struct issuer_token_input *in, struct arena *a,
                          struct issuer_answer *ret)
{
    struct request r = {.is = is, .in = in, .a = a, .ret = ret};
    const char *type, *client;

    if (in->form.len > ISSUER_FORM_MAX_BYTES || form_parse(a, in->form, &r.form, NULL) < 0) {
        answer_error(&r, 400, "invalid_request", "Malformed form body");
        return;
    }
    type = form_get(&r.form, "grant_type");
    client = form_get(&r.form, "client_id");
    if (!type || !type[0])
        answer_error(&r, 400, "invalid_request", "Missing form parameter: grant_type");
    else if (!client || strcmp(client, is->config.client_id) != 0)
        answer_error(&r, 401, "invalid_client", "Invalid client or Invalid client credentials");
    else
        run_grant(&r, type);
}

/* --- documents and life
 * ------------------------------------------------------------------------------------------- */

const char *issuer_name(const struct issuer *is)
{
    return is->name;
}

int issuer_add_key(struct issuer *is, struct text pem, int64_t now_s, struct app_error *err)
{
    return issuer_keys_add(is->keys, pem, now_s, err);
}

const char *issuer_jwks(struct issuer *is, struct arena *a, int64_t now_s)
{
    return issuer_keys_document(is->keys, a, now_s);
}

const char *issuer_discovery(struct issuer *is, struct arena *a)
{
    return arena_strdup(a, is->discovery);
}

/* Only what is really there is announced. */
static char *discovery_text(const char *name)
{
    char *endpoint = NULL, *certs = NULL;
    json_auto_t *doc = NULL;

    if (asprintf(&endpoint, "%s/protocol/openid-connect/token", name) < 0)
        endpoint = NULL;
    if (asprintf(&certs, "%s/protocol/openid-connect/certs", name) < 0)
        certs = NULL;
    if (endpoint && certs)
        doc = json_pack("{s:s, s:s, s:s, s:[ss], s:[s], s:[s], s:[s], s:[ss], s:[ssssssss]}",
                        "issuer", name, "token_endpoint", endpoint, "jwks_uri", certs,
                        "grant_types_supported", "password", "refresh_token",
                        "response_types_supported", "token", "subject_types_supported", "public",
                        "token_endpoint_auth_methods_supported", "none", "scopes_supported",
                        "profile", "email", "claims_supported", "iss", "sub", "exp", "iat",
                        "auth_time", "azp", "sid", "preferred_username");
    if (doc)
        json_object_set_new(doc, "id_token_signing_alg_values_supported",
                            json_pack("[s]", "RS256"));
    free(endpoint);
    free(certs);
    return doc ? json_dumps(doc, JSON_COMPACT) : NULL;
}

static void fill_defaults(struct issuer_config *c)
{
    const struct {
        int *field, value;
    } defaults[] = {
        {&c->access_ttl_s,  300  },
        {&c->refresh_ttl_s, 1800 },
        {&c->session_max_s, 36000},
        {&c->scrypt_log2_n, 15   }
    };

    for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
        if (*defaults[i].field == 0)
            *defaults[i].field = defaults[i].value;
}

static int build(struct issuer *is, const struct issuer_config *config, struct app_error *err)
{
    struct issuer_config *c = &is->config;

    *c = *config;
    fill_defaults(c);
    c->base_url = NULL;
    c->realm = NULL;
    c->client_id = strdup(config->client_id);
    c->audience = config->audience ? strdup(config->audience) : NULL;
    if (asprintf(&is->name, "%s/realms/%s", config->base_url, config->realm) < 0)
        is->name = NULL;
    is->discovery = is->name ? discovery_text(is->name) : NULL;
    is->keys = issuer_keys_create(c->access_ttl_s);
    is->throttle = throttle_create();
    is->arena = arena_create(4096);
    if (!c->client_id || !c->audience != !config->audience || !is->discovery || !is->keys ||
        !is->throttle || !is->arena)
        return app_fail(err, APP_INTERNAL, "issuer: no memory");
    return password_hash(is->arena, TEXT("nobody"), c->scrypt_log2_n, &is->nobody, err);
}

struct issuer *issuer_create(const struct issuer_config *config, const struct issuer_store *store,
                             struct app_error *err)
{
    struct issuer *is = NULL;

    if (!config->base_url || !config->realm || !config->realm[0] || !config->client_id ||
        !config->client_id[0]) {
        app_fail(err, APP_INTERNAL, "issuer: base URL, realm or client id");
        return NULL;
    }
    is = calloc(1, sizeof *is);
    if (!is) {
        app_fail(err, APP_INTERNAL, "issuer: no memory");
        return NULL;
    }
    is->store = *store;
    if (build(is, config, err) == 0)
        return is;
    issuer_destroy(is);
    return NULL;
}

void issuer_destroy(struct issuer *is)
{
    if (!is)
        return;
    issuer_keys_destroy(is->keys);
    throttle_destroy(is->throttle);
    arena_destroy(is->arena);
    free((char *)is->config.client_id);
    free((char *)is->config.audience);
    free(is->name);
    free(is->discovery);
    free(is);
}
