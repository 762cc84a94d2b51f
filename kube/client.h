/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The Kubernetes client: which cluster, as whom, and the calls.
 *
 * A cluster has one credential (its record) and one connection pool. User calls act by
 * impersonation; the names come from impersonate.h and never from a row, body or token (design 4).
 * Every call passes the cluster's breaker and its limit of calls in flight, so that one dead or
 * slow cluster costs only its own users an honest, fast error. Text that a cluster sends with an
 * error is never forwarded: it goes, shortened, into err->detail (the log).
 *
 * Threads: any. Every call that takes a struct kube_call blocks until the answer or the deadline;
 * none may be made on a loop thread of net.
 */
#ifndef CP_KUBE_CLIENT_H
#define CP_KUBE_CLIENT_H
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net;
struct net_cancel;
struct kube_kind; /* view.h */
struct view;
struct list_query; /* list.h */

/* ---- the registry (cluster.c) ---- */

struct kube;         /* all clusters of this process */
struct kube_cluster; /* one cluster record, counted */

enum kube_trust_state {
    KUBE_TRUST_PENDING, /* only a fingerprint is known: no credential is sent until an operator
                           confirms it */
    KUBE_TRUST_CA,      /* ca_pem verifies */
    KUBE_TRUST_SYSTEM,  /* the system's trust store verifies */
    KUBE_TRUST_PIN      /* an operator confirmed exactly pinned_sha256 and the cluster's CA does not
                           verify its address */
};

/** @return "pending", "ca", "system" or "pin": the text to store. */
const char *kube_trust_state_name(enum kube_trust_state s);
/** @return the state of @p name; KUBE_TRUST_PENDING for anything unknown. */
enum kube_trust_state kube_trust_state_of(const char *name);

struct kube_cluster_record {
    const char *cluster_id;
    const char *api_url; /* "https://host[:port]"; a trailing slash is tolerated */
    enum kube_trust_state trust_state;
    const char *ca_pem;        /* KUBE_TRUST_CA */
    const char *pinned_sha256; /* hex; KUBE_TRUST_PIN */
    char *token;               /* the registry wipes these bytes once it has its copy */
};

/**
 * Read one cluster record (services: row + secret). Strings go into @p a, which lives for the call.
 * @return 0, or -1 with APP_NOT_FOUND (no such cluster), APP_DATABASE, APP_INTERNAL. May block.
 * Called without a lock held, at most once at a time for one cluster.
 */
typedef int (*kube_loader_fn)(void *ctx, struct arena *a, const char *cluster_id,
                              struct kube_cluster_record *ret, struct app_error *err);

struct kube_config {
    bool allow_loopback_http;  /* accept http:// towards loopback */
    int max_in_flight;         /* per cluster; 0: 64 */
    int connect_timeout_ms;    /* 0: 3000 */
    int first_byte_timeout_ms; /* 0: 15000 */
    int utc_offset_min;        /* of the times in detail views (contract.utc_offset_min) */
    int64_t (*clock_us)(void); /* NULL: clock_mono_us; tests inject one for the breaker */
};

/** @return the registry, or NULL with APP_INTERNAL. @p n and @p ctx are borrowed until
 * kube_destroy(). */
struct kube *kube_create(struct net *n, const struct kube_config *config, kube_loader_fn loader,
                         void *ctx, struct app_error *err);
/** Every struct kube_cluster must have been given back. NULL is allowed. */
void kube_destroy(struct kube *k);

/**
 * @return the cluster with one reference of the caller, or NULL with APP_NOT_FOUND (no record),
 * APP_UPSTREAM_UNREACHABLE (trust is pending; err->text says what the operator must do),
 * APP_BAD_REQUEST (its URL is not allowed), or the loader's error. The first call loads and makes
 * the pool; callers at the same time wait for that one load.
 */
struct kube_cluster *kube_cluster_get(struct kube *k, const char *cluster_id,
                                      struct app_error *err);
struct kube_cluster *kube_cluster_ref(struct kube_cluster *c);
void kube_cluster_unref(struct kube_cluster *c);
void kube_cluster_unref_p(struct kube_cluster **c); /* for AUTO() */
const char *kube_cluster_id(const struct kube_cluster *c);
const char *kube_cluster_url(const struct kube_cluster *c);
enum kube_trust_state kube_cluster_trust(const struct kube_cluster *c);

/** Load the record anew at the next kube_cluster_get(): after a change, a deletion. Calls under way
 * finish; the credential goes with the last of them. */
void kube_cluster_forget(struct kube *k, const char *cluster_id);
/** The same for all: when the change sequence of the database moved. Records that turn out to be
 * the same keep connections and breaker; what nobody asks for until the next call of this goes. */
void kube_forget_all(struct kube *k);

/**
 * A cluster that is not in the registry, e.g. while it is being registered: the caller fills the
 * record, the loader is not asked. KUBE_TRUST_PENDING is refused as in kube_cluster_get(). Wipes
 * record->token.
 */
struct kube_cluster *kube_cluster_open(struct kube *k, struct kube_cluster_record *record,
                                       struct app_error *err);

/* ---- calls (client.c) ---- */

struct kube_identity; /* impersonate.h */

struct kube_call {
    struct kube_cluster *cluster;
    const struct kube_identity
        *identity;       /* NULL: the cluster's own credential, for the server's own work only */
    int64_t deadline_us; /* clock_mono_us() base; 0: 60 s from now */
    struct net_cancel *cancel; /* may be NULL */
    const char *request_id;    /* sent as X-Request-Id when it is header safe; may be NULL */
};

