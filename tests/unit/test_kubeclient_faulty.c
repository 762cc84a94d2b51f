/* SPDX-License-Identifier: Apache-2.0 */
/* The Kubernetes client against an API server that misbehaves: a thread that sends planted bytes.
 */
#include "breaker.h"
#include "cleanup.h"
#include "client.h"
#include "clock.h"
#include "impersonate.h"
#include "list.h"
#include "net.h"
#include "trust.h"
#include "view.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD_MAX 16384
#define HANGING_MAX 16
#define OK_JSON(body)                                                                              \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" body
#define STATUS(code)                                                                               \
    "HTTP/1.1 " code "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
#define POD                                                                                        \
    "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"creationTimestamp\":"                \
    "\"2026-01-01T00:00:00Z\"},\"spec\":{},\"status\":{\"phase\":\"Running\"}}"
#define POD_LIST "{\"kind\":\"PodList\",\"metadata\":{},\"items\":[" POD "]}"

/* ---- the server: one connection, one request, one planted answer ---- */

struct server {
    int fd, port;
    pthread_t thread;
    pthread_mutex_t lock;
    const char *answer,
        *metrics_answer; /* NULL: never answer. metrics_answer: for /apis/metrics.k8s.io */
    char head[HEAD_MAX]; /* of the newest request */
    bool is_kept; /* leave the connection open after the answer, close it at the next request */
    atomic_int requests, reused, hanging;
    int hanging_fds[HANGING_MAX];
};

static size_t read_request(int fd, char *head)
{
    size_t len = 0;
    char *end;

    while (len < HEAD_MAX - 1) {
        ssize_t n = read(fd, head + len, HEAD_MAX - 1 - len);

        if (n <= 0)
            return 0;
        len += (size_t)n;
        head[len] = '\0';
        end = strstr(head, "\r\n\r\n");
        if (end) {
            const char *body = strcasestr(head, "content-length:");
            size_t want = body ? strtoul(body + 15, NULL, 10) : 0;

            if (len >= (size_t)(end + 4 - head) + want)
                return len;
        }
    }
    return 0;
}

/* Until another connection comes: does a second request come on this one? It gets no answer. */
static void keep(struct server *s, int fd)
{
    struct pollfd both[] = {
        {.fd = fd,    .events = POLLIN},
        {.fd = s->fd, .events = POLLIN}
    };
    char head[HEAD_MAX];

    poll(both, 2, -1);
    if (both[0].revents && read_request(fd, head) > 0)
        atomic_fetch_add(&s->reused, 1);
}

static void answer_one(struct server *s, int fd)
{
    char head[HEAD_MAX];
    const char *answer;

    if (read_request(fd, head) == 0) {
        close(fd);
        return;
    }
    pthread_mutex_lock(&s->lock);
    answer = s->answer;
    if (strstr(head, "/apis/metrics.k8s.io"))
        answer = s->metrics_answer;
    else
        memcpy(s->head, head, sizeof(s->head));
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add(&s->requests, 1);
    if (answer) {
        ssize_t n = write(fd, answer, strlen(answer));

        (void)n;
        if (s->is_kept)
            keep(s, fd);
        close(fd);
    } else {
        s->hanging_fds[atomic_load(&s->hanging)] = fd;
        atomic_fetch_add(&s->hanging, 1);
    }
}

static void *serve(void *arg)
{
    struct server *s = arg;
    int fd;

    while ((fd = accept(s->fd, NULL, NULL)) >= 0)
        answer_one(s, fd);
    return NULL;
}

static void server_start(struct server *s)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);

    memset(s, 0, sizeof(*s));
    pthread_mutex_init(&s->lock, NULL);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(s->fd, 64), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&addr, &len), 0);
    s->port = ntohs(addr.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    for (int i = 0; i < atomic_load(&s->hanging); i++)
        close(s->hanging_fds[i]);
    pthread_mutex_destroy(&s->lock);
}

