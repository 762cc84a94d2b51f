/* SPDX-License-Identifier: Apache-2.0 */
/* The wire models Users and Clusters: vectors A.35 and A.36 of the portal contract. */
#include "user_model.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char users_a35[] =
    "{\"resultCode\":null,\"resultMessage\":null,\"httpStatusCode\":null,\"detailMessage\":null,"
    "\"id\":0,\"clusterId\":\"c1\",\"userId\":\"-\",\"userAuthId\":\"-\",\"password\":\"-\","
    "\"passwordConfirm\":\"-\",\"email\":\"-\",\"clusterName\":\"-\",\"clusterProviderType\":null,"
    "\"clusterApiUrl\":\"-\",\"clusterToken\":\"-\",\"clusterType\":null,\"cpNamespace\":\"-\","
    "\"cpAccountTokenName\":\"-\",\"serviceAccountName\":\"-\",\"saSecret\":\"-\",\"saToken\":\"-"
    "\","
    "\"isActive\":null,\"roleSetCode\":\"-\",\"description\":\"-\",\"userType\":\"-\","
    "\"created\":null,\"lastModified\":null,\"browser\":\"-\",\"clientIp\":\"-\","
    "\"selectValues\":[],\"cpProviderType\":\"-\",\"serviceInstanceId\":\"-\",\"secretName\":\"-\","
    "\"secretUid\":\"-\",\"secretCreationTimestamp\":\"-\"}";

static const char clusters_a36[] =
    "{\"userAuthId\":null,\"namespace\":null,\"clusterId\":null,\"clusterApiUrl\":null,"
    "\"name\":null,\"clusterToken\":null,\"clusterType\":null,\"providerType\":null,"
    "\"description\":null,\"kubernetesVersion\":null,\"podCount\":null,\"created\":null,"
    "\"sshKey\":null,\"lastModified\":null,\"isActive\":false,\"status\":\"D\",\"nodeCount\":null}";

static void assert_same_json(const char *got, const char *want)
{
    json_t *a = json_loads(got, JSON_REJECT_DUPLICATES, NULL), *b = json_loads(want, 0, NULL);

    assert_non_null(a);
    assert_non_null(b);
    if (!json_equal(a, b))
        assert_string_equal(got, want);
    json_decref(a);
    json_decref(b);
}

static void a_users_element_with_only_its_cluster(void **state)
{
    struct user_model u = {.cluster_id = "c1"};
    struct buf out = BUF_INIT(10000);

    (void)state;
    assert_int_equal(user_model_write(&out, &u), 0);
    assert_same_json(out.data, users_a35);
    buf_finish(&out);
}

static void an_empty_string_is_a_dash_where_the_policy_says_so(void **state)
{
    struct user_model u = {.cluster_id = "c1", .user_id = "", .service_account_name = ""};
    struct buf out = BUF_INIT(10000);

    (void)state;
    user_model_write(&out, &u);
    assert_same_json(out.data, users_a35);
    buf_finish(&out);
}

static void text_from_rows_is_escaped(void **state)
{
    struct user_model u = {.cluster_id = "c1", .user_id = "a\"b\\c\n\x01\xff한"};
    struct buf out = BUF_INIT(10000);
    json_t *doc;

    (void)state;
    user_model_write(&out, &u);
    doc = json_loads(out.data, 0, NULL);
    assert_non_null(doc);
    assert_string_equal(json_string_value(json_object_get(doc, "userId")),
                        "a\"b\\c\n\x01\xEF\xBF\xBD한");
    json_decref(doc);
    buf_finish(&out);
}

static void a_clusters_object_with_nothing_set(void **state)
{
    struct cluster_model c = {.name = NULL};
    struct buf out = BUF_INIT(10000);

    (void)state;
    buf_append_char(&out, '{');
    cluster_model_write(&out, &c);
    buf_append_char(&out, '}');
    assert_same_json(out.data, clusters_a36);
    buf_finish(&out);
}

static void a_model_over_the_limit_is_an_error(void **state)
{
    struct user_model u = {.cluster_id = "c1"};
    struct buf out = BUF_INIT(100);

    (void)state;
    assert_int_equal(user_model_write(&out, &u), -1);
    buf_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_users_element_with_only_its_cluster),
        cmocka_unit_test(an_empty_string_is_a_dash_where_the_policy_says_so),
        cmocka_unit_test(text_from_rows_is_escaped),
        cmocka_unit_test(a_clusters_object_with_nothing_set),
        cmocka_unit_test(a_model_over_the_limit_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
