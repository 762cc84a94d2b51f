/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Routes are data. An API is a table of routes in a .def file, one ROUTE() row each:
 *
 *   ROUTE(id, METHOD, "/path/{var}", handler, RULE, body_max_bytes, MODE)
 *
 * id     the row of the contract's endpoint index (portal contract 12): P1, P2, ...
 * RULE   a row of rules.def without its prefix: who may call. A row without one does not compile.
 * MODE   INLINE: memory only, never waits (design 3.6). WORKER: runs on the bounded pool.
 */
#ifndef CP_ROUTE_H
#define CP_ROUTE_H
#include "http.h"

enum route_rule {
    RULE_UNSET, /* a table that leaves the rule out gets this: refused by a static assertion */
#define RULE(name, needs_token, text) RULE_##name,
#include "rules.def"
#undef RULE
    RULE_COUNT
};

enum route_mode { MODE_INLINE, MODE_WORKER };

struct route {
    const char *id;
    const char *method;
    const char *path;
    http_handler handler;
    size_t body_max_bytes;
    enum route_rule rule;
    enum route_mode mode;
};

/* The rule, or a build error for RULE_UNSET; a row that leaves the rule out names nothing and does
 * not compile either. */
#define ROUTE_RULE(rule_)                                                                          \
    (enum route_rule)((int)(rule_) + 0 * (int)sizeof(struct {                                      \
                                         _Static_assert((rule_) != RULE_UNSET,                     \
                                                        "a route needs a rule");                   \
                                         int unused;                                               \
                                     }))

/* Expands one row of a .def table into a struct route. */
#define ROUTE_ROW(id_, method_, path_, handler_, rule_, body_, mode_)                              \
    {                                                                                              \
        .id = #id_, .method = #method_, .path = (path_), .handler = (handler_),                    \
        .rule = ROUTE_RULE(RULE_##rule_), .body_max_bytes = (body_), .mode = MODE_##mode_          \
    }

/** An API: its routes and how it authenticates and refuses. */
struct api;
typedef int (*authenticate_fn)(struct http_req *req, const struct principal **ret,
                               struct app_error *err);
typedef bool (*authenticate_ready_fn)(struct http_req *req);
typedef void (*record_refusal_fn)(struct http_req *req, const struct app_error *why);
typedef int (*authorize_fn)(const struct http_req *req, enum route_rule rule,
                            struct app_error *err);

struct api {
    const char *name; /* "portal", "issuer", "management" */
    const struct route *routes;
    size_t route_count;
    authenticate_fn
        authenticate; /* fills the principal or fails; called for every rule with needs_token */
    authenticate_ready_fn is_ready; /* true: authenticate() would not wait, so it may run inline;
                                       NULL: always false */
    authorize_fn authorize;         /* default is deny: must return 0 to let the request through */
    record_refusal_fn record_refusal; /* records a refusal of authorize() before it is answered, on
                                         a worker, may wait; NULL: none */
    bool is_compat; /* compat mount: always 200 + body; unknown paths authenticate first
                       (design 3.2) */
    void *app;
};
#endif
