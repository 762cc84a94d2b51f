/* SPDX-License-Identifier: Apache-2.0 */
/* Portal tokens and what a principal may do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cleanup.h"
#include "clock.h"
#include "codec.h"
#include "json.h"
#include "token.h"

#include <stdatomic.h>
#include <string.h>

#define NOW_S INT64_C(1800000000)
#define ISSUER "https://issuer.example.test/realms/cp-realm"

static _Atomic int64_t now_s;
static struct arena *arena;

static int64_t fake_unix_s(void *ctx)
{
    (void)ctx;
    return atomic_load(&now_s);
}

static int no_fetch(void *ctx, const char *url, int64_t deadline_us, struct buf *ret,
                    struct app_error *err)
{
    (void)ctx, (void)deadline_us, (void)ret;
    return app_fail(err, APP_UPSTREAM_UNREACHABLE, "%s", url);
}

static struct identity *start(const char *issuer)
{
    static const char *const clients[] = {"cp-client"};
    struct identity_config config = {.issuer = issuer,
                                     .client_ids = clients,
                                     .client_id_count = 1,
                                     .leeway_s = 30,
                                     .jwks_refresh_s = 300,
                                     .jwks_stale_s = 86400,
                                     .jwks_cooldown_s = 10,
                                     .max_token_life_s = 86400,
                                     .cache_entries = 64};
    struct identity_env env = {.fetch = no_fetch, .unix_s = fake_unix_s};
    struct identity *id = identity_create_with(&config, &env, NULL);

    assert_non_null(id);
    return id;
}

static void set_key(struct identity *id, const char *kid, unsigned char fill)
{
    unsigned char key[64];

    memset(key, fill, sizeof key);
    assert_int_equal(identity_set_portal_key(id, kid, key, sizeof key, NULL), 0);
}

static int set_up(void **state)
{
    struct identity *id;

    atomic_store(&now_s, NOW_S);
    arena = arena_create(4194304);
    id = start(ISSUER);
    set_key(id, "k1", 1);
    *state = id;
    return 0;
}

static int tear_down(void **state)
{
    identity_destroy(*state);
    arena_destroy(arena);
    return 0;
}

static const struct portal_token_input alice = {.user_id = "alice",
                                                .auth_id = "a-1",
                                                .issuer = ISSUER,
                                                .client_ip = "192.0.2.1",
                                                .browser = "Browser \"x\"",
                                                .type = USER_TYPE_USER,
                                                .auth_time_s = NOW_S - 100};

static struct text issue(struct identity *id, const struct portal_token_input *in)
{
    char *token = identity_issue_portal_token(id, in, arena, NULL);

    assert_non_null(token);
    return text_of(arena_printf(arena, "Bearer %s", token));
}

static enum app_code verdict(struct identity *id, struct text header, struct principal *ret)
{
    struct app_error err = {0};

    return identity_verify(id, header, 1, arena, ret, &err) < 0 ? err.code : APP_OK;
}

static json_t *segment(struct text header, int index)
{
    const char *from = header.p + strlen("Bearer ");
    unsigned char *bytes;
    size_t len;

    for (; index > 0; index--)
        from = strchr(from, '.') + 1;
    assert_int_equal(b64url_decode(arena, (struct text){from, strcspn(from, ".")}, &bytes, &len),
                     0);
    return json_parse((char *)bytes, len, false, NULL);
}

static void the_claims_are_those_of_the_contract(void **state)
{
    json_auto_t *roles =
        json_pack("{s:{s:s, s:[s]}}", "c-1", "userType", "USER", "namespaceList", "shop");
    struct portal_token_input in = alice;
    json_auto_t *header = NULL, *claims = NULL, *expected = NULL;
    struct text token;

    in.roles_info = roles;
    token = issue(*state, &in);
    header = segment(token, 0);
    claims = segment(token, 1);
    expected = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:O, s:I, s:I, s:I}", "sub", "alice",
                         "userType", "USER", "userAuthId", "a-1", "IP", "192.0.2.1", "Browser",
                         "Browser \"x\"", "iss", "cp-portal", "idp", ISSUER, "rolesInfo", roles,
                         "iat", (json_int_t)NOW_S, "exp", (json_int_t)(NOW_S + 10800), "auth_time",
                         (json_int_t)(NOW_S - 100));
    assert_true(json_equal(claims, expected));
    assert_string_equal(json_str_or(header, "alg", ""), "HS512");
    assert_string_equal(json_str_or(header, "kid", ""), "k1");
}

static void a_good_one_says_who(void **state)
{
    struct text token = issue(*state, &alice);
    struct principal p;

    for (int i = 0; i < 2; i++) {
        assert_int_equal(verdict(*state, token, &p), APP_OK);
        assert_int_equal(p.token_kind, TOKEN_PORTAL);
        assert_string_equal(p.user_id, "alice");
        assert_string_equal(p.auth_id, "a-1");
        assert_string_equal(p.issuer, ISSUER);
        assert_false(p.is_eligible_super_admin);
        assert_int_equal(p.type, USER_TYPE_NONE); /* the claim userType is never believed */
        assert_int_equal(p.auth_time_s, NOW_S - 100);
        assert_int_equal(p.expires_s, NOW_S + 10800);
    }
}