static void plant(struct server *s, const char *answer)
{
    pthread_mutex_lock(&s->lock);
    s->answer = answer;
    pthread_mutex_unlock(&s->lock);
}

/* ---- the client towards it ---- */

static _Atomic int64_t test_now_us; /* the breaker's clock */

static int64_t test_clock(void)
{
    return atomic_load(&test_now_us);
}

struct rig {
    struct server server;
    struct net *net;
    struct kube *kube;
    struct kube_call call;
};

static int no_loader(void *ctx, struct arena *a, const char *id, struct kube_cluster_record *ret,
                     struct app_error *err)
{
    (void)ctx, (void)a, (void)id, (void)ret;
    return app_fail(err, APP_NOT_FOUND, "no loader here");
}

static struct kube_cluster *open_cluster(struct rig *r, const char *prefix, struct app_error *err)
{
    char url[64], token[] = "test-credential";
    struct kube_cluster_record record = {
        .cluster_id = "faulty", .api_url = url, .trust_state = KUBE_TRUST_SYSTEM, .token = token};
    struct kube_cluster *c;

    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", r->server.port, prefix);
    c = kube_cluster_open(r->kube, &record, err);
    for (size_t i = 0; i < sizeof(token) - 1; i++)
        assert_int_equal(token[i], 0); /* wiped */
    return c;
}

static void rig_start(struct rig *r)
{
    const struct kube_config config = {.allow_loopback_http = true,
                                       .max_in_flight = 2,
                                       .utc_offset_min = 540,
                                       .clock_us = test_clock};
    struct app_error err = {0};

    memset(r, 0, sizeof(*r));
    atomic_store(&test_now_us, 1000 * US_PER_S);
    server_start(&r->server);
    r->net = net_create(1, &err);
    assert_non_null(r->net);
    r->kube = kube_create(r->net, &config, no_loader, NULL, &err);
    assert_non_null(r->kube);
    r->call.cluster = open_cluster(r, "", &err);
    assert_non_null(r->call.cluster);
}

static void rig_stop(struct rig *r)
{
    kube_cluster_unref(r->call.cluster);
    kube_destroy(r->kube);
    net_destroy(r->net);
    server_stop(&r->server);
}

static enum app_code get_json(struct rig *r)
{
    struct app_error err = {0};
    json_t *doc = kube_get_json(&r->call, "/api", 0, &err);

    assert_int_equal(doc == NULL, err.code != APP_OK);
    json_decref(doc);
    return err.code;
}

static enum app_code list_pods(struct rig *r, bool with_usage, struct buf *out)
{
    const struct list_query query = {.utc_offset_min = 540};
    const struct kube_list_request req = {.kind = kube_kind_find("pods"),
                                          .namespace_name = "shop",
                                          .query = &query,
                                          .with_usage = with_usage};
    struct app_error err = {0};
    int rc = kube_list(&r->call, &req, out, &err);

    assert_int_equal(rc, err.code == APP_OK ? 0 : -1);
    return err.code;
}

/* ---- tests ---- */

