/* SPDX-License-Identifier: Apache-2.0 */
/**
 * jansson behind limits: a pre-scan bounds depth, values and strings before a tree is built
 * (promises-and-limits 2 and finding 9), duplicate keys and raw NUL bytes are refused
 * (list-engine.md 7: jansson swallows a NUL after a number). Threads: any. Nothing blocks.
 */
#ifndef CP_JSON_H
#define CP_JSON_H
#include "error.h"
#include "text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 64
#define JSON_VALUES_MAX 50000
#define JSON_STRINGS_MAX 20000

/**
 * Parse all of @p bytes as one JSON document.
 * @param allow_nul  accept the escape \\u0000 in strings (answers of Kubernetes; never request
 * bodies)
 * @return a new reference, or NULL with APP_BODY_MALFORMED (not JSON) or APP_BAD_REQUEST (depth,
 * count, duplicate key).
 */
json_t *json_parse(const char *bytes, size_t len, bool allow_nul, struct app_error *err);

/** @return the string member @p key of object @p obj as borrowed text; {NULL, 0} when absent or not
 * a string. */
struct text json_text(const json_t *obj, const char *key);
/** As json_text(), NUL-terminated, or @p fallback. A string that holds a NUL counts as absent. */
const char *json_str_or(const json_t *obj, const char *key, const char *fallback);
/** Read the integer member @p key. @return true and *ret when it is there and an integer. */
bool json_int(const json_t *obj, const char *key, int64_t *ret);
#endif
