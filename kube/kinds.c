/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every resource kind as tables. Source: portal contract 13.8, 13.9, 13.13-13.16, 13.19; errata U1,
 * U2; BUG-24 (port from containerPort), BUG-25 (minReadySeconds), BUG-26 (times of events), BUG-28
 * (empty containerStatuses).
 */
#include "cleanup.h"
#include "view.h"

#include <string.h>

#define FIELD(out, path, conv)                                                                     \
    {                                                                                              \
        out, path, conv, NULL, NULL, NULL, NULL                                                    \
    }
#define FIELD_OR(out, path, conv, missing)                                                         \
    {                                                                                              \
        out, path, conv, missing, NULL, NULL, NULL                                                 \
    }
#define NESTED(out, path, conv, missing, sub)                                                      \
    {                                                                                              \
        out, path, conv, missing, sub, NULL, NULL                                                  \
    }
#define FOLD(path, sub, fold)                                                                      \
    {                                                                                              \
        NULL, path, VIEW_FOLD, NULL, sub, fold, NULL                                               \
    }
#define CUSTOM(out, sub, render)                                                                   \
    {                                                                                              \
        out, NULL, VIEW_CUSTOM, NULL, sub, NULL, render                                            \
    }

#define F_NAME FIELD("name", "metadata.name", VIEW_STRING)
#define F_UID FIELD("uid", "metadata.uid", VIEW_STRING)
#define F_NAMESPACE FIELD("namespace", "metadata.namespace", VIEW_STRING)
#define F_LABELS FIELD("labels", "metadata.labels", VIEW_MAP)
#define F_ANNOTATIONS FIELD("annotations", "metadata.annotations", VIEW_ANNOTATIONS)
#define F_CREATED FIELD("creationTimestamp", "metadata.creationTimestamp", VIEW_TIME)

#define VIEW_TABLE(var, text, table, must)                                                         \
    static struct view var = {                                                                     \
        .name = (text), .fields = (table), .required = (must), .plain = false, .plan = NULL}

/* ---- namespaces ---- */

static const struct view_field namespace_row[] = {
    F_NAME, F_LABELS, FIELD("namespaceStatus", "status.phase", VIEW_STRING), F_CREATED, VIEW_END};
static const struct view_field namespace_detail[] = {
    F_NAME,
    F_UID,
    F_LABELS,
    F_ANNOTATIONS,
    FIELD("namespaceStatus", "status.phase", VIEW_STRING),
    F_CREATED,
    VIEW_END};
VIEW_TABLE(namespaces_list, "namespaces list", namespace_row, NULL);
VIEW_TABLE(namespaces_detail, "namespace", namespace_detail, "metadata status");

static const struct view_field name_only[] = {F_NAME, VIEW_END};
struct view kube_view_names = {
    .name = "names", .fields = name_only, .required = NULL, .plain = true, .plan = NULL};

static const struct view_field labels_only[] = {
    FIELD_OR("labels", "metadata.labels", VIEW_RAW_OBJECT, "{}"), VIEW_END};
struct view kube_view_labels = {.name = "labels", .fields = labels_only, .plain = true};

/* ---- nodes ---- */

static bool token_is(struct view_run *run, const struct scan_slot *slot, const char *text)
{
    size_t at = run->scratch.len;
    bool same = text_eq_str(view_text(run, slot, &run->scratch), text);

    run->scratch.len = at;
    return same;
}

/* The first condition of type Ready. */
static void fold_ready(struct view_run *run, const struct view_member *self)
{
    if (run->fold.done || !token_is(run, view_slot(run, self, 0), "Ready"))
        return;
    run->fold.done = true;
    if (view_slot(run, self, 1)->type == SCAN_STRING)
        run->fold.kept[0] = *view_slot(run, self, 1);
}

static void render_ready(struct view_run *run, const struct view_member *self, struct buf *out)
{
    (void)self;
    view_put_token(run, &run->fold.kept[0], "null", out);
}

static const struct view_field condition_fields[] = {FIELD(NULL, "type", VIEW_STRING),
                                                     FIELD(NULL, "status", VIEW_STRING), VIEW_END};
static const struct view_field node_row[] = {
    FOLD("status.conditions[]", condition_fields, fold_ready),
    F_NAME,
    F_LABELS,
    CUSTOM("ready", NULL, render_ready),
    F_CREATED,
    FIELD("usage", NULL, VIEW_CONST),
    FIELD("clusterId", NULL, VIEW_CONST),
    FIELD("clusterName", NULL, VIEW_CONST),
    VIEW_END};