static void it_expires_to_the_second_without_leeway(void **state)
{
    struct text token = issue(*state, &alice);
    struct principal p;

    atomic_store(&now_s, NOW_S + 10799);
    assert_int_equal(verdict(*state, token, &p), APP_OK);
    atomic_store(&now_s, NOW_S + 10800);
    assert_int_equal(verdict(*state, token, &p), APP_TOKEN_EXPIRED);
}

static void roles_over_8_kib_become_an_empty_object(void **state)
{
    static const int counts[] = {1, 2000};

    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        json_auto_t *list = json_array(), *roles = NULL, *claims = NULL;
        struct portal_token_input in = alice;

        for (int k = 0; k < counts[i]; k++)
            json_array_append_new(list, json_string("namespace"));
        roles = json_pack("{s:{s:s, s:O}}", "c", "userType", "USER", "namespaceList", list);
        in.roles_info = roles;
        claims = segment(issue(*state, &in), 1);
        assert_int_equal(json_object_size(json_object_get(claims, "rolesInfo")), i == 0 ? 1 : 0);
    }
}

static void long_free_text_is_left_out(void **state)
{
    char *wide = arena_alloc(arena, 20000);
    struct portal_token_input in = alice;
    struct principal p;

    memset(wide, 'x', 19999);
    in.browser = in.client_ip = wide;
    assert_int_equal(verdict(*state, issue(*state, &in), &p), APP_OK);
}

static void nobody_gets_a_token(void **state)
{
    struct portal_token_input in[4] = {alice, alice, alice, alice};

    in[0].user_id = "";
    in[1].auth_id = NULL;
    in[2].type = USER_TYPE_NONE;
    in[3].browser = "\xff";
    for (size_t i = 0; i < ARRAY_LEN(in); i++) {
        struct app_error err = {0};

        assert_null(identity_issue_portal_token(*state, &in[i], arena, &err));
        assert_int_equal(err.code, APP_INTERNAL);
    }
}

static void two_keys_are_held_and_a_third_pushes_the_oldest_out(void **state)
{
    struct text first = issue(*state, &alice), second;
    struct principal p;

    assert_int_equal(verdict(*state, first, &p), APP_OK); /* now also in the cache */
    set_key(*state, "k2", 2);
    second = issue(*state, &alice);
    assert_int_equal(verdict(*state, first, &p), APP_OK);
    assert_int_equal(verdict(*state, second, &p), APP_OK);
    set_key(*state, "k2", 2); /* again the same: nothing is pushed out */
    assert_int_equal(verdict(*state, first, &p), APP_OK);
    set_key(*state, "k3", 3);
    assert_int_equal(verdict(*state, first, &p), APP_TOKEN_INVALID);
    assert_int_equal(verdict(*state, second, &p), APP_OK);
}

