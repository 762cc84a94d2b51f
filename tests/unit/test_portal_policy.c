/* SPDX-License-Identifier: Apache-2.0 */
/* Who may call what: every rule against every kind of person (portal contract 4.3, "recommended";
 * BUG-40). */
#include "cleanup.h"
#include "portal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct grant bob_grants[] = {
    {"c1", USER_TYPE_CLUSTER_ADMIN, NULL}
};
static const struct grant alice_grants[] = {
    {"c1", USER_TYPE_USER, "shop"}
};

static const struct principal admin = {.auth_id = "admin", .type = USER_TYPE_SUPER_ADMIN};
static const struct principal bob = {
    .auth_id = "bob", .type = USER_TYPE_CLUSTER_ADMIN, .grants = bob_grants, .grant_count = 1};
static const struct principal alice = {
    .auth_id = "alice", .type = USER_TYPE_USER, .grants = alice_grants, .grant_count = 1};
static const struct principal carol = {.auth_id = "carol", .type = USER_TYPE_NONE};

#define OK APP_OK
#define DENIED APP_ACCESS_DENIED
#define FORBIDDEN APP_FORBIDDEN

static const struct policy_case {
    enum route_rule rule;
    const char *cluster, *namespace_name;
    enum app_code admin, bob, alice, carol;
} cases[] = {
    {RULE_PUBLIC,                   "",     "",     OK,     OK,     OK,        OK    },
    {RULE_REFRESH,                  "",     "",     OK,     OK,     OK,        OK    },
    {RULE_IDENTITY,                 "",     "",     OK,     OK,     OK,        OK    },
    {RULE_OWN_DATA,                 "",     "",     OK,     OK,     OK,        DENIED},
    {RULE_GLOBAL_ADMIN,             "",     "",     OK,     OK,     DENIED,    DENIED},
    {RULE_SUPER_ADMIN,              "",     "",     OK,     DENIED, DENIED,    DENIED},
    {RULE_GLOBAL_ADMIN_OF_CLUSTER,  "c1",   "",     OK,     OK,     DENIED,    DENIED},
    {RULE_GLOBAL_ADMIN_OF_CLUSTER,  "c2",   "",     OK,     DENIED, DENIED,    DENIED},
    {RULE_CLUSTER_ADMIN_OF_CLUSTER, "c1",   "",     OK,     OK,     DENIED,    DENIED},
    {RULE_CLUSTER_MEMBER,           "c1",   "",     OK,     OK,     OK,        DENIED},
    {RULE_CLUSTER_MEMBER,           "c2",   "",     OK,     DENIED, DENIED,    DENIED},
    {RULE_CLUSTER_MEMBER,           "C1",   "",     OK,     DENIED, DENIED,    DENIED},
    {RULE_CLUSTER_SCOPED,           "c1",   "",     OK,     OK,     FORBIDDEN, DENIED},
    {RULE_CLUSTER_SCOPED,           "null", "",     OK,     DENIED, DENIED,    DENIED},
    {RULE_NAMESPACED,               "c1",   "shop", OK,     OK,     OK,        DENIED},
    {RULE_NAMESPACED,               "c1",   "SHOP", OK,     OK,     FORBIDDEN, DENIED},
    {RULE_NAMESPACED,               "c1",   "blog", OK,     OK,     FORBIDDEN, DENIED},
    {RULE_NAMESPACED,               "c1",   "all",  OK,     OK,     FORBIDDEN, DENIED},
    {RULE_NAMESPACED,               "c2",   "shop", OK,     DENIED, DENIED,    DENIED},
    {RULE_UNSET,                    "c1",   "shop", DENIED, DENIED, DENIED,    DENIED},
    {RULE_COUNT,                    "c1",   "shop", DENIED, DENIED, DENIED,    DENIED},
};

static enum app_code decide(const struct policy_case *c, const struct principal *p)
{
    struct api api;
    struct app_error err = {0};
    struct http_req req = {
        .vars = {{"cluster", text_of(c->cluster)}, {"namespace", text_of(c->namespace_name)}},
        .var_count = 2,
        .principal = p
    };

    portal_api_init(&api, NULL);
    return api.authorize(&req, c->rule, &err) == 0 ? APP_OK : err.code;
}

static void every_rule_for_everybody(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct policy_case *c = &cases[i];

        print_message("rule %d cluster %s namespace %s\n", (int)c->rule, c->cluster,
                      c->namespace_name);
        assert_int_equal(decide(c, &admin), c->admin);
        assert_int_equal(decide(c, &bob), c->bob);
        assert_int_equal(decide(c, &alice), c->alice);
        assert_int_equal(decide(c, &carol), c->carol);
    }
}

static void without_a_principal_only_public_routes_open(void **state)
{
    (void)state;
    for (int rule = RULE_UNSET; rule <= RULE_COUNT; rule++) {
        struct policy_case c = {
            .rule = (enum route_rule)rule, .cluster = "c1", .namespace_name = "shop"};
        enum app_code got = decide(&c, NULL);

        if (rule == RULE_PUBLIC || rule == RULE_REFRESH)
            assert_int_equal(got, APP_OK);
        else
            assert_int_not_equal(got, APP_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_for_everybody),
        cmocka_unit_test(without_a_principal_only_public_routes_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
