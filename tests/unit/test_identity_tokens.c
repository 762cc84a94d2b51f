/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of the table of bad tokens, with the cache of verified tokens and without; and what a
 * good one says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cleanup.h"
#include "clock.h"
#include "codec.h"
#include "counters.h"
#include "token.h"
#include "token_maker.h"

#include <stdatomic.h>
#include <string.h>

#define NOW_S INT64_C(1800000000)

struct fixture {
    struct token_maker maker;
    const char *document; /* what the issuer publishes */
    _Atomic int64_t now_s;
    atomic_int fetches;
};

static struct fixture f;

static int64_t fake_unix_s(void *ctx)
{
    return atomic_load(&((struct fixture *)ctx)->now_s);
}

static int64_t fake_mono_us(void *ctx)
{
    return atomic_load(&((struct fixture *)ctx)->now_s) * US_PER_S;
}

static int fake_fetch(void *ctx, const char *url, int64_t deadline_us, struct buf *ret,
                      struct app_error *err)
{
    (void)deadline_us;
    atomic_fetch_add(&((struct fixture *)ctx)->fetches, 1);
    if (strcmp(url, MAKER_ISSUER "/certs") != 0)
        return app_fail(err, APP_UPSTREAM_FAILED, "unexpected %s", url);
    return buf_append_str(ret, f.document);
}

static struct identity *identity_for(const char *audience, int cache_entries)
{
    static const char *const clients[] = {"another-client", MAKER_CLIENT};
    struct identity_config config = {.issuer = MAKER_ISSUER,
                                     .client_ids = clients,
                                     .client_id_count = ARRAY_LEN(clients),
                                     .audience = audience,
                                     .super_admin_role = "cp-cluster-admin-role",
                                     .jwks_url = MAKER_ISSUER "/certs",
                                     .leeway_s = 30,
                                     .jwks_refresh_s = 300,
                                     .jwks_stale_s = 86400,
                                     .jwks_cooldown_s = 10,
                                     .max_token_life_s = 86400,
                                     .cache_entries = cache_entries};
    struct identity_env env = {
        .ctx = &f, .fetch = fake_fetch, .unix_s = fake_unix_s, .mono_us = fake_mono_us};
    struct app_error err = {0};
    struct identity *id = identity_create_with(&config, &env, &err);

    assert_non_null(id);
    assert_int_equal(identity_set_portal_key(id, MAKER_PORTAL_KID, f.maker.portal_key,
                                             sizeof f.maker.portal_key, &err),
                     0);
    return id;
}

