/* SPDX-License-Identifier: Apache-2.0 */
/* Registering a cluster, confirming its certificate, letting it go (contract 13.3; design 4
 * "Trust"). */
#include "cleanup.h"
#include "cluster_store.h"
#include "clusters.h"
#include "codec.h"
#include "internal.h"
#include "secrets.h"
#include "trust.h"
#include "user_model.h"

#include <string.h>

static const char *const cluster_types[] = {"sub", "host", NULL};
static const char *const provider_types[] = {"AWS", "OPENSTACK", "NAVER", "NHN", "KT", NULL};

static bool is_one_of(const char *value, const char *const *allowed)
{
    for (; *allowed; allowed++)
        if (strcmp(value, *allowed) == 0)
            return true;
    return false;
}

static int check_common(const struct cluster_input *in, struct app_error *err)
{
    if (text_is_blank(in->name) || text_is_blank(in->cluster_type))
        return app_refuse(err, MSG_REQUEST_VALUE_IS_MISSING);
    if (!is_one_of(in->provider_type, provider_types))
        return app_fail(err, APP_BODY_MALFORMED, "unknown providerType");
    if (!is_one_of(in->cluster_type, cluster_types))
        return app_refuse(err, MSG_RE_CONFIRM_INPUT_VALUE);
    return 0;
}

int cluster_refuse_creation(const struct cluster_input *in, struct app_error *err)
{
    if (check_common(in, err) < 0)
        return -1;
    return app_refuse(err, MSG_UNABLE_TO_COMMUNICATE_TERRAMAN_SERVER);
}

/* clusterCaData as PEM, or base64 of PEM as it stands in a kubeconfig. *ret is NULL when none was
 * given. */
static int read_ca(const struct svc_call *call, const char *ca_data, const char **ret,
                   struct app_error *err)
{
    unsigned char *pem;
    size_t len;

    *ret = NULL;
    if (text_is_blank(ca_data))
        return 0;
    if (strstr(ca_data, "-----BEGIN CERTIFICATE-----")) {
        *ret = ca_data;
        return 0;
    }
    if (b64_decode(call->arena, text_of(ca_data), &pem, &len) < 0 || memchr(pem, 0, len))
        return app_refuse(err, MSG_RE_CONFIRM_INPUT_VALUE);
    *ret = (const char *)pem;
    return 0;
}

/* Whatever keeps a cluster from being registered is told as one message, with the cause in words
 * behind it. */
static int registration_failed(struct app_error *err)
{
    struct app_error cause = *err;

    if (cause.code != APP_UPSTREAM_UNREACHABLE && cause.code != APP_UPSTREAM_TIMEOUT &&
        cause.code != APP_UPSTREAM_BROKEN && cause.code != APP_BAD_REQUEST &&
        !(cause.code == APP_FORBIDDEN && cause.text[0]))
        return -1;
    app_refuse(err, MSG_CLUSTER_REGISTRATION_FAILED);
    memcpy(err->text, cause.text, sizeof err->text);
    memcpy(err->detail, cause.detail, sizeof err->detail);
    return -1;
}

/* Is the credential one, and may it do what the portal needs? Also binds the super administrators'
 * group. */
static int check_cluster(const struct svc_call *call, const char *cluster_id,
                         const struct cluster_input *in, const struct kube_trust *trust,
                         struct app_error *err)
{
    size_t token_len = strlen(in->token);
    char *token = arena_strndup(call->arena, in->token, token_len);
    struct kube_cluster_record record = {.cluster_id = cluster_id,
                                         .api_url = in->api_url,
                                         .trust_state = trust->state,
                                         .ca_pem = trust->ca_pem,
                                         .pinned_sha256 = trust->fingerprint,
                                         .token = token};
    struct kube_call kc AUTO(cluster_call_end) = {
        .deadline_us = call->deadline_us, .cancel = call->cancel, .request_id = call->request_id};

    if (!token)
        return app_fail(err, APP_INTERNAL, "out of memory");
    kc.cluster = kube_cluster_open(call->services->kube, &record, err);
    if (!kc.cluster || kube_check_credential(&kc, err) < 0)
        return -1;
    return kube_bind_super_admins(&kc, err);
}

static struct cluster_trust stored_trust(const char *api_url, const struct kube_trust *t)
{
    static const enum trust_state states[] = {[KUBE_TRUST_PENDING] = TRUST_PENDING,
                                              [KUBE_TRUST_CA] = TRUST_VERIFIED,
                                              [KUBE_TRUST_SYSTEM] = TRUST_VERIFIED,
                                              [KUBE_TRUST_PIN] = TRUST_PINNED};
    const char *seen = t->fingerprint[0] ? t->fingerprint : NULL;

