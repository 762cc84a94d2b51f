/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer_api.h"
#include "cleanup.h"
#include "clock.h"
#include "issuer.h"

#include <string.h>

static const struct route routes[] = {
#define ROUTE(id, method, path, handler, rule, body, mode)                                         \
    ROUTE_ROW(id, method, path, handler, rule, body, mode),
#include "issuer.def"
#undef ROUTE
};

/* Every route of the issuer is public by its own protocol; anything else is a mistake in the table.
 */
static int authorize(const struct http_req *req, enum route_rule rule, struct app_error *err)
{
    (void)req;
    return rule == RULE_PUBLIC ? 0 : app_fail(err, APP_ACCESS_DENIED, "not a public route");
}

void issuer_api_init(struct api *ret, struct issuer_app *app)
{
    *ret = (struct api){.name = "issuer",
                        .routes = routes,
                        .route_count = ARRAY_LEN(routes),
                        .authorize = authorize,
                        .is_compat = false,
                        .app = app};
}

static int check_realm(struct http_req *req, struct app_error *err)
{
    const struct issuer_app *app = req->app;

    if (strcmp(req_var(req, "realm"), app->realm) == 0)
        return 0;
    return app_fail(err, APP_NOT_FOUND, "no such realm");
}

static int answer_text(struct http_res *res, const char *json, struct app_error *err)
{
    if (!json)
        return app_fail(err, APP_INTERNAL, "out of memory");
    buf_init(&res->body, 1 * MIB);
    return buf_append_str(&res->body, json) == 0 ? 0 : app_fail(err, APP_INTERNAL, "out of memory");
}

int issuer_get_discovery(struct http_req *req, struct http_res *res, struct app_error *err)
{
    const struct issuer_app *app = req->app;

    if (check_realm(req, err) < 0)
        return -1;
    return answer_text(res, issuer_discovery(app->issuer, req->arena), err);
}

int issuer_get_keys(struct http_req *req, struct http_res *res, struct app_error *err)
{
    const struct issuer_app *app = req->app;

    if (check_realm(req, err) < 0)
        return -1;
    return answer_text(res, issuer_jwks(app->issuer, req->arena, clock_unix_s()), err);
}

static bool is_form(struct http_req *req)
{
    const char *type = req_header(req, "Content-Type");
    struct text t = text_of(type);

    t.len = type ? strcspn(type, "; \t") : 0;
    return text_eq_nocase(t, TEXT("application/x-www-form-urlencoded"));
}

int issuer_post_token(struct http_req *req, struct http_res *res, struct app_error *err)
{
    const struct issuer_app *app = req->app;
    struct issuer_token_input in = {.form = req->body, .peer = req->peer, .now_s = clock_unix_s()};
    struct issuer_answer answer;

    if (check_realm(req, err) < 0)
        return -1;
    if (!is_form(req))
        return app_fail(err, APP_MEDIA_TYPE, "the token endpoint takes a form");
    issuer_token_request(app->issuer, &in, req->arena, &answer);
    res->status = answer.http_status;
    res->retry_after_s = answer.retry_after_s;
    return answer_text(res, answer.json, err);
}
