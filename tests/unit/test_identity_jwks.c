/* SPDX-License-Identifier: Apache-2.0 */
/* The key set cache: what it accepts, when it fetches, and above all when it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cleanup.h"
#include "clock.h"
#include "counters.h"
#include "jwks.h"
#include "token_maker.h"

#include <openssl/rsa.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define CERTS MAKER_ISSUER "/protocol/openid-connect/certs"
#define DISCOVERY MAKER_ISSUER "/.well-known/openid-configuration"
#define THREADS 100

/* An issuer made of two texts, and a clock that moves by hand. */
struct issuer_stub {
    pthread_mutex_t lock;
    const char *discovery, *keys; /* NULL: the fetch fails */
    _Atomic int64_t now_s;
    atomic_int requests;
    atomic_bool is_held; /* fetches wait until it is let go */
    atomic_bool is_cancelled;
};

static struct token_maker maker;
static const char *key_1, *key_2;

static int64_t stub_mono_us(void *ctx)
{
    return atomic_load(&((struct issuer_stub *)ctx)->now_s) * US_PER_S;
}

static void nap(void)
{
    struct timespec t = {.tv_nsec = 1000000};

    nanosleep(&t, NULL);
}

static int stub_fetch(void *ctx, const char *url, int64_t deadline_us, struct buf *ret,
                      struct app_error *err)
{
    struct issuer_stub *s = ctx;
    const char *body;

    atomic_fetch_add(&s->requests, 1);
    while (atomic_load(&s->is_held) && !atomic_load(&s->is_cancelled) &&
           clock_mono_us() < deadline_us)
        nap();
    pthread_mutex_lock(&s->lock);
    body = strcmp(url, CERTS) == 0 ? s->keys : strcmp(url, DISCOVERY) == 0 ? s->discovery : NULL;
    pthread_mutex_unlock(&s->lock);
    if (!body || atomic_load(&s->is_cancelled))
        return app_fail(err, APP_UPSTREAM_UNREACHABLE, "stub");
    return buf_append_str(ret, body);
}

static void stub_cancel(void *ctx)
{
    atomic_store(&((struct issuer_stub *)ctx)->is_cancelled, true);
}

static void stub_init(struct issuer_stub *s)
{
    *s = (struct issuer_stub){
        .keys = key_1, .discovery = "{\"issuer\":\"" MAKER_ISSUER "\",\"jwks_uri\":\"" CERTS "\"}"};
    pthread_mutex_init(&s->lock, NULL);
    atomic_store(&s->now_s, 1000);
}

static void publish(struct issuer_stub *s, const char *keys)
{
    pthread_mutex_lock(&s->lock);
    s->keys = keys;
    pthread_mutex_unlock(&s->lock);
}

static void pass_s(struct issuer_stub *s, int seconds)
{
    atomic_fetch_add(&s->now_s, seconds);
}

static struct jwks *start(struct issuer_stub *s, const char *url)
{
    struct jwks_config config = {MAKER_ISSUER, url, 300, 86400, 10};
    struct identity_env env = {
        .ctx = s, .fetch = stub_fetch, .cancel = stub_cancel, .mono_us = stub_mono_us};
    struct app_error err = {0};
    struct jwks *set = jwks_create(&config, &env, &err);

    assert_non_null(set);
    return set;
}

/* @return true when the key is there, waiting for a fetch where one is allowed */
static bool finds(struct jwks *set, const char *kid)
{
    struct app_error err = {0};
    struct jwk *k = jwks_find(set, kid, clock_mono_us() + 5 * US_PER_S, &err);

    if (!k) {
        assert_int_equal(err.code, APP_TOKEN_INVALID);
        return false;
    }
    assert_string_equal(jwk_kid(k), kid);
    jwk_unref(k);
    return true;
}

static bool knows(struct jwks *set, const char *kid)
{
    struct jwk *k = NULL;
    bool is_known = jwks_peek(set, kid, &k) == JWKS_KNOWN;

    jwk_unref(k);
    return is_known;
}

static void await_requests(struct issuer_stub *s, int count)
{
    for (int i = 0; i < 5000 && atomic_load(&s->requests) < count; i++)
        nap();
    assert_int_equal(atomic_load(&s->requests), count);
}

static void await_known(struct jwks *set, const char *kid)
{
    for (int i = 0; i < 5000 && !knows(set, kid); i++)
        nap();
    assert_true(knows(set, kid));
}

