/* SPDX-License-Identifier: Apache-2.0 */
/** What stands behind http_req.internal; only server/ sees it. */
#ifndef CP_HTTP_PRIV_H
#define CP_HTTP_PRIV_H
#include "http.h"

struct http_pair {
    const char *name, *value;
    struct http_pair *next;
};

struct http_internal {
    struct text query;        /* raw */
    const char *content_type; /* NULL: none */
    struct http_pair *pairs;  /* the query's, in order; after is_query_read */
    struct http_pair *form;   /* the form body's, in order; after is_form_read */
    bool is_query_read, is_form_read;
    json_t *json; /* the body, once read */
    const char *(*header)(void *ctx, const char *name);
    void *ctx;
};

/** Free what the helpers keep outside the arena. */
void http_internal_finish(struct http_internal *in);
/** The problem body (RFC 9457) of own APIs. */
int res_problem_body(struct buf *body, int status, const struct app_error *e,
                     const char *request_id);
/** The gate's body (design 9.4): E4 with the status and a human detail. */
int res_gate_body(struct buf *body, int status, const char *detail);
/** Read the header uLang (contract 5.2). */
enum lang http_lang_of(struct text ulang);
#endif
