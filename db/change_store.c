/* SPDX-License-Identifier: Apache-2.0 */
#include "change.h"
#include "cleanup.h"

static const char *const topic_names[CHANGE_TOPIC_COUNT] = {
    [CHANGE_USERS] = "users", [CHANGE_CLUSTERS] = "clusters", [CHANGE_SECRETS] = "secrets"};

struct topic_row {
    const char *topic;
    int64_t seq;
};

#define AT(member) offsetof(struct topic_row, member)
static const struct sql_field topic_fields[] = {
    {AT(topic), FIELD_TEXT},
    {AT(seq),   FIELD_INT },
};
#undef AT
static const struct sql_shape topic_shape = {sizeof(struct topic_row), topic_fields,
                                             ARRAY_LEN(topic_fields)};

int change_store_read(struct db_pool *pool, struct change_seqs *ret, struct app_error *err)
{
    struct arena *a AUTO(arena_destroy_p) = arena_create(16 * KIB);
    struct change_seqs seqs = {{0}};
    const struct topic_row *rows;
    struct sql_rows found = {NULL, 0};

    if (!a)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (sql_pool_select(pool, SQL_CALL0(SQL_CHANGE_READ), &topic_shape, a, &found, err) < 0)
        return -1;
    rows = found.rows;
    for (size_t i = 0; i < found.count; i++)
        for (size_t t = 0; t < CHANGE_TOPIC_COUNT; t++)
            if (strcmp(rows[i].topic, topic_names[t]) == 0)
                seqs.seq[t] = rows[i].seq;
    *ret = seqs;
    return 0;
}

int change_bump(struct db *db, enum change_topic topic, struct app_error *err)
{
    struct sql_result done = {0, 0};

    if (sql_execute(db, SQL_CALL(SQL_CHANGE_BUMP, sql_text(topic_names[topic])), &done, err) < 0)
        return -1;
    if (done.matched != 1)
        return app_fail(err, APP_DATABASE, "cpx_change: the row of %s is missing",
                        topic_names[topic]);
    return 0;
}

int change_store_bump(struct db_pool *pool, enum change_topic topic, struct app_error *err)
{
    return sql_pool_execute(pool, SQL_CALL(SQL_CHANGE_BUMP, sql_text(topic_names[topic])), NULL,
                            err);
}
