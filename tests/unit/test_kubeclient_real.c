/* SPDX-License-Identifier: Apache-2.0 */
/* The Kubernetes client against a real API server. */
#include "cleanup.h"
#include "client.h"
#include "impersonate.h"
#include "json.h"
#include "list.h"
#include "net.h"
#include "rig_kube.h"
#include "roles.h"
#include "trust.h"
#include "view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NS "kubeclient"

static struct rig_kube rig;
static struct net *net;
static struct kube *kube;
static struct kube_cluster *cluster;

/* ---- fixture ---- */

static int load_record(void *ctx, struct arena *a, const char *id, struct kube_cluster_record *ret,
                       struct app_error *err)
{
    (void)ctx;
    if (strcmp(id, "real") != 0)
        return app_fail(err, APP_NOT_FOUND, "no cluster %s", id);
    *ret = (struct kube_cluster_record){.cluster_id = id,
                                        .api_url = rig.url,
                                        .trust_state = KUBE_TRUST_CA,
                                        .ca_pem = rig.ca_pem.data,
                                        .token = arena_strdup(a, rig.token.data)};
    return 0;
}

static int setup(void **state)
{
    const struct kube_config config = {.utc_offset_min = 540};
    struct kube_call call = {0};
    struct app_error err = {0};

    (void)state;
    rig_kube_start(&rig, 0);
    net = net_create(1, &err);
    kube = net ? kube_create(net, &config, load_record, NULL, &err) : NULL;
    cluster = kube ? kube_cluster_get(kube, "real", &err) : NULL;
    call.cluster = cluster;
    if (cluster && kube_ensure_namespace(&call, NS, &err) == 0)
        return 0;
    fprintf(stderr, "setup: %s\n", err.detail);
    return -1;
}

static int teardown(void **state)
{
    (void)state;
    if (rig.is_borrowed)
        rig_kube_ctl(&rig,
                     (const char *const[]){
                         "delete", "--ignore-not-found", "namespace/" NS,
                         "clusterrole/cp-test-limited", "clusterrolebinding/cp-test-limited",
                         "clusterrolebinding/cp-test-bob-cluster-admin-binding", NULL},
                     NULL, NULL);
    kube_cluster_unref(cluster);
    kube_destroy(kube);
    net_destroy(net);
    rig_kube_stop(&rig);
    return 0;
}

static struct kube_call own_call(void)
{
    return (struct kube_call){.cluster = cluster, .request_id = "test"};
}

struct actor {
    struct arena *arena;
    struct kube_identity id;
    struct kube_call call;
};

static void actor_init(struct actor *x, enum kube_authority authority, const char *auth_id)
{
    x->arena = arena_create(64 * KIB);
    assert_non_null(x->arena);
    assert_int_equal(kube_identity_for(x->arena, authority, auth_id, NS, &x->id, NULL), 0);
    x->call = own_call();
    x->call.identity = &x->id;
}

static enum app_code list_in(const struct kube_call *call, const char *segment, const char *ns,
                             struct buf *out)
{
    const struct list_query query = {.utc_offset_min = 540};
    const struct kube_list_request req = {
        .kind = kube_kind_find(segment), .namespace_name = ns, .query = &query};
    struct app_error err = {0};

    assert_non_null(req.kind);
    return kube_list(call, &req, out, &err) == 0 ? APP_OK : err.code;
}

/* The API server's authorizer learns of a binding a moment after it was written: ask until it says
 * @p want, at most 10 s. */
static void list_becomes(const struct kube_call *call, const char *segment, const char *ns,
                         struct buf *out, enum app_code want)
{
    enum app_code got = APP_INTERNAL;

    for (int i = 0; i < 200 && got != want; i++) {
        struct timespec pause = {0, i ? 50 * 1000000L : 0};

        nanosleep(&pause, NULL);
        buf_reset(out);
        got = list_in(call, segment, ns, out);
    }
    assert_int_equal(got, want);
}

static json_t *write_json(const struct kube_call *call, const char *method, const char *path,
                          const char *body, enum app_code expected)
{
    const struct kube_write w = {.method = method, .path = path, .body = text_of(body)};
    struct app_error err = {0};
    json_t *answer = NULL;
    int rc = kube_write(call, &w, &answer, &err);

    assert_int_equal(err.code, expected);
    assert_int_equal(rc, expected == APP_OK ? 0 : -1);
    return answer;
}

