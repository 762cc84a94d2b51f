/* SPDX-License-Identifier: Apache-2.0 */
/* Overload, shares, starvation, connection limits, stopping. */
#include "cleanup.h"
#include "clock.h"
#include "counters.h"
#include "srv_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNTIL(condition)                                                                           \
    for (int tries_ = 0; !(condition); tries_++) {                                                 \
        if (tries_ > 5000)                                                                         \
            fail_msg("never became true: %s", #condition);                                         \
        usleep(1000);                                                                              \
    }

static int ask_begin(uint16_t port, const char *path, const char *user)
{
    char request[300];
    int fd = cli_connect(port);

    assert_true(fd >= 0);
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer %s\r\n\r\n", path, user);
    cli_say(fd, request);
    return fd;
}

static void assert_overloaded(const struct cli_answer *a)
{
    assert_int_equal(a->status, 200); /* compat: overload is in the body (design 9.4) */
    assert_non_null(strstr(a->body, "\"httpStatusCode\":503"));
    assert_string_equal(cli_header(a, "Retry-After", 0), "1");
}

static struct cli_answer answer;

static void assert_answered(int fd, const char *part)
{
    cli_read(fd, &answer, 5000, false);
    if (answer.status != 200 || !strstr(answer.body, part))
        fail_msg("expected %s, got %d %s", part, answer.status, answer.raw);
    close(fd);
}

static void full_queue_is_refused_at_once(void **state)
{
    struct server_options o;
    struct srv s;
    int held[4], waiting[3];
    int64_t begin_us;

    (void)state;
    srv_options(&o);
    o.worker_threads = 4;
    o.queue_max = 3;
    o.queue_wait_ms = 3000;
    srv_start(&s, &o);
    for (int i = 0; i < 4; i++)
        held[i] = ask_begin(s.portal, "/hold", "alice");
    UNTIL(atomic_load(&srv_state.holding) == 4);
    for (int i = 0; i < 3; i++)
        waiting[i] = ask_begin(s.portal, "/nap", "bob");
    UNTIL(server_in_flight(s.server) == 7);
    usleep(20000);
    begin_us = clock_mono_us();
    cli_ask(s.portal, GET("/nap"), &answer);
    assert_overloaded(&answer);
    assert_true(clock_mono_us() - begin_us < 200 * US_PER_MS);
    /* inline routes and management do not care */
    cli_ask(s.portal, GET("/clusters"), &answer);
    assert_non_null(strstr(answer.body, "SUCCESS"));
    cli_ask(s.management, "GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n", &answer);
    assert_non_null(strstr(answer.body, "cp_queue_length 3"));
    assert_non_null(strstr(answer.body, "cp_workers_busy 4"));
    atomic_store(&srv_state.release, true);
    for (int i = 0; i < 4; i++)
        assert_answered(held[i], "SUCCESS");
    for (int i = 0; i < 3; i++)
        assert_answered(waiting[i], "SUCCESS");
    srv_stop(&s);
}

static void waiting_too_long_is_refused(void **state)
{
    struct server_options o;
    struct srv s;
    int held[4];
    int64_t begin_us, waited_us;

    (void)state;
    srv_options(&o);
    o.worker_threads = 4;
    o.queue_wait_ms = 300;
    srv_start(&s, &o);
    for (int i = 0; i < 4; i++)
        held[i] = ask_begin(s.portal, "/hold", "alice");
    UNTIL(atomic_load(&srv_state.holding) == 4);
    begin_us = clock_mono_us();
    cli_ask(s.portal, GET("/nap"), &answer);
    waited_us = clock_mono_us() - begin_us;
    assert_overloaded(&answer);
    assert_true(waited_us >= 300 * US_PER_MS && waited_us < 800 * US_PER_MS);
    atomic_store(&srv_state.release, true);
    for (int i = 0; i < 4; i++)
        assert_answered(held[i], "SUCCESS");
    srv_stop(&s);
}

static void user_has_a_share(void **state)
{
    struct server_options o;
    struct srv s;
    int held[3];

    (void)state;
    srv_options(&o);
    o.per_user_max = 3;
    srv_start(&s, &o);
    for (int waits = 0; waits <= 1;
         waits++) { /* known before the queue, and known only on the worker */
        atomic_store(&srv_state.release, false);
        atomic_store(&srv_state.auth_waits, waits == 1);
        for (int i = 0; i < 3; i++)
            held[i] = ask_begin(s.portal, "/hold", "alice");
        UNTIL(atomic_load(&srv_state.holding) == 3);
        cli_ask(s.portal, GET("/nap"), &answer);
        assert_overloaded(&answer);
        assert_answered(ask_begin(s.portal, "/nap", "bob"), "SUCCESS");
        atomic_store(&srv_state.release, true);
        for (int i = 0; i < 3; i++)
            assert_answered(held[i], "SUCCESS");
        assert_answered(ask_begin(s.portal, "/nap", "alice"), "SUCCESS");
    }
    srv_stop(&s);
}

static void cluster_holds_a_quarter_of_the_workers(void **state)
{
    struct server_options o;
    struct srv s;
    int held[6];
    char user[16];

    (void)state;
    srv_options(&o);
    o.worker_threads = 8;
    o.queue_wait_ms = 3000;
    srv_start(&s, &o);
    for (int i = 0; i < 6; i++) {
        snprintf(user, sizeof user, "u%d", i);
        held[i] = ask_begin(s.portal, "/clusters/dead/hold", user);
    }
    UNTIL(atomic_load(&srv_state.holding) == 2);
    usleep(50000);
    assert_int_equal(atomic_load(&srv_state.hold_peak), 2);
    /* another cluster is served beside it */
    cli_ask(s.portal,
            "DELETE /clusters/good/pods/p HTTP/1.1\r\nHost: t\r\n"
            "Authorization: Bearer bob\r\n\r\n",
            &answer);
    assert_non_null(strstr(answer.body, "SUCCESS"));
    atomic_store(&srv_state.release, true);
    for (int i = 0; i < 6; i++)
        assert_answered(held[i], "SUCCESS");
    assert_int_equal(atomic_load(&srv_state.hold_peak), 2);
    srv_stop(&s);
}

static void cluster_does_not_fill_the_queue(void **state)
{
    struct server_options o;
    struct srv s;
    int held[12];
    char user[16];
    int refused = 0;

    (void)state;
    srv_options(&o);
    o.worker_threads = 4;
    o.queue_max = 8;
    o.queue_wait_ms = 3000;
    srv_start(&s, &o);
    for (int i = 0; i < 12; i++) {
        snprintf(user, sizeof user, "u%d", i);
        held[i] = ask_begin(s.portal, "/clusters/dead/hold", user);
    }
    UNTIL(atomic_load(&srv_state.holding) == 1);
    usleep(100000);
    assert_answered(ask_begin(s.portal, "/nap", "bob"), "SUCCESS");
    atomic_store(&srv_state.release, true);
    for (int i = 0; i < 12; i++) {
        cli_read(held[i], &answer, 5000, false);
        refused += strstr(answer.body, ":503") != NULL;
        close(held[i]);
    }
    assert_true(refused > 0 && refused < 12);
    srv_stop(&s);
}

static void users_take_turns(void **state)
{
    struct server_options o;
    struct srv s;
    int held[4], greedy[20], modest;

    (void)state;
    srv_options(&o);
    o.worker_threads = 4;
    o.queue_wait_ms = 5000;
    srv_start(&s, &o);
    for (int i = 0; i < 4; i++)
        held[i] = ask_begin(s.portal, "/hold", "carol");
    UNTIL(atomic_load(&srv_state.holding) == 4);
    for (int i = 0; i < 20; i++)
        greedy[i] = ask_begin(s.portal, "/nap", "greedy");
    UNTIL(server_in_flight(s.server) == 24);
    modest = ask_begin(s.portal, "/nap", "modest");
    UNTIL(server_in_flight(s.server) == 25);
    atomic_store(&srv_state.release, true);
    assert_answered(modest, "SUCCESS");
    /* 4 held, then a worker each for greedy's first four at most, although 20 of them came before
     */
    assert_true(atomic_load(&srv_state.before_modest) <= 8);
    for (int i = 0; i < 4; i++)
        assert_answered(held[i], "SUCCESS");
    for (int i = 0; i < 20; i++)
        assert_answered(greedy[i], "SUCCESS");
    srv_stop(&s);
}

static void deadline_cancels_a_request(void **state)
{
    struct server_options o;
    struct srv s;
    int64_t begin_us;

    (void)state;
    srv_options(&o);
    o.request_deadline_ms = 300;
    srv_start(&s, &o);
    begin_us = clock_mono_us();
    cli_ask(
        s.portal,
        "GET /hold HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer a\r\nPrefer: http-status\r\n\r\n",
        &answer);
    assert_int_equal(answer.status, 504);
    assert_true(clock_mono_us() - begin_us < 1000 * US_PER_MS);
    assert_int_equal(atomic_load(&srv_state.cancels), 1);
    srv_stop(&s);
}

static void client_that_does_not_read_is_given_up(void **state)
{
    struct server_options o;
    struct srv s;
    int fd;

    (void)state;
    srv_options(&o);
    o.request_deadline_ms = 300;
    o.body_deadline_ms = 300;
    srv_start(&s, &o);
    fd = ask_begin(s.portal, "/huge?limit=30000000", "alice");
    UNTIL(atomic_load(&srv_state.handled) == 1);
    usleep(200000);
    assert_int_equal(server_in_flight(s.server), 1); /* 30 MB do not fit into socket buffers */
    UNTIL(server_in_flight(s.server) == 0);
    close(fd);
    srv_stop(&s);
}

static void answers_that_are_not_taken_have_a_bound(void **state)
{
    struct server_options o;
    struct cli_answer *a = malloc(sizeof *a);
    struct srv s;
    int fd;

    (void)state;
    srv_options(&o);
    o.answers_max_bytes = 40000000;
    srv_start(&s, &o);
    fd = ask_begin(s.portal, "/huge?limit=30000000", "alice");
    UNTIL(atomic_load(&srv_state.handled) == 1);
    usleep(200000);
    cli_ask(s.portal, GET("/huge?limit=30000000"), a);
    assert_overloaded(a);
    cli_ask(s.portal, GET("/huge?limit=50000"), a); /* a small one does not count */
    assert_int_equal(a->status, 200);
    assert_true(a->body_len > 50000);
    close(fd);
    UNTIL(server_in_flight(s.server) == 0);
    fd = ask_begin(s.portal, "/huge?limit=30000000", "alice");
    UNTIL(atomic_load(&srv_state.handled) == 4);
    usleep(200000);
    assert_int_equal(server_in_flight(s.server), 1); /* accepted: it waits for its client */
    close(fd);
    UNTIL(server_in_flight(s.server) == 0);
    srv_stop(&s);
    free(a);
}

/* libmicrohttpd's change log names a fault in which ready connections are skipped while others are
 * being suspended. */
struct hammer {
    uint16_t port;
    _Atomic bool *stop;
    const char *path;
    int answered, failed;
};

static void *run_hammer(void *arg)
{
    struct hammer *h = arg;
    struct cli_answer *a = malloc(sizeof *a);
    char request[200];
    int fd = cli_connect(h->port);

    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer %p\r\n\r\n", h->path, arg);
    while (!atomic_load(h->stop)) {
        if (fd < 0)
            break; /* nobody listens any more */
        cli_say(fd, request);
        cli_read(fd, a, 2000, false);
        if (a->status == 200 && strstr(a->body, "SUCCESS"))
            h->answered++;
        else
            h->failed++;
        if (a->status != 200 || (cli_header(a, "Connection", 0) &&
                                 strcmp(cli_header(a, "Connection", 0), "close") == 0)) {
            close(fd);
            fd = cli_connect(h->port);
        }
    }
    if (fd >= 0)
        close(fd);
    free(a);
    return NULL;
}

static void ready_connections_are_served_while_others_are_suspended(void **state)
{
    enum { NAPPERS = 16, READERS = 4 };
    struct hammer h[NAPPERS + READERS] = {0};
    pthread_t t[NAPPERS + READERS];
    _Atomic bool stop = false;
    struct server_options o;
    struct srv s;

    (void)state;
    srv_options(&o);
    srv_start(&s, &o);
    for (int i = 0; i < NAPPERS + READERS; i++) {
        h[i] = (struct hammer){s.portal, &stop, i < NAPPERS ? "/nap" : "/clusters", 0, 0};
        assert_int_equal(pthread_create(&t[i], NULL, run_hammer, &h[i]), 0);
    }
    usleep(1500000);
    atomic_store(&stop, true);
    for (int i = 0; i < NAPPERS + READERS; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(h[i].failed, 0);
        assert_true(h[i].answered > (i < NAPPERS ? 5 : 50));
    }
    srv_stop(&s);
}

static void too_many_connections_are_told_so(void **state)
{
    struct server_options o;
    struct srv s;
    int fds[16], one_more;
    uint64_t shed = counter_get(CTR_SHED);

    (void)state;
    srv_options(&o);
    o.connections_max = 16;
    o.header_deadline_ms = 5000;
    srv_start(&s, &o);
    for (int i = 0; i < 16; i++) {
        fds[i] = ask_begin(s.portal, "/clusters", "a");
        cli_read(fds[i], &answer, 2000, false);
        assert_int_equal(answer.status, 200);
    }
    one_more = ask_begin(s.portal, "/clusters", "a");
    cli_read(one_more, &answer, 2000, false);
    assert_int_equal(answer.status, 503);
    assert_string_equal(cli_header(&answer, "Retry-After", 0), "1");
    assert_true(cli_closes(one_more, 2000));
    close(one_more);
    assert_int_equal(counter_get(CTR_SHED) - shed, 1);
    cli_ask(s.management, "GET /livez HTTP/1.1\r\nHost: t\r\n\r\n", &answer);
    assert_int_equal(answer.status, 200);
    for (int i = 0; i < 16; i++)
        close(fds[i]);
    usleep(100000);
    assert_answered(ask_begin(s.portal, "/clusters", "a"), "SUCCESS");
    srv_stop(&s);
}

static void one_address_has_a_limit(void **state)
{
    struct server_options o;
    struct srv s;
    int fds[8], one_more;

    (void)state;
    srv_options(&o);
    o.connections_per_ip = 8;
    srv_start(&s, &o);
    for (int i = 0; i < 8; i++) {
        fds[i] = ask_begin(s.portal, "/clusters", "a");
        cli_read(fds[i], &answer, 2000, false);
        assert_int_equal(answer.status, 200);
    }
    one_more = ask_begin(s.portal, "/clusters", "a");
    assert_true(cli_closes(one_more, 2000));
    close(one_more);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    srv_stop(&s);
}

/* ---- stopping ---- */

static void *stop_server(void *arg)
{
    return (void *)(intptr_t)server_stop(arg);
}

static void assert_stops(struct srv *s, pthread_t t)
{
    void *rc;

    pthread_join(t, &rc);
    assert_int_equal((intptr_t)rc, 0);
    server_destroy(s->server);
}

static void stop_under_load_cuts_nothing(void **state)
{
    enum { CLIENTS = 24 };
    struct hammer h[CLIENTS] = {0};
    pthread_t t[CLIENTS], stopper;
    _Atomic bool stop = false;
    struct server_options o;
    struct srv s;
    int total = 0;

    (void)state;
    srv_options(&o);
    o.drain_accept_ms = 200;
    srv_start(&s, &o);
    for (int i = 0; i < CLIENTS; i++) {
        h[i] = (struct hammer){s.portal, &stop, i % 3 ? "/nap" : "/clusters", 0, 0};
        assert_int_equal(pthread_create(&t[i], NULL, run_hammer, &h[i]), 0);
    }
    usleep(300000);
    assert_int_equal(pthread_create(&stopper, NULL, stop_server, s.server), 0);
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(t[i], NULL); /* ends when connecting is refused */
        assert_int_equal(h[i].failed, 0);
        total += h[i].answered;
    }
    assert_true(total > 100);
    assert_stops(&s, stopper);
}

