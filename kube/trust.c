/* SPDX-License-Identifier: Apache-2.0 */
#include "trust.h"

#include "cleanup.h"
#include "clock.h"
#include "cluster.h"
#include "impersonate.h"
#include "internal.h"
#include "json.h"
#include "roles.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <string.h>

#define PROBE_WAIT_US (10 * US_PER_S)
#define PROBE_ARENA_BYTES ((size_t)64 * KIB)
#define CA_PEM_MAX_BYTES ((size_t)1024 * KIB)

void kube_trust_finish(struct kube_trust *t)
{
    free(t->ca_pem);
    t->ca_pem = NULL;
}

static int64_t deadline_of(const struct kube_trust_request *req)
{
    return req->deadline_us ? req->deadline_us : clock_mono_us() + PROBE_WAIT_US;
}

/* Any HTTP answer proves that the connection was made and verified; no credential is sent. */
static int try_connect(struct kube *k, const char *origin, const char *ca_pem, int64_t deadline_us,
                       struct app_error *err)
{
    const struct kube_config *kc = kube_configuration(k);
    struct net_pool_config config = {
        .name = "trust probe",
        .base_url = origin,
        .allow_loopback_http = kc->allow_loopback_http,
        .ca_pem = ca_pem,
        .connect_timeout_ms = kc->connect_timeout_ms,
        .first_byte_timeout_ms = kc->first_byte_timeout_ms,
    };
    struct net_request req = {.method = "GET",
                              .path = "/version",
                              .deadline_us = deadline_us,
                              .answer_max_bytes = PROBE_ARENA_BYTES};
    struct net_response res = {0};
    struct net_pool *pool = net_pool_create(kube_net(k), &config, err);
    int rc;

    if (!pool)
        return -1;
    rc = net_call(pool, &req, &res, err);
    if (rc == 0)
        kube_response_finish(&res);
    net_pool_unref(pool);
    return rc;
}

static int set_ca(struct kube_trust *ret, const char *ca_pem, struct app_error *err)
{
    ret->state = KUBE_TRUST_CA;
    ret->ca_pem = strdup(ca_pem);
    return ret->ca_pem ? 0 : app_fail(err, APP_INTERNAL, "out of memory");
}

static void set_pending(struct kube_trust *ret, const char *cluster_id)
{
    ret->state = KUBE_TRUST_PENDING;
    snprintf(ret->message, sizeof(ret->message),
             "The cluster's certificate is not verified. An operator must run: cp-portal cluster "
             "trust %s --fingerprint %s",
             cluster_id ? cluster_id : "ID", ret->fingerprint);
}

/*
 * A connection that failed may have failed for the certificate or for the network: reading the
 * certificate without verifying it tells which.
 */
static int probe_unverified(struct kube *k, const struct kube_trust_request *req,
                            const char *origin, struct kube_trust *ret, struct app_error *err)
{
    if (net_peer_fingerprint(kube_net(k), origin, deadline_of(req), ret->fingerprint, err) < 0)
        return -1;
    if (req->ca_pem)
        return app_fail_text(err, APP_UPSTREAM_UNREACHABLE,
                             "The given CA certificate does not verify the cluster's address.");
    set_pending(ret, req->cluster_id);
    return 0;
}

static int probe(struct kube *k, const struct kube_trust_request *req, const char *origin,
                 struct kube_trust *ret, struct app_error *err)
{
    struct app_error why = {0};

    if (try_connect(k, origin, req->ca_pem, deadline_of(req), &why) < 0) {
        if (why.code == APP_UPSTREAM_UNREACHABLE && text_starts_with(text_of(origin), "https:"))
            return probe_unverified(k, req, origin, ret, err);
        if (err)
            *err = why;
        return -1;
    }
    if (req->ca_pem)
        return set_ca(ret, req->ca_pem, err);
    ret->state = KUBE_TRUST_SYSTEM;
    return 0;
}

