/* SPDX-License-Identifier: Apache-2.0 */
/** Between the parts of the configuration: table and values, YAML reader, checks. */
#ifndef CP_CONFIG_PRIV_H
#define CP_CONFIG_PRIV_H
#include "config.h"

struct config_value {
    char *text;  /* owned; of INT and BOOL: as written */
    char **list; /* owned, NULL after the last */
    size_t count;
    int64_t number; /* INT, BOOL */
    char *secret;   /* owned, wiped */
    size_t secret_len;
    char *secret_path; /* owned; where it was found */
    char where[64];    /* "file:line" or the variable's name, shortened */
    unsigned line;     /* of the file; 0: not set there */
};

struct config {
    struct config_value v[CFG_COUNT];
    struct buf warnings;
};

/** @return the row of @p key, or CFG_COUNT. */
enum config_key config_find(const char *key);
/** Check @p text against the row and keep it. @p where goes into the message. */
int config_set(struct config *c, enum config_key k, const char *text, const char *where,
               struct app_error *err);
/** As config_set() for the elements of a list. */
int config_set_list(struct config *c, enum config_key k, char *const *items, size_t count,
                    const char *where, struct app_error *err);
/** Read the YAML document. */
int config_read_yaml(struct config *c, const char *name, struct text yaml, struct app_error *err);
/** Read the files of all SECRET keys. */
int config_read_secrets(struct config *c, struct app_error *err);
/** @return the process's variable @p name, or NULL. */
const char *config_env(const char *name);
void config_warn(struct config *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** "host:port" taken apart; brackets of an IPv6 address are removed. @return 0 or -1. */
int config_split_address(const char *listen_at, char *host, size_t host_bytes, int64_t *ret_port);
#endif
