/* SPDX-License-Identifier: Apache-2.0 */
/** Splitting a cluster's URL; the rest of the registry's interface is in client.h. */
#ifndef CP_KUBE_CLUSTER_H
#define CP_KUBE_CLUSTER_H
#include "arena.h"
#include "error.h"

/**
 * Split "scheme://authority[/path]" into origin and path prefix without trailing slashes ("" for
 * none). The prefix may hold only unreserved characters and slashes, no empty or dot segment.
 * @return 0, or -1 with APP_BAD_REQUEST (err->text set) or APP_INTERNAL. Pure; strings live in @p
 * a.
 */
int kube_url_split(struct arena *a, const char *url, const char **ret_origin,
                   const char **ret_prefix, struct app_error *err);
#endif
