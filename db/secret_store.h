/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Sealed rows as they lie in cpx_secret: this store neither seals nor opens (secrets.h does).
 * Errors: db.h. Every write bumps the change sequence "secrets". Rows live in the caller's arena.
 */
#ifndef CP_SECRET_STORE_H
#define CP_SECRET_STORE_H
#include "arena.h"
#include "db.h"

#include <stdbool.h>

struct secret_row {
    struct text path; /* bytes, at most 255 */
    const char *key_id;
    struct text nonce;      /* 12 bytes */
    struct text ciphertext; /* with the 16-byte tag at its end; at most 65,535 bytes */
};

struct secret_path_list {
    struct text *paths; /* NUL-terminated as well */
    size_t count;
};

/** APP_NOT_FOUND: none. */
int secret_store_get(struct db_pool *pool, struct arena *a, struct text path,
                     struct secret_row *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** Write or replace. */
int secret_store_put(struct db_pool *pool, const struct secret_row *row, struct app_error *err)
    __attribute__((warn_unused_result));
/** Replace only while the stored nonce is still @p old_nonce: a rotation never undoes a newer put.
 */
int secret_store_replace(struct db_pool *pool, struct text old_nonce, const struct secret_row *row,
                         bool *ret_replaced, struct app_error *err)
    __attribute__((warn_unused_result));
/** A missing row is no error. */
int secret_store_delete(struct db_pool *pool, struct text path, struct app_error *err)
    __attribute__((warn_unused_result));
/** Paths that begin with @p prefix, bytewise sorted. */
int secret_store_list(struct db_pool *pool, struct arena *a, struct text prefix,
                      struct secret_path_list *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** At most 100 paths after @p after ("": from the start) sealed with another key than @p key_id. */
int secret_store_list_not_under_key(struct db_pool *pool, struct arena *a, const char *key_id,
                                    struct text after, struct secret_path_list *ret,
                                    struct app_error *err) __attribute__((warn_unused_result));
#endif
