/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_store.h"

#include "sql.h"

/* Widths of the columns of cpx_audit in characters; cutting by bytes stays within them. */
#define WIDTH_ID 64
#define WIDTH_NAME 255
#define WIDTH_TARGET 600
#define WIDTH_DETAIL 1000

static struct sql_value cut(const char *s, size_t max_bytes)
{
    struct text t = text_of(s ? s : "");

    if (t.len > max_bytes) {
        t.len = max_bytes;
        while (t.len && ((unsigned char)t.p[t.len] & 0xc0) == 0x80)
            t.len--; /* not inside a character */
    }
    return (struct sql_value){.kind = SQL_TEXT, .text = t};
}

int audit_store_append(struct db_pool *pool, const struct audit_row *row, struct app_error *err)
{
    return sql_pool_execute(pool,
                            SQL_CALL(SQL_AUDIT_INSERT, cut(row->request_id, WIDTH_ID),
                                     cut(row->actor_issuer, WIDTH_NAME),
                                     cut(row->actor_auth_id, WIDTH_NAME),
                                     cut(row->actor_user_id, WIDTH_NAME),
                                     cut(row->action, WIDTH_ID), cut(row->target, WIDTH_TARGET),
                                     cut(row->outcome, WIDTH_ID), cut(row->detail, WIDTH_DETAIL)),
                            NULL, err);
}
