/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Rows of cp_clusters and their side rows cpx_cluster (API address and TLS trust). Errors: db.h.
 * Every write bumps the change sequence "clusters" in its own transaction; delete also "users".
 * Ids are compared bytewise. Strings of rows live in the caller's arena; outputs are written on
 * success only.
 * Source: common-api.md 5.4, 7, 9; design 4 (trust), 5.
 */
#ifndef CP_CLUSTER_STORE_H
#define CP_CLUSTER_STORE_H
#include "arena.h"
#include "db.h"

struct cluster_row {
    const char *cluster_id;
    const char *name;          /* may be NULL */
    const char *cluster_type;  /* "host", "sub" */
    const char *provider_type; /* AWS, OPENSTACK, NAVER, NHN, KT */
    const char *description;
    const char *status;  /* "A" active, "C" creating, "D" disabled */
    const char *ssh_key; /* key name or NULL */
    const char *created; /* contract text, clock_format_local() */
    const char *last_modified;
};

struct cluster_list {
    struct cluster_row *rows;
    size_t count;
};

/* On the wire of the table: "verified", "pinned", "pending". */
enum trust_state {
    TRUST_PENDING,  /* reached, certificate not trusted yet: seen_sha256 waits for an operator */
    TRUST_VERIFIED, /* by ca_pem, or by the system trust store when ca_pem is NULL */
    TRUST_PINNED    /* by pinned_sha256 */
};

struct cluster_trust {
    const char *api_url;       /* as registered */
    const char *ca_pem;        /* or NULL */
    const char *pinned_sha256; /* 64 lower-case hex digits of the leaf, or NULL */
    const char *seen_sha256;   /* or NULL */
    enum trust_state state;
    const char *detail; /* for humans, may be "" (NULL is written as "") */
};

/** All clusters ordered by name. */
int cluster_store_list(struct db_pool *pool, struct arena *a, struct cluster_list *ret,
                       struct app_error *err) __attribute__((warn_unused_result));
/** Clusters where @p auth_id has a CLUSTER_ADMIN row, each once, by name. */
int cluster_store_list_admin(struct db_pool *pool, struct arena *a, const char *auth_id,
                             struct cluster_list *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** @return -1 with APP_NOT_FOUND when there is no such row. */
int cluster_store_get(struct db_pool *pool, struct arena *a, const char *cluster_id,
                      struct cluster_row *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** The one cluster whose type is host. APP_NOT_FOUND: none; APP_DATABASE: more than one. */
int cluster_store_host_id(struct db_pool *pool, struct arena *a, const char **ret,
                          struct app_error *err) __attribute__((warn_unused_result));
/**
 * The cluster registered with the same API address: scheme and host in any case, default port and
 * trailing slashes ignored. APP_NOT_FOUND: none.
 */
int cluster_store_find_by_url(struct db_pool *pool, struct arena *a, const char *api_url,
                              const char **ret_id, struct app_error *err)
    __attribute__((warn_unused_result));

/**
 * Insert row and side row (@p trust may be NULL) in one transaction. APP_CONFLICT: the id or the
 * API address is registered, or a second host cluster.
 */
int cluster_store_insert(struct db_pool *pool, const struct cluster_row *row,
                         const struct cluster_trust *trust, struct app_error *err)
    __attribute__((warn_unused_result));

struct cluster_change { /* NULL: leave as it is */
    const char *name;
    const char *description;
    const char *status;
};
/** Change what @p change names; @p now (contract text) becomes last_modified. APP_NOT_FOUND. */
int cluster_store_update(struct db_pool *pool, const char *cluster_id,
                         const struct cluster_change *change, const char *now,
                         struct app_error *err) __attribute__((warn_unused_result));
int cluster_store_set_status(struct db_pool *pool, const char *cluster_id, const char *status,
                             const char *now, struct app_error *err)
    __attribute__((warn_unused_result));
/** Row, its users, logs, metric rows and side row in one transaction. APP_NOT_FOUND: no such row
 * (nothing is deleted). Secrets are the caller's. */
int cluster_store_delete(struct db_pool *pool, const char *cluster_id, struct app_error *err)
    __attribute__((warn_unused_result));

/** APP_NOT_FOUND: no side row (a cluster of the original, never connected by this server). */
int cluster_store_get_trust(struct db_pool *pool, struct arena *a, const char *cluster_id,
                            struct cluster_trust *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** Write or replace the side row. APP_CONFLICT: another cluster has that API address. */
int cluster_store_put_trust(struct db_pool *pool, const char *cluster_id,
                            const struct cluster_trust *trust, struct app_error *err)
    __attribute__((warn_unused_result));
#endif
