/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a pool trusts. Every certificate is made here. */
#include "cleanup.h"
#include "clock.h"
#include "net_client.h"
#include "net_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DAY_S 86400

struct fixture {
    struct net *net;
    struct identity ca, other_ca;
    char *ca_pem, *other_ca_pem;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->net = net_create(2, NULL);
    f->ca = identity_make_ca("good");
    f->other_ca = identity_make_ca("good"); /* same name, other key */
    f->ca_pem = identity_pem(&f->ca);
    f->other_ca_pem = identity_pem(&f->other_ca);
    *state = f;
    return f->net ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    net_destroy(f->net);
    identity_free(&f->ca);
    identity_free(&f->other_ca);
    free(f->ca_pem);
    free(f->other_ca_pem);
    free(f);
    return 0;
}

static struct identity good_leaf(struct fixture *f)
{
    return identity_make_leaf(&f->ca, &(struct leaf_spec){"IP:127.0.0.1", -3600, DAY_S});
}

/* One request over a pool of its own. */
static void expect_trust(struct fixture *f, struct test_server *s, const char *ca_pem,
                         const char *pin, enum app_code code)
{
    struct net_pool_config config = {.name = "tls",
                                     .base_url = server_url(s),
                                     .ca_pem = ca_pem,
                                     .pin_sha256 = pin,
                                     .bearer = "secret"};
    struct net_pool *p = client_pool_of(f->net, &config);

    client_expect(p, "/ok", code);
    net_pool_unref(p);
}

static void good_chain_is_accepted(void **state)
{
    struct fixture *f = *state;
    struct identity leaf = good_leaf(f);
    struct test_server *s = server_start(&leaf, 0);
    char *both;

    expect_trust(f, s, f->ca_pem, NULL, APP_OK);
    assert_true(asprintf(&both, "%s\n# a comment\n%s", f->other_ca_pem, f->ca_pem) > 0);
    expect_trust(f, s, both, NULL, APP_OK);
    free(both);
    server_stop(s);
    identity_free(&leaf);
}

static void bad_certificates_are_refused(void **state)
{
    struct fixture *f = *state;
    const struct {
        const struct identity *ca;
        struct leaf_spec leaf;
    } cases[] = {
        {&f->other_ca, {"IP:127.0.0.1", -3600, DAY_S}      }, /* wrong authority */
        {NULL,         {"IP:127.0.0.1", -3600, DAY_S}      }, /* self-signed */
        {&f->ca,       {"IP:127.0.0.2", -3600, DAY_S}      }, /* other address */
        {&f->ca,       {"DNS:example.com", -3600, DAY_S}   }, /* other name */
        {&f->ca,       {"DNS:127.0.0.1", -3600, DAY_S}     }, /* the address as a name */
        {&f->ca,       {"IP:127.0.0.1", -2 * DAY_S, -DAY_S}}, /* expired */
        {&f->ca,       {"IP:127.0.0.1", DAY_S, 2 * DAY_S}  }, /* not yet valid */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct identity leaf = identity_make_leaf(cases[i].ca, &cases[i].leaf);
        struct test_server *s = server_start(&leaf, 0);

        expect_trust(f, s, f->ca_pem, NULL, APP_UPSTREAM_UNREACHABLE);
        assert_int_equal(server_requests(s), 0);
        server_stop(s);
        identity_free(&leaf);
    }
}

static void own_authority_is_not_trusted_beside_the_given_one(void **state)
{
    struct fixture *f = *state;
    struct identity leaf = good_leaf(f);
    struct test_server *s = server_start(&leaf, 0);

    expect_trust(f, s, f->other_ca_pem, NULL, APP_UPSTREAM_UNREACHABLE);
    expect_trust(f, s, NULL, NULL, APP_UPSTREAM_UNREACHABLE); /* nor by the system */
    assert_int_equal(server_requests(s), 0);
    server_stop(s);
    identity_free(&leaf);
}

/* The system's trust store is used when nothing is given, and only then. */
static void system_store_counts_only_without_a_given_authority(void **state)
{
    struct fixture *f = *state;
    struct identity leaf = good_leaf(f);
    struct test_server *s = server_start(&leaf, 0);
    char path[] = "/tmp/net-ca-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");

    assert_non_null(file);
    assert_true(fputs(f->ca_pem, file) >= 0 && fclose(file) == 0);
    setenv("SSL_CERT_FILE", path, 1);
    expect_trust(f, s, NULL, NULL, APP_OK);
    expect_trust(f, s, f->other_ca_pem, NULL, APP_UPSTREAM_UNREACHABLE);
    unsetenv("SSL_CERT_FILE");
    remove(path);
    server_stop(s);
    identity_free(&leaf);
}

