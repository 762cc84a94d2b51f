/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Signing keys that all servers share: of portal tokens, and of the built-in issuer. They are made
 * once, sealed in the database, and taken up by every server that finds them (design 6). Blocking:
 * the database.
 */
#ifndef CP_SERVICES_KEYS_H
#define CP_SERVICES_KEYS_H
#include "error.h"

struct db_pool;
struct identity;
struct issuer;
struct secrets;

struct key_place {
    struct secrets *secrets;
    struct db_pool *db;
};

/** Give identity the newest two keys of portal tokens; make the first when there is none. */
int keys_load_portal(const struct key_place *place, struct identity *id, struct app_error *err)
    __attribute__((warn_unused_result));
/** Publish every key of the built-in issuer, oldest first; make the first when there is none. */
int keys_load_issuer(const struct key_place *place, struct issuer *is, struct app_error *err)
    __attribute__((warn_unused_result));
/** Make one more key; servers that run take it up with the next change they notice. */
int keys_rotate_portal(const struct key_place *place, struct app_error *err)
    __attribute__((warn_unused_result));
int keys_rotate_issuer(const struct key_place *place, struct app_error *err)
    __attribute__((warn_unused_result));
#endif
