/* SPDX-License-Identifier: Apache-2.0 */
/** Private to db/: the files of migrations/, embedded by the build in the order of their numbers.
 */
#ifndef CP_MIGRATION_TABLE_H
#define CP_MIGRATION_TABLE_H
#include "text.h"

struct migration {
    int version; /* 1, 2, ... without a gap */
    const char *name;
    const char *checksum; /* SHA-256 of the file, 64 hex digits */
    struct text sql;
};

extern const struct migration migration_table[];
extern const size_t migration_count;
#endif
