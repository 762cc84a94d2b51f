/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Configuration: one YAML file (`version: 1`), overridden by the environment, checked against the
 * table config.def.
 *
 * Unknown keys, values out of range, duplicates, aliases and tags stop the start with file and
 * line. Secrets are only ever files: a relative name is looked up in $CREDENTIALS_DIRECTORY
 * (systemd credentials), a file that others may read is refused, and so is a value that is a
 * published default of the original (by SHA-256 digest).
 *
 * Threads: load once before other threads run; reading is free for all after that. Source: design
 * section 7.
 */
#ifndef CP_CONFIG_H
#define CP_CONFIG_H
#include "buf.h"
#include "error.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_key {
#define CONFIG(id, key, env, type, unit, lower, upper, def, help) id,
#include "config.def"
#undef CONFIG
    CFG_COUNT
};

enum config_type { CONFIG_STR, CONFIG_INT, CONFIG_BOOL, CONFIG_LIST, CONFIG_SECRET };

struct config_row {
    const char *key, *env;
    enum config_type type;
    const char *unit;
    int64_t lower, upper;
    const char *fallback; /* the default, as text */
    const char *help;
};

struct config;

/**
 * Defaults, then the file @p path (NULL: none), then the environment; then config_check().
 * @return the configuration, or NULL with APP_BAD_REQUEST and a text for the operator in err->text
 * ("file:line: ...").
 */
struct config *config_load(const char *path, struct app_error *err);
/** As config_load() with the file's bytes given; @p name appears in messages. The environment is
 * not read when
 *  @p env is NULL, else it is used ("NAME=value" strings, NULL at the end). */
struct config *config_parse(const char *name, struct text yaml, const char *const *env,
                            struct app_error *err);
/** Free; secrets are wiped. NULL is allowed. */
void config_destroy(struct config *c);

/** What one key alone cannot tell (listeners that clash, TLS rules, drain against deadlines).
 * Called by the loaders.
 *  @return 0, or -1 with APP_BAD_REQUEST. */
int config_check(const struct config *c, struct app_error *err);

/* Values, borrowed from the configuration. Asking for another type than the table's is a
 * programming mistake (assert). */
const char *config_str(const struct config *c, enum config_key k); /* STR; never NULL, may be "" */
int64_t config_int(const struct config *c, enum config_key k);
bool config_bool(const struct config *c, enum config_key k);
const char *const *config_list(const struct config *c, enum config_key k,
                               size_t *ret_count); /* NULL after the last */
/** The content of the secret's file without a final line end (NUL after it); {NULL, 0} when the key
 * is empty. */
struct text config_secret(const struct config *c, enum config_key k);
/** The path the secret was read from, or "". */
const char *config_secret_path(const struct config *c, enum config_key k);

const struct config_row *config_row(enum config_key k);
/** Warnings found while loading (original variable names in use), one a line; "" when there are
 * none. */
const char *config_warnings(const struct config *c);
/** The sample file (cp-portal config-sample): every key with its default, commented out, and its
 * help. */
int config_write_sample(struct buf *out);
/** The page docs/operations/configuration.md (Markdown). */
int config_write_docs(struct buf *out);
#endif
