/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cp-portal bench: what this server costs on this machine, each figure beside its base in the same
 * run (design 10). It starts a server of its own on free ports with the given configuration, and
 * stops it again.
 */
#include "child.h"
#include "cleanup.h"
#include "client.h"
#include "clock.h"
#include "clusters.h"
#include "command.h"
#include "context.h"
#include "impersonate.h"
#include "load.h"
#include "net.h"
#include "token.h"
#include "token_bench.h"
#include "user_store.h"
#include "wiring.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_MAX_BYTES (64 * MIB)
#define ARENA_MAX_BYTES (64 * MIB)
#define LIST_THREADS 16
#define DETAIL_THREADS 64
#define RAW_CONNECTIONS 16

struct bench {
    struct wiring *wiring;
    const struct svc_call *call;
    struct child child;
    struct net_pool *portal; /* to the server under test, with the token */
    char *token;             /* of the super administrator; in the call's arena */
    const char *cluster_id, *namespace_name;
    const char *pod; /* some pod of the namespace */
    int64_t duration_us;
    /* the two sides of the row being measured */
    const char *portal_path, *kube_path;
    struct kube_cluster *cluster;
    struct kube_identity
        identity; /* a super administrator: the credential itself may read nothing */
};

/* ---- output: one table ---- */

static void print_head(void)
{
    printf("%-46s %14s %14s %8s  %s\n", "what", "cp-portal", "base", "ratio", "budget");
}

static void print_row(const char *what, double ours, double base, const char *unit,
                      const char *budget)
{
    char a[32], b[32] = "-", ratio[32] = "-";

    snprintf(a, sizeof a, "%.1f %s", ours, unit);
    if (base > 0) {
        snprintf(b, sizeof b, "%.1f %s", base, unit);
        snprintf(ratio, sizeof ratio, "%.2f", ours / base);
    }
    printf("%-46s %14s %14s %8s  %s\n", what, a, b, ratio, budget);
    fflush(stdout);
}

/* ---- one request of each side ---- */

static bool ask_portal(void *ctx)
{
    struct bench *b = ctx;
    struct net_request req = {.method = "GET",
                              .path = b->portal_path,
                              .is_idempotent = true,
                              .answer_max_bytes = ANSWER_MAX_BYTES};
    struct net_response res = {.status = 0};
    struct app_error err;
    bool ok = net_call(b->portal, &req, &res, &err) == 0 && res.status == 200 && res.body.data &&
              strstr(res.body.data, "\"resultCode\":\"SUCCESS\"");

    buf_finish(&res.body);
    return ok;
}

static bool ask_kube(void *ctx)
{
    struct bench *b = ctx;
    struct kube_call kc = {.cluster = b->cluster, .identity = &b->identity};
    struct buf body AUTO(buf_finish_p) = BUF_INIT(ANSWER_MAX_BYTES);
    struct app_error err;

    return kube_get_text(&kc, b->kube_path, "application/json", ANSWER_MAX_BYTES, &body, &err) == 0;
}

static int measure(struct bench *b, bool (*once)(void *), int threads, struct load_result *ret)
{
    struct load l = {threads, b->duration_us, once, b};

    if (!once(b) || load_run(&l, ret) < 0)
        return -1;
    if (ret->failures > 0)
        fprintf(stderr, "cp-portal: %llu of %llu requests failed\n",
                (unsigned long long)ret->failures, (unsigned long long)ret->requests);
    return ret->failures * 100 > ret->requests ? -1 : 0;
}

static double cpu_per_request_us(int64_t cpu_us, const struct load_result *r)
{
    return r->requests ? (double)cpu_us / (double)r->requests : 0;
}

/* ---- rows ---- */

static int bench_list(struct bench *b)
{
    struct load_result ours, base;
    int64_t cpu_us;

    b->portal_path = arena_printf(b->call->arena, "/clusters/%s/namespaces/%s/pods?limit=10",
                                  b->cluster_id, b->namespace_name);
    b->kube_path = arena_printf(b->call->arena, "/api/v1/namespaces/%s/pods", b->namespace_name);
    if (measure(b, ask_kube, LIST_THREADS, &base) < 0)
        return -1;
    cpu_us = child_cpu_us(&b->child);
    if (measure(b, ask_portal, LIST_THREADS, &ours) < 0)
        return -1;
    cpu_us = child_cpu_us(&b->child) - cpu_us;
    print_row("pod list, page of 10, 16 connections", ours.per_s, base.per_s, "/s",
              "ratio >= 0.70");
    print_row("  own CPU per request", cpu_per_request_us(cpu_us, &ours) / 1000, 0, "ms",
              "<= 8 ms for 200 pods of 12.5 KB");
    return 0;
}