static int set_up(void **state)
{
    (void)state;
    token_maker_init(&f.maker, NOW_S);
    atomic_store(&f.now_s, NOW_S);
    f.document = arena_printf(f.maker.a, "{\"keys\":[%s,%s]}",
                              token_maker_jwk(&f.maker, f.maker.enc, MAKER_ENC_KID, "enc"),
                              token_maker_jwk(&f.maker, f.maker.sig, MAKER_KID, "sig"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    token_maker_finish(&f.maker);
    return 0;
}

static enum app_code verdict(struct identity *id, struct text header, struct principal *ret,
                             struct arena *a)
{
    struct app_error err = {0};

    return identity_verify(id, header, clock_mono_us() + 5 * US_PER_S, a, ret, &err) < 0 ? err.code
                                                                                         : APP_OK;
}

static enum app_code expected(const json_t *row)
{
    const char *want = json_string_value(json_object_get(row, "expect"));

    return strcmp(want, "OK") == 0        ? APP_OK
           : strcmp(want, "MISSING") == 0 ? APP_TOKEN_MISSING
           : strcmp(want, "EXPIRED") == 0 ? APP_TOKEN_EXPIRED
                                          : APP_TOKEN_INVALID;
}

static int run_row(struct identity *id, const json_t *row)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(262144);
    struct principal p;
    struct text header = token_maker_header(&f.maker, row);
    enum app_code got = verdict(id, header, &p, a), again = verdict(id, header, &p, a);

    if (got == expected(row) && again == got)
        return 0;
    print_error("%s: %s, then %s\n", json_string_value(json_object_get(row, "name")),
                app_code_name(got), app_code_name(again));
    return 1;
}

static void run_table(struct identity *id, bool has_audience)
{
    const json_t *row;
    size_t i;
    int wrong = 0, bad = 0;

    json_array_foreach (f.maker.rows, i, row) {
        const char *needs = json_string_value(json_object_get(row, "needs"));

        if (needs && strcmp(needs, "audience") == 0 && !has_audience)
            continue;
        wrong += run_row(id, row);
        bad += expected(row) != APP_OK;
    }
    assert_int_equal(wrong, 0);
    assert_true(bad >= 60);
    identity_destroy(id);
}

static void the_table_holds_without_a_cache(void **state)
{
    (void)state;
    run_table(identity_for(MAKER_CLIENT, 0), true);
}

static void the_table_holds_with_a_cache(void **state)
{
    (void)state;
    run_table(identity_for(MAKER_CLIENT, 1024), true);
}

static void the_table_holds_without_an_audience_rule(void **state)
{
    (void)state;
    run_table(identity_for(NULL, 1024), false);
}

static struct text bearer(const char *token)
{
    return text_of(arena_printf(f.maker.a, "Bearer %s", token));
}

static struct text good_header(const char *claims)
{
    json_auto_t *c = json_loads(claims, 0, NULL);

    return bearer(token_maker_access(&f.maker, f.maker.sig, MAKER_KID, c));
}

static void a_good_token_says_who(void **state)
{
    struct identity *id = identity_for(NULL, 64);
    struct arena *a = arena_create(65536);
    struct principal p;

    (void)state;
    for (int i = 0; i < 2; i++) { /* verified, then from the cache */
        memset(&p, 0xff, sizeof p);
        assert_int_equal(verdict(id, good_header("{}"), &p, a), APP_OK);
        assert_int_equal(p.token_kind, TOKEN_KEYCLOAK);
        assert_string_equal(p.issuer, MAKER_ISSUER);
        assert_string_equal(p.auth_id, MAKER_SUB);
        assert_string_equal(p.user_id, MAKER_USERNAME);
        assert_false(p.is_eligible_super_admin);
        assert_int_equal(p.expires_s, NOW_S + 300);
        assert_int_equal(p.auth_time_s, NOW_S);
        assert_int_equal(p.type, USER_TYPE_NONE);
        assert_int_equal(p.grant_count, 0);
    }
    arena_destroy(a);
    identity_destroy(id);
}

static void the_admin_role_is_taken_from_both_places_and_no_other(void **state)
{
    static const struct {
        const char *claims;
        bool is_eligible;
    } rows[] = {
        {"{\"realm_access\":{\"roles\":[\"x\",\"cp-cluster-admin-role\"]}}",    true },
        {"{\"roles\":[\"cp-cluster-admin-role\"]}",                             true },
        {"{\"roles\":\"cp-cluster-admin-role\"}",                               false},
        {"{\"groups\":[\"cp-cluster-admin-role\"]}",                            false},
        {"{\"resource_access\":{\"roles\":[\"cp-cluster-admin-role\"]}}",       false},
        {"{\"realm_access\":[\"cp-cluster-admin-role\"]}",                      false},
        {"{\"realm_access\":{\"roles\":[\"cp-cluster-admin-role-2\",1,null]}}", false},
        {"{\"userType\":\"SUPER_ADMIN\"}",                                      false},
    };
    struct identity *id = identity_for(NULL, 0);
    struct arena *a = arena_create(65536);
    struct principal p;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(verdict(id, good_header(rows[i].claims), &p, a), APP_OK);
        assert_int_equal(p.is_eligible_super_admin, rows[i].is_eligible);
    }
    arena_destroy(a);
    identity_destroy(id);
}

static void a_cached_token_still_expires(void **state)
{
    struct identity *id = identity_for(NULL, 64);
    struct arena *a = arena_create(65536);
    struct text header = good_header("{}");
    uint64_t hits = counter_get(CTR_TOKEN_CACHE_HITS);
    struct principal p;

    (void)state;
    assert_int_equal(verdict(id, header, &p, a), APP_OK);
    assert_int_equal(counter_get(CTR_TOKEN_CACHE_HITS), hits);
    atomic_store(&f.now_s, NOW_S + 329);
    assert_int_equal(verdict(id, header, &p, a), APP_OK);
    assert_int_equal(counter_get(CTR_TOKEN_CACHE_HITS), hits + 1);
    atomic_store(&f.now_s, NOW_S + 330);
    assert_int_equal(verdict(id, header, &p, a), APP_TOKEN_EXPIRED);
    assert_int_equal(counter_get(CTR_TOKEN_CACHE_HITS), hits + 1);
    atomic_store(&f.now_s, NOW_S);
    arena_destroy(a);
    identity_destroy(id);
}

/* Waits until the key set's own thread has fetched once more. */
static void await_fetch(int count)
{
    for (int i = 0; i < 5000 && atomic_load(&f.fetches) < count; i++) {
        struct timespec t = {.tv_nsec = 1000000};

        nanosleep(&t, NULL);
    }
    assert_int_equal(atomic_load(&f.fetches), count);
}

