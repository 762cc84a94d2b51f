/* SPDX-License-Identifier: Apache-2.0 */
/** Login, token refresh and sign-up (portal contract 3.7, 3.8, 13.1; design 9.1, 9.2, 9.6). */
#ifndef CP_SERVICES_SIGN_IN_H
#define CP_SERVICES_SIGN_IN_H
#include "context.h"
#include "text.h"

struct sign_in_input {
    struct text authorization; /* the header; the proof of identity */
    const char *user_id;       /* of the body, "" when absent: then taken from the token */
    const char *auth_id;
    const char *client_ip, *browser; /* copied into the portal token */
};

struct sign_in_result {
    bool is_active; /* false: known, but without any right (contract 3.8 step 6) */
    const char *user_id, *auth_id;
    enum user_type type;
    const char *token;
};

/** True when @p authorization carries a bearer at all ("Bearer null" does not, design 9.1). */
bool sign_in_has_proof(struct text authorization);

/**
 * Exchange an access token of the issuer for a portal token.
 * @return 0 (see is_active), or -1 with APP_LOGIN_FAILED, APP_TOKEN_INVALID, APP_TOKEN_EXPIRED,
 * APP_DATABASE.
 */
int sign_in_login(const struct svc_call *call, const struct sign_in_input *in,
                  struct sign_in_result *ret, struct app_error *err)
    __attribute__((warn_unused_result));

/**
 * Exchange an expired portal token for a new one, at most 12 h after sign-in, with the rights of
 * now.
 * @param is_asked  the header isRefreshToken: true was sent
 * @param ret_token set on success; NULL on success means "refused": contract 3.7 answers Refresh
 * Token Failed.
 * @return 0, or -1 with APP_TOKEN_MISSING, _INVALID, _EXPIRED (not asked), APP_DATABASE.
 */
int sign_in_refresh(const struct svc_call *call, struct text authorization, bool is_asked,
                    const char **ret_token, struct app_error *err)
    __attribute__((warn_unused_result));

/** Register the person of the token. @return 0, or -1 with APP_RULE (contract 13.1), APP_TOKEN_*,
 * APP_DATABASE. */
int sign_in_sign_up(const struct svc_call *call, const struct sign_in_input *in,
                    struct app_error *err) __attribute__((warn_unused_result));
#endif
