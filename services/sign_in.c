/* SPDX-License-Identifier: Apache-2.0 */
#include "sign_in.h"
#include "access.h"
#include "cleanup.h"
#include "internal.h"
#include "log.h"
#include "token.h"
#include "trust.h"

#include <jansson.h>
#include <string.h>

bool sign_in_has_proof(struct text authorization)
{
    return identity_has_bearer(authorization);
}

static int login_failed(struct app_error *err, enum msg_id why)
{
    app_fail(err, APP_LOGIN_FAILED, "%s", msg_text(why, LANG_EN));
    err->message_id = why;
    return -1;
}

/* Only an access token of the issuer proves who signs in: a portal token would live for ever by
 * renewing itself. */
static int verify_proof(const struct svc_call *call, const struct sign_in_input *in,
                        struct principal *ret, struct app_error *err)
{
    if (identity_verify(call->services->config.identity, in->authorization, call->deadline_us,
                        call->arena, ret, err) < 0)
        return -1;
    if (ret->token_kind != TOKEN_KEYCLOAK)
        return app_fail(err, APP_TOKEN_INVALID, "a portal token is no proof for signing in");
    return 0;
}

/* A body may repeat the identity, it never gives one (design 9.1). */
static bool body_agrees(const struct sign_in_input *in, const struct principal *p)
{
    return (!*in->user_id || strcmp(in->user_id, p->user_id) == 0) &&
           (!*in->auth_id || strcmp(in->auth_id, p->auth_id) == 0);
}

static int add_role(json_t *roles, const struct right_row *r)
{
    json_t *entry = json_object_get(roles, r->cluster_id);
    json_t *namespaces = json_object_get(entry, "namespaceList");
    bool is_user = user_type_of(r->user_type) == USER_TYPE_USER;

    if (is_user && json_is_array(namespaces))
        return json_array_append_new(namespaces, json_string(r->namespace_name));
    if (is_user)
        return json_object_set_new(roles, r->cluster_id,
                                   json_pack("{s:s, s:[s]}", "userType", r->user_type,
                                             "namespaceList", r->namespace_name));
    return json_object_set_new(roles, r->cluster_id,
                               json_pack("{s:s, s:n}", "userType", r->user_type, "namespaceList"));
}

/* rolesInfo of the token (contract 3.2): for old clients to show, never for this server to decide
 * by. */
static json_t *roles_info(const struct svc_call *call, const struct principal *p,
                          struct app_error *err)
{
    struct db_pool *db = call->services->config.db;
    struct right_list rows;
    json_t *roles = json_object();
    int rc = p->type == USER_TYPE_SUPER_ADMIN
                 ? user_store_list_clusters(db, call->arena, p->auth_id, true, &rows, err)
                 : user_store_list_rights(db, call->arena, p->auth_id, &rows, err);

    for (size_t i = 0; rc == 0 && i < rows.count; i++)
        if (add_role(roles, &rows.rows[i]) < 0)
            rc = app_fail(err, APP_INTERNAL, "rolesInfo could not be built");
    if (rc == 0)
        return roles;
    json_decref(roles);
    return NULL;
}

static const char *issue(const struct svc_call *call, const struct principal *p,
                         const struct portal_claims *session, struct app_error *err)
{
    json_auto_t *roles = roles_info(call, p, err);
    struct portal_token_input in = {.user_id = p->user_id,
                                    .auth_id = p->auth_id,
                                    .issuer = p->issuer,
                                    .client_ip = session->client_ip,
                                    .browser = session->browser,
                                    .type = p->type,
                                    .roles_info = roles,
                                    .auth_time_s = session->auth_time_s};

    return roles
               ? identity_issue_portal_token(call->services->config.identity, &in, call->arena, err)
               : NULL;
}

static int login_person(const struct svc_call *call, const struct sign_in_input *in,
                        struct principal *p, struct sign_in_result *ret, struct app_error *err)
{
    struct portal_claims session = {.client_ip = in->client_ip, .browser = in->browser};
    struct user_row registration;

    if (user_store_get_registration(call->services->config.db, call->arena, p->auth_id,
                                    &registration, err) < 0)
        return err->code == APP_NOT_FOUND ? login_failed(err, MSG_LOGIN_INCORRECT) : -1;
    if (access_load_rights(call->services, call->arena, p, err) < 0)
        return -1;
    *ret = (struct sign_in_result){.user_id = p->user_id, .auth_id = p->auth_id, .type = p->type};
    if (p->type == USER_TYPE_NONE ||
        (p->type == USER_TYPE_SUPER_ADMIN && !p->is_eligible_super_admin))
        return 0;
    ret->is_active = true;
    ret->token = issue(call, p, &session, err);
    return ret->token ? 0 : -1;
}

int sign_in_login(const struct svc_call *call, const struct sign_in_input *in,
                  struct sign_in_result *ret, struct app_error *err)
{
    struct principal p;

