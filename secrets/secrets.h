/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One interface to secret values by path ("cluster/{id}", "portal-key/{kid}", "issuer-key/{kid}").
 * Backend: sealed rows in MariaDB (AES-256-GCM, the path as additional data, a key id per row, keys
 * from a file). OpenBao comes later behind it.
 */
#ifndef CP_SECRETS_H
#define CP_SECRETS_H
#include "arena.h"
#include "error.h"
#include "text.h"

struct secrets;
struct db_pool;

#define SECRET_MAX_BYTES 65519    /* a row holds 65,535 with its tag */
#define SECRETS_KEY_LINE_BYTES 76 /* "k" 8 hex ":" 64 hex newline, NUL */

/**
 * Read the key file: one "key-id:64 hex digits" a line ("#" begins a comment line), the first
 * seals, all open. Refused when others have any right or the group may write it (0600, 0400, 0640,
 * 0440 pass: systemd and Kubernetes mount the latter).
 * @return NULL with APP_INTERNAL and a detail that names file and line. @p pool is borrowed.
 */
struct secrets *secrets_create(struct db_pool *pool, const char *key_file, struct app_error *err);
void secrets_destroy(struct secrets *s);

/** Read @p path. *ret (in @p a) is wiped by nobody: copy it where it is needed and arena-free soon.
 *  @return 0, -1 with APP_NOT_FOUND, APP_DATABASE, APP_INTERNAL (row does not open). Blocks on the
 * database. */
int secrets_get(struct secrets *s, struct arena *a, const char *path, struct text *ret,
                struct app_error *err) __attribute__((warn_unused_result));
/** Write or replace @p path. */
int secrets_put(struct secrets *s, const char *path, struct text value, struct app_error *err)
    __attribute__((warn_unused_result));
/** Remove @p path; a missing one is no error. */
int secrets_delete(struct secrets *s, const char *path, struct app_error *err)
    __attribute__((warn_unused_result));
/** List the last segments below @p prefix ("cluster/"), in @p a, sorted. */
int secrets_list(struct secrets *s, struct arena *a, const char *prefix, const char *const **ret,
                 size_t *ret_count, struct app_error *err) __attribute__((warn_unused_result));
/** Seal every row that is not under the first key with it. Safe to stop and repeat. *ret_changed:
 * rows rewritten. */
int secrets_rotate(struct secrets *s, size_t *ret_changed, struct app_error *err)
    __attribute__((warn_unused_result));

/** Write a fresh line of the key file, with a random id and key, into @p ret; the caller wipes it.
 */
int secrets_generate_key_line(char ret[SECRETS_KEY_LINE_BYTES], struct app_error *err)
    __attribute__((warn_unused_result));
#endif