static void odd_answers_are_honest_errors(void **state)
{
    static const struct {
        const char *answer;
        enum app_code code;
    } cases[] = {
        {OK_JSON("{}"),                                                                             APP_OK                   },
        {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
         APP_UPSTREAM_BROKEN                                                                                                 },
        {"HTTP/1.1 304 Not Modified\r\n\r\n",                                                       APP_UPSTREAM_BROKEN      },
        {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}",
         APP_UPSTREAM_BROKEN                                                                                                 },
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",                                          APP_UPSTREAM_BROKEN      },
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n",
         APP_UPSTREAM_BROKEN                                                                                                 },
        {"HTTP/1.1 204 No Content\r\n\r\n",                                                         APP_UPSTREAM_BROKEN      },
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"a\":",
         APP_UPSTREAM_BROKEN                                                                                                 },
        {OK_JSON("{\"a\":"),                                                                        APP_UPSTREAM_BROKEN      },
        {OK_JSON("<html>"),                                                                         APP_UPSTREAM_BROKEN      },
        {"garbage garbage garbage\r\n\r\n",                                                         APP_UPSTREAM_BROKEN      },
        {STATUS("400 x"),                                                                           APP_UPSTREAM_BAD_REQUEST },
        {STATUS("401 x"),                                                                           APP_UPSTREAM_UNAUTHORIZED},
        {STATUS("403 x"),                                                                           APP_FORBIDDEN            },
        {STATUS("404 x"),                                                                           APP_NOT_FOUND            },
        {STATUS("409 x"),                                                                           APP_CONFLICT             },
        {STATUS("422 x"),                                                                           APP_UNPROCESSABLE        },
        {STATUS("429 x"),                                                                           APP_UPSTREAM_FAILED      },
        {STATUS("500 x"),                                                                           APP_UPSTREAM_FAILED      },
        {STATUS("503 x"),                                                                           APP_UPSTREAM_UNAVAILABLE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig r;

        rig_start(&r); /* a breaker of its own */
        plant(&r.server, cases[i].answer);
        if (get_json(&r) != cases[i].code)
            fail_msg("answer %zu: %s", i, cases[i].answer);
        assert_int_equal(atomic_load(&r.server.requests), 1); /* no redirect, no repetition */
        rig_stop(&r);
    }
}

static void lists_are_never_cut(void **state)
{
    static const struct {
        const char *answer;
        enum app_code code;
    } cases[] = {
        {OK_JSON(POD_LIST),                                                                   APP_OK             },
        {OK_JSON("{\"metadata\":{},\"items\":[" POD),                                         APP_UPSTREAM_BROKEN},
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
         "9999\r\n\r\n" POD_LIST,
         APP_UPSTREAM_BROKEN                                                                                     },
        {"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n" POD_LIST,
         APP_UPSTREAM_BROKEN                                                                                     },
        {"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",                    APP_UPSTREAM_BROKEN},
        {STATUS("403 x"),                                                                     APP_FORBIDDEN      },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out AUTO(buf_finish_p) = BUF_INIT(1 * MIB);
        struct rig r;

        rig_start(&r);
        plant(&r.server, cases[i].answer);
        if (list_pods(&r, false, &out) != cases[i].code)
            fail_msg("answer %zu: %s", i, cases[i].answer);
        assert_int_equal(out.len > 0, cases[i].code == APP_OK);
        if (out.len > 0)
            assert_non_null(strstr(out.data, "\"web\""));
        rig_stop(&r);
    }
}

static void the_breaker_opens_and_closes(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r);
    plant(&r.server, STATUS("500 x")); /* an answer, however bad, is no failure of the connection */
    for (int i = 0; i < 10; i++)
        assert_int_equal(get_json(&r), APP_UPSTREAM_FAILED);
    plant(&r.server, "garbage\r\n\r\n");
    for (int i = 0; i < 5; i++)
        assert_int_equal(get_json(&r), APP_UPSTREAM_BROKEN);
    for (int i = 0; i < 10; i++)
        assert_int_equal(get_json(&r), APP_UPSTREAM_UNAVAILABLE);
    assert_int_equal(atomic_load(&r.server.requests), 15); /* none of the ten was sent */
    plant(&r.server, OK_JSON("{}"));
    atomic_fetch_add(&test_now_us, 10 * US_PER_S);
    assert_int_equal(get_json(&r), APP_OK);
    assert_false(kube_breaker_is_open(kube_cluster_breaker(r.call.cluster)));
    rig_stop(&r);
}

/* Whoever may store objects in one namespace must not be able to shut the cluster for the others.
 */
static void content_the_engine_refuses_does_not_open_the_breaker(void **state)
{
    struct buf out AUTO(buf_finish_p) = BUF_INIT(1 * MIB);
    struct rig r;

    (void)state;
    rig_start(&r);
    plant(&r.server, OK_JSON("{\"metadata\":{},\"items\":[{\"metadata\":{\"name\":\"a\",}}]}"));
    for (int i = 0; i < 10; i++)
        assert_int_equal(list_pods(&r, false, &out), APP_UPSTREAM_BROKEN);
    assert_false(kube_breaker_is_open(kube_cluster_breaker(r.call.cluster)));
    rig_stop(&r);
}

