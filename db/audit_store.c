/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_store.h"

#include "sql.h"

/* Widths of the columns of cpx_audit in characters; cutting by bytes stays within them. */
#define WIDTH_ID 64
#define WIDTH_NAME 255
#define WIDTH_TARGET 600
#define WIDTH_DETAIL 1000

/* One parameter: at most @p max_bytes, as UTF-8. A foreign byte must not make the record fail. */
static struct sql_value cut(const char *s, size_t max_bytes, char room[WIDTH_DETAIL + 1])
{
    struct text t = text_of(s ? s : "");

    if (t.len > max_bytes) {
        t.len = max_bytes;
        while (t.len && ((unsigned char)t.p[t.len] & 0xc0) == 0x80)
            t.len--; /* not inside a character */
    }
    if (!text_is_utf8(t.p, t.len)) {
        for (size_t i = 0; i < t.len; i++)
            room[i] = (char)((unsigned char)t.p[i] < 0x80 ? t.p[i] : '?');
        t.p = room;
    }
    return (struct sql_value){.kind = SQL_TEXT, .text = t};
}

#define PARAMS 8

int audit_store_append(struct db_pool *pool, const struct audit_row *row, struct app_error *err)
{
    const struct {
        const char *text;
        size_t width;
    } columns[PARAMS] = {
        {row->request_id,    WIDTH_ID    },
        {row->actor_issuer,  WIDTH_NAME  },
        {row->actor_auth_id, WIDTH_NAME  },
        {row->actor_user_id, WIDTH_NAME  },
        {row->action,        WIDTH_ID    },
        {row->target,        WIDTH_TARGET},
        {row->outcome,       WIDTH_ID    },
        {row->detail,        WIDTH_DETAIL}
    };
    char room[PARAMS][WIDTH_DETAIL + 1];
    struct sql_value in[PARAMS];

    for (size_t i = 0; i < PARAMS; i++)
        in[i] = cut(columns[i].text, columns[i].width, room[i]);
    return sql_pool_execute(pool, &(const struct sql_call){SQL_AUDIT_INSERT, in, PARAMS}, NULL,
                            err);
}
