/* SPDX-License-Identifier: Apache-2.0 */
/** The built-in issuer's store on the database tables of db/account_store.h. */
#ifndef CP_ISSUER_STORE_H
#define CP_ISSUER_STORE_H
#include "issuer.h"

struct db_pool;
/** @p pool is borrowed. Rows of expired refresh tokens are left for refresh_token_purge(). */
void issuer_store_init(struct issuer_store *ret, struct db_pool *pool);
#endif