static enum app_code write_with(struct rig *r, const char *method)
{
    const struct kube_write w = {.method = method,
                                 .path = "/api/v1/namespaces/shop/configmaps/x",
                                 .body = TEXT("{\"kind\":\"ConfigMap\"}")};
    struct app_error err = {0};
    json_t *answer = NULL;
    int rc = kube_write(&r->call, &w, &answer, &err);

    assert_int_equal(rc, err.code == APP_OK ? 0 : -1);
    json_decref(answer);
    return err.code;
}

/* K8S-20 */
static void writes_are_sent_once(void **state)
{
    static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE"};
    static const char *const faults[] = {
        "", STATUS("429 x"), STATUS("503 x"),
        "HTTP/1.1 307 x\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n"};

    (void)state;
    for (size_t m = 0; m < ARRAY_LEN(methods); m++)
        for (size_t f = 0; f < ARRAY_LEN(faults); f++) {
            struct rig r;

            rig_start(&r);
            plant(&r.server, faults[f]); /* "": the connection is closed without a byte */
            assert_int_not_equal(write_with(&r, methods[m]), APP_OK);
            assert_int_equal(atomic_load(&r.server.requests), 1);
            assert_memory_equal(r.server.head, methods[m], strlen(methods[m]));
            rig_stop(&r);
        }
}

/* On a kept connection that turns out dead libcurl would send a write a second time. */
static void writes_never_ride_on_a_kept_connection(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r);
    r.server.is_kept = true;
    plant(&r.server,
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    assert_int_equal(get_json(&r), APP_OK);
    assert_int_equal(write_with(&r, "DELETE"), APP_OK);
    assert_int_equal(write_with(&r, "POST"), APP_OK);
    assert_int_equal(atomic_load(&r.server.reused), 0);
    assert_int_equal(get_json(&r), APP_OK); /* a read may: the server can tell */
    assert_int_equal(get_json(&r), APP_OK);
    assert_true(atomic_load(&r.server.reused) > 0);
    rig_stop(&r);
}

static void writes_need_an_answer_of_an_api_server(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r);
    plant(&r.server, OK_JSON("{\"kind\":\"ConfigMap\"}"));
    assert_int_equal(write_with(&r, "POST"), APP_OK);
    assert_non_null(strstr(r.server.head, "Content-Type: application/json\r\n"));
    plant(&r.server, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_int_equal(write_with(&r, "DELETE"), APP_OK);
    plant(&r.server, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi");
    assert_int_equal(write_with(&r, "PUT"), APP_UPSTREAM_BROKEN);
    rig_stop(&r);
}

static size_t count_of(const char *text, const char *needle)
{
    size_t n = 0;

    for (; (text = strcasestr(text, needle)) != NULL; text++)
        n++;
    return n;
}

static void only_listed_headers_go_upstream(void **state)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(64 * KIB);
    struct kube_identity id;
    struct rig r;

    (void)state;
    rig_start(&r);
    plant(&r.server, OK_JSON("{}"));
    assert_int_equal(kube_identity_for(a, KUBE_AS_USER, "alice", "shop", &id, NULL), 0);
    r.call.identity = &id;
    r.call.request_id = "req-1";
    assert_int_equal(get_json(&r), APP_OK);
    assert_int_equal(count_of(r.server.head, "\r\nauthorization: Bearer test-credential\r\n"), 1);
    assert_int_equal(
        count_of(r.server.head, "\r\nimpersonate-user: system:serviceaccount:shop:alice\r\n"), 1);
    assert_int_equal(count_of(r.server.head, "\r\nimpersonate-group:"), 0);
    assert_int_equal(
        count_of(r.server.head, "\r\nimpersonate-extra-portal.k-paas.org%2Fuser: alice\r\n"), 1);
    assert_int_equal(count_of(r.server.head, "\r\nx-request-id: req-1\r\n"), 1);
    r.call.request_id = "a\r\nImpersonate-Group: system:masters";
    assert_int_equal(get_json(&r), APP_OK);
    assert_int_equal(count_of(r.server.head, "system:masters"), 0);
    assert_int_equal(count_of(r.server.head, "x-request-id"), 0);
    rig_stop(&r);
}

