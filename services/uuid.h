/* SPDX-License-Identifier: Apache-2.0 */
/** Random identifiers. Threads: any. */
#ifndef CP_SERVICES_UUID_H
#define CP_SERVICES_UUID_H
#include "arena.h"
#include "error.h"

/** @return a random UUID (RFC 9562 version 4) in @p a, or NULL with APP_INTERNAL. */
const char *svc_uuid(struct arena *a, struct app_error *err);
#endif
