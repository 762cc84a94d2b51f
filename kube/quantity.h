/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Kubernetes quantities and pod usage (portal contract 19). Threads: any; nothing blocks.
 */
#ifndef CP_KUBE_QUANTITY_H
#define CP_KUBE_QUANTITY_H
#include "error.h"
#include "list.h"
#include "text.h"

#include <stdint.h>

/** "1500000n", "2500Ki", "1.5Gi", "1e3": the plain value. @return 0 and *ret (finite), or -1. */
int kube_quantity_parse(struct text t, double *ret) __attribute__((warn_unused_result));
/** floor(x + 0.5), saturated to int64. */
int64_t kube_round_half_up(double x);

struct kube_usage; /* usage of pods by namespace and name (BUG-23) */

/** @return an empty table or NULL (no memory). */
struct kube_usage *kube_usage_create(void);
void kube_usage_destroy(struct kube_usage *u);
void kube_usage_destroy_p(struct kube_usage **u);
/** Feed a PodMetricsList as it streams. @return 0 or -1 (unusable). */
int kube_usage_feed(struct kube_usage *u, const void *bytes, size_t len)
    __attribute__((warn_unused_result));
/** @return 0, or -1 with APP_UPSTREAM_BROKEN (not JSON, a quantity that is none, over a cap). */
int kube_usage_finish(struct kube_usage *u, struct app_error *err)
    __attribute__((warn_unused_result));
/** For list_run_set_usage(); @p usage is a struct kube_usage after kube_usage_finish(). */
bool kube_usage_lookup(void *usage, struct text namespace_name, struct text name,
                       struct list_usage *ret);
#endif
