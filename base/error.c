/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const texts[MSG_COUNT][2] = {
#define MESSAGE(id, en, ko) [id] = {en, ko},
#include "messages.def"
#undef MESSAGE
};

static const struct app_code_row rows[APP_CODE_COUNT] = {
#define ERROR_CODE(code, http, kind, msg, body_code, detail)                                       \
    [code] = {http, BODY_##kind, msg, body_code, detail},
#include "error.def"
#undef ERROR_CODE
};

static const char *const names[APP_CODE_COUNT] = {
    [APP_OK] = "APP_OK",
#define ERROR_CODE(code, http, kind, msg, body_code, detail) [code] = #code,
#include "error.def"
#undef ERROR_CODE
};

static void reset(struct app_error *err, enum app_code code)
{
    memset(err, 0, sizeof *err);
    err->code = code;
}

int app_fail(struct app_error *err, enum app_code code, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return -1;
    reset(err, code);
    va_start(ap, fmt);
    vsnprintf(err->detail, sizeof err->detail, fmt, ap);
    va_end(ap);
    return -1;
}

int app_refuse(struct app_error *err, enum msg_id message)
{
    if (!err)
        return -1;
    reset(err, APP_RULE);
    err->message_id = message;
    snprintf(err->detail, sizeof err->detail, "%s", msg_text(message, LANG_EN));
    return -1;
}

int app_fail_text(struct app_error *err, enum app_code code, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return -1;
    reset(err, code);
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    snprintf(err->detail, sizeof err->detail, "%s", err->text);
    return -1;
}

const char *msg_text(enum msg_id id, enum lang lang)
{
    assert(id < MSG_COUNT);
    return texts[id][lang];
}

const char *app_code_name(enum app_code code)
{
    assert(code < APP_CODE_COUNT);
    return names[code];
}

const struct app_code_row *app_code_row(enum app_code code)
{
    assert(code > APP_OK && code < APP_CODE_COUNT);
    return &rows[code];
}
