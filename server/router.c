/* SPDX-License-Identifier: Apache-2.0 */
#include "router.h"
#include "cleanup.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct node {
    struct text literal;     /* borrowed from the template; unused in a variable's node */
    struct node *children;   /* literals, a list */
    struct node *variable;   /* the one node of any variable */
    struct node *next;       /* sibling */
    int route[METHOD_COUNT]; /* index + 1; 0: none */
    unsigned methods;
};

struct template_var {
    size_t segment;
    char name[32];
};

struct compiled {
    size_t var_count;
    struct template_var vars[HTTP_VARS_MAX];
};

struct router {
    const struct route *routes;
    struct compiled *compiled;
    struct node root;
};

static void free_nodes(struct node *n)
{
    while (n) {
        struct node *next = n->next;

        free_nodes(n->children); /* depth: segments of a template, at most GATE_SEGMENTS_MAX */
        free_nodes(n->variable);
        free(n);
        n = next;
    }
}

void router_destroy(struct router *r)
{
    if (!r)
        return;
    free_nodes(r->root.children);
    free_nodes(r->root.variable);
    free(r->compiled);
    free(r);
}

static struct node *literal_child(const struct node *n, struct text name)
{
    for (struct node *c = n->children; c; c = c->next) {
        if (text_eq(c->literal, name))
            return c;
    }
    return NULL;
}

static struct node *add_literal(struct node *n, struct text name)
{
    struct node *c = literal_child(n, name);

    if (c)
        return c;
    c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->literal = name;
    c->next = n->children;
    n->children = c;
    return c;
}

static int add_var(struct compiled *c, struct text name, size_t segment)
{
    struct template_var *v = &c->vars[c->var_count];

    if (c->var_count == HTTP_VARS_MAX || name.len == 0 || name.len >= sizeof v->name)
        return -1;
    memcpy(v->name, name.p, name.len);
    v->name[name.len] = '\0';
    v->segment = segment;
    c->var_count++;
    return 0;
}

/* One step down the trie for template segment @p seg. */
static struct node *add_segment(struct node *n, struct text seg, size_t at, struct compiled *c)
{
    if (seg.len == 0 || at >= GATE_SEGMENTS_MAX)
        return NULL;
    if (seg.p[0] != '{')
        return memchr(seg.p, '{', seg.len) ? NULL : add_literal(n, seg);
    if (seg.p[seg.len - 1] != '}' || add_var(c, (struct text){seg.p + 1, seg.len - 2}, at) < 0)
        return NULL;
    if (!n->variable)
        n->variable = calloc(1, sizeof *n);
    return n->variable;
}

static struct node *add_path(struct router *r, const char *path, struct compiled *c)
{
    struct node *n = &r->root;
    const char *p = path;

    if (*p != '/')
        return NULL;
    for (size_t at = 0; n && *p; at++) {
        const char *end = strchrnul(p + 1, '/');

        n = add_segment(n, (struct text){p + 1, (size_t)(end - p - 1)}, at, c);
        p = end;
    }
    return n;
}

static int add_route(struct router *r, size_t index, struct app_error *err)
{
    const struct route *route = &r->routes[index];
    struct node *n;
    enum http_method m;
    const char *why;

    if (route->rule <= RULE_UNSET || route->rule >= RULE_COUNT)
        return app_fail(err, APP_INTERNAL, "route %s has no rule", route->id);
    if (gate_method(route->method, &m, &why) != 0 || m == METHOD_HEAD || m == METHOD_OPTIONS)
        return app_fail(err, APP_INTERNAL, "route %s: method %s", route->id, route->method);
    n = add_path(r, route->path, &r->compiled[index]);
    if (!n)
        return app_fail(err, APP_INTERNAL, "route %s: template %s", route->id, route->path);
    if (n->route[m])
        return app_fail(err, APP_INTERNAL, "route %s clashes with %s", route->id,
                        r->routes[n->route[m] - 1].id);
    n->route[m] = (int)index + 1;
    n->methods |= 1u << m | 1u << METHOD_OPTIONS;
    if (m == METHOD_GET) {
        n->route[METHOD_HEAD] = (int)index + 1;
        n->methods |= 1u << METHOD_HEAD;
    }
    return 0;
}

struct router *router_create(const struct route *routes, size_t count, struct app_error *err)
{
    struct router *r = calloc(1, sizeof *r);

    if (r)
        r->compiled = calloc(count ? count : 1, sizeof *r->compiled);
    if (!r || !r->compiled) {
        router_destroy(r);
        app_fail(err, APP_INTERNAL, "out of memory");
        return NULL;
    }
    r->routes = routes;
    for (size_t i = 0; i < count; i++) {
        if (add_route(r, i, err) < 0) {
            router_destroy(r);
            return NULL;
        }
    }
    return r;
}

/* Depth-first, literal before variable: at most 2^(variables of the table's paths) nodes are seen.
 */
static int search(const struct node *n, enum http_method m, const struct text *seg, size_t count,
                  unsigned *methods)
{
    const struct node *c;
    int found = 0;

    if (count == 0) {
        *methods |= n->methods;
        return n->route[m];
    }
    c = literal_child(n, seg[0]);
    if (c)
        found = search(c, m, seg + 1, count - 1, methods);
    if (!found && n->variable && seg[0].len > 0)
        found = search(n->variable, m, seg + 1, count - 1, methods);
    return found;
}

struct router_match router_find(const struct router *r, enum http_method m, const struct text *seg,
                                size_t count)
{
    struct router_match match = {0};
    int found = search(&r->root, m, seg, count, &match.methods);

    if (found) {
        match.index = (size_t)found - 1;
        match.route = &r->routes[match.index];
    }
    return match;
}

size_t router_vars(const struct router *r, size_t route_index, const struct text *seg,
                   struct http_var ret[HTTP_VARS_MAX])
{
    const struct compiled *c = &r->compiled[route_index];

    for (size_t i = 0; i < c->var_count; i++)
        ret[i] = (struct http_var){c->vars[i].name, seg[c->vars[i].segment]};
    return c->var_count;
}

void router_allow(unsigned methods, char *ret, size_t bytes)
{
    size_t at = 0;

    ret[0] = '\0';
    for (int m = 0; m < METHOD_COUNT; m++) {
        if ((methods & 1u << m) && at < bytes)
            at += (size_t)snprintf(ret + at, bytes - at, "%s%s", at ? "," : "",
                                   gate_method_name((enum http_method)m));
    }
}