static int bench_detail(struct bench *b)
{
    struct load_result ours, base, ours_one, base_one;

    b->portal_path = arena_printf(b->call->arena, "/clusters/%s/namespaces/%s/pods/%s",
                                  b->cluster_id, b->namespace_name, b->pod);
    b->kube_path =
        arena_printf(b->call->arena, "/api/v1/namespaces/%s/pods/%s", b->namespace_name, b->pod);
    if (measure(b, ask_kube, DETAIL_THREADS, &base) < 0 ||
        measure(b, ask_portal, DETAIL_THREADS, &ours) < 0 ||
        measure(b, ask_kube, 1, &base_one) < 0 || measure(b, ask_portal, 1, &ours_one) < 0)
        return -1;
    print_row("pod detail, 64 connections", ours.per_s, base.per_s, "/s", "ratio >= 0.80");
    print_row("  p50, 1 connection", (double)ours_one.p50_us / 1000, (double)base_one.p50_us / 1000,
              "ms", "added <= 0.3 ms");
    return 0;
}

static int bench_raw(struct bench *b, const char *path, const char *authorization,
                     struct load_result *ret, double *ret_cpu_us)
{
    const char *request = arena_printf(b->call->arena, "GET %s HTTP/1.1\r\nHost: bench\r\n%s\r\n",
                                       path, authorization);
    struct raw_load l = {b->child.portal_port, request, RAW_CONNECTIONS, b->duration_us};
    int64_t cpu_us = child_cpu_us(&b->child);

    if (!request || raw_load_run(&l, ret) < 0)
        return -1;
    *ret_cpu_us = cpu_per_request_us(child_cpu_us(&b->child) - cpu_us, ret);
    return 0;
}

static int bench_refusal(struct bench *b)
{
    struct load_result r;
    double cpu_us;

    if (bench_raw(b, "/clusters", "", &r, &cpu_us) < 0)
        return -1;
    print_row("refusal without token, 16 connections", r.per_s, 0, "/s", "-");
    print_row("  per second of one core", cpu_us > 0 ? 1e6 / cpu_us : 0, 0, "/s", ">= 30000/s");
    return 0;
}

