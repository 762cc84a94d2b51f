/* SPDX-License-Identifier: Apache-2.0 */
/** A request and its answer as handlers see them. A handler is thin: read, call a service, fill the
 * answer. */
#ifndef CP_HTTP_H
#define CP_HTTP_H
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "principal.h"
#include "text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define HTTP_VARS_MAX 6
#define HTTP_EXTRA_HEADERS 4

struct route;
struct net_cancel;

struct http_var {
    const char *name;
    struct text value; /* percent-decoded, NUL-terminated */
};

struct http_req {
    struct arena *arena; /* freed after the answer is sent */
    const struct route *route;
    struct http_var vars[HTTP_VARS_MAX];
    size_t var_count;
    struct text body;                  /* complete; empty when there is none */
    const struct principal *principal; /* NULL on routes without sign-in */
    enum lang lang;
    int64_t deadline_us; /* clock_mono_us() base */
    char request_id[40];
    struct text authorization; /* the header's value; empty when absent */
    const char *peer;          /* address of the client, e.g. "127.0.0.1" */
    struct net_cancel
        *cancel;    /* fired when the server gives the request up; NULL on inline routes */
    void *app;      /* what app/ wired: struct services * of this API */
    void *internal; /* the server's own */
};

struct http_res {
    int status;               /* 0: 200 */
    const char *content_type; /* NULL: application/json */
    struct buf body;
    const char *notice; /* replaces the OK text as detailMessage of a success; NULL: none */
    int retry_after_s;  /* 0: none */
    struct http_extra { /* filled by res_header() */
        const char *name, *value;
    } extra[HTTP_EXTRA_HEADERS];
    size_t extra_count;
};

typedef int (*http_handler)(struct http_req *req, struct http_res *res, struct app_error *err);

/** @return the decoded path variable @p name (NUL-terminated); asserts that the route has it. */
const char *req_var(const struct http_req *req, const char *name);
/** @return the first query value of @p name (decoded, NUL-terminated), or NULL. A bad escape was
 * refused by the gate. */
const char *req_query(struct http_req *req, const char *name);
/** All values of @p name joined with commas (contract 6: repeated string parameters), or NULL. */
const char *req_query_joined(struct http_req *req, const char *name);
/** Integer query parameter (contract 5.4 row 6, errata P26: blanks trimmed, first of several).
 * Absent: @p fallback.
 *  @return 0, or -1 with APP_PARAM_TYPE naming the field ("Requirements are missing. : limit"). */
int req_query_int(struct http_req *req, const char *name, int64_t fallback, int64_t *ret,
                  struct app_error *err);
/** Boolean query parameter: true/on/yes/1, false/off/no/0 in any case; else APP_PARAM_TYPE. */
int req_query_bool(struct http_req *req, const char *name, bool fallback, bool *ret,
                   struct app_error *err);
/** @return the value of header @p name (any case), or NULL. */
const char *req_header(struct http_req *req, const char *name);
/** The value of field @p name of an application/x-www-form-urlencoded body (first of several,
 * decoded), or NULL. */
const char *req_form(struct http_req *req, const char *name);
/** The body as a JSON object, parsed once (contract 5.4 rows 7, 8; design 9.4). Borrowed from the
 * request.
 *  @return 0, or -1 with APP_MEDIA_TYPE (Content-Type is not JSON), APP_BODY_MISSING (empty),
 * APP_BODY_MALFORMED (no JSON object) or APP_BAD_REQUEST (too deep, too many values, duplicate
 * keys). */
int req_json(struct http_req *req, const json_t **ret, struct app_error *err);

/**
 * For unit tests of handlers: make @p req usable with the calls above, without a server. @p
 * req->arena must be set.
 * @p raw_query (may be "") and @p content_type (may be NULL) are borrowed. Undo with
 * http_req_detach().
 * @return 0, or -1 (no memory).
 */
int http_req_attach(struct http_req *req, const char *raw_query, const char *content_type);
void http_req_detach(struct http_req *req);

/** Success envelope E4 in the request's language, followed by the members of @p fields (an object;
 * stolen, NULL = internal error). */
int res_success(struct http_req *req, struct http_res *res, json_t *fields, struct app_error *err);
/** As res_success() with the members given as JSON text without the outer braces (may be empty); @p
 * members is taken over. */
int res_success_raw(struct http_req *req, struct http_res *res, struct buf *members,
                    struct app_error *err);
/** ResultStatus SUCCESS (contract 5.1) with nextActionUrl "-". */
int res_done(struct http_req *req, struct http_res *res, struct app_error *err);
/** The whole body from @p object (stolen), no envelope. */
int res_json(struct http_res *res, json_t *object, struct app_error *err);
/** One more header of the answer. @p name and @p value must live as long as the request (literals,
 * its arena).
 *  @return 0, or -1 with APP_INTERNAL (too many, or CR/LF inside). */
int res_header(struct http_res *res, const char *name, const char *value, struct app_error *err);
/** Write the body the error table gives for @p e in @p lang. Used by the server for every failed
 * handler. */
int res_error_body(struct buf *body, const struct app_error *e, enum lang lang);
#endif
