/* SPDX-License-Identifier: Apache-2.0 */
/** scrypt (RFC 7914) behind a queue: one derivation at a time in the process, since each takes 32
 * MiB and about 100 ms. */
#ifndef CP_PASSWORD_H
#define CP_PASSWORD_H
#include "issuer.h"

#define PASSWORD_MAX_BYTES 1024
#define PASSWORD_MIN_BYTES 8 /* of a new one */

/** As issuer_hash_password() with N = 2^@p log2_n (10-17). */
int password_hash(struct arena *a, struct text password, int log2_n, struct issuer_password *ret,
                  struct app_error *err) __attribute__((warn_unused_result));
/** @return 0 with the verdict, or -1 with APP_OVERLOADED (too many wait) or APP_INTERNAL
 * (parameters out of bounds). */
int password_check(struct text password, const struct issuer_password *stored, bool *ret_is_right,
                   struct app_error *err) __attribute__((warn_unused_result));
#endif