static void another_key_under_the_same_kid_ends_the_old_tokens(void **state)
{
    struct text first = issue(*state, &alice);
    struct principal p;

    assert_int_equal(verdict(*state, first, &p), APP_OK);
    set_key(*state, "k1", 9);
    assert_int_equal(verdict(*state, first, &p), APP_TOKEN_INVALID);
}

static void weak_keys_are_refused(void **state)
{
    unsigned char key[64] = {1};
    struct app_error err = {0};

    assert_int_equal(identity_set_portal_key(*state, "k", key, 63, &err), -1);
    assert_int_equal(identity_set_portal_key(*state, "", key, 64, &err), -1);
    assert_int_equal(identity_set_portal_key(*state, NULL, key, 64, &err), -1);
}

static void without_a_key_nothing_is_signed_or_verified(void **state)
{
    struct identity *bare = start(ISSUER);
    struct text token = issue(*state, &alice);
    struct app_error err = {0};
    struct principal p;

    assert_null(identity_issue_portal_token(bare, &alice, arena, &err));
    assert_int_equal(err.code, APP_INTERNAL);
    assert_int_equal(verdict(bare, token, &p), APP_TOKEN_INVALID);
    identity_destroy(bare);
}

static void a_portal_of_another_issuer_refuses(void **state)
{
    struct identity *moved = start("https://issuer.example.test/realms/new");
    struct principal p;

    set_key(moved, "k1", 1);
    assert_int_equal(verdict(moved, issue(*state, &alice), &p), APP_TOKEN_MISSING);
    identity_destroy(moved);
}

static void an_expired_one_can_be_read_for_refresh(void **state)
{
    struct text token = issue(*state, &alice);
    struct portal_claims c;
    bool is_expired = true;

    assert_int_equal(identity_read_portal_token(*state, token, arena, &c, &is_expired, NULL), 0);
    assert_false(is_expired);
    atomic_store(&now_s, NOW_S + 10800);
    assert_int_equal(identity_read_portal_token(*state, token, arena, &c, &is_expired, NULL), 0);
    assert_true(is_expired);
    assert_string_equal(c.user_id, "alice");
    assert_string_equal(c.auth_id, "a-1");
    assert_string_equal(c.client_ip, "192.0.2.1");
    assert_string_equal(c.browser, "Browser \"x\"");
    assert_int_equal(c.auth_time_s, NOW_S - 100);
    assert_true(identity_may_refresh(*state, &c));
    atomic_store(&now_s, NOW_S - 100 + PORTAL_REFRESH_MAX_AGE_S);
    assert_true(identity_may_refresh(*state, &c));
    atomic_store(&now_s, NOW_S - 99 + PORTAL_REFRESH_MAX_AGE_S);
    assert_false(identity_may_refresh(*state, &c));
}

/* BUG-04: the original refreshed unsigned tokens */
static void a_forged_one_is_never_read(void **state)
{
    struct text token = issue(*state, &alice);
    const char *dot = strchr(token.p, '.'), *last = strrchr(token.p, '.');
    static const char *const headers[] = {"{\"alg\":\"none\"}", "{\"alg\":\"none\",\"kid\":\"k1\"}",
                                          "{\"alg\":\"HS256\",\"kid\":\"k1\"}",
                                          "{\"alg\":\"RS256\",\"kid\":\"k1\"}",
                                          "{\"alg\":\"HS512\"}"};
    struct portal_claims c;
    struct app_error err;
    bool is_expired;

    atomic_store(&now_s, NOW_S + 20000);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        char *head = b64url_encode(arena, headers[i], strlen(headers[i]));
        char *forged[] = {
            arena_printf(arena, "Bearer %s.%.*s.", head, (int)(last - dot - 1), dot + 1),
            arena_printf(arena, "Bearer %s.%.*s.%s", head, (int)(last - dot - 1), dot + 1,
                         last + 1)};

        for (size_t k = 0; k < ARRAY_LEN(forged); k++) {
            assert_int_equal(identity_read_portal_token(*state, text_of(forged[k]), arena, &c,
                                                        &is_expired, &err),
                             -1);
            assert_int_equal(err.code, APP_TOKEN_INVALID);
        }
    }
    assert_int_equal(
        identity_read_portal_token(*state, TEXT("Bearer "), arena, &c, &is_expired, &err), -1);
    assert_int_equal(err.code, APP_TOKEN_MISSING);
}