/* ---- acting ---- */

static json_t *who_am_i(const struct kube_call *call)
{
    json_t *answer = write_json(
        call, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"SelfSubjectReview\"}", APP_OK);
    json_t *info = json_incref(json_object_get(json_object_get(answer, "status"), "userInfo"));

    json_decref(answer);
    assert_non_null(info);
    return info;
}

static bool has_group(const json_t *info, const char *group)
{
    json_t *groups = json_object_get(info, "groups");

    for (size_t i = 0; i < json_array_size(groups); i++)
        if (strcmp(json_string_value(json_array_get(groups, i)), group) == 0)
            return true;
    return false;
}

static void assert_extra(const json_t *info, const char *value)
{
    json_t *extra = json_object_get(json_object_get(info, "extra"), KUBE_EXTRA_USER);

    assert_int_equal(json_array_size(extra), 1);
    assert_string_equal(json_string_value(json_array_get(extra, 0)), value);
}

static void the_api_server_sees_the_person(void **state)
{
    struct actor x;
    json_t *info;

    (void)state;
    actor_init(&x, KUBE_AS_USER, "Alice@Example");
    info = who_am_i(&x.call);
    assert_string_equal(json_str_or(info, "username", ""), x.id.user);
    assert_true(has_group(info, "system:serviceaccounts"));
    assert_true(has_group(info, "system:serviceaccounts:" NS));
    assert_false(has_group(info, "system:masters"));
    assert_extra(info, "Alice%40Example");
    json_decref(info);
    arena_destroy(x.arena);

    actor_init(&x, KUBE_AS_SUPER_ADMIN, "root");
    info = who_am_i(&x.call);
    assert_string_equal(json_str_or(info, "username", ""), "cp-portal:root");
    assert_true(has_group(info, KUBE_SUPER_ADMIN_GROUP));
    assert_false(has_group(info, "system:serviceaccounts"));
    assert_extra(info, "root");
    json_decref(info);
    arena_destroy(x.arena);

    info = who_am_i(&(struct kube_call){.cluster = cluster});
    assert_string_equal(json_str_or(info, "username", ""),
                        "system:serviceaccount:kube-system:cp-portal-test");
    json_decref(info);
}

static void a_person_without_binding_is_refused(void **state)
{
    struct buf out AUTO(buf_finish_p) = BUF_INIT(1 * MIB);
    struct actor x;

    (void)state;
    actor_init(&x, KUBE_AS_USER, "nobody");
    assert_int_equal(list_in(&x.call, "pods", NS, &out), APP_FORBIDDEN);
    assert_int_equal(list_in(&x.call, "pods", "all", &out), APP_FORBIDDEN);
    assert_int_equal(list_in(&x.call, "nodes", NULL, &out), APP_FORBIDDEN);
    assert_int_equal(out.len, 0);
    json_decref(write_json(&x.call, "POST", "/api/v1/namespaces/" NS "/configmaps",
                           "{\"metadata\":{\"name\":\"x\"}}", APP_FORBIDDEN));
    arena_destroy(x.arena);
}

static void a_namespace_user_sees_the_namespace_only(void **state)
{
    struct buf out AUTO(buf_finish_p) = BUF_INIT(1 * MIB);
    struct kube_call own = own_call();
    struct kube_account account = {NS, "alice", KUBE_ROLE_INIT};
    struct app_error err = {0};
    struct actor x;

    (void)state;
    assert_int_equal(kube_ensure_roles(&own, NS, &err), 0);
    assert_int_equal(kube_ensure_roles(&own, NS, &err), 0);
    assert_int_equal(kube_ensure_account(&own, &account, &err), 0);
    assert_int_equal(kube_ensure_account(&own, &account, &err), 0); /* what exists is fine */
    actor_init(&x, KUBE_AS_USER, "alice");
    list_becomes(&x.call, "pods", NS, &out, APP_OK);
    assert_non_null(strstr(out.data, "\"items\":[]"));
    assert_int_equal(list_in(&x.call, "pods", "kube-system", &out), APP_FORBIDDEN);
    assert_int_equal(list_in(&x.call, "pods", "ALL", &out), APP_FORBIDDEN);
    assert_int_equal(list_in(&x.call, "namespaces", NULL, &out), APP_FORBIDDEN);
    json_decref(write_json(&x.call, "POST", "/api/v1/namespaces/" NS "/configmaps",
                           "{\"metadata\":{\"name\":\"x\"}}", APP_FORBIDDEN));
    assert_int_equal(kube_remove_account(&own, &account, true, &err), 0);
    assert_int_equal(kube_remove_account(&own, &account, true, &err), 0); /* gone is fine */
    list_becomes(&x.call, "pods", NS, &out, APP_FORBIDDEN);
    arena_destroy(x.arena);
}

