/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The addresses behind a service (portal contract 13.18; BUG-48: ready and not-ready ones). Pure:
 * the caller reads the object and its nodes. Threads: any.
 */
#ifndef CP_KUBE_ENDPOINTS_H
#define CP_KUBE_ENDPOINTS_H
#include "buf.h"
#include "error.h"

#include <jansson.h>

/** @return a new object with one null member for each node that an address names, or NULL (no
 * memory). Parts of @p doc that are not as Kubernetes makes them count as absent. */
json_t *kube_endpoints_nodes(const json_t *doc);
/**
 * Append the member "endpoints":[...].
 * @param doc    the Endpoints object
 * @param nodes  name to status of the node's condition Ready; what is no text shows as "[-]"
 * @return 0, or -1 with APP_CODE_ERROR (JSON null) or APP_UPSTREAM_BROKEN (no object; over @p
 * ret's maximum: every address repeats its ports)
 */
int kube_endpoints_render(const json_t *doc, const json_t *nodes, struct buf *ret,
                          struct app_error *err) __attribute__((warn_unused_result));
#endif