/* A pin accepts one leaf whatever else is wrong with it, and no other whatever is right with it. */
static void pin_accepts_exactly_one_leaf(void **state)
{
    struct fixture *f = *state;
    struct identity odd =
        identity_make_leaf(NULL, &(struct leaf_spec){"DNS:odd", -2 * DAY_S, -DAY_S});
    struct identity good = good_leaf(f);
    struct test_server *odd_server = server_start(&odd, 0), *good_server = server_start(&good, 0);
    char odd_pin[65], good_pin[65];

    identity_fingerprint(&odd, odd_pin);
    identity_fingerprint(&good, good_pin);
    expect_trust(f, odd_server, NULL, odd_pin, APP_OK);
    expect_trust(f, good_server, NULL, good_pin, APP_OK);
    expect_trust(f, good_server, f->ca_pem, odd_pin, APP_UPSTREAM_UNREACHABLE);
    expect_trust(f, odd_server, NULL, good_pin, APP_UPSTREAM_UNREACHABLE);
    assert_int_equal(server_requests(odd_server), 1);
    assert_int_equal(server_requests(good_server), 1);
    server_stop(odd_server);
    server_stop(good_server);
    identity_free(&odd);
    identity_free(&good);
}

static void pinned_leaf_under_a_chain_of_other_certificates_is_needed_itself(void **state)
{
    struct fixture *f = *state;
    struct identity leaf = good_leaf(f);
    struct test_server *s = server_start(&leaf, 0);
    char ca_pin[65];

    identity_fingerprint(&f->ca, ca_pin); /* the authority's digest is not the leaf's */
    expect_trust(f, s, NULL, ca_pin, APP_UPSTREAM_UNREACHABLE);
    server_stop(s);
    identity_free(&leaf);
}

static void fingerprint_is_read_without_a_request(void **state)
{
    struct fixture *f = *state;
    struct identity leaf =
        identity_make_leaf(NULL, &(struct leaf_spec){"DNS:x", -2 * DAY_S, -DAY_S});
    struct test_server *s = server_start(&leaf, 0);
    char wanted[65], found[NET_FINGERPRINT_BYTES] = "";
    struct app_error err = {0};

    identity_fingerprint(&leaf, wanted);
    assert_int_equal(
        net_peer_fingerprint(f->net, server_url(s), clock_mono_us() + 5 * US_PER_S, found, &err),
        0);
    assert_string_equal(found, wanted);
    assert_int_equal(server_connections(s), 1);
    assert_int_equal(server_requests(s), 0);
    expect_trust(f, s, NULL, found, APP_OK);
    server_stop(s);
    identity_free(&leaf);
}

static void fingerprint_of_a_wrong_server_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct test_server *plain = server_start(NULL, 0);
    char url[64], found[NET_FINGERPRINT_BYTES] = "";
    struct app_error err = {0};

    snprintf(url, sizeof url, "https://127.0.0.1:%d", server_port(plain));
    /* A plain server waits for a head that never comes. */
    assert_int_equal(net_peer_fingerprint(f->net, url, clock_mono_us() + 300 * MS, found, &err),
                     -1);
    assert_int_equal(err.code, APP_UPSTREAM_TIMEOUT);
    assert_int_equal(net_peer_fingerprint(f->net, server_url(plain), 0, found, &err), -1);
    assert_int_equal(err.code, APP_BAD_REQUEST);
    server_stop(plain);
    assert_int_equal(net_peer_fingerprint(f->net, url, clock_mono_us() + 5 * US_PER_S, found, &err),
                     -1);
    assert_int_equal(err.code, APP_UPSTREAM_UNREACHABLE);
    assert_string_equal(found, "");
}

static void old_tls_is_refused(void **state)
{
    struct fixture *f = *state;
    struct identity leaf = good_leaf(f);
    struct test_server *old = server_start(&leaf, TLS1_1_VERSION);
    struct test_server *enough = server_start(&leaf, TLS1_2_VERSION);

    expect_trust(f, old, f->ca_pem, NULL, APP_UPSTREAM_UNREACHABLE);
    expect_trust(f, enough, f->ca_pem, NULL, APP_OK);
    server_stop(old);
    server_stop(enough);
    identity_free(&leaf);
}

static void plain_answer_on_a_tls_port_is_unreachable(void **state)
{
    struct fixture *f = *state;
    struct identity leaf = good_leaf(f);
    struct test_server *s = server_start(&leaf, 0);
    char url[64];
    struct net_pool *p;

    snprintf(url, sizeof url, "http://127.0.0.1:%d", server_port(s));
    p = client_pool(f->net, url);
    client_expect(p, "/ok", APP_UPSTREAM_UNREACHABLE);
    assert_int_equal(server_requests(s), 0);
    net_pool_unref(p);
    server_stop(s);
    identity_free(&leaf);
}

