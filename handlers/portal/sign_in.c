/* SPDX-License-Identifier: Apache-2.0 */
/* Login, refresh, sign-up: contract 3.7, 3.8, 13.1. The messages are English whatever the language
 * (contract 5.2). */
#include "sign_in.h"
#include "call.h"
#include "cleanup.h"
#include "json.h"
#include "portal.h"

#include <string.h>

/* AuthenticationResponse; a NULL string is null. */
struct auth_answer {
    const char *result_code;
    enum msg_id result_message;
    int code;
    enum msg_id detail_message;
    const char *user_id, *auth_id, *user_type, *token, *cluster_id;
    json_t *is_super_admin; /* stolen */
};

static json_t *auth_json(const struct auth_answer *a)
{
    return json_pack("{s:s, s:s, s:i, s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:o}", "resultCode",
                     a->result_code, "resultMessage", msg_text(a->result_message, LANG_EN),
                     "httpStatusCode", a->code, "detailMessage",
                     msg_text(a->detail_message, LANG_EN), "userId", a->user_id, "userAuthId",
                     a->auth_id, "userType", a->user_type, "token", a->token, "clusterId",
                     a->cluster_id, "isSuperAdmin", a->is_super_admin);
}

/* A body is optional when the token proves the identity (design 9.1). */
static int read_input(struct http_req *req, struct sign_in_input *ret, struct app_error *err)
{
    const json_t *body = NULL;

    req->lang = LANG_EN;
    *ret = (struct sign_in_input){.authorization = req->authorization,
                                  .user_id = "",
                                  .auth_id = "",
                                  .client_ip = "",
                                  .browser = ""};
    if (req->body.len == 0 && sign_in_has_proof(req->authorization))
        return 0;
    if (req_json(req, &body, err) < 0)
        return -1;
    ret->user_id = json_str_or(body, "userId", "");
    ret->auth_id = json_str_or(body, "userAuthId", "");
    ret->client_ip = json_str_or(body, "clientIp", "");
    ret->browser = json_str_or(body, "browser", "");
    return 0;
}

static struct auth_answer login_answer(const struct sign_in_result *r)
{
    if (!r->is_active)
        return (struct auth_answer){
            "FAIL", MSG_INACTIVE_USER, 403, MSG_INACTIVE_USER_DETAIL, "-", "-", "-", "-",
            "-",    json_false()};
    return (struct auth_answer){"SUCCESS",
                                MSG_LOGIN_SUCCESSFUL,
                                200,
                                MSG_LOGIN_SUCCESSFUL,
                                r->user_id,
                                r->auth_id,
                                user_type_name(r->type),
                                r->token,
                                "cp-cluster",
                                json_boolean(r->type == USER_TYPE_SUPER_ADMIN)};
}

int portal_login(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct svc_call call = call_of(req);
    struct sign_in_input in;
    struct sign_in_result result;
    struct auth_answer answer;

    if (read_input(req, &in, err) < 0 || sign_in_login(&call, &in, &result, err) < 0)
        return -1;
    answer = login_answer(&result);
    return res_json(res, auth_json(&answer), err);
}

int portal_refresh(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct svc_call call = call_of(req);
    const char *asked = req_header(req, "isRefreshToken");
    const char *token = NULL;
    struct auth_answer answer;

    req->lang = LANG_EN;
    if (sign_in_refresh(&call, req->authorization, asked && strcmp(asked, "true") == 0, &token,
                        err) < 0)
        return -1;
    answer = (struct auth_answer){token ? "SUCCESS" : "FAIL",
                                  token ? MSG_REFRESH_SUCCESSFUL : MSG_REFRESH_FAILED,
                                  token ? 200 : 500,
                                  token ? MSG_REFRESH_SUCCESSFUL : MSG_REFRESH_FAILED,
                                  NULL,
                                  NULL,
                                  NULL,
                                  token ? token : "-",
                                  NULL,
                                  json_null()};
    return res_json(res, auth_json(&answer), err);
}

int portal_sign_up(struct http_req *req, struct http_res *res, struct app_error *err)
{
    struct svc_call call = call_of(req);
    struct sign_in_input in;

    if (read_input(req, &in, err) < 0 || sign_in_sign_up(&call, &in, err) < 0)
        return -1;
    return res_done(req, res, err);
}