int kube_trust_probe(struct kube *k, const struct kube_trust_request *req, struct kube_trust *ret,
                     struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(PROBE_ARENA_BYTES);
    struct kube_trust trust = {0};
    const char *origin = "", *prefix = "";

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (kube_url_split(a, req->api_url, &origin, &prefix, err) < 0 ||
        probe(k, req, origin, &trust, err) < 0)
        return -1;
    *ret = trust;
    return 0;
}

/* Accepts what openssl and browsers print: upper case, colons. */
static int normal_fingerprint(const char *in, char ret[KUBE_FINGERPRINT_BYTES])
{
    size_t n = 0;

    for (; *in; in++) {
        if (*in == ':')
            continue;
        if (!isxdigit((unsigned char)*in) || n == KUBE_FINGERPRINT_BYTES - 1)
            return -1;
        ret[n++] = (char)tolower((unsigned char)*in);
    }
    ret[n] = '\0';
    return n == KUBE_FINGERPRINT_BYTES - 1 ? 0 : -1;
}

/* @return the cluster behind a connection that accepts only the confirmed leaf */
static struct kube_cluster *open_pinned(struct kube *k, const struct kube_trust_request *req,
                                        const char *fingerprint, const char *token,
                                        struct app_error *err)
{
    struct kube_cluster_record record = {.cluster_id = req->cluster_id ? req->cluster_id : "-",
                                         .api_url = req->api_url,
                                         .trust_state = KUBE_TRUST_PIN,
                                         .pinned_sha256 = fingerprint,
                                         .token = strdup(token)};
    struct kube_cluster *c = NULL;

    if (!record.token)
        app_fail(err, APP_INTERNAL, "out of memory");
    else
        c = kube_cluster_open(k, &record, err);
    free(record.token);
    return c;
}

/* @return the PEM text, owned by the caller, or NULL */
static char *read_root_ca(const struct kube_call *call, const char *path, struct app_error *err)
{
    json_t *map = kube_get_json(call, path, CA_PEM_MAX_BYTES, err);
    struct text pem;
    char *copy = NULL;

    if (!map)
        return NULL;
    pem = json_text(json_object_get(map, "data"), "ca.crt");
    if (pem.len == 0 || strlen(pem.p) != pem.len)
        app_fail(err, APP_UPSTREAM_BROKEN, "kube-root-ca.crt holds no certificate");
    else if (!(copy = strdup(pem.p)))
        app_fail(err, APP_INTERNAL, "out of memory");
    json_decref(map);
    return copy;
}

static int read_ca(struct kube_cluster *c, int64_t deadline_us, char **ret, struct app_error *err)
{
    static const char *const paths[] = {
        "/api/v1/namespaces/kube-system/configmaps/kube-root-ca.crt",
        "/api/v1/namespaces/kube-public/configmaps/kube-root-ca.crt",
    };
    struct kube_call call = {.cluster = c, .deadline_us = deadline_us};
    struct app_error why = {0};

    *ret = NULL;
    for (size_t i = 0; i < ARRAY_LEN(paths) && !*ret; i++) {
        *ret = read_root_ca(&call, paths[i], &why);
        if (!*ret && why.code != APP_NOT_FOUND && why.code != APP_FORBIDDEN) {
            if (err)
                *err = why;
            return -1;
        }
    }
    return 0;
}

/* Behind a load balancer the cluster's own CA may not have signed the address: then stay pinned. */
static void choose_trust(struct kube *k, const struct kube_trust_request *req, const char *ca,
                         const struct kube_trust *pinned, struct kube_trust *ret)
{
    struct kube_trust_request with_ca = *req;

    with_ca.ca_pem = ca;
    if (!ca || kube_trust_probe(k, &with_ca, ret, NULL) < 0)
        *ret = *pinned;
}

