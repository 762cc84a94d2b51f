/* SPDX-License-Identifier: Apache-2.0 */
/** Private to db/: one connection with the settings every connection has. */
#ifndef CP_CONNECT_H
#define CP_CONNECT_H
#include "sql.h"

/** The pool's own copy of its configuration, defaults filled in. */
struct db_settings {
    char *host;
    char *socket_path;
    char *user;
    char *password;
    size_t password_len;
    char *database;
    char *ca_file;
    unsigned port;
    unsigned max_connections;
    unsigned acquire_timeout_ms;
    unsigned connect_timeout_s;
    unsigned read_timeout_s;
    unsigned write_timeout_s;
    unsigned statement_timeout_s;
    unsigned lock_timeout_s;
};

/** Copy @p config. @return 0, or -1 (memory); finish it in both cases. */
int db_settings_init(struct db_settings *s, const struct db_config *config);
/** Wipe the password, free all. */
void db_settings_finish(struct db_settings *s);

/** Open a connection. @return NULL with APP_DATABASE, APP_OVERLOADED or APP_INTERNAL. */
struct db *db_connect(const struct db_settings *s, struct app_error *err);
#endif
