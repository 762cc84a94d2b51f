/* SPDX-License-Identifier: Apache-2.0 */
/* Names: the resolver of the C library is replaced by one that lies and hangs. */
#include "cleanup.h"
#include "clock.h"
#include "net_client.h"
#include "net_server.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

static atomic_bool may_end;
static atomic_int hanging;

static const struct {
    const char *name, *address;
} names[] = {
    {"good.test",     "127.0.0.1"      },
    {"metadata.test", "169.254.169.254"},
    {"zero.test",     "0.0.0.0"        },
};

static void hang(void)
{
    atomic_fetch_add(&hanging, 1);
    while (!atomic_load(&may_end))
        poll(NULL, 0, 5);
    atomic_fetch_sub(&hanging, 1);
}

static struct addrinfo *result(const char *address, const char *service)
{
    struct result {
        struct addrinfo info;
        struct sockaddr_in address;
    } *r = calloc(1, sizeof *r);

    if (!r)
        abort();
    r->address.sin_family = AF_INET;
    r->address.sin_port = htons((uint16_t)strtoul(service ? service : "0", NULL, 10));
    inet_pton(AF_INET, address, &r->address.sin_addr);
    r->info = (struct addrinfo){.ai_family = AF_INET,
                                .ai_socktype = SOCK_STREAM,
                                .ai_addrlen = sizeof r->address,
                                .ai_addr = (struct sockaddr *)&r->address};
    return &r->info;
}

/* Takes the place of the C library's for libcurl too. */
int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
    (void)hints;
    if (strcmp(name, "hang.test") == 0)
        hang();
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i].name) == 0) {
            *ret = result(names[i].address, service);
            return 0;
        }
    return EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *info)
{
    free(info);
}

struct fixture {
    struct net *net;
    struct identity ca, leaf;
    char *ca_pem;
    struct test_server *server;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->net = net_create(1, NULL);
    f->ca = identity_make_ca("ca");
    f->leaf =
        identity_make_leaf(&f->ca, &(struct leaf_spec){"DNS:good.test,DNS:*.test", -60, 3600});
    f->ca_pem = identity_pem(&f->ca);
    f->server = server_start(&f->leaf, 0);
    *state = f;
    return f->net ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    net_destroy(f->net);
    server_stop(f->server);
    identity_free(&f->ca);
    identity_free(&f->leaf);
    free(f->ca_pem);
    free(f);
    return 0;
}

static struct net_pool *pool_of(struct fixture *f, const char *host)
{
    char url[64];
    struct net_pool_config config = {.name = host, .base_url = url, .ca_pem = f->ca_pem};

    snprintf(url, sizeof url, "https://%s:%d", host, server_port(f->server));
    return client_pool_of(f->net, &config);
}

static void names_are_resolved_and_checked(void **state)
{
    struct fixture *f = *state;
    struct net_pool *p = pool_of(f, "good.test");

    client_expect(p, "/ok", APP_OK);
    net_pool_unref(p);
    p = pool_of(f, "unknown.test");
    client_expect(p, "/ok", APP_UPSTREAM_UNREACHABLE);
    net_pool_unref(p);
}

/* Whatever a name says, these addresses are not connected to. 0.0.0.0 would reach this machine. */
static void refused_addresses_are_not_connected(void **state)
{
    struct fixture *f = *state;
    static const char *const hosts[] = {"metadata.test", "zero.test", "169.254.169.254", "0.0.0.0"};

    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct net_pool *p = pool_of(f, hosts[i]);
        int64_t start_us = clock_mono_us();

        client_expect(p, "/ok", APP_UPSTREAM_UNREACHABLE);
        assert_in_range(clock_mono_us() - start_us, 0, 1000 * MS);
        net_pool_unref(p);
    }
    assert_int_equal(server_connections(f->server), 0);
}

/* One loop thread serves both: a resolver that hangs costs its own calls their time and nobody else
 * anything. */
static void hanging_resolver_stops_nobody_else(void **state)
{
    struct fixture *f = *state;
    struct net_pool *bad = pool_of(f, "hang.test"), *good = pool_of(f, "good.test");
    struct net_pool_config quick = {.name = "quick",
                                    .base_url = "https://hang.test",
                                    .connect_timeout_ms = 300,
                                    .ca_pem = f->ca_pem};
    struct net_pool *short_connect = client_pool_of(f->net, &quick);
    struct client_call by_deadline = {
        .pool = bad, .path = "/ok", .deadline_us = clock_mono_us() + 300 * MS};
    struct client_call by_cancel = {.pool = bad, .path = "/ok", .cancel = net_cancel_create()};
    struct client_call by_connect = {.pool = short_connect, .path = "/ok"};

    atomic_store(&may_end, false);
    client_call_start(&by_deadline);
    client_call_start(&by_cancel);
    client_call_start(&by_connect);
    poll(NULL, 0, 100);
    net_cancel_fire(by_cancel.cancel);
    for (int i = 0; i < 20; i++) {
        int64_t start_us = clock_mono_us();

        client_expect(good, "/ok", APP_OK);
        assert_in_range(clock_mono_us() - start_us, 0, 1000 * MS);
        poll(NULL, 0, 20);
    }
    client_call_join(&by_deadline);
    client_call_join(&by_cancel);
    client_call_join(&by_connect);
    assert_int_equal(by_deadline.err.code, APP_UPSTREAM_TIMEOUT);
    assert_int_equal(by_cancel.err.code, APP_CANCELLED);
    assert_int_equal(by_connect.err.code, APP_UPSTREAM_TIMEOUT);
    assert_in_range(by_deadline.took_us, 200 * MS, 1500 * MS);
    assert_in_range(by_cancel.took_us, 0, 1500 * MS);
    assert_in_range(by_connect.took_us, 200 * MS, 1500 * MS);
    net_cancel_destroy(by_cancel.cancel);
    net_pool_unref(bad);
    net_pool_unref(good);
    net_pool_unref(short_connect);
    atomic_store(&may_end, true);
    for (int i = 0; i < 400 && atomic_load(&hanging) > 0; i++)
        poll(NULL, 0, 5);
    assert_int_equal(atomic_load(&hanging), 0);
    poll(NULL, 0, 100); /* curl's resolver threads free what they hold */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        T(names_are_resolved_and_checked),
        T(refused_addresses_are_not_connected),
        T(hanging_resolver_stops_nobody_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
