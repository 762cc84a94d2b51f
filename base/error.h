/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One error type for every layer: set once where the cause is known, passed up unchanged, logged
 * only at the request's end. The table error.def says what a client sees of each code, messages.def
 * holds every text.
 */
#ifndef CP_ERROR_H
#define CP_ERROR_H

enum msg_id {
    MSG_NONE,          /* null */
    MSG_OF_ERROR,      /* in error.def: the message the error itself carries */
    MSG_TEXT_OF_ERROR, /* in error.def: the free text the error itself carries */
#define MESSAGE(id, en, ko) id,
#include "messages.def"
#undef MESSAGE
    MSG_COUNT
};

enum app_code {
    APP_OK,
#define ERROR_CODE(code, http, kind, msg, body_code, detail) code,
#include "error.def"
#undef ERROR_CODE
    APP_CODE_COUNT
};

enum lang { LANG_EN, LANG_KO };

struct app_error {
    enum app_code code;
    enum msg_id message_id; /* APP_RULE, APP_LOGIN_FAILED: which business message */
    char text[192];   /* for the client where error.def says so; or a human detail that replaces
                         detailMessage */
    char detail[256]; /* for the log only: may name hosts and statements, never a secret */
};

/**
 * Fill @p err (may be NULL) with @p code and a printf-formatted detail for the log, clear the rest.
 * @return always -1, so that a caller can write: return app_fail(err, APP_NOT_FOUND, "...");
 * Threads: any. Never blocks.
 */
int app_fail(struct app_error *err, enum app_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** As app_fail() with APP_RULE: a business refusal that carries @p message for the client
 * (contract 5.4 row 3). */
int app_refuse(struct app_error *err, enum msg_id message);

/** As app_fail(), and puts the formatted text where the client can read it (err->text) as well as
 * into the log. */
int app_fail_text(struct app_error *err, enum app_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** @return the static text of @p id in @p lang; NULL for MSG_NONE and the two MSG_..._OF_ERROR
 * marks. */
const char *msg_text(enum msg_id id, enum lang lang);

/** @return the constant's own name, e.g. "APP_NOT_FOUND"; for logs and metrics. */
const char *app_code_name(enum app_code code);

enum app_body_kind { BODY_STATUS, BODY_MESSAGE };

struct app_code_row {
    int http_status;
    enum app_body_kind kind;
    enum msg_id result_message;
    int body_code;
    enum msg_id detail_message;
};

/** @return the row of error.def; never NULL for a valid code other than APP_OK. */
const struct app_code_row *app_code_row(enum app_code code);
#endif