static void a_cached_token_falls_with_its_key(void **state)
{
    struct identity *id = identity_for(NULL, 64);
    struct arena *a = arena_create(65536);
    struct text header = good_header("{\"exp\":1800005000}");
    const char *before = f.document;
    struct principal p;

    (void)state;
    atomic_store(&f.fetches, 0);
    assert_int_equal(verdict(id, header, &p, a), APP_OK);
    f.document = arena_printf(f.maker.a, "{\"keys\":[%s]}",
                              token_maker_jwk(&f.maker, f.maker.other, "key-2", "sig"));
    atomic_store(&f.now_s, NOW_S + 301);
    identity_prefetch(id);
    await_fetch(2);
    /* the fetch is counted before its keys are installed: ask for a key that only a finished fetch
     * can tell of */
    assert_int_equal(
        verdict(id, bearer(token_maker_access(&f.maker, f.maker.other, "key-2", NULL)), &p, a),
        APP_OK);
    assert_int_equal(verdict(id, header, &p, a), APP_TOKEN_INVALID);
    arena_destroy(a);
    identity_destroy(id);
    f.document = before;
    atomic_store(&f.now_s, NOW_S);
}

static void the_inline_check_never_waits(void **state)
{
    struct identity *id = identity_for(NULL, 64);
    struct arena *a = arena_create(65536);
    struct text header = good_header("{}");
    struct app_error err = {0};
    struct principal p;

    (void)state;
    atomic_store(&f.fetches, 0);
    assert_false(identity_is_ready_for(id, header));
    assert_int_equal(identity_try_verify(id, header, a, &p, &err), 1);
    assert_int_equal(err.code, APP_OK);
    assert_int_equal(atomic_load(&f.fetches), 0);
    assert_true(identity_is_ready_for(id, TEXT("Bearer x.y.z")));
    assert_true(identity_is_ready_for(id, TEXT("Basic eDp5")));
    assert_int_equal(identity_try_verify(id, TEXT(""), a, &p, &err), -1);
    assert_int_equal(err.code, APP_TOKEN_MISSING);
    assert_int_equal(verdict(id, header, &p, a), APP_OK);
    assert_true(identity_is_ready_for(id, header));
    assert_int_equal(identity_try_verify(id, header, a, &p, &err), 0);
    assert_string_equal(p.auth_id, MAKER_SUB);
    arena_destroy(a);
    identity_destroy(id);
}

static void has_bearer_follows_the_login_rule(void **state)
{
    static const struct {
        const char *header;
        bool has;
    } rows[] = {
        {"Bearer x",      true },
        {"Bearer  x ",    true },
        {"Bearer null",   false},
        {"Bearer  null ", false},
        {"Bearer ",       false},
        {"Bearer",        false},
        {"bearer x",      false},
        {"",              false},
        {NULL,            false},
        {"Basic eDp5",    false}
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(identity_has_bearer(text_of(rows[i].header)), rows[i].has);
}

static void bad_settings_are_refused(void **state)
{
    static const char *const clients[] = {MAKER_CLIENT, ""};
    const struct identity_config good = {.issuer = MAKER_ISSUER,
                                         .client_ids = clients,
                                         .client_id_count = 1,
                                         .jwks_refresh_s = 300,
                                         .jwks_stale_s = 86400,
                                         .max_token_life_s = 86400};
    struct identity_config bad[6] = {good, good, good, good, good, good};
    struct identity_env env = {.ctx = &f, .fetch = fake_fetch};

    (void)state;
    bad[0].issuer = "";
    bad[1].client_id_count = 0;
    bad[2].client_id_count = 2;
    bad[3].leeway_s = -1;
    bad[4].jwks_stale_s = 10;
    bad[5].max_token_life_s = 0;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct app_error err = {0};

        assert_null(identity_create_with(&bad[i], &env, &err));
        assert_int_equal(err.code, APP_INTERNAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_holds_without_a_cache),
        cmocka_unit_test(the_table_holds_with_a_cache),
        cmocka_unit_test(the_table_holds_without_an_audience_rule),
        cmocka_unit_test(a_good_token_says_who),
        cmocka_unit_test(the_admin_role_is_taken_from_both_places_and_no_other),
        cmocka_unit_test(a_cached_token_still_expires),
        cmocka_unit_test(a_cached_token_falls_with_its_key),
        cmocka_unit_test(the_inline_check_never_waits),
        cmocka_unit_test(has_bearer_follows_the_login_rule),
        cmocka_unit_test(bad_settings_are_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