static void stop_waits_for_suspended_requests(void **state)
{
    struct server_options o;
    struct srv s;
    int held[32];
    char user[16];
    pthread_t stopper;

    (void)state;
    srv_options(&o);
    o.worker_threads = 32;
    srv_start(&s, &o);
    for (int i = 0; i < 32; i++) {
        snprintf(user, sizeof user, "u%d", i);
        held[i] = ask_begin(s.portal, "/hold", user);
    }
    UNTIL(atomic_load(&srv_state.holding) == 32);
    assert_int_equal(pthread_create(&stopper, NULL, stop_server, s.server), 0);
    usleep(300000);
    cli_ask(s.management, "GET /readyz HTTP/1.1\r\nHost: t\r\n\r\n", &answer);
    assert_int_equal(answer.status, 503); /* answers, and says not ready */
    assert_int_equal(cli_connect(s.portal), -1);
    atomic_store(&srv_state.release, true);
    for (int i = 0; i < 32; i++)
        assert_answered(held[i], "SUCCESS");
    assert_stops(&s, stopper);
    assert_int_equal(atomic_load(&srv_state.cancels), 0);
}

static void stop_cancels_what_does_not_end(void **state)
{
    struct server_options o;
    struct srv s;
    int held[12];
    char user[16];
    pthread_t stopper;
    int64_t begin_us = clock_mono_us();

    (void)state;
    srv_options(&o);
    o.drain_ms = 300;
    o.queue_wait_ms = 5000;
    srv_start(&s, &o); /* 8 workers: 4 wait in the queue */
    for (int i = 0; i < 12; i++) {
        snprintf(user, sizeof user, "u%d", i);
        held[i] = ask_begin(s.portal, "/hold", user);
    }
    UNTIL(atomic_load(&srv_state.holding) == 8 && server_in_flight(s.server) == 12);
    assert_int_equal(pthread_create(&stopper, NULL, stop_server, s.server), 0);
    for (int i = 0; i < 12; i++)
        assert_answered(held[i], "\"httpStatusCode\":503");
    assert_stops(&s, stopper);
    assert_int_equal(atomic_load(&srv_state.cancels), 8);
    assert_true(clock_mono_us() - begin_us < 3 * US_PER_S);
}

