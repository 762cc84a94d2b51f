/* SPDX-License-Identifier: Apache-2.0 */
/** Kubernetes objects as the caller may see them: list, detail and YAML of every kind in the table
 * (contract 13.0). */
#ifndef CP_SERVICES_RESOURCES_H
#define CP_SERVICES_RESOURCES_H
#include "buf.h"
#include "context.h"

/** The paging parameters of a list as the client sent them, decoded; NULL: not given (contract 6,
 * 8). */
struct page_params {
    const char *search_name, *order_by, *order, *offset, *limit;
};

struct resource_ref {
    const char *collection; /* path segment: "pods", "nodes", ... */
    const char *cluster_id;
    const char *namespace_name; /* NULL for cluster-scoped kinds; "all" in any case: every namespace
                                   (lists) */
    const char *name;           /* NULL in lists */
};

/** @return true when @p collection names a kind of the table. */
bool resource_is_kind(const char *collection, size_t len);
/** Append the members of the list answer (itemMetaData, items, ...). Errors: those of kube_list(),
 * and APP_CODE_ERROR for a cluster that is not registered (contract 4.2). */
int resource_list(const struct svc_call *call, const struct resource_ref *ref,
                  const struct page_params *params, bool with_usage, struct buf *ret_members,
                  struct app_error *err) __attribute__((warn_unused_result));
/** Append the members of the detail answer. */
int resource_detail(const struct svc_call *call, const struct resource_ref *ref,
                    struct buf *ret_members, struct app_error *err)
    __attribute__((warn_unused_result));
/** Append the member "sourceTypeYaml" with the API server's own YAML text. */
int resource_yaml(const struct svc_call *call, const struct resource_ref *ref,
                  struct buf *ret_members, struct app_error *err)
    __attribute__((warn_unused_result));
#endif
