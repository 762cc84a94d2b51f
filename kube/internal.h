/* SPDX-License-Identifier: Apache-2.0 */
/** What the sources of this folder share; no other folder includes it. */
#ifndef CP_KUBE_INTERNAL_H
#define CP_KUBE_INTERNAL_H
#include "breaker.h"
#include "client.h"
#include "net.h"

#include <stdatomic.h>

#define RECORD_DIGEST_BYTES 32
#define MEDIA_JSON "application/json"
#define MEDIA_YAML "application/yaml"
#define ANSWER_MAX_BYTES ((size_t)8 * 1024 * 1024)

struct kube_cluster {
    atomic_uint refs;
    atomic_int in_flight;
    int max_in_flight;
    char *id;
    char *url;    /* as in the record, without trailing slashes */
    char *prefix; /* the URL's path, "" or "/..."; put before every path */
    enum kube_trust_state trust_state;
    struct net_pool *pool;
    struct kube_breaker breaker;
    int64_t (*clock_us)(void);
    int utc_offset_min;
    unsigned char digest[RECORD_DIGEST_BYTES]; /* of the whole record: has it changed? */
};

struct net *kube_net(const struct kube *k);
const struct kube_config *kube_configuration(const struct kube *k);

struct kube_transfer {
    /* method, path (the cluster's prefix is added), accept (NULL: JSON), content_type, body,
     * answer_max_bytes, is_idempotent; the rest is filled by kube_send() */
    struct net_request req;
    net_sink_fn sink; /* NULL: the body is collected in the response */
    void *sink_ctx;
    bool is_optional; /* its failure says nothing about the cluster (metrics): the breaker ignores
                         it */
};

/**
 * One request through limit, breaker and impersonation, and the judgement of its answer.
 * @return 0 with *ret (to be finished by the caller), or -1 with the errors of client.h. A sink
 * that returned -1 gives APP_UPSTREAM_BROKEN, without an effect on the breaker: what users store
 *         must not close the cluster to others.
 */
int kube_send(const struct kube_call *call, const struct kube_transfer *t, struct net_response *ret,
              struct app_error *err) __attribute__((warn_unused_result));
void kube_response_finish(struct net_response *res);
void kube_response_finish_p(struct net_response *res); /* for AUTO() */
/** Parse an upstream's JSON; what is wrong with it is APP_UPSTREAM_BROKEN. */
json_t *kube_parse_answer(const struct buf *body, struct app_error *err);
#endif
