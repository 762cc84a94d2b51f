/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Bring the schema up: the numbered steps of migrations/ are part of the binary, applied in order,
 * each recorded with its SHA-256 in cpx_schema_migration. A lease row lets one of several starters
 * work while the others wait and then find nothing to do.
 *
 * Refused with APP_DATABASE and a detail for the operator: a recorded step whose checksum differs
 * from the binary's, and a recorded step this binary does not know (a newer schema).
 * Source: design 5; style.md 5.
 */
#ifndef CP_MIGRATE_H
#define CP_MIGRATE_H
#include "db.h"

#include <stddef.h>
#include <stdint.h>

#define MIGRATE_LEASE "schema-migration"

/** Called after each applied step, in order. */
typedef void (*migrate_report)(void *ctx, int version, const char *name, int64_t duration_us);

/**
 * Apply what is missing. @p report may be NULL. Blocks: as long as the steps take, and up to two
 * minutes for another starter's lease (then APP_OVERLOADED).
 */
int db_migrate(struct db_pool *pool, migrate_report report, void *ctx, struct app_error *err)
    __attribute__((warn_unused_result));
/** How many steps are missing; changes nothing. Errors as above. */
int db_migrate_pending(struct db_pool *pool, size_t *ret_count, struct app_error *err)
    __attribute__((warn_unused_result));
#endif