    return (struct cluster_trust){.api_url = api_url,
                                  .ca_pem = t->state == KUBE_TRUST_CA ? t->ca_pem : NULL,
                                  .pinned_sha256 = t->state == KUBE_TRUST_PIN ? seen : NULL,
                                  .seen_sha256 = seen,
                                  .state = states[t->state],
                                  .detail = t->message};
}

/* The secret first: a row without one could never be used, a secret without a row is only
 * unreachable. */
static int store(const struct svc_call *call, const struct cluster_row *row,
                 const struct cluster_trust *trust, const char *token, struct app_error *err)
{
    struct services *s = call->services;
    const char *path = arena_printf(call->arena, "cluster/%s", row->cluster_id);
    struct app_error ignored;

    if (!path)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (secrets_put(s->config.secrets, path, text_of(token), err) < 0)
        return -1;
    if (cluster_store_insert(s->config.db, row, trust, err) == 0)
        return 0;
    if (err->code == APP_CONFLICT)
        app_refuse(err, MSG_CLUSTER_ALREADY_REGISTERED);
    if (secrets_delete(s->config.secrets, path, &ignored) < 0)
        return -1; /* the orphan is under an id nobody knows */
    return -1;
}

static int write_registered(const struct cluster_row *row, const struct kube_trust *trust,
                            const struct svc_call *call, struct cluster_result *ret,
                            struct app_error *err)
{
    /* BUG-59: the original answers an empty object; here the client learns the new id */
    struct cluster_model m = {.cluster_id = row->cluster_id,
                              .name = row->name,
                              .token = "-",
                              .cluster_type = row->cluster_type,
                              .provider_type = row->provider_type,
                              .description = row->description,
                              .created = row->created,
                              .ssh_key = row->ssh_key,
                              .last_modified = row->last_modified,
                              .status = row->status,
                              .is_active = trust->state != KUBE_TRUST_PENDING};

    ret->cluster_id = row->cluster_id;
    ret->notice = trust->message[0] ? arena_strdup(call->arena, trust->message) : NULL;
    return cluster_model_write(&ret->members, &m) == 0
               ? 0
               : app_fail(err, APP_INTERNAL, "answer over its limit");
}

static int register_trusted(const struct svc_call *call, const struct cluster_input *in,
                            const char *cluster_id, const struct kube_trust *trust,
                            struct cluster_result *ret, struct app_error *err)
{
    bool is_usable = trust->state != KUBE_TRUST_PENDING;
    struct cluster_trust stored = stored_trust(in->api_url, trust);
    char now[32];
    struct cluster_row row = {.cluster_id = cluster_id,
                              .name = in->name,
                              .cluster_type = in->cluster_type,
                              .provider_type = in->provider_type,
                              .description = in->description,
                              .status = is_usable ? "A" : "D",
                              .ssh_key = *in->ssh_key ? in->ssh_key : NULL,
                              .created = svc_now_text(call->services, now),
                              .last_modified = now};

    /* without a certificate that is trusted the token is not sent anywhere */
    if (is_usable && check_cluster(call, cluster_id, in, trust, err) < 0)
        return registration_failed(err);
    if (store(call, &row, &stored, in->token, err) < 0)
        return -1;
    return write_registered(&row, trust, call, ret, err);
}

int cluster_find_by_url(const struct svc_call *call, const char *api_url, const char **ret_id,
                        struct app_error *err)
{
    return cluster_store_find_by_url(call->services->config.db, call->arena, api_url, ret_id, err);
}

static int check_registration(const struct svc_call *call, const struct cluster_input *in,
                              const char **ret_ca, struct app_error *err)
{
    const char *existing;

    if (check_common(in, err) < 0)
        return -1;
    if (text_is_blank(in->api_url) || text_is_blank(in->token))
        return app_refuse(err, MSG_REQUEST_VALUE_IS_MISSING);
    if (cluster_find_by_url(call, in->api_url, &existing, err) == 0)
        return app_refuse(err, MSG_CLUSTER_ALREADY_REGISTERED);
    if (err->code != APP_NOT_FOUND)
        return -1;
    return read_ca(call, in->ca_data, ret_ca, err);
}

static int probe_and_register(const struct svc_call *call, const struct cluster_input *in,
                              const struct kube_trust_request *req, struct cluster_result *ret,
                              struct app_error *err)
{
    struct kube_trust trust AUTO(kube_trust_finish) = {.state = KUBE_TRUST_PENDING};

    if (kube_trust_probe(call->services->kube, req, &trust, err) < 0)
        return registration_failed(err);
    return register_trusted(call, in, req->cluster_id, &trust, ret, err);
}

