/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A route table compiled into a trie of path segments: literals win over variables, and a node that
 * lacks the method is passed over for the next match (portal contract 2.5). HEAD is served as GET.
 * Threads: build once, then any may search. Nothing blocks.
 */
#ifndef CP_ROUTER_H
#define CP_ROUTER_H
#include "error.h"
#include "gate.h"
#include "route.h"

struct router;

/** @return the compiled table, or NULL with APP_INTERNAL: malformed template, unknown method, no
 * rule, two routes the same. @p routes is borrowed. */
struct router *router_create(const struct route *routes, size_t count, struct app_error *err);
void router_destroy(struct router *r);

struct router_match {
    const struct route *route; /* NULL: no such path, or not with this method */
    size_t index;              /* of the route in its table */
    unsigned
        methods; /* bits 1u << enum http_method: what the path allows, HEAD and OPTIONS included */
};

/** Search @p count decoded segments @p seg. */
struct router_match router_find(const struct router *r, enum http_method m, const struct text *seg,
                                size_t count);
/** Fill the variables of @p route from the segments it matched. @return their number. */
size_t router_vars(const struct router *r, size_t route_index, const struct text *seg,
                   struct http_var ret[HTTP_VARS_MAX]);
/** Write the Allow value ("GET,HEAD,OPTIONS") of a method set. */
void router_allow(unsigned methods, char *ret, size_t bytes);
#endif
