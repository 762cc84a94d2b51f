/* SPDX-License-Identifier: Apache-2.0 */
/** Lists of what belongs to another object: the pods of a selector, owner or node, replica sets of
 * a selector, the labels in use, events; the addresses behind a service (contract 13.14, 13.15,
 * 13.18, 13.19). */
#ifndef CP_SERVICES_RELATED_H
#define CP_SERVICES_RELATED_H
#include "resources.h"

enum related {
    RELATED_PODS,           /* value: a label selector */
    RELATED_OWNED_PODS,     /* the same, of which owner_uid is the first owner (BUG-51: exactly) */
    RELATED_NODE_PODS,      /* value: the node's name; of the whole cluster */
    RELATED_POD_LABELS,     /* no value; one item with the distinct values of each label */
    RELATED_REPLICA_SETS,   /* value: a label selector; all of them, as the API server lists them */
    RELATED_EVENTS,         /* no value; of all events the first ten of the order */
    RELATED_EVENTS_OF_UID,  /* the same, value: the uid of the object they are about */
    RELATED_EVENTS_OF_NAME, /* the same, value: the object's name; of the whole cluster */
};

struct related_request {
    enum related what;
    const char *cluster_id, *namespace_name;
    const char *value;     /* NULL or empty: no selector */
    const char *owner_uid; /* of RELATED_OWNED_PODS */
    struct page_params page;
};

/**
 * Append the members of the list answer. A selector that the UI makes of an object without one
 * ("-=undefined", errata U2) selects nothing and asks nobody.
 * @return 0, or -1 with the errors of resource_list(). A USER gets APP_FORBIDDEN for what is of the
 * whole cluster, and it is recorded.
 */
int related_list(const struct svc_call *call, const struct related_request *req,
                 struct buf *ret_members, struct app_error *err)
    __attribute__((warn_unused_result));

/** Append the member "endpoints": the addresses behind the service @p ref names, with the state of
 * their nodes. Reads as the caller, and the nodes as the server; fails when a node cannot be read.
 */
int related_endpoints(const struct svc_call *call, const struct resource_ref *ref,
                      struct buf *ret_members, struct app_error *err)
    __attribute__((warn_unused_result));
#endif