int cluster_register(const struct svc_call *call, const struct cluster_input *in,
                     struct cluster_result *ret, struct app_error *err)
{
    struct kube_trust_request req = {.api_url = in->api_url, .deadline_us = call->deadline_us};
    const char *target;
    int rc;

    if (check_registration(call, in, &req.ca_pem, err) < 0 ||
        !(req.cluster_id = svc_uuid(call->arena, err)))
        return -1;
    target = arena_printf(call->arena, "cluster/%s", req.cluster_id);
    if (!target)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (audit_begin(call, "clusters.register", target, err) < 0)
        return -1;
    rc = probe_and_register(call, in, &req, ret, err);
    audit_end(call, "clusters.register", target, rc, err);
    return rc;
}

static int delete_now(const struct svc_call *call, const char *cluster_id, struct app_error *err)
{
    struct services *s = call->services;
    const char *path = arena_printf(call->arena, "cluster/%s", cluster_id);
    struct cluster_row row;

    if (!path)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (cluster_store_get(s->config.db, call->arena, cluster_id, &row, err) < 0)
        return err->code == APP_NOT_FOUND ? app_refuse(err, MSG_NOT_EXIST_RESOURCE) : -1;
    if (text_eq_nocase(text_of(row.cluster_type), TEXT("host")))
        return app_refuse(err, MSG_DO_NOT_DISCONNECTED_HOST_CLUSTER);
    if (cluster_store_delete(s->config.db, cluster_id, err) < 0)
        return -1;
    kube_cluster_forget(s->kube, cluster_id);
    return secrets_delete(s->config.secrets, path, err);
}

int cluster_delete(const struct svc_call *call, const char *cluster_id, struct cluster_result *ret,
                   struct app_error *err)
{
    const char *target = arena_printf(call->arena, "cluster/%s", cluster_id);
    struct cluster_model empty = {.cluster_id = NULL};
    int rc;

    if (!target)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (audit_begin(call, "clusters.delete", target, err) < 0)
        return -1;
    rc = delete_now(call, cluster_id, err);
    audit_end(call, "clusters.delete", target, rc, err);
    if (rc < 0)
        return -1;
    return cluster_model_write(&ret->members, &empty) == 0
               ? 0
               : app_fail(err, APP_INTERNAL, "out of memory");
}

static int confirm_with_token(const struct svc_call *call, const struct cluster_row *row,
                              const struct cluster_trust *old, const char *fingerprint,
                              struct kube_trust *ret, struct app_error *err)
{
    struct services *s = call->services;
    const char *path = arena_printf(call->arena, "cluster/%s", row->cluster_id);
    struct kube_trust_request req = {
        .cluster_id = row->cluster_id, .api_url = old->api_url, .deadline_us = call->deadline_us};
    struct cluster_input in = {.api_url = old->api_url};
    struct cluster_trust stored;
    struct text token;
    char now[32];
    int rc;

    if (!path || secrets_get(s->config.secrets, call->arena, path, &token, err) < 0)
        return path ? -1 : app_fail(err, APP_INTERNAL, "out of memory");
    in.token = token.p;
    rc = kube_trust_confirm(s->kube, &req, fingerprint, token.p, ret, err);
    if (rc == 0)
        rc = check_cluster(call, row->cluster_id, &in, ret, err);
    text_wipe(token);
    if (rc < 0)
        return -1;
    stored = stored_trust(old->api_url, ret);
    if (cluster_store_put_trust(s->config.db, row->cluster_id, &stored, err) < 0)
        return -1;
    return cluster_store_set_status(s->config.db, row->cluster_id, "A", svc_now_text(s, now), err);
}

int cluster_confirm_trust(const struct svc_call *call, const char *cluster_id,
                          const char *fingerprint, const char **ret_state, struct app_error *err)
{
    struct services *s = call->services;
    struct kube_trust trust AUTO(kube_trust_finish) = {.state = KUBE_TRUST_PENDING};
    struct cluster_row row;
    struct cluster_trust old;
    const char *target = arena_printf(call->arena, "cluster/%s", cluster_id);
    int rc;

    if (!target)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (cluster_store_get(s->config.db, call->arena, cluster_id, &row, err) < 0 ||
        cluster_store_get_trust(s->config.db, call->arena, cluster_id, &old, err) < 0 ||
        audit_begin(call, "clusters.trust", target, err) < 0)
        return -1;
    rc = confirm_with_token(call, &row, &old, fingerprint, &trust, err);
    audit_end(call, "clusters.trust", target, rc, err);
    if (rc < 0)
        return -1;
    kube_cluster_forget(s->kube, cluster_id);
    *ret_state = kube_trust_state_name(trust.state);
    return 0;
}