int kube_trust_confirm(struct kube *k, const struct kube_trust_request *req,
                       const char *fingerprint, const char *token, struct kube_trust *ret,
                       struct app_error *err)
{
    struct kube_trust pinned = {.state = KUBE_TRUST_PIN};
    struct kube_cluster *c;
    char *ca = NULL;
    int rc;

    if (normal_fingerprint(fingerprint, pinned.fingerprint) < 0)
        return app_fail_text(err, APP_BAD_REQUEST, "The fingerprint is not a SHA-256 in hex.");
    c = open_pinned(k, req, pinned.fingerprint, token, err);
    if (!c)
        return -1;
    rc = read_ca(c, deadline_of(req), &ca, err);
    kube_cluster_unref(c);
    if (rc == 0)
        choose_trust(k, req, ca, &pinned, ret);
    free(ca);
    return rc;
}

/* ---- the credential ---- */

static int check_api_versions(const struct kube_call *call, struct app_error *err)
{
    struct app_error why = {0};
    json_t *doc = kube_get_json(call, "/api", 0, &why);
    bool is_api_server =
        json_object_get(doc, "versions") && json_object_get(doc, "serverAddressByClientCIDRs");

    json_decref(doc);
    if (is_api_server)
        return 0;
    if (!doc && why.code != APP_UPSTREAM_BROKEN && why.code != APP_CODE_ERROR) {
        if (err)
            *err = why;
        return -1;
    }
    app_refuse(err, MSG_CLUSTER_REGISTRATION_FAILED);
    return -1;
}

/* What acting as a person needs; the group and the extra key are named, so that a credential may be
 * limited to them by resourceNames and sub-resource. */
static const struct impersonation_rule {
    const char *group, *resource, *subresource, *name, *text;
} impersonation_rules[] = {
    {"",                      "users",           "",              "",                     "users"                      },
    {"",                      "groups",          "",              KUBE_SUPER_ADMIN_GROUP, "groups"                     },
    {"",                      "serviceaccounts", "",              "",                     "serviceaccounts"            },
    {"authentication.k8s.io", "userextras",      KUBE_EXTRA_USER, "",                     "userextras/" KUBE_EXTRA_USER},
};

/* An access review is a POST that changes nothing: it may be repeated. */
static int ask_allowed(const struct kube_call *call, const struct impersonation_rule *rule,
                       bool *ret, struct app_error *err)
{
    struct net_response res AUTO(kube_response_finish_p) = {0};
    json_t *ask =
        json_pack("{s:s, s:s, s:{s:{s:s, s:s, s:s, s:s, s:s}}}", "apiVersion",
                  "authorization.k8s.io/v1", "kind", "SelfSubjectAccessReview", "spec",
                  "resourceAttributes", "verb", "impersonate", "group", rule->group, "resource",
                  rule->resource, "subresource", rule->subresource, "name", rule->name);
    char *body AUTO(free_p) = ask ? json_dumps(ask, JSON_COMPACT) : NULL;
    struct kube_transfer t = {
        .req = {.method = "POST",
                .path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                .content_type = MEDIA_JSON,
                .body = text_of(body),
                .answer_max_bytes = ANSWER_MAX_BYTES,
                .is_idempotent = true}
    };
    json_t *answer;

    json_decref(ask);
    if (!body)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (kube_send(call, &t, &res, err) < 0)
        return -1;
    answer = kube_parse_answer(&res.body, err);
    if (!answer)
        return -1;
    *ret = json_is_true(json_object_get(json_object_get(answer, "status"), "allowed"));
    json_decref(answer);
    return 0;
}

