/* SPDX-License-Identifier: Apache-2.0 */
#include "access.h"
#include "audit_store.h"
#include "internal.h"
#include "log.h"

static struct audit_row row_of(const struct svc_call *call, const char *action, const char *target)
{
    const struct principal *p = call->principal;

    return (struct audit_row){.request_id = call->request_id,
                              .actor_issuer = p ? p->issuer : "",
                              .actor_auth_id = p ? p->auth_id : "",
                              .actor_user_id = p ? p->user_id : "",
                              .action = action,
                              .target = target};
}

int audit_begin(const struct svc_call *call, const char *action, const char *target,
                struct app_error *err)
{
    struct audit_row row = row_of(call, action, target);

    row.outcome = "intent";
    return audit_store_append(call->services->config.db, &row, err);
}

void audit_end(const struct svc_call *call, const char *action, const char *target, int rc,
               const struct app_error *err)
{
    struct audit_row row = row_of(call, action, target);
    struct app_error failed;

    row.outcome = rc == 0 ? "ok" : "failed";
    row.detail = rc == 0 ? "" : app_code_name(err->code);
    if (audit_store_append(call->services->config.db, &row, &failed) < 0)
        log_message(LOG_ERROR, "audit", "outcome of %s on %s not recorded: %s", action, target,
                    failed.detail);
}

void access_record_refusal(const struct svc_call *call, const char *action, const char *target,
                           const char *why)
{
    struct audit_row row = row_of(call, action, target);
    struct app_error failed;

    row.outcome = "refused";
    row.detail = why;
    if (audit_store_append(call->services->config.db, &row, &failed) < 0)
        log_message(LOG_ERROR, "audit", "refusal of %s not recorded: %s", action, failed.detail);
}
