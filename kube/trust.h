/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Registering a cluster: how it is trusted, whether its credential is enough, what is made in it
 * once (design 4 "Trust", contract 13.3 and 15). All functions block until their call's deadline.
 * Threads: any.
 */
#ifndef CP_KUBE_TRUST_H
#define CP_KUBE_TRUST_H
#include "client.h"

#define KUBE_FINGERPRINT_BYTES 65

struct kube_trust {
    enum kube_trust_state state;
    char fingerprint[KUBE_FINGERPRINT_BYTES]; /* hex SHA-256 of the leaf; "" unless state is PENDING
                                                 or PIN */
    char *ca_pem;      /* malloc'ed; NULL unless state is CA: kube_trust_finish() */
    char message[256]; /* PENDING: the detailMessage for the client, with the operator's next step;
                          else "" */
};
void kube_trust_finish(struct kube_trust *t);

struct kube_trust_request {
    const char *cluster_id; /* named in the message of a pending cluster */
    const char *api_url;
    const char *ca_pem;  /* clusterCaData decoded to PEM, or NULL */
    int64_t deadline_us; /* 0: 10 s from now */
};

/**
 * Find how @p req's server can be trusted. No credential is sent. With a CA: only that CA is tried.
 * Without: the system store; when it does not verify, the leaf's fingerprint is read and the state
 * is PENDING.
 * @return 0, or -1 with APP_UPSTREAM_UNREACHABLE (no connection, or the given CA does not verify:
 * err->text says so), APP_UPSTREAM_TIMEOUT, APP_BAD_REQUEST (URL or PEM not usable).
 */
int kube_trust_probe(struct kube *k, const struct kube_trust_request *req, struct kube_trust *ret,
                     struct app_error *err) __attribute__((warn_unused_result));

/**
 * An operator confirmed @p fingerprint (hex, colons and upper case tolerated): connect pinned to
 * it, read the cluster's CA (ConfigMap kube-root-ca.crt of kube-system, else kube-public) with @p
 * token. ret->state is CA when that CA verifies the server, else PIN.
 * @return 0, or -1 with APP_UPSTREAM_UNREACHABLE (the leaf is another one), APP_BAD_REQUEST (not a
 * fingerprint), or as any call.
 */
int kube_trust_confirm(struct kube *k, const struct kube_trust_request *req,
                       const char *fingerprint, const char *token, struct kube_trust *ret,
                       struct app_error *err) __attribute__((warn_unused_result));

/**
 * Is the credential one? GET /api must hold "versions" and "serverAddressByClientCIDRs"
 * (contract 13.3), and the credential must be allowed to impersonate users, groups, service
 * accounts and the extra key.
 * @return 0, or -1 with the call's error, APP_RULE MSG_CLUSTER_REGISTRATION_FAILED (not an API
 * server), or APP_FORBIDDEN with err->text naming the missing rule.
 */
int kube_check_credential(const struct kube_call *call, struct app_error *err)
    __attribute__((warn_unused_result));

/** ClusterRoleBinding cp-portal-super-admins: Group cp-portal:super-admins -> cluster-admin. An
 * existing one is fine. */
int kube_bind_super_admins(const struct kube_call *call, struct app_error *err)
    __attribute__((warn_unused_result));

struct kube_account {
    const char *namespace_name; /* KUBE_ADMIN_NAMESPACE for a cluster administrator */
    const char *name;           /* kube_account_name() */
    const char *role;           /* Role of the namespace; NULL: ClusterRole cluster-admin */
};
/** Make the ServiceAccount and its binding (names of contract 15); what exists already is fine.
 * Idempotent. */
int kube_ensure_account(const struct kube_call *call, const struct kube_account *account,
                        struct app_error *err) __attribute__((warn_unused_result));
/** Remove the binding, and the ServiceAccount when @p with_account. Missing ones are fine. */
int kube_remove_account(const struct kube_call *call, const struct kube_account *account,
                        bool with_account, struct app_error *err)
    __attribute__((warn_unused_result));
/** Make the Namespace; an existing one is fine. */
int kube_ensure_namespace(const struct kube_call *call, const char *namespace_name,
                          struct app_error *err) __attribute__((warn_unused_result));
/** Make Roles cp-init-role and cp-admin-role (roles.h) in the namespace; existing ones are
 * replaced. */
int kube_ensure_roles(const struct kube_call *call, const char *namespace_name,
                      struct app_error *err) __attribute__((warn_unused_result));
/**
 * Mint a token of the account for @p lifetime_s (at least 600) seconds and append it to @p ret,
 * whose bytes the caller wipes. For showing it to its owner only (design 4 "Acting").
 */
int kube_token_request(const struct kube_call *call, const struct kube_account *account,
                       int lifetime_s, struct buf *ret, struct app_error *err)
    __attribute__((warn_unused_result));
#endif
