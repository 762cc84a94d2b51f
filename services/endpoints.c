/* SPDX-License-Identifier: Apache-2.0 */
#include "endpoints.h"
#include "cleanup.h"
#include "internal.h"
#include "parallel.h"
#include "related.h"
#include "view.h"

#include <string.h>

#define NODES_MAX 1000 /* Kubernetes itself keeps no more addresses in one object */
#define NODE_MAX_BYTES 1024
#define ANSWER_MAX_BYTES (16 * MIB)

struct node_read {
    const char *name;
    json_t *ready; /* owned; NULL: the node has no such condition */
    int rc;
    struct app_error err;
};

struct node_work {
    const struct kube_call *call;
    struct node_read *nodes;
};

static int parse_ready(struct node_read *n, struct buf *members)
{
    json_auto_t *shown = NULL;

    buf_append_char(members, '}');
    shown = json_loadb(members->data, members->len, 0, NULL);
    if (!shown)
        return app_fail(&n->err, APP_INTERNAL, "the view of a node cannot be read");
    n->ready = json_incref(json_object_get(shown, "ready"));
    return 0;
}

static void read_node(void *ctx, size_t i)
{
    struct node_work *work = ctx;
    struct node_read *n = &work->nodes[i];
    struct buf members AUTO(buf_finish_p) = BUF_INIT(NODE_MAX_BYTES);

    buf_append_char(&members, '{');
    n->rc = kube_get_detail(work->call, &kube_node_ready, NULL, n->name, &members, &n->err);
    if (n->rc == 0)
        n->rc = parse_ready(n, &members);
}

/* Give what was read to @p nodes, whose member names the reads borrow: only values change. */
static int take_over(struct node_read *reads, size_t count, json_t *nodes, struct app_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < count; i++) {
        if (reads[i].rc < 0 && rc == 0) {
            *err = reads[i].err;
            rc = -1;
        }
        if (reads[i].ready)
            json_object_set_new(nodes, reads[i].name, reads[i].ready);
    }
    return rc;
}

/*
 * Who may read the endpoints learns how the nodes under them are; a USER may not read nodes, so the
 * server does (contract 13.18: with the cluster's own credential). A node that cannot be read fails
 * the request, as in the original.
 */
static int read_nodes(const struct svc_call *call, const char *cluster_id, json_t *nodes,
                      struct app_error *err)
{
    struct kube_call kc AUTO(cluster_call_end) = {0};
    size_t count = json_object_size(nodes), n = 0;
    struct node_read *reads = arena_array(call->arena, count, sizeof *reads);
    struct node_work work = {&kc, reads};
    const char *name;
    json_t *ignored;

    if (count == 0)
        return 0;
    if (count > NODES_MAX)
        return app_fail(err, APP_UPSTREAM_BROKEN, "endpoints on %zu nodes", count);
    if (!reads)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (cluster_call_as_server(call, cluster_id, &kc, err) < 0)
        return -1;
    json_object_foreach (nodes, name, ignored)
        reads[n++] = (struct node_read){.name = name};
    parallel_for(count, read_node, &work);
    return take_over(reads, count, nodes, err);
}

static json_t *read_endpoints(const struct svc_call *call, const struct resource_ref *ref,
                              struct app_error *err)
{
    const char *const segments[] = {ref->namespace_name, ref->name};
    struct kube_call kc AUTO(cluster_call_end) = {0};
    const char *path;

    if (cluster_call_begin(call, ref->cluster_id, ref->namespace_name, &kc, err) < 0)
        return NULL;
    path = kube_path_format(call->arena, "/api/v1/namespaces/{}/endpoints/{}", segments, 2, err);
    return path ? kube_get_json(&kc, path, 0, err) : NULL;
}

int related_endpoints(const struct svc_call *call, const struct resource_ref *ref,
                      struct buf *ret_members, struct app_error *err)
{
    json_auto_t *doc = read_endpoints(call, ref, err), *nodes = NULL;
    struct buf members AUTO(buf_finish_p) = BUF_INIT(ANSWER_MAX_BYTES);

    if (!doc)
        return -1;
    nodes = kube_endpoints_nodes(doc);
    if (!nodes)
        return app_fail(err, APP_INTERNAL, "out of memory");
    if (read_nodes(call, ref->cluster_id, nodes, err) < 0 ||
        kube_endpoints_render(doc, nodes, &members, err) < 0)
        return -1;
    if (buf_append(ret_members, members.data, members.len) < 0)
        return app_fail(err, APP_INTERNAL, "no room for the endpoints");
    return 0;
}
