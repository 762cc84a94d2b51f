/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the Kubernetes client that need no server. */
#include "breaker.h"
#include "cleanup.h"
#include "client.h"
#include "cluster.h"
#include "impersonate.h"
#include "net.h"
#include "roles.h"
#include "status.h"
#include "view.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND 1000000LL

static struct arena *arena_of_test(void)
{
    struct arena *a = arena_create(1 * MIB);

    assert_non_null(a);
    return a;
}

/* ---- paths ---- */

static void every_segment_is_escaped(void **state)
{
    static const struct {
        const char *ns, *name, *path; /* NULL: refused */
    } cases[] = {
        {"shop",    "web",            "/api/v1/namespaces/shop/pods/web"               },
        {"shop",    "naked?pretty=1", "/api/v1/namespaces/shop/pods/naked%3Fpretty%3D1"},
        {"shop",    "x#y",            "/api/v1/namespaces/shop/pods/x%23y"             },
        {"shop",    "../../nodes",    "/api/v1/namespaces/shop/pods/..%2F..%2Fnodes"   },
        {"shop",    "a%2Fb",          "/api/v1/namespaces/shop/pods/a%252Fb"           },
        {"shop",    "한글",         "/api/v1/namespaces/shop/pods/%ED%95%9C%EA%B8%80"},
        {"shop",    "a b{}",          "/api/v1/namespaces/shop/pods/a%20b%7B%7D"       },
        {"sh/op?x", "web",            "/api/v1/namespaces/sh%2Fop%3Fx/pods/web"        },
        {"all",     "web",            "/api/v1/namespaces/all/pods/web"                },
        {"shop",    "..",             NULL                                             },
        {"shop",    ".",              NULL                                             },
        {"shop",    "",               NULL                                             },
        {"shop",    NULL,             NULL                                             },
        {"..",      "web",            NULL                                             },
        {"",        "web",            NULL                                             },
        {NULL,      "web",            NULL                                             },
    };
    const struct kube_kind *pods = kube_kind_find("pods");

    (void)state;
    assert_non_null(pods);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a AUTO(arena_destroy_p) = arena_of_test();
        struct app_error err = {0};
        const char *path = kube_path_item(a, pods, cases[i].ns, cases[i].name, &err);

        if (cases[i].path) {
            assert_non_null(path);
            assert_string_equal(path, cases[i].path);
        } else {
            assert_null(path);
            assert_int_equal(err.code, APP_BAD_REQUEST);
        }
    }
}

static void lists_know_all(void **state)
{
    static const struct {
        const char *segment, *ns, *path;
    } cases[] = {
        {"pods",        "shop", "/api/v1/namespaces/shop/pods"             },
        {"pods",        "all",  "/api/v1/pods"                             },
        {"pods",        "ALL",  "/api/v1/pods"                             },
        {"pods",        NULL,   "/api/v1/pods"                             },
        {"pods",        "alls", "/api/v1/namespaces/alls/pods"             },
        {"deployments", "shop", "/apis/apps/v1/namespaces/shop/deployments"},
        {"deployments", "all",  "/apis/apps/v1/deployments"                },
        {"nodes",       "shop", "/api/v1/nodes"                            },
        {"namespaces",  "shop", "/api/v1/namespaces"                       },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a AUTO(arena_destroy_p) = arena_of_test();
        const struct kube_kind *kind = kube_kind_find(cases[i].segment);
        const char *path;

        assert_non_null(kind);
        path = kube_path_list(a, kind, cases[i].ns, NULL);
        assert_non_null(path);
        assert_string_equal(path, cases[i].path);
    }
}

static void cluster_scoped_items_have_no_namespace(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_of_test();
    const char *path = kube_path_item(a, kube_kind_find("nodes"), "shop", "n1", NULL);

    (void)state;
    assert_non_null(path);
    assert_string_equal(path, "/api/v1/nodes/n1");
}