static void a_cluster_administrator_acts_through_kube_system(void **state)
{
    struct buf out AUTO(buf_finish_p) = BUF_INIT(1 * MIB),
                   token AUTO(buf_finish_p) = BUF_INIT(8192);
    struct kube_call own = own_call();
    struct kube_account account = {KUBE_ADMIN_NAMESPACE, "cp-test-bob", NULL};
    struct app_error err = {0};
    struct actor x;

    (void)state;
    actor_init(&x, KUBE_AS_CLUSTER_ADMIN, "cp-test-bob");
    assert_int_equal(list_in(&x.call, "nodes", NULL, &out), APP_FORBIDDEN);
    assert_int_equal(kube_ensure_account(&own, &account, &err), 0);
    list_becomes(&x.call, "nodes", NULL, &out, APP_OK);
    assert_int_equal(kube_token_request(&own, &account, 3600, &token, &err), 0);
    assert_true(token.len > 100);
    assert_int_equal(kube_remove_account(&own, &account, true, &err), 0);
    list_becomes(&x.call, "nodes", NULL, &out, APP_FORBIDDEN);
    arena_destroy(x.arena);
}

static void a_super_admin_sees_all_once_bound(void **state)
{
    struct buf out AUTO(buf_finish_p) = BUF_INIT(1 * MIB);
    struct kube_call own = own_call();
    struct app_error err = {0};
    struct actor x;

    (void)state;
    actor_init(&x, KUBE_AS_SUPER_ADMIN, "root");
    if (!rig.is_borrowed)
        assert_int_equal(list_in(&x.call, "namespaces", NULL, &out), APP_FORBIDDEN);
    assert_int_equal(kube_bind_super_admins(&own, &err), 0);
    assert_int_equal(kube_bind_super_admins(&own, &err), 0);
    list_becomes(&x.call, "namespaces", NULL, &out, APP_OK);
    assert_non_null(strstr(out.data, "\"" NS "\""));
    assert_int_equal(list_in(&x.call, "pods", "All", &out), APP_OK);
    arena_destroy(x.arena);
}

/* ---- reading and writing ---- */

#define MAPS "/api/v1/namespaces/" NS "/configmaps"

/* A kind of this test's own, should the module's table not hold it. */
static const struct kube_kind config_maps = {.segment = "configMaps",
                                             .version = "v1",
                                             .group = "",
                                             .plural = "configmaps",
                                             .kind = "ConfigMap",
                                             .namespaced = true};

