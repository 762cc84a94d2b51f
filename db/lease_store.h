/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Leases on database time (cpx_lease): at most one owner of a name until its time is over, also
 * with Galera (GET_LOCK is not supported there). Errors: db.h.
 * An owner is a text unique to the holder (host, process, random); lease_make_owner() makes one.
 */
#ifndef CP_LEASE_STORE_H
#define CP_LEASE_STORE_H
#include "db.h"

#include <stdbool.h>
#include <stdint.h>

#define LEASE_OWNER_BYTES 64

/** Write a fresh owner text. @return 0, or -1 with APP_INTERNAL (no random bytes). */
int lease_make_owner(char ret[LEASE_OWNER_BYTES], struct app_error *err)
    __attribute__((warn_unused_result));

struct lease {
    const char *name; /* ASCII, at most 64 */
    const char *owner;
    int64_t ttl_ms;
};

/** Take the lease when it is free, expired or already ours. *ret_is_held says whether we have it.
 */
int lease_store_acquire(struct db_pool *pool, const struct lease *l, bool *ret_is_held,
                        struct app_error *err) __attribute__((warn_unused_result));
/** Extend it by ttl_ms from now. *ret_is_held false: it expired or another has it: stop working. */
int lease_store_renew(struct db_pool *pool, const struct lease *l, bool *ret_is_held,
                      struct app_error *err) __attribute__((warn_unused_result));
/** Give it up, when it is ours; no error otherwise. */
int lease_store_release(struct db_pool *pool, const struct lease *l, struct app_error *err)
    __attribute__((warn_unused_result));
#endif