static void patterns_are_filled_in_order(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_of_test();
    const char *segments[] = {"a/b", "{}", ".."};
    struct app_error err = {0};
    const char *path = kube_path_format(a, "/x/{}/y/{}/z", segments, 2, &err);

    (void)state;
    assert_non_null(path);
    assert_string_equal(path, "/x/a%2Fb/y/%7B%7D/z");
    assert_null(kube_path_format(a, "/{}/{}/{}", segments, 3, &err));
    assert_int_equal(err.code, APP_BAD_REQUEST);
    assert_null(kube_path_format(a, "/{}/{}", segments, 1, &err));
    assert_int_equal(err.code, APP_INTERNAL);
}

static void urls_are_split_or_refused(void **state)
{
    static const struct {
        const char *url, *origin, *prefix;
    } cases[] = {
        {"https://h:6443",              "https://h:6443", ""                 },
        {"https://h:6443/",             "https://h:6443", ""                 },
        {"https://h:6443///",           "https://h:6443", ""                 },
        {"https://h/k8s/clusters/c-1/", "https://h",      "/k8s/clusters/c-1"},
        {"https://h/a/../b",            NULL,             NULL               },
        {"https://h/a//b",              NULL,             NULL               },
        {"https://h/a?x=1",             NULL,             NULL               },
        {"https://h?x",                 NULL,             NULL               },
        {"https://h#x",                 NULL,             NULL               },
        {"https://h/a%2e",              NULL,             NULL               },
        {"h:6443",                      NULL,             NULL               },
        {"",                            NULL,             NULL               },
        {NULL,                          NULL,             NULL               },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a AUTO(arena_destroy_p) = arena_of_test();
        const char *origin = NULL, *prefix = NULL;
        struct app_error err = {0};
        int rc = kube_url_split(a, cases[i].url, &origin, &prefix, &err);

        assert_int_equal(rc, cases[i].origin ? 0 : -1);
        if (rc < 0) {
            assert_int_equal(err.code, APP_BAD_REQUEST);
            continue;
        }
        assert_string_equal(origin, cases[i].origin);
        assert_string_equal(prefix, cases[i].prefix);
    }
}

/* ---- identities ---- */

static void account_names_are_labels_and_never_collide(void **state)
{
    static const struct {
        const char *id;
        bool is_itself;
    } cases[] = {
        {"3f2c9a10-0b7e-4a51-9f7c-9f0a3a1c2d3e",                             true },
        {"alice",                                                            true },
        {"Alice",                                                            false},
        {"alice@example.org",                                                false},
        {"a:b",                                                              false},
        {"../x",                                                             false},
        {"default",                                                          false},
        {"앨리스",                                                        false},
        {"u-2bd806c97f0e00af1a1fc3328fa763a9269723c8",                       false},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false}, /* 64 */
    };
    char seen[ARRAY_LEN(cases)][KUBE_ACCOUNT_BYTES];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(kube_account_name(cases[i].id, seen[i]), 0);
        assert_int_equal(strcmp(seen[i], cases[i].id) == 0, cases[i].is_itself);
        assert_true(text_is_dns1123_label(text_of(seen[i])));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(seen[i], seen[j]);
    }
    assert_int_equal(kube_account_name("", seen[0]), -1);
    assert_int_equal(kube_account_name(NULL, seen[0]), -1);
}

