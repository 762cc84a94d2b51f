/* SPDX-License-Identifier: Apache-2.0 */
#include "resources.h"
#include "cleanup.h"
#include "internal.h"
#include "page.h"
#include "view.h"

#include <string.h>

#define YAML_MAX_BYTES (8 * MIB)

bool resource_is_kind(const char *collection, size_t len)
{
    for (size_t i = 0; i < kube_kind_count; i++)
        if (strlen(kube_kinds[i].segment) == len &&
            memcmp(kube_kinds[i].segment, collection, len) == 0)
            return true;
    return false;
}

static const struct kube_kind *kind_of(const struct resource_ref *ref, struct app_error *err)
{
    const struct kube_kind *kind = kube_kind_find(ref->collection);

    if (!kind)
        app_fail(err, APP_INTERNAL, "no such kind: %s", ref->collection);
    return kind;
}

/* A namespace is an object of the cluster, but what a USER may do with it is decided by the
 * namespace it names. */
static const char *acting_namespace(const struct resource_ref *ref)
{
    return strcmp(ref->collection, "namespaces") == 0 ? ref->name : ref->namespace_name;
}

int resource_list(const struct svc_call *call, const struct resource_ref *ref,
                  const struct page_params *params, bool with_usage, struct buf *ret_members,
                  struct app_error *err)
{
    const struct kube_kind *kind = kind_of(ref, err);
    struct kube_call kc AUTO(cluster_call_end) = {0};
    struct list_query query;
    struct kube_list_request req = {.kind = kind,
                                    .namespace_name = ref->namespace_name,
                                    .query = &query,
                                    /* only pods have usage: nothing to ask for otherwise */
                                    .with_usage =
                                        with_usage && strcmp(ref->collection, "pods") == 0};

    if (!kind || page_query(call, params, &query, err) < 0 ||
        cluster_call_begin(call, ref->cluster_id, acting_namespace(ref), &kc, err) < 0)
        return -1;
    return kube_list(&kc, &req, ret_members, err);
}

int resource_detail(const struct svc_call *call, const struct resource_ref *ref,
                    struct buf *ret_members, struct app_error *err)
{
    const struct kube_kind *kind = kind_of(ref, err);
    struct kube_call kc AUTO(cluster_call_end) = {0};

    if (!kind || cluster_call_begin(call, ref->cluster_id, acting_namespace(ref), &kc, err) < 0)
        return -1;
    return kube_get_detail(&kc, kind, ref->namespace_name, ref->name, ret_members, err);
}

int resource_yaml(const struct svc_call *call, const struct resource_ref *ref,
                  struct buf *ret_members, struct app_error *err)
{
    const struct kube_kind *kind = kind_of(ref, err);
    struct kube_call kc AUTO(cluster_call_end) = {0};
    struct buf yaml AUTO(buf_finish_p) = BUF_INIT(YAML_MAX_BYTES);

    if (!kind || cluster_call_begin(call, ref->cluster_id, acting_namespace(ref), &kc, err) < 0 ||
        kube_get_yaml(&kc, kind, ref->namespace_name, ref->name, &yaml, err) < 0)
        return -1;
    buf_append_str(ret_members, "\"sourceTypeYaml\":");
    if (buf_append_json_string(ret_members, yaml.data ? yaml.data : "", yaml.len) < 0)
        return app_fail(err, APP_INTERNAL, "out of memory");
    return 0;
}