static const struct view_field address_fields[] = {FIELD("address", "address", VIEW_STRING),
                                                   FIELD("type", "type", VIEW_STRING), VIEW_END};
static const struct view_field node_info_fields[] = {
    FIELD("architecture", "architecture", VIEW_STRING),
    FIELD("bootID", "bootID", VIEW_STRING),
    FIELD("containerRuntimeVersion", "containerRuntimeVersion", VIEW_STRING),
    FIELD("kernelVersion", "kernelVersion", VIEW_STRING),
    FIELD("kubeProxyVersion", "kubeProxyVersion", VIEW_STRING),
    FIELD("kubeletVersion", "kubeletVersion", VIEW_STRING),
    FIELD("machineID", "machineID", VIEW_STRING),
    FIELD("operatingSystem", "operatingSystem", VIEW_STRING),
    FIELD("osImage", "osImage", VIEW_STRING),
    FIELD("systemUUID", "systemUUID", VIEW_STRING),
    VIEW_END};
static const struct view_field node_detail[] = {
    F_NAME,
    F_UID,
    F_LABELS,
    F_ANNOTATIONS,
    F_CREATED,
    FIELD("podsCIDR", "spec.podCIDR", VIEW_STRING),
    NESTED("addresses", "status.addresses[]", VIEW_LIST, NULL, address_fields),
    NESTED("info", "status.nodeInfo", VIEW_OBJECT, NULL, node_info_fields),
    VIEW_END};
static const struct view_field node_ready[] = {
    FOLD("status.conditions[]", condition_fields, fold_ready), CUSTOM("ready", NULL, render_ready),
    VIEW_END};
VIEW_TABLE(nodes_ready, "node ready", node_ready, NULL);
const struct kube_kind kube_node_ready = {"nodes", "",    "v1", "nodes",     "Node",
                                          false,   false, NULL, &nodes_ready};
VIEW_TABLE(nodes_list, "nodes list", node_row, NULL);
VIEW_TABLE(nodes_detail, "node", node_detail, "metadata spec status");

/* ---- pods ---- */

/* How the walk over the container statuses ended (contract 13.14, cases b to e). */
enum pod_outcome { POD_PHASE, POD_WAITING, POD_TERMINATED, POD_NO_STATE };

enum {
    STATUS_RESTARTS,
    STATUS_STATE,
    STATUS_WAITING,
    STATUS_WAITING_REASON,
    STATUS_TERMINATED,
    STATUS_TERMINATED_REASON
};
static const struct view_field container_status_fields[] = {
    FIELD(NULL, "restartCount", VIEW_INT),
    FIELD(NULL, "state", VIEW_TYPE),
    FIELD(NULL, "state.waiting", VIEW_TYPE),
    FIELD(NULL, "state.waiting.reason", VIEW_STRING),
    FIELD(NULL, "state.terminated", VIEW_TYPE),
    FIELD(NULL, "state.terminated.reason", VIEW_STRING),
    VIEW_END};

enum { KEPT_RESTARTS, KEPT_REASON };

static bool is_object(const struct view_run *run, const struct view_member *self, int index)
{
    return view_slot(run, self, index)->type == SCAN_OBJECT;
}

static void stop_at(struct view_run *run, enum pod_outcome outcome, const struct scan_slot *reason)
{
    run->fold.done = true;
    run->fold.outcome = (int)outcome;
    if (reason && reason->type == SCAN_STRING)
        run->fold.kept[KEPT_REASON] = *reason;
}

static void fold_container_status(struct view_run *run, const struct view_member *self)
{
    if (run->elements[self->list] == 0)
        run->fold.kept[KEPT_RESTARTS] = *view_slot(run, self, STATUS_RESTARTS);
    if (run->fold.done)
        return;
    if (!is_object(run, self, STATUS_STATE))
        stop_at(run, POD_NO_STATE, NULL);
    else if (is_object(run, self, STATUS_WAITING))
        stop_at(run, POD_WAITING, view_slot(run, self, STATUS_WAITING_REASON));
    else if (is_object(run, self, STATUS_TERMINATED))
        stop_at(run, POD_TERMINATED, view_slot(run, self, STATUS_TERMINATED_REASON));
}