int kube_check_credential(const struct kube_call *call, struct app_error *err)
{
    if (check_api_versions(call, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(impersonation_rules); i++) {
        const struct impersonation_rule *rule = &impersonation_rules[i];
        bool is_allowed = false;

        if (ask_allowed(call, rule, &is_allowed, err) < 0)
            return -1;
        if (!is_allowed)
            return app_fail_text(err, APP_FORBIDDEN,
                                 "The cluster credential may not impersonate: missing rule verb "
                                 "impersonate, apiGroup \"%s\", resource %s",
                                 rule->group, rule->text);
    }
    return 0;
}

/* ---- objects made in the cluster ---- */

/* Send @p object (stolen, may be NULL: no memory) to @p path. */
static int send_object(const struct kube_call *call, const char *method, const char *path,
                       json_t *object, struct app_error *err)
{
    char *body AUTO(free_p) = object ? json_dumps(object, JSON_COMPACT) : NULL;
    struct kube_write w = {.method = method, .path = path, .body = text_of(body)};

    json_decref(object);
    if (!body)
        return app_fail(err, APP_INTERNAL, "object not made: no memory or text that is not UTF-8");
    return path ? kube_write(call, &w, NULL, err) : -1;
}

/* POST; an object of the same name that exists already is fine. */
static int ensure_object(const struct kube_call *call, const char *path, json_t *object,
                         struct app_error *err)
{
    struct app_error why = {0};

    if (!path) {
        json_decref(object);
        return -1;
    }
    if (send_object(call, "POST", path, object, &why) == 0 || why.code == APP_CONFLICT)
        return 0;
    if (err)
        *err = why;
    return -1;
}

static int remove_object(const struct kube_call *call, const char *path, struct app_error *err)
{
    struct kube_write w = {.method = "DELETE", .path = path};
    struct app_error why = {0};

    if (!path)
        return -1;
    if (kube_write(call, &w, NULL, &why) == 0 || why.code == APP_NOT_FOUND)
        return 0;
    if (err)
        *err = why;
    return -1;
}

#define RBAC_API "rbac.authorization.k8s.io"
#define CLUSTER_BINDINGS "/apis/" RBAC_API "/v1/clusterrolebindings"
#define BINDINGS "/apis/" RBAC_API "/v1/namespaces/{}/rolebindings"

int kube_bind_super_admins(const struct kube_call *call, struct app_error *err)
{
    json_t *binding = json_pack(
        "{s:s, s:s, s:{s:s}, s:[{s:s, s:s, s:s}], s:{s:s, s:s, s:s}}", "apiVersion", RBAC_API "/v1",
        "kind", "ClusterRoleBinding", "metadata", "name", "cp-portal-super-admins", "subjects",
        "kind", "Group", "apiGroup", RBAC_API, "name", KUBE_SUPER_ADMIN_GROUP, "roleRef",
        "apiGroup", RBAC_API, "kind", "ClusterRole", "name", "cluster-admin");

    return ensure_object(call, CLUSTER_BINDINGS, binding, err);
}

static json_t *account_json(const struct kube_account *account)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s}}", "apiVersion", "v1", "kind", "ServiceAccount",
                     "metadata", "name", account->name, "namespace", account->namespace_name);
}

/* @return "<sa>-<role>-binding" or "<sa>-cluster-admin-binding" */
static const char *binding_name(struct arena *a, const struct kube_account *account)
{
    return arena_printf(a, "%s-%s-binding", account->name,
                        account->role ? account->role : "cluster-admin");
}

static json_t *binding_json(struct arena *a, const struct kube_account *account)
{
    const char *name = binding_name(a, account);
    json_t *metadata =
        account->role ? json_pack("{s:s, s:s}", "name", name, "namespace", account->namespace_name)
                      : json_pack("{s:s}", "name", name);

    return json_pack("{s:s, s:s, s:o, s:[{s:s, s:s, s:s}], s:{s:s, s:s, s:s}}", "apiVersion",
                     RBAC_API "/v1", "kind", account->role ? "RoleBinding" : "ClusterRoleBinding",
                     "metadata", metadata, "subjects", "kind", "ServiceAccount", "name",
                     account->name, "namespace", account->namespace_name, "roleRef", "apiGroup",
                     RBAC_API, "kind", account->role ? "Role" : "ClusterRole", "name",
                     account->role ? account->role : "cluster-admin");
}

