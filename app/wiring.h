/* SPDX-License-Identifier: Apache-2.0 */
/** Puts the parts together in order, and takes them apart in the opposite order. */
#ifndef CP_WIRING_H
#define CP_WIRING_H
#include "config.h"
#include "context.h"
#include "error.h"
#include "issuer_api.h"

struct db_pool;
struct identity;
struct issuer;
struct net;
struct secrets;
struct services;

/** How much of the program a command needs; each level includes the ones before it. */
enum wiring_level {
    WIRE_CONFIG,
    WIRE_DATABASE, /* the pool; connects at first use */
    WIRE_SECRETS,
    WIRE_SERVICES /* schema checked, network, identity, built-in issuer, services */
};

struct wiring {
    struct config *config;
    struct db_pool *db;
    struct secrets *secrets;
    struct net *net;
    struct identity *identity;
    struct issuer *issuer; /* NULL when it is off */
    struct issuer_app issuer_app;
    struct services *services;
    char issuer_name[1100]; /* iss of the one active issuer */
};

/** Build up to @p level from the file @p config_path (NULL: environment and defaults only).
 *  @return 0, or -1 with the error; call wiring_finish() either way. */
int wiring_init(struct wiring *w, const char *config_path, enum wiring_level level,
                struct app_error *err);
void wiring_finish(struct wiring *w);
/** For AUTO(). */
static inline void wiring_finish_p(struct wiring *w)
{
    wiring_finish(w);
}

/** A call on behalf of the operator at the command line, recorded as such in the audit trail. */
struct svc_call wiring_operator_call(struct wiring *w, struct arena *a);
struct arguments;
/** What a command does once it is wired; @p call is the operator's. */
typedef int (*wired_fn)(struct wiring *w, const struct svc_call *call, const struct arguments *args,
                        struct app_error *err);
/** Wire up to @p level, call @p run, take apart, report an error to standard error. @return the
 * exit code */
int run_wired(const struct arguments *args, enum wiring_level level, wired_fn run);
/** Tell the operator. @return EXIT_FAILED */
int report_error(const struct app_error *err);
#endif
