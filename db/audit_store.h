/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The audit trail (cpx_audit): append only, the time is the database's, UTC. Errors: db.h.
 * Texts longer than their column are cut at a character, never refused; NULL is written as "".
 */
#ifndef CP_AUDIT_STORE_H
#define CP_AUDIT_STORE_H
#include "db.h"

struct audit_row {
    const char *request_id;
    const char *actor_issuer;
    const char *actor_auth_id; /* sub */
    const char *actor_user_id;
    const char *action;  /* "clusters.register", "login", ... */
    const char *target;  /* "cluster/<id>", "namespace/<cluster>/<name>", ... */
    const char *outcome; /* "intent", "ok", "refused", "failed" */
    const char *detail;  /* never a secret */
};

int audit_store_append(struct db_pool *pool, const struct audit_row *row, struct app_error *err)
    __attribute__((warn_unused_result));
#endif
