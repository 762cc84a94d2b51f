/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A real API server for unit tests, started through tests/rig/kubernetes/kube-up.sh in a folder of
 * its own and stopped again. With CP_TEST_KUBE_DIR set, that cluster is used (started if it does
 * not run) and left running. Every failure ends the test.
 */
#ifndef CP_RIG_KUBE_H
#define CP_RIG_KUBE_H
#include "buf.h"

#include <stdbool.h>

struct rig_kube {
    char dir[256];     /* KUBE_DIR */
    char url[128];     /* "https://127.0.0.1:port" */
    struct buf ca_pem; /* of the API server */
    struct buf token;  /* of ServiceAccount kube-system/cp-portal-test, bound to cluster-admin */
    bool is_borrowed;  /* CP_TEST_KUBE_DIR */
};

/** Start the control plane with @p fake_nodes kwok nodes (0: none, no pods run). About 5 s. */
void rig_kube_start(struct rig_kube *r, int fake_nodes);
void rig_kube_stop(struct rig_kube *r);
/**
 * Run kubectl as administrator. @p args ends with NULL; @p input (may be NULL) is its standard
 * input; @p out (may be NULL) receives its standard output. @return its exit status.
 */
int rig_kube_ctl(const struct rig_kube *r, const char *const args[], const char *input,
                 struct buf *out);
#endif