static void identities_follow_the_authority(void **state)
{
    static const struct {
        enum kube_authority authority;
        const char *id, *ns, *user; /* NULL: refused */
        enum app_code code;
    } cases[] = {
        {KUBE_AS_USER,          "alice",    "shop", "system:serviceaccount:shop:alice",      APP_OK       },
        {KUBE_AS_USER,          "alice",    NULL,   NULL,                                    APP_FORBIDDEN},
        {KUBE_AS_USER,          "alice",    "",     NULL,                                    APP_FORBIDDEN},
        {KUBE_AS_USER,          "alice",    "all",  NULL,                                    APP_FORBIDDEN},
        {KUBE_AS_USER,          "alice",    "ALL",  NULL,                                    APP_FORBIDDEN},
        {KUBE_AS_USER,          "alice",    "a:b",  NULL,                                    APP_FORBIDDEN},
        {KUBE_AS_CLUSTER_ADMIN, "bob",      "shop", "system:serviceaccount:kube-system:bob", APP_OK       },
        {KUBE_AS_CLUSTER_ADMIN, "bob",      NULL,   "system:serviceaccount:kube-system:bob", APP_OK       },
        {KUBE_AS_SUPER_ADMIN,   "root",     "shop", "cp-portal:root",                        APP_OK       },
        {KUBE_AS_SUPER_ADMIN,   "a\r\nb:c", NULL,   "cp-portal:a%0D%0Ab%3Ac",                APP_OK       },
        {KUBE_AS_NONE,          "eve",      "shop", NULL,                                    APP_FORBIDDEN},
        {KUBE_AS_USER,          "",         "shop", NULL,                                    APP_INTERNAL },
        {KUBE_AS_SUPER_ADMIN,   NULL,       NULL,   NULL,                                    APP_INTERNAL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a AUTO(arena_destroy_p) = arena_of_test();
        struct kube_identity id = {0};
        struct app_error err = {0};
        int rc = kube_identity_for(a, cases[i].authority, cases[i].id, cases[i].ns, &id, &err);

        assert_int_equal(rc, cases[i].user ? 0 : -1);
        assert_int_equal(err.code, cases[i].code);
        if (rc == 0) {
            assert_string_equal(id.user, cases[i].user);
            assert_int_equal(id.group_count, cases[i].authority == KUBE_AS_SUPER_ADMIN);
        }
    }
}

static void headers_carry_user_group_and_extra(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_of_test();
    struct net_header h[KUBE_IDENTITY_HEADERS_MAX];
    struct kube_identity id = {0};
    size_t n = 0;

    (void)state;
    assert_int_equal(kube_identity_for(a, KUBE_AS_SUPER_ADMIN, "루트", NULL, &id, NULL), 0);
    assert_int_equal(kube_identity_headers(a, &id, h, &n, NULL), 0);
    assert_int_equal(n, 3);
    assert_string_equal(h[0].name, "Impersonate-User");
    assert_string_equal(h[0].value, "cp-portal:%EB%A3%A8%ED%8A%B8");
    assert_string_equal(h[1].name, "Impersonate-Group");
    assert_string_equal(h[1].value, KUBE_SUPER_ADMIN_GROUP);
    assert_string_equal(h[2].name, "Impersonate-Extra-portal.k-paas.org%2Fuser");
    assert_string_equal(h[2].value, "%EB%A3%A8%ED%8A%B8");
}

/* An incomplete identity must never become a call with the cluster's own credential. */
static void an_incomplete_identity_is_refused(void **state)
{
    const struct kube_identity bad[] = {
        {NULL,        NULL,                         0, "x" },
        {"",          NULL,                         0, "x" },
        {"a b",       NULL,                         0, "x" },
        {"a\r\nX: y", NULL,                         0, "x" },
        {"a",         NULL,                         0, NULL},
        {"a",         (const char *const[]){"g\n"}, 1, "x" },
        {"a",         (const char *const[]){NULL},  1, "x" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena *a AUTO(arena_destroy_p) = arena_of_test();
        struct net_header h[KUBE_IDENTITY_HEADERS_MAX];
        struct app_error err = {0};
        size_t n = 0;

        assert_int_equal(kube_identity_headers(a, &bad[i], h, &n, &err), -1);
        assert_int_equal(err.code, APP_INTERNAL);
    }
}

/* ---- statuses ---- */

static void statuses_become_errors(void **state)
{
    static const struct {
        int status;
        enum app_code code;
    } cases[] = {
        {200, APP_OK                   },
        {201, APP_OK                   },
        {204, APP_OK                   },
        {100, APP_UPSTREAM_BROKEN      },
        {0,   APP_UPSTREAM_BROKEN      },
        {301, APP_UPSTREAM_BROKEN      },
        {302, APP_UPSTREAM_BROKEN      },
        {304, APP_UPSTREAM_BROKEN      },
        {400, APP_UPSTREAM_BAD_REQUEST },
        {401, APP_UPSTREAM_UNAUTHORIZED},
        {403, APP_FORBIDDEN            },
        {404, APP_NOT_FOUND            },
        {405, APP_UPSTREAM_FAILED      },
        {409, APP_CONFLICT             },
        {410, APP_UPSTREAM_FAILED      },
        {422, APP_UNPROCESSABLE        },
        {429, APP_UPSTREAM_FAILED      },
        {500, APP_UPSTREAM_FAILED      },
        {502, APP_UPSTREAM_FAILED      },
        {503, APP_UPSTREAM_UNAVAILABLE },
        {504, APP_UPSTREAM_FAILED      },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(kube_status_code(cases[i].status), cases[i].code);
}

static void media_types_are_compared_without_parameters(void **state)
{
    (void)state;
    assert_true(kube_is_media_type("application/json", "application/json"));
    assert_true(kube_is_media_type("Application/JSON; charset=utf-8", "application/json"));
    assert_false(kube_is_media_type("application/json-patch", "application/json"));
    assert_false(kube_is_media_type("text/html", "application/json"));
    assert_false(kube_is_media_type("", "application/json"));
}

/* What the cluster writes into "message" may quote a Secret: it must be in neither text nor log. */
static void the_cluster_s_words_are_not_repeated(void **state)
{
    char body[] = "{\"kind\":\"Status\",\"reason\":\"Invalid\",\"message\":\"value hunter2\"}";
    char odd[] = "{\"reason\":\"hunter2 and more\",\"message\":\"hunter2\"}";
    struct net_response res = {.status = 422, .content_type = "application/json"};
    struct app_error err = {0};

    (void)state;
    res.body = (struct buf){.data = body, .len = strlen(body)};
    assert_int_equal(kube_check_answer(&res, "application/json", false, &err), -1);
    assert_int_equal(err.code, APP_UNPROCESSABLE);
    assert_non_null(strstr(err.detail, "Invalid"));
    assert_null(strstr(err.detail, "hunter2"));
    assert_string_equal(err.text, "");
    res.body = (struct buf){.data = odd, .len = strlen(odd)};
    assert_int_equal(kube_check_answer(&res, "application/json", false, &err), -1);
    assert_null(strstr(err.detail, "hunter2"));
}

/* ---- breaker ---- */

static void break_it(struct kube_breaker *b, int times, int64_t now_us)
{
    for (int i = 0; i < times; i++) {
        assert_int_equal(kube_breaker_admit(b, now_us), BREAKER_PASSED);
        kube_breaker_report(b, BREAKER_PASSED, BREAKER_FAILED, now_us);
    }
}

static void five_failures_in_ten_seconds_open_it(void **state)
{
    struct kube_breaker b;
    int64_t t = 1000 * SECOND;

    (void)state;
    kube_breaker_init(&b);
    break_it(&b, 4, t);
    assert_int_equal(kube_breaker_admit(&b, t), BREAKER_PASSED);
    kube_breaker_report(&b, BREAKER_PASSED, BREAKER_FAILED, t + 10 * SECOND);
    assert_true(kube_breaker_is_open(&b));
    assert_int_equal(kube_breaker_admit(&b, t + 11 * SECOND), BREAKER_REFUSED);
    assert_int_equal(kube_breaker_admit(&b, t + 20 * SECOND - 1), BREAKER_REFUSED);
    assert_int_equal(kube_breaker_admit(&b, t + 20 * SECOND), BREAKER_PROBE);
    kube_breaker_finish(&b);
}

static void slow_failures_do_not_open_it(void **state)
{
    struct kube_breaker b;

    (void)state;
    kube_breaker_init(&b);
    for (int i = 0; i < 50; i++)
        break_it(&b, 1, i * (2 * SECOND + SECOND / 2 + 1)); /* four fall into any 10 s */
    assert_false(kube_breaker_is_open(&b));
    kube_breaker_finish(&b);
}

static void neutral_outcomes_do_not_count(void **state)
{
    struct kube_breaker b;

    (void)state;
    kube_breaker_init(&b);
    for (int i = 0; i < 50; i++)
        kube_breaker_report(&b, kube_breaker_admit(&b, 5), BREAKER_NEUTRAL, 5);
    assert_false(kube_breaker_is_open(&b));
    kube_breaker_finish(&b);
}

static void half_open_lets_one_probe_through(void **state)
{
    struct kube_breaker b;
    int64_t t = 100 * SECOND;

    (void)state;
    kube_breaker_init(&b);
    break_it(&b, 5, t);
    t += 10 * SECOND;
    assert_int_equal(kube_breaker_admit(&b, t), BREAKER_PROBE);
    assert_int_equal(kube_breaker_admit(&b, t), BREAKER_REFUSED);
    kube_breaker_report(&b, BREAKER_PROBE, BREAKER_FAILED, t);
    assert_int_equal(kube_breaker_admit(&b, t + 1), BREAKER_REFUSED); /* open again for 10 s */
    t += 10 * SECOND;
    assert_int_equal(kube_breaker_admit(&b, t), BREAKER_PROBE);
    kube_breaker_report(&b, BREAKER_PROBE, BREAKER_NEUTRAL, t); /* cancelled: the next may probe */
    assert_int_equal(kube_breaker_admit(&b, t), BREAKER_PROBE);
    kube_breaker_report(&b, BREAKER_PROBE, BREAKER_OK, t);
    assert_false(kube_breaker_is_open(&b));
    break_it(&b, 4, t); /* old failures are forgotten */
    assert_false(kube_breaker_is_open(&b));
    kube_breaker_finish(&b);
}

static void late_answers_do_not_close_it(void **state)
{
    struct kube_breaker b;

    (void)state;
    kube_breaker_init(&b);
    assert_int_equal(kube_breaker_admit(&b, 0), BREAKER_PASSED); /* slow, still under way */
    break_it(&b, 5, 1);
    kube_breaker_report(&b, BREAKER_PASSED, BREAKER_OK, 2);
    assert_true(kube_breaker_is_open(&b));
    kube_breaker_finish(&b);
}

/* ---- roles ---- */

static bool has_word(const json_t *list, const char *word)
{
    size_t i;
    json_t *item;

    json_array_foreach ((json_t *)(uintptr_t)list, i, item)
        if (strcmp(json_string_value(item), word) == 0)
            return true;
    return false;
}

static bool role_allows(const json_t *role, const char *group, const char *resource,
                        const char *verb)
{
    size_t i;
    json_t *rule;

    json_array_foreach (json_object_get(role, "rules"), i, rule)
        if (has_word(json_object_get(rule, "apiGroups"), group) &&
            has_word(json_object_get(rule, "resources"), resource) &&
            has_word(json_object_get(rule, "verbs"), verb))
            return true;
    return false;
}

static void roles_say_what_the_contract_says(void **state)
{
    json_t *init = kube_role_json(KUBE_ROLE_INIT, "shop");
    json_t *admin = kube_role_json(KUBE_ROLE_ADMIN, "shop");

    (void)state;
    assert_non_null(init);
    assert_non_null(admin);
    assert_int_equal(json_array_size(json_object_get(init, "rules")), 11);
    assert_int_equal(json_array_size(json_object_get(admin, "rules")), 25);
    assert_true(role_allows(init, "", "secrets", "list"));
    assert_true(role_allows(init, "batch", "jobs/status", "watch"));
    assert_false(role_allows(init, "", "pods", "create"));
    assert_false(role_allows(init, "", "serviceaccounts", "impersonate"));
    assert_true(role_allows(admin, "", "pods/log", "get"));
    assert_true(role_allows(admin, "coordination.k8s.io", "leases", "patch"));
    assert_true(role_allows(admin, "", "serviceaccounts/token", "create"));
    assert_false(role_allows(admin, "", "nodes", "list"));
    assert_false(role_allows(admin, "", "namespaces", "delete"));
    assert_null(kube_role_json("cluster-admin", "shop"));
    json_decref(init);
    json_decref(admin);
}

/* ---- registry ---- */

struct loader {
    atomic_int loads, running, most_running;
    enum kube_trust_state trust;
    const char *url;
    enum app_code code; /* APP_OK: a record */
    int delay_us;
    char token[16];
};

static int load_record(void *ctx, struct arena *a, const char *id, struct kube_cluster_record *ret,
                       struct app_error *err)
{
    struct loader *l = ctx;
    int running = atomic_fetch_add(&l->running, 1) + 1;

    if (running > atomic_load(&l->most_running))
        atomic_store(&l->most_running, running);
    atomic_fetch_add(&l->loads, 1);
    usleep((useconds_t)l->delay_us);
    atomic_fetch_sub(&l->running, 1);
    if (l->code != APP_OK)
        return app_fail(err, l->code, "planted");
    *ret = (struct kube_cluster_record){.cluster_id = id,
                                        .api_url = l->url,
                                        .trust_state = l->trust,
                                        .token = arena_strdup(a, l->token)};
    return 0;
}

struct registry {
    struct net *net;
    struct kube *kube;
    struct loader loader;
};

static void registry_start(struct registry *r)
{
    const struct kube_config config = {.max_in_flight = 2};
    struct app_error err = {0};

    memset(r, 0, sizeof(*r));
    r->loader.trust = KUBE_TRUST_SYSTEM;
    r->loader.url = "https://127.0.0.1:1/";
    memcpy(r->loader.token, "t1", 3);
    r->net = net_create(1, &err);
    assert_non_null(r->net);
    r->kube = kube_create(r->net, &config, load_record, &r->loader, &err);
    assert_non_null(r->kube);
}

static void registry_stop(struct registry *r)
{
    kube_destroy(r->kube);
    net_destroy(r->net);
}

static void unknown_and_pending_clusters_give_no_pool(void **state)
{
    struct registry r;
    struct app_error err = {0};

    (void)state;
    registry_start(&r);
    r.loader.code = APP_NOT_FOUND;
    assert_null(kube_cluster_get(r.kube, "c1", &err));
    assert_int_equal(err.code, APP_NOT_FOUND);
    assert_null(kube_cluster_get(r.kube, "", &err));
    assert_int_equal(err.code, APP_NOT_FOUND);
    r.loader.code = APP_OK;
    r.loader.trust = KUBE_TRUST_PENDING;
    assert_null(kube_cluster_get(r.kube, "c1", &err));
    assert_int_equal(err.code, APP_UPSTREAM_UNREACHABLE);
    assert_non_null(strstr(err.text, "cluster trust"));
    r.loader.trust = KUBE_TRUST_CA; /* without a CA: a broken record, never "trust anything" */
    assert_null(kube_cluster_get(r.kube, "c1", &err));
    assert_int_equal(err.code, APP_INTERNAL);
    r.loader.trust = KUBE_TRUST_PIN;
    assert_null(kube_cluster_get(r.kube, "c1", &err));
    assert_int_equal(err.code, APP_INTERNAL);
    r.loader.trust = KUBE_TRUST_SYSTEM;
    r.loader.url = "http://127.0.0.1:1";
    assert_null(kube_cluster_get(r.kube, "c1", &err)); /* plain http is not allowed here */
    assert_int_equal(err.code, APP_BAD_REQUEST);
    registry_stop(&r);
}

static void a_cluster_is_loaded_once_and_again_after_forget(void **state)
{
    struct registry r;
    struct kube_cluster *first, *same, *other;

    (void)state;
    registry_start(&r);
    first = kube_cluster_get(r.kube, "c1", NULL);
    same = kube_cluster_get(r.kube, "c1", NULL);
    assert_non_null(first);
    assert_ptr_equal(first, same);
    assert_int_equal(atomic_load(&r.loader.loads), 1);
    assert_string_equal(kube_cluster_url(first), "https://127.0.0.1:1");
    kube_cluster_unref(same);

    kube_forget_all(r.kube); /* the same record: pool and breaker stay */
    same = kube_cluster_get(r.kube, "c1", NULL);
    assert_ptr_equal(first, same);
    assert_int_equal(atomic_load(&r.loader.loads), 2);
    kube_cluster_unref(same);

    memcpy(r.loader.token, "t2", 3); /* another credential: another pool */
    kube_cluster_forget(r.kube, "c1");
    other = kube_cluster_get(r.kube, "c1", NULL);
    assert_non_null(other);
    assert_ptr_not_equal(first, other);
    kube_cluster_unref(other);

    kube_forget_all(r.kube);
    kube_forget_all(r.kube); /* not asked for in between: gone, though the record is the same */
    same = kube_cluster_get(r.kube, "c1", NULL);
    assert_ptr_not_equal(first, same);
    kube_cluster_unref(same);

    r.loader.code = APP_NOT_FOUND; /* deleted */
    kube_cluster_forget(r.kube, "c1");
    assert_null(kube_cluster_get(r.kube, "c1", NULL));
    assert_string_equal(kube_cluster_id(first), "c1"); /* ours until we give it back */
    kube_cluster_unref(first);
    registry_stop(&r);
}

static void *get_and_release(void *arg)
{
    struct kube_cluster *c = kube_cluster_get(arg, "c1", NULL);
    bool is_there = c != NULL;

    kube_cluster_unref(c);
    return is_there ? arg : NULL;
}

static int get_from_threads(struct kube *k)
{
    pthread_t threads[8];
    int got = 0;

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, get_and_release, k), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *ret = NULL;

        pthread_join(threads[i], &ret);
        got += ret != NULL;
    }
    return got;
}

static void threads_share_one_load(void **state)
{
    struct registry r;

    (void)state;
    registry_start(&r);
    r.loader.delay_us = 100000;
    assert_int_equal(get_from_threads(r.kube), 8);
    assert_int_equal(atomic_load(&r.loader.loads), 1);
    registry_stop(&r);
}

static void threads_share_one_failure(void **state)
{
    struct registry r;

    (void)state;
    registry_start(&r);
    r.loader.delay_us = 200000;
    r.loader.code = APP_DATABASE;
    assert_int_equal(get_from_threads(r.kube), 0);
    assert_int_equal(atomic_load(&r.loader.most_running), 1);
    assert_true(atomic_load(&r.loader.loads) < 8);
    registry_stop(&r);
}

static void *forget_often(void *arg)
{
    for (int i = 0; i < 200; i++) {
        kube_forget_all(arg);
        kube_cluster_forget(arg, "c1");
    }
    return NULL;
}

static void *get_often(void *arg)
{
    for (int i = 0; i < 200; i++)
        assert_non_null(get_and_release(arg));
    return NULL;
}

static void forgetting_and_getting_may_race(void **state)
{
    struct registry r;
    pthread_t threads[3];

    (void)state;
    registry_start(&r);
    pthread_create(&threads[0], NULL, forget_often, r.kube);
    pthread_create(&threads[1], NULL, get_often, r.kube);
    pthread_create(&threads[2], NULL, get_often, r.kube);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&r.loader.most_running), 1);
    registry_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_segment_is_escaped),
        cmocka_unit_test(lists_know_all),
        cmocka_unit_test(cluster_scoped_items_have_no_namespace),
        cmocka_unit_test(patterns_are_filled_in_order),
        cmocka_unit_test(urls_are_split_or_refused),
        cmocka_unit_test(account_names_are_labels_and_never_collide),
        cmocka_unit_test(identities_follow_the_authority),
        cmocka_unit_test(headers_carry_user_group_and_extra),
        cmocka_unit_test(an_incomplete_identity_is_refused),
        cmocka_unit_test(statuses_become_errors),
        cmocka_unit_test(media_types_are_compared_without_parameters),
        cmocka_unit_test(the_cluster_s_words_are_not_repeated),
        cmocka_unit_test(five_failures_in_ten_seconds_open_it),
        cmocka_unit_test(slow_failures_do_not_open_it),
        cmocka_unit_test(neutral_outcomes_do_not_count),
        cmocka_unit_test(half_open_lets_one_probe_through),
        cmocka_unit_test(late_answers_do_not_close_it),
        cmocka_unit_test(roles_say_what_the_contract_says),
        cmocka_unit_test(unknown_and_pending_clusters_give_no_pool),
        cmocka_unit_test(a_cluster_is_loaded_once_and_again_after_forget),
        cmocka_unit_test(threads_share_one_load),
        cmocka_unit_test(threads_share_one_failure),
        cmocka_unit_test(forgetting_and_getting_may_race),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