    if (!sign_in_has_proof(in->authorization)) {
        if (!*in->user_id)
            return login_failed(err, MSG_LOGIN_NO_USER_ID);
        return login_failed(err, *in->auth_id ? MSG_LOGIN_INCORRECT : MSG_LOGIN_NO_AUTH_ID);
    }
    if (verify_proof(call, in, &p, err) < 0)
        return -1;
    if (!body_agrees(in, &p))
        return login_failed(err, MSG_LOGIN_INCORRECT);
    return login_person(call, in, &p, ret, err);
}

/* The rights are those of now, not of the old token (BUG-05). */
static int refresh_person(const struct svc_call *call, const struct portal_claims *old,
                          const char **ret_token, struct app_error *err)
{
    struct principal p = {.token_kind = TOKEN_PORTAL,
                          .issuer = old->issuer,
                          .auth_id = old->auth_id,
                          .user_id = old->user_id};

    if (access_load_rights(call->services, call->arena, &p, err) < 0)
        return -1;
    if (p.type == USER_TYPE_NONE)
        return 0;
    *ret_token = issue(call, &p, old, err);
    return *ret_token ? 0 : -1;
}

int sign_in_refresh(const struct svc_call *call, struct text authorization, bool is_asked,
                    const char **ret_token, struct app_error *err)
{
    struct identity *identity = call->services->config.identity;
    struct portal_claims old;
    bool is_expired;

    *ret_token = NULL;
    if (identity_read_portal_token(identity, authorization, call->arena, &old, &is_expired, err) <
        0)
        return -1;
    if (!is_expired)
        return 0;
    if (!is_asked)
        return app_fail(err, APP_TOKEN_EXPIRED, "expired, and isRefreshToken was not sent");
    if (!identity_may_refresh(identity, &old) ||
        strcmp(old.issuer, call->services->config.issuer) != 0)
        return 0;
    return refresh_person(call, &old, ret_token, err);
}

/* The accounts of an older identity of the same name go with its rows; a cluster that cannot be
 * reached keeps an account without any row, which nobody can act as (contract 13.1 step 4). */
static void remove_stale_account(const struct svc_call *call, const struct user_row *r)
{
    struct kube_call kc AUTO(cluster_call_end) = {0};
    char name[KUBE_ACCOUNT_BYTES];
    bool is_user = user_type_of(r->user_type) == USER_TYPE_USER;
    struct kube_account account = {.namespace_name =
                                       is_user ? r->namespace_name : KUBE_ADMIN_NAMESPACE,
                                   .name = name,
                                   .role = is_user ? r->role_set_code : NULL};
    struct app_error err = {0};

    if (kube_account_name(r->user_auth_id, name) < 0 ||
        cluster_call_as_server(call, r->cluster_id, &kc, &err) < 0 ||
        kube_remove_account(&kc, &account, true, &err) < 0)
        log_message(LOG_WARN, "signUp", "account of an older identity stays in cluster %s: %s",
                    r->cluster_id, err.detail);
}

static int sign_up_person(const struct svc_call *call, const struct principal *p,
                          struct app_error *err)
{
    struct services *s = call->services;
    char now[32];
    struct sign_up in = {.user_id = arena_strdup_lower(call->arena, p->user_id),
                         .auth_id = p->auth_id,
                         .is_super_admin = p->is_eligible_super_admin,
                         .now = svc_now_text(s, now)};
    struct user_list stale;

    if (!in.user_id || !*in.user_id)
        return app_refuse(err, MSG_USER_SIGN_UP_INFO_REQUIRED);
    if (user_store_sign_up(s->config.db, call->arena, &in, &stale, err) < 0)
        return -1;
    access_forget(s);
    for (size_t i = 0; i < stale.count; i++)
        remove_stale_account(call, &stale.rows[i]);
    return 0;
}

int sign_in_sign_up(const struct svc_call *call, const struct sign_in_input *in,
                    struct app_error *err)
{
    struct principal p = {0};
    struct svc_call as_person = *call;
    const char *target;
    int rc;

    if (!sign_in_has_proof(in->authorization))
        return app_refuse(err, *in->user_id && *in->auth_id ? MSG_USER_NOT_REGISTERED_IN_KEYCLOAK
                                                            : MSG_USER_SIGN_UP_INFO_REQUIRED);
    if (verify_proof(call, in, &p, err) < 0)
        return -1;
    if (!body_agrees(in, &p))
        return app_refuse(err, MSG_USER_SIGN_UP_INFO_REQUIRED);
    as_person.principal = &p;
    target = arena_printf(call->arena, "user/%s", p.auth_id);
    if (!target)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (audit_begin(&as_person, "users.signUp", target, err) < 0)
        return -1;
    rc = sign_up_person(call, &p, err);
    audit_end(&as_person, "users.signUp", target, rc, err);
    return rc;
}
