/* SPDX-License-Identifier: Apache-2.0 */
/** A small form body (application/x-www-form-urlencoded), read strictly (RFC 6749 3.2: no parameter
 * twice). */
#ifndef CP_FORM_H
#define CP_FORM_H
#include "arena.h"
#include "error.h"
#include "text.h"

#define FORM_FIELDS_MAX 32

struct form {
    struct {
        const char *name, *value;
    } fields[FORM_FIELDS_MAX];
    size_t count;
};

/** @return 0, or -1 with APP_BAD_REQUEST: bad escape, control character, not UTF-8, a name twice or
 * empty, too many. */
int form_parse(struct arena *a, struct text body, struct form *ret, struct app_error *err)
    __attribute__((warn_unused_result));
/** @return the value, or NULL when absent. */
const char *form_get(const struct form *f, const char *name);
#endif
