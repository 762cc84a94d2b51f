/* SPDX-License-Identifier: Apache-2.0 */
/** The built-in issuer over HTTP: discovery, key set, token endpoint (design 6; RFC 6749, 7517). */
#ifndef CP_ISSUER_API_H
#define CP_ISSUER_API_H
#include "route.h"

struct issuer;

struct issuer_app {
    struct issuer *issuer; /* borrowed for the lifetime */
    const char *realm;
};

/** Fill @p ret with the issuer's API over @p app (borrowed for the lifetime). */
void issuer_api_init(struct api *ret, struct issuer_app *app);

#define ROUTE(id, method, path, handler, rule, body, mode)                                         \
    int handler(struct http_req *req, struct http_res *res, struct app_error *err);
#include "issuer.def"
#undef ROUTE
#endif