enum { POD_FIELD_PHASE, POD_FIELD_REASON, POD_FIELD_STATUSES };
static const struct view_field pod_status_fields[] = {
    FIELD(NULL, "status.phase", VIEW_STRING), FIELD(NULL, "status.reason", VIEW_STRING),
    FIELD(NULL, "status.containerStatuses", VIEW_TYPE), VIEW_END};

/* Phase and reason may stand behind the statuses in the bytes, so this waits for the item's end. */
static void render_pod_status(struct view_run *run, const struct view_member *self, struct buf *out)
{
    const struct scan_slot *phase = view_slot(run, self, POD_FIELD_PHASE);
    const struct scan_slot *reason = view_slot(run, self, POD_FIELD_REASON);
    const struct scan_slot *statuses = view_slot(run, self, POD_FIELD_STATUSES);
    bool has_none = statuses->type != SCAN_ARRAY || statuses->empty;

    if (run->fold.outcome == POD_WAITING || run->fold.outcome == POD_TERMINATED)
        view_put_token(run, &run->fold.kept[KEPT_REASON], "null", out);
    else if ((has_none || run->fold.outcome == POD_NO_STATE) && reason->type == SCAN_STRING)
        view_put_token(run, reason, "null", out);
    else
        view_put_token(run, phase->type == SCAN_STRING ? phase : &run->slots[VIEW_SLOT_NONE],
                       "null", out);
}

static void render_container_status(struct view_run *run, const struct view_member *self,
                                    struct buf *out)
{
    const struct scan_slot *phase = view_slot(run, self, POD_FIELD_PHASE);
    size_t at = run->scratch.len;
    bool is_running = text_eq_nocase(view_text(run, phase, &run->scratch), TEXT("Running"));

    run->scratch.len = at;
    if (run->fold.outcome == POD_WAITING && is_running)
        buf_append_str(out, "\"Failed\"");
    else
        view_put_token(run, phase->type == SCAN_STRING ? phase : &run->slots[VIEW_SLOT_NONE],
                       "null", out);
}

static void render_restarts(struct view_run *run, const struct view_member *self, struct buf *out)
{
    const struct scan_slot *restarts = &run->fold.kept[KEPT_RESTARTS];

    (void)self;
    view_put_integer(run, restarts, "0", out);
}

#define F_POD_FOLD                                                                                 \
    FOLD("status.containerStatuses[]", container_status_fields, fold_container_status)
#define F_POD_NODE FIELD("nodes", "spec.nodeName", VIEW_DASH)
#define F_POD_STATUS CUSTOM("podStatus", pod_status_fields, render_pod_status)
#define F_POD_RESTARTS CUSTOM("restarts", NULL, render_restarts)
#define NO_USAGE "{\"usage\":\"-\"}"

/* cpu and memory come last: list_run_set_usage() replaces the end of a row. */
static const struct view_field pod_row[] = {
    F_POD_FOLD,
    F_NAME,
    F_NAMESPACE,
    F_LABELS,
    F_POD_NODE,
    F_POD_STATUS,
    F_POD_RESTARTS,
    F_CREATED,
    FIELD("phase", "status.phase", VIEW_STRING),
    CUSTOM("containerStatus", pod_status_fields, render_container_status),
    FIELD("cpu", NULL, VIEW_SPLICE),
    FIELD("memory", NULL, VIEW_SPLICE),
    VIEW_END};

static const struct view_field secret_volume_fields[] = {
    FIELD("secretName", "secretName", VIEW_STRING),
    FIELD_OR("defaultMode", "defaultMode", VIEW_TEXT, "null"), VIEW_END};
static const struct view_field volume_fields[] = {
    FIELD("name", "name", VIEW_STRING),
    NESTED("secret", "secret", VIEW_OBJECT, NULL, secret_volume_fields), VIEW_END};
static const struct view_field container_port_fields[] = {
    FIELD("name", "name", VIEW_DASH),
    FIELD("port", "containerPort", VIEW_TEXT), /* BUG-24 */
    FIELD("protocol", "protocol", VIEW_DASH),
    FIELD("targetPort", "targetPort", VIEW_TEXT),
    FIELD("nodePort", "nodePort", VIEW_TEXT),
    VIEW_END};
static const struct view_field resources_fields[] = {FIELD("limits", "limits", VIEW_RAW_OBJECT),
                                                     FIELD("requests", "requests", VIEW_RAW_OBJECT),
                                                     FIELD("usage", NULL, VIEW_CONST), VIEW_END};
