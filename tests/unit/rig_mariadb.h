/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A real MariaDB for a test program: started once by tests/rig/mariadb/start.sh in a folder of its
 * own below /tmp, stopped and removed at the end. Every test may have a fresh schema.
 *
 *   cmocka_run_group_tests(tests, rig_mariadb_start, rig_mariadb_stop)
 *   cmocka_unit_test_setup_teardown(test, rig_schema_setup, rig_schema_teardown)
 *
 * Failures inside the rig end the test program with a message.
 */
#ifndef CP_RIG_MARIADB_H
#define CP_RIG_MARIADB_H
#include "db.h"

#include <stdbool.h>

/** cmocka group fixtures. */
int rig_mariadb_start(void **state);
int rig_mariadb_stop(void **state);

/** cmocka fixtures of one test: *state is a fresh, empty schema (struct rig_schema *). */
int rig_schema_setup(void **state);
int rig_schema_teardown(void **state);
/** As rig_schema_setup(), with every migration applied. */
int rig_migrated_setup(void **state);

struct rig_schema {
    char name[32];
    struct db_pool *pool; /* 4 connections, owned; destroyed by the teardown */
};

/** The settings of this test's schema; change what you like, then db_pool_create(). */
struct db_config rig_db_config(const struct rig_schema *s);

/** Run one statement as administrator, in the schema. */
void rig_sql(const struct rig_schema *s, const char *sql);
/** The first column of the first row as text ("" when there is none); valid until the next call of
 * the thread. */
const char *rig_sql_text(const struct rig_schema *s, const char *sql);
long rig_sql_long(const struct rig_schema *s, const char *sql);

/** Stop the server, keep its data; start it again on the same port. */
void rig_mariadb_halt(void);
void rig_mariadb_resume(void);
#endif