/* CPU of one bare prepared statement, in this thread. @return µs, or a negative number */
static double statement_cpu_us(struct bench *b)
{
    const int rounds = 2000;
    struct timespec from, to;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    for (int i = 0; i < rounds; i++) {
        struct arena *a AUTO(arena_destroy_p) = arena_create(ARENA_MAX_BYTES);
        struct right_list rows;
        struct app_error err;

        if (!a || user_store_list_clusters(b->wiring->db, a, "bench", true, &rows, &err) < 0)
            return -1;
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    return ((double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3) /
           rounds;
}

static int bench_database(struct bench *b)
{
    const char *authorization =
        arena_printf(b->call->arena, "Authorization: Bearer %s\r\n", b->token);
    struct load_result r;
    double cpu_us, base_us = statement_cpu_us(b);

    if (!authorization || base_us < 0 ||
        bench_raw(b, "/users/clustersList", authorization, &r, &cpu_us) < 0)
        return -1;
    print_row("users/clustersList, 16 connections", r.per_s, 0, "/s", "-");
    print_row("  CPU against the bare statement", cpu_us, base_us, "us", "added <= 60 us");
    return 0;
}

static int bench_token(struct bench *b)
{
    struct token_bench t;

    (void)b;
    if (token_bench_run(&t) < 0)
        return -1;
    print_row("token check, remembered", t.cached_us, 0, "us", "<= 2 us");
    print_row("token check, new (base: bare RSA verify)", t.uncached_us, t.verify_us, "us",
              "<= 60 us");
    return 0;
}

static int bench_memory(struct bench *b)
{
    print_row("start to ready", (double)b->child.ready_us / 1000, 0, "ms", "<= 300 ms");
    print_row("memory, idle", (double)b->child.idle_rss_kib / 1024, 0, "MiB", "<= 32 MiB");
    print_row("memory, after this load", (double)child_rss_kib(&b->child) / 1024, 0, "MiB",
              "<= 64 MiB");
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct bench *b);
} rows[] = {
    {"list",     bench_list    },
    {"detail",   bench_detail  },
    {"refusal",  bench_refusal },
    {"database", bench_database},
    {"token",    bench_token   },
    {"memory",   bench_memory  }
};

/* ---- before and after ---- */

/* A portal token of the super administrator, made with the shared key as the server itself would.
 */
static int make_token(struct bench *b, struct app_error *err)
{
    struct user_list admins;
    json_auto_t *roles = json_object();
    struct portal_token_input in = {.issuer = b->wiring->issuer_name,
                                    .client_ip = "",
                                    .browser = "bench",
                                    .type = USER_TYPE_SUPER_ADMIN,
                                    .roles_info = roles};

    if (user_store_list_super_admins(b->wiring->db, b->call->arena, &admins, err) < 0)
        return -1;
    if (admins.count == 0)
        return app_fail_text(err, APP_BAD_REQUEST,
                             "nobody has signed up as super administrator yet");
    in.user_id = admins.rows[0].user_id;
    in.auth_id = admins.rows[0].user_auth_id;
    b->token = identity_issue_portal_token(b->wiring->identity, &in, b->call->arena, err);
    return b->token ? 0 : -1;
}

static int find_pod(struct bench *b, struct app_error *err)
{
    struct kube_call kc = {.cluster = b->cluster, .identity = &b->identity};
    const char *path =
        arena_printf(b->call->arena, "/api/v1/namespaces/%s/pods?limit=1", b->namespace_name);
    json_auto_t *list = path ? kube_get_json(&kc, path, 0, err) : NULL;
    const char *name = NULL;

    if (!list)
        return -1;
    if (json_unpack(list, "{s:[{s:{s:s}}]}", "items", "metadata", "name", &name) < 0)
        return app_fail_text(err, APP_BAD_REQUEST, "namespace %s has no pods to measure with",
                             b->namespace_name);
    b->pod = arena_strdup(b->call->arena, name);
    return b->pod ? 0 : app_fail(err, APP_INTERNAL, "out of memory");
}

static int connect_portal(struct bench *b, struct app_error *err)
{
    char url[64];
    struct net_pool_config config = {.name = "bench",
                                     .base_url = url,
                                     .allow_loopback_http = true,
                                     .bearer = b->token,
                                     .max_in_flight = DETAIL_THREADS};

    snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)b->child.portal_port);
    b->portal = net_pool_create(b->wiring->net, &config, err);
    return b->portal ? 0 : -1;
}

static int run_rows(struct bench *b, struct app_error *err)
{
    print_head();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].run(b) < 0)
            return app_fail_text(err, APP_INTERNAL, "row %s could not be measured", rows[i].name);
    return 0;
}

static int bench(struct wiring *w, const struct svc_call *call, const struct arguments *args,
                 struct app_error *err)
{
    struct bench b = {.wiring = w, .call = call, .namespace_name = args->option[OPT_namespace]};
    int64_t seconds = 3;
    int rc;

    if (args->option[OPT_seconds] &&
        (text_to_i64(text_of(args->option[OPT_seconds]), &seconds) < 0 || seconds < 1 ||
         seconds > 60))
        return app_fail_text(err, APP_BAD_REQUEST, "--seconds takes 1 to 60");
    b.duration_us = seconds * US_PER_S;
    b.cluster_id = args->option[OPT_cluster];
    b.cluster = cluster_connection(w->services, b.cluster_id, err);
    if (!b.cluster)
        return -1;
    rc = kube_identity_for(call->arena, KUBE_AS_SUPER_ADMIN, "bench", NULL, &b.identity, err) < 0 ||
                 make_token(&b, err) < 0 || find_pod(&b, err) < 0 ||
                 child_start(&b.child, args->option[OPT_config], w->issuer_name, err) < 0 ||
                 connect_portal(&b, err) < 0 || run_rows(&b, err) < 0
             ? -1
             : 0;
    net_pool_unref(b.portal);
    child_stop(&b.child);
    kube_cluster_unref(b.cluster);
    return rc;
}

int command_bench(const struct arguments *args)
{
    return run_wired(args, WIRE_SERVICES, bench);
}