/*
 * Errors of every call below, besides those named: APP_UPSTREAM_BAD_REQUEST (400),
 * APP_UPSTREAM_UNAUTHORIZED (401), APP_FORBIDDEN (403), APP_NOT_FOUND (404), APP_CONFLICT (409),
 * APP_UNPROCESSABLE (422), APP_UPSTREAM_UNAVAILABLE (503, or the breaker is open),
 * APP_UPSTREAM_FAILED (500 and every other status from 400), APP_UPSTREAM_BROKEN (redirect, wrong
 * or no content type, empty or cut body, not HTTP), APP_UPSTREAM_UNREACHABLE, APP_UPSTREAM_TIMEOUT,
 * APP_OVERLOADED (the cluster's calls in flight), APP_CANCELLED. Contract 5.4 rows 1, 2, 12; errata
 * P16, P17.
 */

/** GET @p path (escaped by the caller, see kube_path_*) and append the body, at most @p max_bytes
 * of media type @p accept. */
int kube_get_text(const struct kube_call *call, const char *path, const char *accept,
                  size_t max_bytes, struct buf *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** GET one JSON document of at most @p max_bytes (0: 8 MiB). @return a new reference or NULL. */
json_t *kube_get_json(const struct kube_call *call, const char *path, size_t max_bytes,
                      struct app_error *err) __attribute__((warn_unused_result));

struct kube_list_request {
    const struct kube_kind *kind;
    const char *namespace_name; /* NULL, or "all" in any case: the whole cluster; ignored for
                                   cluster-scoped kinds */
    const char *label_selector; /* NULL: none; sent escaped */
    const char *field_selector; /* NULL: none; sent escaped */
    const struct list_query *query;
    struct view *view; /* another view than the kind's list view; NULL: that one */
    const char *match; /* with a view that names a match: list_run_set_match(); NULL: all */
    bool rows_only;    /* append the rows alone, comma separated: list_run_finish_rows() */
    /* keep only these items (list_run_set_filter); NULL: all */
    bool (*keep)(void *ctx, struct text namespace_name, struct text name);
    void *keep_ctx;
    bool with_usage; /* pods: merge pod metrics of the same namespace, matched by namespace and name
                        (BUG-23); read with the cluster's own credential, only used for pods the
                        identity may list; failure ignored */
};

/**
 * Read a list, filter, sort and page it while it streams.
 * @param ret_members  the members of the answer object ("metadata", "itemMetaData", "items"), as
 * list.h says
 * @return 0, or -1 also with the engine's errors (APP_BAD_REQUEST, APP_UPSTREAM_BROKEN).
 */
int kube_list(const struct kube_call *call, const struct kube_list_request *req,
              struct buf *ret_members, struct app_error *err) __attribute__((warn_unused_result));
/** Read one object and append the members of its detail view. @p namespace_name NULL for
 * cluster-scoped kinds. */
int kube_get_detail(const struct kube_call *call, const struct kube_kind *kind,
                    const char *namespace_name, const char *name, struct buf *ret_members,
                    struct app_error *err) __attribute__((warn_unused_result));
/** Read one object as the API server's own YAML text (UTF-8, checked), at most 8 MiB. */
int kube_get_yaml(const struct kube_call *call, const struct kube_kind *kind,
                  const char *namespace_name, const char *name, struct buf *ret,
                  struct app_error *err) __attribute__((warn_unused_result));

struct kube_write {
    const char *method;       /* "POST", "PUT", "PATCH", "DELETE" */
    const char *path;         /* escaped */
    const char *content_type; /* NULL: application/json */
    struct text body;         /* empty: none */
};
/**
 * Write, sent exactly once whatever happens (K8S-20): after APP_UPSTREAM_UNREACHABLE, _TIMEOUT,
 * _BROKEN or APP_CANCELLED the change may or may not have been made. Success is 204, or any 2xx
 * with a JSON body; the body goes to *ret as a new reference when @p ret is not NULL (NULL for
 * 204).
 */
int kube_write(const struct kube_call *call, const struct kube_write *w, json_t **ret,
               struct app_error *err) __attribute__((warn_unused_result));

/** GET "/version" within 1 s of @p call's time. @return 0 when the API server answers with 200. */
int kube_ping(const struct kube_call *call, struct app_error *err)
    __attribute__((warn_unused_result));

/* ---- paths (contract 14) ---- */

/** @return true for "all" in any case: the whole cluster, in lists only. NULL is all, too. */
bool kube_namespace_is_all(const char *namespace_name);
/** @return the list path of @p kind, every segment escaped; NULL with APP_BAD_REQUEST (empty or dot
 * segment) or APP_INTERNAL. */
const char *kube_path_list(struct arena *a, const struct kube_kind *kind,
                           const char *namespace_name, struct app_error *err);
/** @return the path of one object; "all" is an ordinary (literal) namespace here. */
const char *kube_path_item(struct arena *a, const struct kube_kind *kind,
                           const char *namespace_name, const char *name, struct app_error *err);
/** @return @p pattern with each "{}" replaced by the next of @p segments, escaped, e.g.
 * "/api/v1/namespaces/{}/pods/{}/log". */
const char *kube_path_format(struct arena *a, const char *pattern, const char *const segments[],
                             size_t count, struct app_error *err);

/** @return "name=value" for kube_list_request.field_selector with @p value escaped, so that it
 * cannot add a condition; NULL: no memory. */
const char *kube_field_selector(struct arena *a, const char *name, const char *value);

/* ---- for tests and metrics ---- */
struct kube_breaker;
struct kube_breaker *kube_cluster_breaker(struct kube_cluster *c);
int kube_cluster_in_flight(const struct kube_cluster *c);
#endif