static void kept_connections_are_closed_while_draining(void **state)
{
    struct server_options o;
    struct srv s;
    pthread_t stopper;
    int fd;

    (void)state;
    srv_options(&o);
    o.drain_accept_ms = 400;
    srv_start(&s, &o);
    fd = ask_begin(s.portal, "/clusters", "a");
    cli_read(fd, &answer, 2000, false);
    assert_null(cli_header(&answer, "Connection", 0));
    assert_int_equal(pthread_create(&stopper, NULL, stop_server, s.server), 0);
    usleep(100000);
    cli_say(fd, GET("/clusters")); /* still served, but for the last time */
    cli_read(fd, &answer, 2000, false);
    assert_int_equal(answer.status, 200);
    assert_string_equal(cli_header(&answer, "Connection", 0), "close");
    assert_true(cli_closes(fd, 1000));
    close(fd);
    cli_ask(s.portal, "GET /actuator/health HTTP/1.1\r\nHost: t\r\n\r\n", &answer);
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer.body, "{\"status\":\"DOWN\"}");
    assert_stops(&s, stopper);
}

static void taken_port_fails_cleanly(void **state)
{
    struct server_options o;
    struct srv s;
    struct server *second;
    struct app_error err = {0};
    char address[40];

    (void)state;
    srv_options(&o);
    srv_start(&s, &o);
    snprintf(address, sizeof address, "127.0.0.1:%d", s.portal);
    o.listen[LISTEN_MANAGEMENT] = address;
    second = server_create(&o, &err);
    assert_non_null(second);
    assert_int_equal(server_start(second, &err), -1);
    assert_non_null(strstr(err.detail, address));
    server_destroy(second);
    srv_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_queue_is_refused_at_once),
        cmocka_unit_test(waiting_too_long_is_refused),
        cmocka_unit_test(user_has_a_share),
        cmocka_unit_test(cluster_holds_a_quarter_of_the_workers),
        cmocka_unit_test(cluster_does_not_fill_the_queue),
        cmocka_unit_test(users_take_turns),
        cmocka_unit_test(deadline_cancels_a_request),
        cmocka_unit_test(client_that_does_not_read_is_given_up),
        cmocka_unit_test(answers_that_are_not_taken_have_a_bound),
        cmocka_unit_test(ready_connections_are_served_while_others_are_suspended),
        cmocka_unit_test(too_many_connections_are_told_so),
        cmocka_unit_test(one_address_has_a_limit),
        cmocka_unit_test(stop_under_load_cuts_nothing),
        cmocka_unit_test(stop_waits_for_suspended_requests),
        cmocka_unit_test(stop_cancels_what_does_not_end),
        cmocka_unit_test(kept_connections_are_closed_while_draining),
        cmocka_unit_test(taken_port_fails_cleanly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