/* --- principal
 * ---------------------------------------------------------------------------------------------------
 */

static void names_of_types(void **state)
{
    (void)state;
    assert_int_equal(user_type_of("SUPER_ADMIN"), USER_TYPE_SUPER_ADMIN);
    assert_int_equal(user_type_of("CLUSTER_ADMIN"), USER_TYPE_CLUSTER_ADMIN);
    assert_int_equal(user_type_of("USER"), USER_TYPE_USER);
    assert_int_equal(user_type_of("user"), USER_TYPE_NONE);
    assert_int_equal(user_type_of(""), USER_TYPE_NONE);
    assert_int_equal(user_type_of(NULL), USER_TYPE_NONE);
    assert_string_equal(user_type_name(USER_TYPE_CLUSTER_ADMIN), "CLUSTER_ADMIN");
    assert_string_equal(user_type_name(USER_TYPE_NONE), "");
}

static void rights_hold_where_they_were_granted(void **state)
{
    static const struct grant grants[] = {
        {"c1", USER_TYPE_USER,          "shop"},
        {"c1", USER_TYPE_USER,          NULL  },
        {"c2", USER_TYPE_CLUSTER_ADMIN, NULL  },
        {"c2", USER_TYPE_USER,          "blog"},
        {"c3", USER_TYPE_SUPER_ADMIN,   NULL  }
    };
    struct principal p = {
        .type = USER_TYPE_CLUSTER_ADMIN, .grants = grants, .grant_count = ARRAY_LEN(grants)};
    struct principal super = {.type = USER_TYPE_SUPER_ADMIN};

    (void)state;
    assert_int_equal(principal_cluster_type(&p, "c1"), USER_TYPE_USER);
    assert_int_equal(principal_cluster_type(&p, "c2"), USER_TYPE_CLUSTER_ADMIN);
    assert_int_equal(principal_cluster_type(&p, "c3"), USER_TYPE_NONE);
    assert_int_equal(principal_cluster_type(&p, "C1"), USER_TYPE_NONE);
    assert_int_equal(principal_cluster_type(&p, NULL), USER_TYPE_NONE);
    assert_true(principal_has_namespace(&p, "c1", "shop"));
    assert_false(principal_has_namespace(&p, "c1", "Shop"));
    assert_false(principal_has_namespace(&p, "c1", "blog"));
    assert_false(principal_has_namespace(&p, "c1", "all"));
    assert_false(principal_has_namespace(&p, "c1", ""));
    assert_false(principal_has_namespace(&p, "c1", NULL));
    assert_true(principal_has_namespace(&p, "c2", "anything"));
    assert_false(principal_has_namespace(&p, "c4", "shop"));
    assert_int_equal(principal_cluster_type(&super, "any"), USER_TYPE_SUPER_ADMIN);
    assert_true(principal_has_namespace(&super, "any", "x"));
}

#define PORTAL_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PORTAL_TEST(the_claims_are_those_of_the_contract),
        PORTAL_TEST(a_good_one_says_who),
        PORTAL_TEST(it_expires_to_the_second_without_leeway),
        PORTAL_TEST(roles_over_8_kib_become_an_empty_object),
        PORTAL_TEST(long_free_text_is_left_out),
        PORTAL_TEST(nobody_gets_a_token),
        PORTAL_TEST(two_keys_are_held_and_a_third_pushes_the_oldest_out),
        PORTAL_TEST(another_key_under_the_same_kid_ends_the_old_tokens),
        PORTAL_TEST(weak_keys_are_refused),
        PORTAL_TEST(without_a_key_nothing_is_signed_or_verified),
        PORTAL_TEST(a_portal_of_another_issuer_refuses),
        PORTAL_TEST(an_expired_one_can_be_read_for_refresh),
        PORTAL_TEST(a_forged_one_is_never_read),
        cmocka_unit_test(names_of_types),
        cmocka_unit_test(rights_hold_where_they_were_granted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
