/* SPDX-License-Identifier: Apache-2.0 */
#include "status.h"

#include "cleanup.h"
#include "json.h"

#include <string.h>

#define REASON_MAX 48

static const struct {
    int http_status;
    enum app_code code;
} known_statuses[] = {
    {400, APP_UPSTREAM_BAD_REQUEST },
    {401, APP_UPSTREAM_UNAUTHORIZED},
    {403, APP_FORBIDDEN            },
    {404, APP_NOT_FOUND            },
    {409, APP_CONFLICT             },
    {422, APP_UNPROCESSABLE        },
    {500, APP_UPSTREAM_FAILED      },
    {503, APP_UPSTREAM_UNAVAILABLE },
};

enum app_code kube_status_code(int http_status)
{
    for (size_t i = 0; i < ARRAY_LEN(known_statuses); i++)
        if (known_statuses[i].http_status == http_status)
            return known_statuses[i].code;
    if (http_status >= 400)
        return APP_UPSTREAM_FAILED;
    return http_status >= 200 && http_status < 300 ? APP_OK : APP_UPSTREAM_BROKEN;
}

bool kube_is_media_type(const char *content_type, const char *media_type)
{
    size_t len = strcspn(content_type, "; \t");

    return text_eq_nocase((struct text){content_type, len}, text_of(media_type));
}

/* The reason is one CamelCase word; anything else is not repeated. */
static const char *reason_of(const json_t *status)
{
    const char *reason = json_str_or(status, "reason", "");
    size_t len = strspn(reason, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    return reason[len] == '\0' && len <= REASON_MAX ? reason : "";
}

static int refused(const struct net_response *res, enum app_code code, struct app_error *err)
{
    json_t *status = NULL;

    if (res->body.len > 0 && kube_is_media_type(res->content_type, "application/json"))
        status = json_parse(res->body.data, res->body.len, true, NULL);
    app_fail(err, code, "the cluster answered %d %s", res->status, reason_of(status));
    json_decref(status);
    return -1;
}

int kube_check_answer(const struct net_response *res, const char *accept, bool may_be_empty,
                      struct app_error *err)
{
    enum app_code code = kube_status_code(res->status);

    if (code != APP_OK)
        return refused(res, code, err);
    if (res->status == 204 && may_be_empty)
        return 0;
    if (res->received_bytes == 0 && res->body.len == 0)
        return app_fail(err, APP_UPSTREAM_BROKEN, "the cluster answered %d without a body",
                        res->status);
    if (!kube_is_media_type(res->content_type, accept))
        return app_fail(err, APP_UPSTREAM_BROKEN, "the cluster answered %d, not as %s", res->status,
                        accept);
    return 0;
}