static int set_up(void **state)
{
    (void)state;
    token_maker_init(&maker, 1800000000);
    key_1 = arena_printf(maker.a, "{\"keys\":[%s]}",
                         token_maker_jwk(&maker, maker.sig, "key-1", "sig"));
    key_2 = arena_printf(maker.a, "{\"keys\":[%s]}",
                         token_maker_jwk(&maker, maker.other, "key-2", NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    token_maker_finish(&maker);
    return 0;
}

/* --- documents
 * ---------------------------------------------------------------------------------------------------
 */

static int usable_keys(const char *document)
{
    struct jwk *keys[JWKS_KEYS_MAX];
    struct app_error err = {0};
    int count = jwks_parse(text_of(document), keys, &err);

    for (int i = 0; i < count; i++)
        jwk_unref(keys[i]);
    return count;
}

static char *with(const char *jwk, const char *from, const char *to)
{
    const char *at = strstr(jwk, from);

    assert_non_null(at);
    return arena_printf(maker.a, "{\"keys\":[%.*s%s%s]}", (int)(at - jwk), jwk, to,
                        at + strlen(from));
}

static void only_rsa_signing_keys_are_taken(void **state)
{
    const char *k = token_maker_jwk(&maker, maker.sig, "a", "sig");
    const struct {
        const char *from, *to;
        int count;
    } rows[] = {
        {"\"use\":\"sig\"", "\"use\":\"sig\"",                1 },
        {"\"use\":\"sig\"", "\"alg\":\"RS256\"",              1 },
        {"\"use\":\"sig\"", "\"use\":\"enc\"",                -1},
        {"\"use\":\"sig\"", "\"use\":1",                      -1},
        {"\"use\":\"sig\"", "\"alg\":\"RSA-OAEP\"",           -1},
        {"\"use\":\"sig\"", "\"alg\":\"RS512\"",              -1},
        {"\"use\":\"sig\"", "\"alg\":null",                   -1},
        {"\"kty\":\"RSA\"", "\"kty\":\"oct\",\"k\":\"AAAA\"", -1},
        {"\"kty\":\"RSA\"", "\"x\":\"RSA\"",                  -1},
        {"\"kid\":\"a\"",   "\"kid\":\"\"",                   -1},
        {"\"kid\":\"a\"",   "\"kid\":7",                      -1},
        {"\"kid\":\"a\"",   "\"x\":\"a\"",                    -1},
        {"\"e\":\"AQAB\"",  "\"e\":\"AQ\"",                   -1},
        {"\"e\":\"AQAB\"",  "\"e\":\"AQAA\"",                 -1},
        {"\"e\":\"AQAB\"",  "\"e\":\"\"",                     -1},
        {"\"e\":\"AQAB\"",  "\"e\":\"AQAB==\"",               -1},
        {"\"e\":\"AQAB\"",  "\"e\":\"AQABAQABAQABAQAB\"",     -1},
        {"\"n\":\"",        "\"n\":\"=",                      -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (usable_keys(with(k, rows[i].from, rows[i].to)) != rows[i].count)
            fail_msg("%s -> %s", rows[i].from, rows[i].to);
}

static void weak_and_strange_documents_are_refused(void **state)
{
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    const char *k = token_maker_jwk(&maker, maker.sig, "a", "sig");

    (void)state;
    assert_int_equal(usable_keys(arena_printf(maker.a, "{\"keys\":[%s]}",
                                              token_maker_jwk(&maker, weak, "a", "sig"))),
                     -1);
    EVP_PKEY_free(weak);
    assert_int_equal(usable_keys(arena_printf(maker.a, "{\"keys\":[%s,%s]}", k, k)), -1);
    assert_int_equal(usable_keys(arena_printf(maker.a, "{\"keys\":[%s],\"keys\":[]}", k)), -1);
    assert_int_equal(usable_keys(arena_printf(maker.a, "[%s]", k)), -1);
    assert_int_equal(usable_keys("{\"keys\":{}}"), -1);
    assert_int_equal(usable_keys("{\"keys\":[]}"), -1);
    assert_int_equal(usable_keys("{\"keys\":[1,null,\"x\",[]]}"), -1);
    assert_int_equal(usable_keys("<html>"), -1);
    assert_int_equal(usable_keys(""), -1);
    assert_int_equal(usable_keys(arena_printf(maker.a, "{\"keys\":[1,%s,{\"kty\":\"EC\"}]}", k)),
                     1);
}

/* --- when it fetches
 * --------------------------------------------------------------------------------------------- */

static void discovery_leads_to_the_keys(void **state)
{
    struct issuer_stub s;
    struct jwks *set;
    uint64_t before = counter_get(CTR_JWKS_FETCHES);

    (void)state;
    stub_init(&s);
    set = start(&s, NULL);
    assert_int_equal(atomic_load(&s.requests), 0);
    assert_true(finds(set, "key-1"));
    assert_int_equal(atomic_load(&s.requests), 2);
    assert_int_equal(counter_get(CTR_JWKS_FETCHES), before + 1);
    jwks_destroy(set);
}

static void a_discovery_of_somebody_else_is_refused(void **state)
{
    static const char *const documents[] = {
        "{\"issuer\":\"" MAKER_ISSUER "/\",\"jwks_uri\":\"" CERTS "\"}",
        "{\"issuer\":\"https://evil.example.test\",\"jwks_uri\":\"" CERTS "\"}",
        "{\"issuer\":\"" MAKER_ISSUER "\",\"jwks_uri\":\"https://evil.example.test/certs\"}",
        "{\"issuer\":\"" MAKER_ISSUER
        "\",\"jwks_uri\":\"https://issuer.example.test@evil.example.test/\"}",
        "{\"issuer\":\"" MAKER_ISSUER "\",\"jwks_uri\":\"http://issuer.example.test/certs\"}",
        "{\"issuer\":\"" MAKER_ISSUER "\"}",
        "{\"jwks_uri\":\"" CERTS "\"}",
        "x",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        struct issuer_stub s;
        struct jwks *set;

        stub_init(&s);
        s.discovery = documents[i];
        set = start(&s, NULL);
        assert_false(finds(set, "key-1"));
        assert_int_equal(atomic_load(&s.requests), 1);
        jwks_destroy(set);
    }
}

static void unknown_kids_cost_one_fetch_in_the_cool_down(void **state)
{
    struct issuer_stub s;
    struct jwks *set;

    (void)state;
    stub_init(&s);
    set = start(&s, CERTS);
    assert_true(finds(set, "key-1"));
    for (int i = 0; i < 50; i++) {
        char kid[32];
        int64_t began = clock_mono_us();

        snprintf(kid, sizeof kid, "unknown-%d", i);
        assert_false(finds(set, kid));
        assert_true(clock_mono_us() - began < US_PER_S); /* at once, not at the deadline */
    }
    pass_s(&s, 9);
    assert_false(finds(set, "unknown"));
    assert_int_equal(atomic_load(&s.requests), 1);
    pass_s(&s, 1);
    assert_false(finds(set, "unknown"));
    assert_int_equal(atomic_load(&s.requests), 2);
    assert_false(finds(set, "unknown-2"));
    assert_int_equal(atomic_load(&s.requests), 2);
    assert_true(finds(set, "key-1"));
    jwks_destroy(set);
}

static void a_failed_fetch_counts(void **state)
{
    struct issuer_stub s;
    struct jwks *set;

    (void)state;
    stub_init(&s);
    s.keys = NULL;
    set = start(&s, CERTS);
    assert_false(finds(set, "key-1"));
    publish(&s, key_1);
    pass_s(&s, 9);
    assert_false(finds(set, "key-1"));
    assert_int_equal(atomic_load(&s.requests), 1);
    pass_s(&s, 1);
    assert_true(finds(set, "key-1"));
    assert_int_equal(atomic_load(&s.requests), 2);
    jwks_destroy(set);
}

static void rotation_is_followed_and_the_lost_key_is_gone(void **state)
{
    struct issuer_stub s;
    struct jwks *set;
    uint64_t epoch;

    (void)state;
    stub_init(&s);
    set = start(&s, CERTS);
    assert_true(finds(set, "key-1"));
    epoch = jwks_epoch(set);
    publish(&s, arena_printf(maker.a, "{\"keys\":[%s,%s]}",
                             token_maker_jwk(&maker, maker.other, "key-2", "sig"),
                             token_maker_jwk(&maker, maker.sig, "key-1", "sig")));
    pass_s(&s, 10);
    assert_true(finds(set, "key-2"));
    assert_true(knows(set, "key-1"));
    assert_int_equal(jwks_epoch(set), epoch); /* nothing was lost */
    publish(&s, key_2);
    pass_s(&s, 10);
    assert_false(finds(set, "key-3"));
    assert_true(knows(set, "key-2"));
    assert_false(knows(set, "key-1"));
    assert_int_equal(jwks_epoch(set), epoch + 1);
    jwks_destroy(set);
}

static void another_key_under_the_same_kid_is_a_loss(void **state)
{
    struct issuer_stub s;
    struct jwks *set;
    uint64_t epoch;

    (void)state;
    stub_init(&s);
    set = start(&s, CERTS);
    assert_true(finds(set, "key-1"));
    epoch = jwks_epoch(set);
    publish(&s, arena_printf(maker.a, "{\"keys\":[%s]}",
                             token_maker_jwk(&maker, maker.other, "key-1", "sig")));
    pass_s(&s, 10);
    assert_false(finds(set, "unknown"));
    assert_int_equal(jwks_epoch(set), epoch + 1);
    jwks_destroy(set);
}

static void an_old_set_is_refreshed_in_the_background(void **state)
{
    struct issuer_stub s;
    struct jwks *set;

    (void)state;
    stub_init(&s);
    set = start(&s, CERTS);
    assert_true(finds(set, "key-1"));
    publish(&s, key_2);
    pass_s(&s, 299);
    assert_true(knows(set, "key-1"));
    assert_int_equal(atomic_load(&s.requests), 1);
    pass_s(&s, 1);
    (void)knows(set, "key-1"); /* asks; may still be answered from the old set */
    await_known(set, "key-2");
    assert_false(knows(set, "key-1"));
    assert_int_equal(atomic_load(&s.requests), 2);
    jwks_destroy(set);
}

static void known_kids_outlive_an_absent_issuer_for_a_day(void **state)
{
    struct issuer_stub s;
    struct jwks *set;
    struct jwk *k = NULL;

    (void)state;
    stub_init(&s);
    set = start(&s, CERTS);
    assert_true(finds(set, "key-1"));
    publish(&s, NULL);
    pass_s(&s, 86399);
    assert_true(knows(set, "key-1"));
    await_requests(&s, 2);
    assert_false(finds(set, "key-2"));
    pass_s(&s, 1);
    assert_false(jwks_is_usable(set));
    assert_int_equal(jwks_peek(set, "key-1", &k), JWKS_REFUSED);
    pass_s(&s, 10);
    assert_false(finds(set, "key-1"));
    publish(&s, key_1);
    pass_s(&s, 10);
    assert_true(finds(set, "key-1"));
    jwks_destroy(set);
}

static void a_broken_document_drops_nothing(void **state)
{
    struct issuer_stub s;
    struct jwks *set;

    (void)state;
    stub_init(&s);
    set = start(&s, CERTS);
    assert_true(finds(set, "key-1"));
    publish(&s, "{\"keys\":[]}");
    pass_s(&s, 10);
    assert_false(finds(set, "key-2"));
    assert_int_equal(atomic_load(&s.requests), 2);
    assert_true(knows(set, "key-1"));
    jwks_destroy(set);
}

/* --- many at once
 * ------------------------------------------------------------------------------------------------
 */

struct crowd {
    struct jwks *set;
    const char *kid;
    atomic_int found, refused;
};

static void *ask(void *arg)
{
    struct crowd *c = arg;
    struct jwk *k = jwks_find(c->set, c->kid, clock_mono_us() + 20 * US_PER_S, NULL);

    atomic_fetch_add(k ? &c->found : &c->refused, 1);
    jwk_unref(k);
    return NULL;
}

static void run_crowd(struct issuer_stub *s, struct crowd *c)
{
    pthread_t threads[THREADS];

    atomic_store(&s->is_held, true);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, c), 0);
    for (int i = 0; i < 50; i++) /* let most of them arrive while the one fetch is under way */
        nap();
    atomic_store(&s->is_held, false);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void a_hundred_threads_share_one_fetch(void **state)
{
    struct issuer_stub s;
    struct crowd good = {.kid = "key-1"}, bad = {.kid = "nobody"};

    (void)state;
    stub_init(&s);
    good.set = bad.set = start(&s, CERTS);
    run_crowd(&s, &good);
    assert_int_equal(atomic_load(&good.found), THREADS);
    assert_int_equal(atomic_load(&s.requests), 1);
    pass_s(&s, 10);
    run_crowd(&s, &bad);
    assert_int_equal(atomic_load(&bad.refused), THREADS);
    assert_int_equal(atomic_load(&s.requests), 2);
    jwks_destroy(good.set);
}

static void a_caller_waits_no_longer_than_its_deadline(void **state)
{
    struct issuer_stub s;
    struct jwks *set;
    int64_t began = clock_mono_us();

    (void)state;
    stub_init(&s);
    atomic_store(&s.is_held, true);
    set = start(&s, CERTS);
    assert_null(jwks_find(set, "key-1", began + 50000, NULL));
    assert_in_range(clock_mono_us() - began, 50000, 2 * US_PER_S);
    began = clock_mono_us();
    jwks_destroy(set); /* ends the fetch that hangs */
    assert_true(clock_mono_us() - began < 2 * US_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_rsa_signing_keys_are_taken),
        cmocka_unit_test(weak_and_strange_documents_are_refused),
        cmocka_unit_test(discovery_leads_to_the_keys),
        cmocka_unit_test(a_discovery_of_somebody_else_is_refused),
        cmocka_unit_test(unknown_kids_cost_one_fetch_in_the_cool_down),
        cmocka_unit_test(a_failed_fetch_counts),
        cmocka_unit_test(rotation_is_followed_and_the_lost_key_is_gone),
        cmocka_unit_test(another_key_under_the_same_kid_is_a_loss),
        cmocka_unit_test(an_old_set_is_refreshed_in_the_background),
        cmocka_unit_test(known_kids_outlive_an_absent_issuer_for_a_day),
        cmocka_unit_test(a_broken_document_drops_nothing),
        cmocka_unit_test(a_hundred_threads_share_one_fetch),
        cmocka_unit_test(a_caller_waits_no_longer_than_its_deadline),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