static void cut_answers_are_seen_through_tls(void **state)
{
    static const struct {
        const char *path;
        enum app_code code;
    } cases[] = {
        {"/half",            APP_UPSTREAM_BROKEN     },
        {"/half-chunk",      APP_UPSTREAM_BROKEN     },
        {"/die",             APP_UPSTREAM_UNREACHABLE},
        {"/reset",           APP_UPSTREAM_UNREACHABLE},
        {"/endless-headers", APP_UPSTREAM_BROKEN     },
    };
    struct fixture *f = *state;
    struct identity leaf = good_leaf(f);
    struct test_server *s = server_start(&leaf, 0);
    struct net_pool_config config = {.name = "cut", .base_url = server_url(s), .ca_pem = f->ca_pem};
    struct net_pool *p = client_pool_of(f->net, &config);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        client_expect(p, cases[i].path, cases[i].code);
    net_pool_unref(p);
    server_stop(s);
    identity_free(&leaf);
}

static int count_bytes(void *ctx, const char *bytes, size_t len)
{
    (void)bytes;
    *(size_t *)ctx += len;
    return 0;
}

/* Sizes around TLS records and chunks: an answer may end anywhere in a record and must not stall.
 */
static void answers_of_any_size_arrive_over_one_connection(void **state)
{
    static const size_t sizes[] = {0, 1, 16383, 16384, 16385, 32768, 65537, 2500000};
    static const char *const kinds[] = {"bytes", "chunked"};
    struct fixture *f = *state;
    struct identity leaf = good_leaf(f);
    struct test_server *s = server_start(&leaf, 0);
    struct net_pool_config config = {
        .name = "sizes", .base_url = server_url(s), .ca_pem = f->ca_pem};
    struct net_pool *p = client_pool_of(f->net, &config);

    for (size_t i = 0; i < ARRAY_LEN(sizes) * 2; i++) {
        char path[64];
        size_t count = 0;
        struct net_response res;
        struct app_error err;
        struct net_request req = {.method = "GET",
                                  .path = path,
                                  .is_idempotent = true,
                                  .deadline_us = clock_mono_us() + 5 * US_PER_S};

        snprintf(path, sizeof path, "/%s?%zu", kinds[i % 2], sizes[i / 2]);
        assert_int_equal(net_stream(p, &req, count_bytes, &count, &res, &err), 0);
        assert_int_equal(count, sizes[i / 2]);
    }
    assert_int_equal(server_connections(s), 1);
    net_pool_unref(p);
    server_stop(s);
    identity_free(&leaf);
}

static void fifty_calls_over_tls(void **state)
{
    struct fixture *f = *state;
    struct identity leaf = good_leaf(f);
    struct test_server *s = server_start(&leaf, 0);
    struct net_pool_config config = {
        .name = "fifty", .base_url = server_url(s), .ca_pem = f->ca_pem};
    struct net_pool *p = client_pool_of(f->net, &config);
    struct client_call calls[50];

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
            calls[i] = (struct client_call){.pool = p, .path = "/bytes?50000"};
            client_call_start(&calls[i]);
        }
        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
            client_call_join(&calls[i]);
            assert_int_equal(calls[i].rc, 0);
        }
    }
    net_pool_unref(p);
    server_stop(s);
    identity_free(&leaf);
}

/* Let OpenSSL itself allow old TLS, so that it is net/ that refuses it. Before OpenSSL starts. */
static void allow_old_tls_in_openssl(void)
{
    static const char config[] = "openssl_conf = top\n[top]\nssl_conf = ssl\n"
                                 "[ssl]\nsystem_default = defaults\n"
                                 "[defaults]\nMinProtocol = TLSv1\n"
                                 "CipherString = DEFAULT:@SECLEVEL=0\n";
    static char path[] = "/tmp/net-openssl-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");

    if (!file || fputs(config, file) < 0 || fclose(file) != 0)
        abort();
    setenv("OPENSSL_CONF", path, 1);
    if (OPENSSL_init_ssl(0, NULL) != 1)
        abort();
    unsetenv("OPENSSL_CONF");
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        T(good_chain_is_accepted),
        T(bad_certificates_are_refused),
        T(own_authority_is_not_trusted_beside_the_given_one),
        T(system_store_counts_only_without_a_given_authority),
        T(pin_accepts_exactly_one_leaf),
        T(pinned_leaf_under_a_chain_of_other_certificates_is_needed_itself),
        T(fingerprint_is_read_without_a_request),
        T(fingerprint_of_a_wrong_server_is_an_error),
        T(old_tls_is_refused),
        T(plain_answer_on_a_tls_port_is_unreachable),
        T(cut_answers_are_seen_through_tls),
        T(answers_of_any_size_arrive_over_one_connection),
        T(fifty_calls_over_tls),
    };

    allow_old_tls_in_openssl();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