static const struct view_field container_fields[] = {
    FIELD("name", "name", VIEW_STRING),
    FIELD("image", "image", VIEW_STRING),
    FIELD("args", "args", VIEW_RAW_ARRAY),
    FIELD("env", "env", VIEW_RAW_ARRAY),
    NESTED("ports", "ports[]", VIEW_LIST, NULL, container_port_fields),
    NESTED("resources", "resources", VIEW_OBJECT, NULL, resources_fields),
    FIELD("command", "command", VIEW_RAW_ARRAY),
    VIEW_END};
static const struct view_field pod_detail[] = {
    F_POD_FOLD,
    F_NAME,
    F_UID,
    F_NAMESPACE,
    F_LABELS,
    F_ANNOTATIONS,
    F_CREATED,
    F_POD_NODE,
    F_POD_STATUS,
    FIELD("ip", "status.podIP", VIEW_DASH),
    FIELD("qosClass", "status.qosClass", VIEW_DASH),
    F_POD_RESTARTS,
    FIELD("controllers", "metadata.ownerReferences[0].name", VIEW_DASH),
    NESTED("volumes", "spec.volumes[]", VIEW_LIST, NULL, volume_fields),
    FIELD_OR("cpu", NULL, VIEW_CONST, NO_USAGE),
    FIELD_OR("memory", NULL, VIEW_CONST, NO_USAGE),
    NESTED("containers", "spec.containers[]", VIEW_LIST, "\"-\"", container_fields),
    VIEW_END};
VIEW_TABLE(pods_list, "pods list", pod_row, NULL);
struct view kube_view_pods_by_owner = {
    .name = "pods by owner", .fields = pod_row, .match = "metadata.ownerReferences[0].uid"};
VIEW_TABLE(pods_detail, "pod", pod_detail, "metadata spec status");

/* ---- deployments and replica sets ---- */

static const struct view_field image_fields[] = {FIELD(NULL, "image", VIEW_DASH), VIEW_END};
static const struct view_field workload_row[] = {
    F_NAME,
    F_NAMESPACE,
    FIELD("runningPods", "status.availableReplicas", VIEW_INT),
    FIELD("totalPods", "status.replicas", VIEW_INT),
    NESTED("images", "spec.template.spec.containers[]", VIEW_LIST_PLAIN, "\"-\"", image_fields),
    F_CREATED,
    VIEW_END};
static const struct view_field rolling_update_fields[] = {
    FIELD("maxSurge", "spec.strategy.rollingUpdate.maxSurge", VIEW_TEXT),
    FIELD("maxUnavailable", "spec.strategy.rollingUpdate.maxUnavailable", VIEW_TEXT), VIEW_END};
static const struct view_field strategy_fields[] = {
    FIELD("type", "spec.strategy.type", VIEW_DASH),
    NESTED("rollingUpdate", NULL, VIEW_OBJECT, NULL, rolling_update_fields), VIEW_END};
static const struct view_field selector_fields[] = {
    FIELD("matchLabels", "spec.selector.matchLabels", VIEW_RAW_OBJECT), VIEW_END};
static const struct view_field deployment_detail[] = {
    F_NAME,
    F_UID,
    F_NAMESPACE,
    F_LABELS,
    F_ANNOTATIONS,
    F_CREATED,
    NESTED("strategy", NULL, VIEW_OBJECT, NULL, strategy_fields),
    FIELD("minReadySeconds", "spec.minReadySeconds", VIEW_INT), /* BUG-25 */
    FIELD("revisionHistoryLimit", "spec.revisionHistoryLimit", VIEW_INT),
    NESTED("selector", NULL, VIEW_OBJECT, NULL, selector_fields),
    FIELD("updated", "status.updatedReplicas", VIEW_INT),
    FIELD("total", "status.replicas", VIEW_INT),
    FIELD("available", "status.availableReplicas", VIEW_INT),
    VIEW_END};
static const struct view_field replica_set_detail[] = {
    F_NAME,
    F_UID,
    F_NAMESPACE,
    F_LABELS,
    F_ANNOTATIONS,
    F_CREATED,
    FIELD("selector", "spec.selector", VIEW_RAW_OBJECT),
    FIELD("image", "spec.template.spec.containers[0].image", VIEW_DASH),
    VIEW_END};
