/* SPDX-License-Identifier: Apache-2.0 */
/** Subcommands are data: one row each in commands.def, parsed and called by main.c. */
#ifndef CP_COMMAND_H
#define CP_COMMAND_H

#include <stdbool.h>

/* Every option any command takes; values are borrowed from argv. */
#define OPTIONS(X)                                                                                 \
    X(config, "FILE")                                                                              \
    X(username, "NAME")                                                                            \
    X(password_file, "FILE")                                                                       \
    X(role, "NAME")                                                                                \
    X(cluster, "ID")                                                                               \
    X(auth_id, "UUID")                                                                             \
    X(user_id, "NAME")                                                                             \
    X(namespace, "NAME")                                                                           \
    X(name, "TEXT")                                                                                \
    X(type, "host|sub")                                                                            \
    X(provider, "NAME")                                                                            \
    X(description, "TEXT")                                                                         \
    X(api_url, "URL")                                                                              \
    X(ca_file, "FILE")                                                                             \
    X(token_file, "FILE")                                                                          \
    X(fingerprint, "SHA256")                                                                       \
    X(seconds, "N")                                                                                \
    X(cluster_admin, NULL)

enum option_id {
#define X(id, value) OPT_##id,
    OPTIONS(X)
#undef X
        OPT_COUNT
};

struct arguments {
    const char
        *option[OPT_COUNT]; /* NULL: not given; "" for an option without value that is given */
    const char *word;       /* the one free argument, or NULL */
};

struct command {
    const char *name;                         /* one or two words */
    int (*run)(const struct arguments *args); /* @return the exit code */
    const char *required;                     /* options that must be given, by blanks */
    const char *optional;                     /* options that may be given */
    const char *word;                         /* the free argument's name, or NULL */
    const char *help;
};

/* Exit codes. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define COMMAND(name, fn, required, optional, word, help) int fn(const struct arguments *args);
#include "commands.def"
#undef COMMAND
#endif