static void a_path_in_the_address_stays_in_front(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r);
    plant(&r.server, OK_JSON("{}"));
    kube_cluster_unref(r.call.cluster);
    r.call.cluster = open_cluster(&r, "/k8s/clusters/c-1/", NULL);
    assert_non_null(r.call.cluster);
    assert_int_equal(get_json(&r), APP_OK);
    assert_memory_equal(r.server.head, "GET /k8s/clusters/c-1/api HTTP/1.1",
                        strlen("GET /k8s/clusters/c-1/api HTTP/1.1"));
    rig_stop(&r);
}

static void usage_is_merged_and_its_failure_ignored(void **state)
{
    static const char metrics[] = OK_JSON(
        "{\"metadata\":{},\"items\":[{\"metadata\":{\"name\":\"web\",\"namespace\":\"blog\"},"
        "\"containers\":[{\"name\":\"c\",\"usage\":{\"cpu\":\"9m\",\"memory\":\"9Mi\"}}]},"
        "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\"},\"containers\":[{\"name\":"
        "\"c\",\"usage\":{\"cpu\":\"2m\",\"memory\":\"3Mi\"}}]}]}");
    struct buf out AUTO(buf_finish_p) = BUF_INIT(1 * MIB);
    struct rig r;

    (void)state;
    rig_start(&r);
    plant(&r.server, OK_JSON(POD_LIST));
    r.server.metrics_answer = metrics;
    assert_int_equal(list_pods(&r, true, &out), APP_OK);
    assert_non_null(strstr(out.data, "\"2m\""));
    assert_null(strstr(out.data, "\"9m\"")); /* the pod of that name in another namespace */
    r.server.metrics_answer = "garbage\r\n\r\n";
    for (int i = 0; i < 10; i++) {
        buf_reset(&out);
        assert_int_equal(list_pods(&r, true, &out), APP_OK);
        assert_non_null(strstr(out.data, "{\"usage\":\"-\"}"));
    }
    assert_false(kube_breaker_is_open(kube_cluster_breaker(r.call.cluster)));
    rig_stop(&r);
}

struct hanging_call {
    struct rig *rig;
    struct net_cancel *cancel;
    enum app_code code;
};

static void *call_and_hang(void *arg)
{
    struct hanging_call *h = arg;
    struct kube_call call = h->rig->call;
    struct app_error err = {0};

    call.cancel = h->cancel;
    json_decref(kube_get_json(&call, "/api", 0, &err));
    h->code = err.code;
    return NULL;
}

/* Two hang; a third is refused at once instead of waiting; after a cancel there is room again. */
static void a_slow_cluster_holds_only_its_own_calls(void **state)
{
    struct hanging_call hanging[2];
    pthread_t threads[2];
    int64_t begun_us;
    struct rig r;

    (void)state;
    rig_start(&r);
    for (size_t i = 0; i < 2; i++) {
        hanging[i] = (struct hanging_call){&r, net_cancel_create(), APP_OK};
        assert_int_equal(pthread_create(&threads[i], NULL, call_and_hang, &hanging[i]), 0);
    }
    while (atomic_load(&r.server.hanging) < 2)
        usleep(1000);
    begun_us = clock_mono_us();
    assert_int_equal(get_json(&r), APP_OVERLOADED);
    assert_true(clock_mono_us() - begun_us < 500 * US_PER_MS);
    assert_int_equal(kube_cluster_in_flight(r.call.cluster), 2);
    for (size_t i = 0; i < 2; i++) {
        net_cancel_fire(hanging[i].cancel);
        pthread_join(threads[i], NULL);
        net_cancel_destroy(hanging[i].cancel);
        assert_int_equal(hanging[i].code, APP_CANCELLED);
    }
    assert_int_equal(kube_cluster_in_flight(r.call.cluster), 0);
    plant(&r.server, OK_JSON("{}"));
    assert_int_equal(get_json(&r), APP_OK);
    assert_false(kube_breaker_is_open(kube_cluster_breaker(r.call.cluster)));
    rig_stop(&r);
}