VIEW_TABLE(deployments_list, "deployments list", workload_row, NULL);
VIEW_TABLE(deployments_detail, "deployment", deployment_detail, "metadata spec status");
VIEW_TABLE(replica_sets_list, "replica sets list", workload_row, NULL);
VIEW_TABLE(replica_sets_detail, "replica set", replica_set_detail, "metadata spec");

/* ---- services ---- */

static const struct view_field service_port_fields[] = {
    FIELD("name", "name", VIEW_DASH),         FIELD("port", "port", VIEW_TEXT),
    FIELD("protocol", "protocol", VIEW_DASH), FIELD("targetPort", "targetPort", VIEW_TEXT),
    FIELD("nodePort", "nodePort", VIEW_TEXT), VIEW_END};
/* U1: [] and not null without ports, or the client stops at the row. */
#define F_PORTS NESTED("ports", "spec.ports[]", VIEW_LIST, "[]", service_port_fields)
static const struct view_field service_row[] = {F_NAME,
                                                F_NAMESPACE,
                                                FIELD("type", "spec.type", VIEW_STRING),
                                                FIELD("clusterIP", "spec.clusterIP", VIEW_STRING),
                                                F_PORTS,
                                                F_CREATED,
                                                VIEW_END};
static const struct view_field service_detail[] = {
    F_NAME,
    F_UID,
    F_NAMESPACE,
    F_LABELS,
    F_PORTS,
    F_ANNOTATIONS,
    F_CREATED,
    FIELD("type", "spec.type", VIEW_STRING),
    FIELD("clusterIP", "spec.clusterIP", VIEW_STRING),
    FIELD("sessionAffinity", "spec.sessionAffinity", VIEW_STRING),
    FIELD("selector", "spec.selector", VIEW_MAP), /* U2: "-" and not null */
    VIEW_END};
VIEW_TABLE(services_list, "services list", service_row, NULL);
VIEW_TABLE(services_detail, "service", service_detail, "metadata spec");

/* ---- events ---- */

static const struct view_field event_source_fields[] = {
    FIELD_OR("component", "component", VIEW_STRING, "\"\""),
    FIELD_OR("host", "host", VIEW_STRING, "\"\""), VIEW_END};
static const struct view_field event_row[] = {
    FIELD("message", "message", VIEW_STRING),
    NESTED("source", "source", VIEW_OBJECT, NULL, event_source_fields),
    FIELD("filePath", "involvedObject.fieldPath", VIEW_DASH),
    FIELD("count", "count", VIEW_INT),
    FIELD_OR("firstTimestamp", "firstTimestamp", VIEW_TIME, "\"-\""),
    FIELD_OR("lastTimestamp", "lastTimestamp", VIEW_TIME, "\"-\""),
    FIELD_OR("creationTimestamp", "metadata.creationTimestamp", VIEW_TIME, "\"-\""), /* BUG-26 */
    VIEW_END};
VIEW_TABLE(events_list, "events list", event_row, NULL);
VIEW_TABLE(events_detail, "event", event_row, "metadata");

/* ---- all kinds ---- */

const struct kube_kind kube_kinds[] = {
    {"namespaces",  "",     "v1", "namespaces",  "Namespace",  false, false, &namespaces_list,
     &namespaces_detail                                                                                          },
    {"nodes",       "",     "v1", "nodes",       "Node",       false, false, &nodes_list,        &nodes_detail   },
    {"pods",        "",     "v1", "pods",        "Pod",        true,  true,  &pods_list,         &pods_detail    },
    {"deployments", "apps", "v1", "deployments", "Deployment", true,  false, &deployments_list,
     &deployments_detail                                                                                         },
    {"replicaSets", "apps", "v1", "replicasets", "ReplicaSet", true,  true,  &replica_sets_list,
     &replica_sets_detail                                                                                        },
    {"services",    "",     "v1", "services",    "Service",    true,  true,  &services_list,     &services_detail},
    {"events",      "",     "v1", "events",      "Event",      true,  false, &events_list,       &events_detail  },
};
const size_t kube_kind_count = ARRAY_LEN(kube_kinds);

const struct kube_kind *kube_kind_find(const char *segment)
{
    for (size_t i = 0; i < kube_kind_count; i++)
        if (strcmp(kube_kinds[i].segment, segment) == 0)
            return &kube_kinds[i];
    return NULL;
}