static const char *bindings_path(struct arena *a, const struct kube_account *account,
                                 struct app_error *err)
{
    if (!account->role)
        return CLUSTER_BINDINGS;
    return kube_path_format(a, BINDINGS, &account->namespace_name, 1, err);
}

int kube_ensure_account(const struct kube_call *call, const struct kube_account *account,
                        struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(PROBE_ARENA_BYTES);
    const char *path;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    path = kube_path_format(a, "/api/v1/namespaces/{}/serviceaccounts", &account->namespace_name, 1,
                            err);
    if (ensure_object(call, path, account_json(account), err) < 0)
        return -1;
    return ensure_object(call, bindings_path(a, account, err), binding_json(a, account), err);
}

int kube_remove_account(const struct kube_call *call, const struct kube_account *account,
                        bool with_account, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(PROBE_ARENA_BYTES);
    const char *name, *segments[] = {account->namespace_name, account->name};
    const char *path;

    if (!a || !(name = binding_name(a, account)))
        return app_fail(err, APP_INTERNAL, "out of memory");
    path = account->role
               ? kube_path_format(a, BINDINGS "/{}",
                                  (const char *const[]){account->namespace_name, name}, 2, err)
               : kube_path_format(a, CLUSTER_BINDINGS "/{}", &name, 1, err);
    if (remove_object(call, path, err) < 0)
        return -1;
    if (!with_account)
        return 0;
    path = kube_path_format(a, "/api/v1/namespaces/{}/serviceaccounts/{}", segments, 2, err);
    return remove_object(call, path, err);
}

int kube_ensure_namespace(const struct kube_call *call, const char *namespace_name,
                          struct app_error *err)
{
    return ensure_object(call, "/api/v1/namespaces",
                         json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "Namespace",
                                   "metadata", "name", namespace_name),
                         err);
}

int kube_ensure_roles(const struct kube_call *call, const char *namespace_name,
                      struct app_error *err)
{
    static const char *const names[] = {KUBE_ROLE_INIT, KUBE_ROLE_ADMIN};
    struct arena *a AUTO(arena_destroy_p) = arena_create(PROBE_ARENA_BYTES);

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *segments[] = {namespace_name, names[i]};
        const char *path =
            kube_path_format(a, "/apis/" RBAC_API "/v1/namespaces/{}/roles/{}", segments, 2, err);

        /* For roles the API server makes what a PUT does not find (errata P23). */
        if (send_object(call, "PUT", path, kube_role_json(names[i], namespace_name), err) < 0)
            return -1;
    }
    return 0;
}

static int take_token(json_t *answer, struct buf *ret, struct app_error *err)
{
    struct text token = json_text(json_object_get(answer, "status"), "token");
    int rc = token.len > 0 ? buf_append(ret, token.p, token.len) : -1;

    json_decref(answer);
    return rc == 0 ? 0
                   : app_fail(err, APP_UPSTREAM_BROKEN, "no token in the TokenRequest's answer");
}

int kube_token_request(const struct kube_call *call, const struct kube_account *account,
                       int lifetime_s, struct buf *ret, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(PROBE_ARENA_BYTES);
    const char *segments[] = {account->namespace_name, account->name};
    struct kube_write w = {.method = "POST"};
    json_t *answer = NULL;

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    w.path =
        kube_path_format(a, "/api/v1/namespaces/{}/serviceaccounts/{}/token", segments, 2, err);
    w.body = text_of(arena_printf(a,
                                  "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":"
                                  "\"TokenRequest\",\"spec\":{\"expirationSeconds\":%d}}",
                                  lifetime_s));
    if (!w.path || !w.body.p || kube_write(call, &w, &answer, err) < 0)
        return -1;
    return take_token(answer, ret, err);
}