static void korean_survives_the_round_trip(void **state)
{
    struct buf yaml AUTO(buf_finish_p) = BUF_INIT(1 * MIB);
    struct kube_call own = own_call();
    struct app_error err = {0};

    (void)state;
    json_decref(write_json(&own, "POST", MAPS,
                           "{\"metadata\":{\"name\":\"korean\"},\"data\":{\"a\":\"안녕하세요\"}}",
                           APP_OK));
    json_decref(
        write_json(&own, "POST", MAPS, "{\"metadata\":{\"name\":\"korean\"}}", APP_CONFLICT));
    json_decref(write_json(&own, "POST", MAPS, "{\"metadata\":{\"name\":\"Not Valid\"}}",
                           APP_UNPROCESSABLE));
    json_decref(write_json(&own, "POST", MAPS, "{\"metadata\":", APP_UPSTREAM_BAD_REQUEST));
    assert_int_equal(kube_get_yaml(&own, &config_maps, NS, "korean", &yaml, &err), 0);
    assert_non_null(strstr(yaml.data, "kind: ConfigMap"));
    assert_non_null(strstr(yaml.data, "안녕하세요"));
    assert_int_equal(kube_get_yaml(&own, &config_maps, NS, "없음", &yaml, &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
    json_decref(write_json(&own, "DELETE", MAPS "/korean", NULL, APP_OK));
    json_decref(write_json(&own, "DELETE", MAPS "/korean", NULL, APP_NOT_FOUND));
}

/* Kubernetes stores U+0000, so answers may hold it (design 4). */
static void a_nul_in_a_value_breaks_nothing(void **state)
{
    struct buf yaml AUTO(buf_finish_p) = BUF_INIT(1 * MIB);
    struct kube_call own = own_call();
    struct app_error err = {0};
    json_t *map;

    (void)state;
    json_decref(write_json(
        &own, "POST", MAPS,
        "{\"metadata\":{\"name\":\"nul\",\"annotations\":{\"a\":\"x\\u0000y\"}}}", APP_OK));
    map = kube_get_json(&own, MAPS "/nul", 0, &err);
    assert_non_null(map);
    assert_int_equal(
        json_text(json_object_get(json_object_get(map, "metadata"), "annotations"), "a").len, 3);
    json_decref(map);
    assert_int_equal(kube_get_yaml(&own, &config_maps, NS, "nul", &yaml, &err), 0);
    assert_null(memchr(yaml.data, 0, yaml.len));
    json_decref(write_json(&own, "DELETE", MAPS "/nul", NULL, APP_OK));
}

static void details_and_queries_reach_one_object(void **state)
{
    struct buf out AUTO(buf_finish_p) = BUF_INIT(1 * MIB);
    struct kube_call own = own_call();
    struct app_error err = {0};

    (void)state;
    assert_int_equal(kube_get_detail(&own, kube_kind_find("namespaces"), NULL, NS, &out, &err), 0);
    assert_non_null(strstr(out.data, "\"name\":\"" NS "\""));
    /* P19: a name never becomes a query or another path */
    assert_int_equal(
        kube_get_detail(&own, kube_kind_find("namespaces"), NULL, NS "?pretty=1", &out, &err), -1);
    assert_int_equal(err.code, APP_NOT_FOUND);
    assert_int_equal(
        kube_get_detail(&own, kube_kind_find("namespaces"), NULL, NS "/../default", &out, &err),
        -1);
    assert_int_not_equal(err.code, APP_OK);
    assert_int_equal(kube_ping(&own, &err), 0);
}

static void selectors_are_sent_escaped(void **state)
{
    struct buf out AUTO(buf_finish_p) = BUF_INIT(1 * MIB);
    const struct list_query query = {.utc_offset_min = 540};
    struct kube_list_request req = {.kind = kube_kind_find("namespaces"),
                                    .query = &query,
                                    .label_selector =
                                        "kubernetes.io/metadata.name in (" NS ",none)",
                                    .field_selector = "metadata.name=" NS};
    struct kube_call own = own_call();
    struct app_error err = {0};

    (void)state;
    assert_int_equal(kube_list(&own, &req, &out, &err), 0);
    assert_non_null(strstr(out.data, "\"allItemCount\":1"));
    req.label_selector = "a&fieldSelector=((";
    assert_int_equal(kube_list(&own, &req, &out, &err), -1);
    assert_int_equal(err.code, APP_UPSTREAM_BAD_REQUEST);
}

/* ---- trust ---- */

static char *other_ca(void)
{
    static const char pem[] = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

    return strdup(pem);
}

static enum app_code ping_with(enum kube_trust_state trust, const char *ca, const char *pin)
{
    struct kube_cluster_record record = {.cluster_id = "other",
                                         .api_url = rig.url,
                                         .trust_state = trust,
                                         .ca_pem = ca,
                                         .pinned_sha256 = pin,
                                         .token = strdup(rig.token.data)};
    struct app_error err = {0};
    struct kube_cluster *c AUTO(kube_cluster_unref_p) = kube_cluster_open(kube, &record, &err);
    struct kube_call call = {.cluster = c};
    struct app_error why = {0};

    free(record.token);
    if (!c)
        return err.code;
    return kube_ping(&call, &why) == 0 ? APP_OK : why.code;
}

static void pinned_and_wrong(struct kube_trust *pending)
{
    char wrong[KUBE_FINGERPRINT_BYTES];

    memcpy(wrong, pending->fingerprint, sizeof(wrong));
    wrong[0] = wrong[0] == '0' ? '1' : '0';
    assert_int_equal(ping_with(KUBE_TRUST_PIN, NULL, pending->fingerprint), APP_OK);
    assert_int_equal(ping_with(KUBE_TRUST_PIN, NULL, wrong), APP_UPSTREAM_UNREACHABLE);
    assert_int_equal(ping_with(KUBE_TRUST_PIN, NULL, "zz"), APP_BAD_REQUEST);
}

static void trust_is_never_assumed(void **state)
{
    struct kube_trust_request req = {.cluster_id = "real", .api_url = rig.url};
    struct kube_trust trust = {0};
    struct app_error err = {0};
    char *broken = other_ca();

    (void)state;
    assert_int_equal(ping_with(KUBE_TRUST_SYSTEM, NULL, NULL), APP_UPSTREAM_UNREACHABLE);
    assert_int_equal(ping_with(KUBE_TRUST_CA, rig.ca_pem.data, NULL), APP_OK);
    assert_int_equal(ping_with(KUBE_TRUST_CA, broken, NULL), APP_BAD_REQUEST);
    free(broken);
    assert_int_equal(kube_trust_probe(kube, &req, &trust, &err), 0);
    assert_int_equal(trust.state, KUBE_TRUST_PENDING);
    assert_int_equal(strlen(trust.fingerprint), 64);
    assert_non_null(strstr(trust.message, trust.fingerprint));
    assert_non_null(strstr(trust.message, "cp-portal cluster trust real"));
    pinned_and_wrong(&trust);
    req.ca_pem = rig.ca_pem.data;
    assert_int_equal(kube_trust_probe(kube, &req, &trust, &err), 0);
    assert_int_equal(trust.state, KUBE_TRUST_CA);
    assert_string_equal(trust.ca_pem, rig.ca_pem.data);
    kube_trust_finish(&trust);
}

static void read_file_of_rig(const char *name, struct buf *out)
{
    char path[320];
    FILE *f;
    int c;

    snprintf(path, sizeof(path), "%s/%s", rig.dir, name);
    f = fopen(path, "re");
    assert_non_null(f);
    while ((c = fgetc(f)) != EOF)
        buf_append_char(out, (char)c);
    fclose(f);
}

/* The front proxy's authority is a good one, but has not signed the API server. */
static void another_ca_is_refused(void **state)
{
    struct buf pem AUTO(buf_finish_p) = BUF_INIT(64 * KIB);
    struct kube_trust_request req = {.cluster_id = "real", .api_url = rig.url};
    struct kube_trust trust = {0};
    struct app_error err = {0};

    (void)state;
    read_file_of_rig("pki/front-proxy-ca.crt", &pem);
    assert_int_equal(ping_with(KUBE_TRUST_CA, pem.data, NULL), APP_UPSTREAM_UNREACHABLE);
    req.ca_pem = pem.data;
    assert_int_equal(kube_trust_probe(kube, &req, &trust, &err), -1);
    assert_int_equal(err.code, APP_UPSTREAM_UNREACHABLE);
    assert_non_null(strstr(err.text, "CA"));
}

static void an_operator_confirms_a_fingerprint(void **state)
{
    struct kube_trust_request req = {.cluster_id = "real", .api_url = rig.url};
    struct kube_trust pending = {0}, trust = {0};
    struct app_error err = {0};
    char colons[3 * 32 + 1], wrong[KUBE_FINGERPRINT_BYTES];

    (void)state;
    assert_int_equal(kube_trust_probe(kube, &req, &pending, &err), 0);
    memcpy(wrong, pending.fingerprint, sizeof(wrong));
    wrong[63] = wrong[63] == '0' ? '1' : '0';
    assert_int_equal(kube_trust_confirm(kube, &req, wrong, rig.token.data, &trust, &err), -1);
    assert_int_equal(err.code, APP_UPSTREAM_UNREACHABLE);
    assert_int_equal(kube_trust_confirm(kube, &req, "abc", rig.token.data, &trust, &err), -1);
    assert_int_equal(err.code, APP_BAD_REQUEST);
    for (size_t i = 0; i < 32; i++)
        snprintf(colons + 3 * i, 4, "%.2s:", pending.fingerprint + 2 * i);
    colons[95] = '\0';
    assert_int_equal(kube_trust_confirm(kube, &req, colons, rig.token.data, &trust, &err), 0);
    assert_int_equal(trust.state, KUBE_TRUST_CA);
    assert_non_null(strstr(trust.ca_pem, "BEGIN CERTIFICATE"));
    assert_int_equal(ping_with(KUBE_TRUST_CA, trust.ca_pem, NULL), APP_OK);
    kube_trust_finish(&trust);
}

/* ---- the credential ---- */

static struct kube_cluster *cluster_with_token(const char *token)
{
    struct kube_cluster_record record = {.cluster_id = "weak",
                                         .api_url = rig.url,
                                         .trust_state = KUBE_TRUST_CA,
                                         .ca_pem = rig.ca_pem.data,
                                         .token = strdup(token)};
    struct kube_cluster *c = kube_cluster_open(kube, &record, NULL);

    free(record.token);
    assert_non_null(c);
    return c;
}

static void a_credential_that_may_not_impersonate_is_refused(void **state)
{
    static const char limited[] =
        "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRole\",\"metadata\":{"
        "\"name\":\"cp-test-limited\"},\"rules\":[{\"apiGroups\":[\"\"],\"resources\":[\"users\","
        "\"serviceaccounts\"],\"verbs\":[\"impersonate\"]},{\"apiGroups\":[\"\"],\"resources\":["
        "\"groups\"],\"resourceNames\":[\"cp-portal:super-admins\"],\"verbs\":[\"impersonate\"]}%s]"
        "}";
    static const char extra_rule[] =
        ",{\"apiGroups\":[\"authentication.k8s.io\"],\"resources\":[\"userextras/"
        "portal.k-paas.org/user\"],\"verbs\":[\"impersonate\"]}";
    static const char role_path[] =
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/cp-test-limited";
    static const char binding[] =
        "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRoleBinding\","
        "\"metadata\":{\"name\":\"cp-test-limited\"},\"roleRef\":{\"apiGroup\":"
        "\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"cp-test-limited\"},"
        "\"subjects\":[{\"kind\":\"ServiceAccount\",\"name\":\"weak\",\"namespace\":\"" NS "\"}]}";
    struct buf token AUTO(buf_finish_p) = BUF_INIT(8192), role AUTO(buf_finish_p) = BUF_INIT(8192);
    struct kube_account account = {NS, "weak", KUBE_ROLE_INIT};
    struct kube_call own = own_call(), weak = own;
    struct app_error err = {0};

    (void)state;
    assert_int_equal(kube_check_credential(&own, &err), 0);
    assert_int_equal(kube_ensure_account(&own, &account, &err), 0);
    assert_int_equal(kube_token_request(&own, &account, 3600, &token, &err), 0);
    weak.cluster = cluster_with_token(token.data);
    assert_int_equal(kube_check_credential(&weak, &err), -1);
    assert_int_equal(err.code, APP_FORBIDDEN);
    assert_non_null(strstr(err.text, "users"));

    buf_printf(&role, limited, "");
    json_decref(write_json(&own, "PUT", role_path, role.data, APP_OK));
    json_decref(write_json(&own, "PUT",
                           "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/cp-test-limited",
                           binding, APP_OK));
    assert_int_equal(kube_check_credential(&weak, &err), -1);
    assert_non_null(strstr(err.text, "userextras/portal.k-paas.org/user"));

    buf_reset(&role);
    buf_printf(&role, limited, extra_rule); /* just what is needed, no more */
    json_decref(write_json(&own, "PUT", role_path, role.data, APP_OK));
    assert_int_equal(kube_check_credential(&weak, &err), 0);
    kube_cluster_unref(weak.cluster);

    weak.cluster = cluster_with_token("not-a-token");
    assert_int_equal(kube_check_credential(&weak, &err), -1);
    assert_int_equal(err.code, APP_UPSTREAM_UNAUTHORIZED);
    kube_cluster_unref(weak.cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_api_server_sees_the_person),
        cmocka_unit_test(a_person_without_binding_is_refused),
        cmocka_unit_test(a_namespace_user_sees_the_namespace_only),
        cmocka_unit_test(a_cluster_administrator_acts_through_kube_system),
        cmocka_unit_test(a_super_admin_sees_all_once_bound),
        cmocka_unit_test(korean_survives_the_round_trip),
        cmocka_unit_test(a_nul_in_a_value_breaks_nothing),
        cmocka_unit_test(details_and_queries_reach_one_object),
        cmocka_unit_test(selectors_are_sent_escaped),
        cmocka_unit_test(trust_is_never_assumed),
        cmocka_unit_test(another_ca_is_refused),
        cmocka_unit_test(an_operator_confirms_a_fingerprint),
        cmocka_unit_test(a_credential_that_may_not_impersonate_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
