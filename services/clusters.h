/* SPDX-License-Identifier: Apache-2.0 */
/** Cluster records: list, detail, register, change, delete (portal contract 13.3; design 4
 * "Trust", 9.5). */
#ifndef CP_SERVICES_CLUSTERS_H
#define CP_SERVICES_CLUSTERS_H
#include "buf.h"
#include "context.h"
#include "resources.h"

struct cluster_input {
    const char *cluster_id; /* change only */
    const char *name, *cluster_type, *provider_type, *description, *ssh_key;
    const char *api_url, *token;
    const char *ca_data; /* clusterCaData: PEM, or base64 of PEM; "" none */
};

struct cluster_result {
    struct buf members;     /* of the Clusters object, without envelope; owned by the caller */
    const char *cluster_id; /* of the cluster that was registered, in the call's arena */
    const char *notice; /* a detailMessage that replaces the OK text (trust is pending), or NULL */
};

/** Members "itemMetaData" and "items" of the clusters the caller administers. */
int cluster_list(const struct svc_call *call, const struct page_params *params,
                 struct buf *ret_members, struct app_error *err)
    __attribute__((warn_unused_result));
int cluster_detail(const struct svc_call *call, const char *cluster_id, struct cluster_result *ret,
                   struct app_error *err) __attribute__((warn_unused_result));
/** The id of the cluster registered with that API address. APP_NOT_FOUND: none. */
int cluster_find_by_url(const struct svc_call *call, const char *api_url, const char **ret_id,
                        struct app_error *err) __attribute__((warn_unused_result));
struct kube_cluster;
/** The connection of a cluster with its own credential, counted (kube_cluster_unref()). For
 * measuring only. */
struct kube_cluster *cluster_connection(struct services *s, const char *cluster_id,
                                        struct app_error *err);
/** Register an existing cluster. Nothing is stored unless all of it is. */
int cluster_register(const struct svc_call *call, const struct cluster_input *in,
                     struct cluster_result *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** Making a cluster is the provisioner's, which this server does not have yet: checks the input,
 * then always refuses with the contract's "unable to communicate" message. @return -1 */
int cluster_refuse_creation(const struct cluster_input *in, struct app_error *err);
/** Change name and description. */
int cluster_change(const struct svc_call *call, const struct cluster_input *in,
                   struct cluster_result *ret, struct app_error *err)
    __attribute__((warn_unused_result));
int cluster_delete(const struct svc_call *call, const char *cluster_id, struct cluster_result *ret,
                   struct app_error *err) __attribute__((warn_unused_result));
/** An operator confirms the fingerprint of a pending cluster (command line only). *ret_state names
 * the new trust. */
int cluster_confirm_trust(const struct svc_call *call, const char *cluster_id,
                          const char *fingerprint, const char **ret_state, struct app_error *err)
    __attribute__((warn_unused_result));
#endif
