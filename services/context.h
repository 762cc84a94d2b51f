/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the services are made of, and the context every call carries. Services know rules,
 * permissions and the order of calls; they know neither HTTP nor SQL text.
 */
#ifndef CP_SERVICES_CONTEXT_H
#define CP_SERVICES_CONTEXT_H
#include "arena.h"
#include "error.h"
#include "principal.h"

#include <stdbool.h>
#include <stdint.h>

struct db_pool;
struct identity;
struct issuer;
struct kube;
struct net;
struct net_cancel;
struct secrets;
struct services;

struct services_config {
    struct db_pool *db; /* all borrowed for the lifetime */
    struct secrets *secrets;
    struct net *net;
    struct identity *identity;
    struct issuer *issuer_core; /* the built-in issuer, to give it its keys; NULL: off */
    const char *issuer;         /* iss of the one active issuer */
    int utc_offset_min;         /* of contract times and rows in the original's tables */
    bool kube_allow_loopback_http;
    int kube_max_in_flight;
    int kube_connect_timeout_ms;
    int kube_first_byte_timeout_ms;
};

/** @return the services, or NULL with the error. Reaches no database and no network. */
struct services *services_create(const struct services_config *config, struct app_error *err);
/** Free; no call may be running. NULL is allowed. */
void services_destroy(struct services *s);
/** The database answers (for /readyz). Blocks at most the pool's time-outs. */
bool services_is_database_up(struct services *s);

/** One call on behalf of one person; lives as long as the request. */
struct svc_call {
    struct services *services;
    struct arena *arena;
    const struct principal *principal; /* NULL on routes without sign-in */
    int64_t deadline_us;               /* clock_mono_us() base */
    struct net_cancel *cancel;         /* may be NULL */
    const char *request_id;
};
#endif