static void deadlines_hold(void **state)
{
    struct app_error err = {0};
    int64_t begun_us = clock_mono_us();
    struct rig r;

    (void)state;
    rig_start(&r);
    assert_int_equal(kube_ping(&r.call, &err), -1); /* nobody answers */
    assert_int_equal(err.code, APP_UPSTREAM_TIMEOUT);
    assert_true(clock_mono_us() - begun_us < 3 * US_PER_S);
    rig_stop(&r);
}

static void something_that_is_no_api_server_is_not_registered(void **state)
{
    static const struct {
        const char *answer;
        enum app_code code;
        enum msg_id message;
    } cases[] = {
        {OK_JSON("{\"versions\":[]}"),                                   APP_RULE,                  MSG_CLUSTER_REGISTRATION_FAILED},
        {OK_JSON("[]"),                                                  APP_RULE,                  MSG_CLUSTER_REGISTRATION_FAILED},
        {OK_JSON("hello"),                                               APP_RULE,                  MSG_CLUSTER_REGISTRATION_FAILED},
        {STATUS("401 x"),                                                APP_UPSTREAM_UNAUTHORIZED, MSG_NONE                       },
 /* both keys, but no answer to the access review */
        {OK_JSON("{\"versions\":[],\"serverAddressByClientCIDRs\":[]}"), APP_FORBIDDEN,             MSG_NONE                       },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct app_error err = {0};
        struct rig r;

        rig_start(&r);
        plant(&r.server, cases[i].answer);
        assert_int_equal(kube_check_credential(&r.call, &err), -1);
        assert_int_equal(err.code, cases[i].code);
        assert_int_equal(err.message_id, cases[i].message);
        rig_stop(&r);
    }
}

static void nobody_at_home_is_unreachable(void **state)
{
    struct app_error err = {0};
    struct kube_trust trust;
    struct kube_trust_request req = {.cluster_id = "c", .api_url = "https://127.0.0.1:1"};
    struct rig r;

    (void)state;
    rig_start(&r);
    assert_int_equal(kube_trust_probe(r.kube, &req, &trust, &err), -1);
    assert_int_equal(err.code, APP_UPSTREAM_UNREACHABLE);
    req.api_url = "https://127.0.0.1:1/?x";
    assert_int_equal(kube_trust_probe(r.kube, &req, &trust, &err), -1);
    assert_int_equal(err.code, APP_BAD_REQUEST);
    req.api_url = "http://192.0.2.1:1";
    assert_int_equal(kube_trust_probe(r.kube, &req, &trust, &err), -1);
    assert_int_equal(err.code, APP_BAD_REQUEST);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_answers_are_honest_errors),
        cmocka_unit_test(lists_are_never_cut),
        cmocka_unit_test(the_breaker_opens_and_closes),
        cmocka_unit_test(content_the_engine_refuses_does_not_open_the_breaker),
        cmocka_unit_test(writes_are_sent_once),
        cmocka_unit_test(writes_never_ride_on_a_kept_connection),
        cmocka_unit_test(writes_need_an_answer_of_an_api_server),
        cmocka_unit_test(only_listed_headers_go_upstream),
        cmocka_unit_test(a_path_in_the_address_stays_in_front),
        cmocka_unit_test(usage_is_merged_and_its_failure_ignored),
        cmocka_unit_test(a_slow_cluster_holds_only_its_own_calls),
        cmocka_unit_test(deadlines_hold),
        cmocka_unit_test(something_that_is_no_api_server_is_not_registered),
        cmocka_unit_test(nobody_at_home_is_unreachable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
