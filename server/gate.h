/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The gate: rules on a request's method, raw URI and headers that libmicrohttpd 0.9.75 does not
 * enforce (promises-and-limits 3 finding 2, 4; design 9.4; errata P7). Pure functions on bytes.
 * Threads: any. Nothing blocks.
 *
 * Each returns 0, or the HTTP status of the refusal with a text for the client in *ret_why
 * (static).
 */
#ifndef CP_GATE_H
#define CP_GATE_H
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_COUNT
};

/** 501 for a method that is not in the list above. */
int gate_method(const char *method, enum http_method *ret, const char **ret_why);
const char *gate_method_name(enum http_method m);

#define GATE_SEGMENTS_MAX 24

struct gate_path {
    struct text
        seg[GATE_SEGMENTS_MAX]; /* decoded, NUL-terminated; a trailing slash is an empty last one */
    size_t count;
    bool is_too_deep;  /* more segments than any route has: unknown, but not malformed */
    struct text query; /* raw, without '?' */
};

/**
 * Check and take apart the raw URI as it came over the wire.
 * @param room  @p uri.len + 1 bytes: receives the decoded segments that @p ret points into.
 * 400 (absolute form, empty or dot segments, ';', bad or forbidden escape, not UTF-8), 414.
 */
int gate_uri(struct text uri, size_t max_bytes, char *room, struct gate_path *ret,
             const char **ret_why);

struct gate_limits {
    size_t headers_max_bytes, header_max_bytes;
    unsigned count_max;
};

/* Headers the server itself reads; borrowed, NULL when absent. */
enum gate_known {
    HDR_HOST,
    HDR_CONTENT_LENGTH,
    HDR_TRANSFER_ENCODING,
    HDR_AUTHORIZATION,
    HDR_CONTENT_TYPE,
    HDR_CONTENT_ENCODING,
    HDR_ORIGIN,
    HDR_EXPECT,
    HDR_REQUEST_METHOD,  /* Access-Control-Request-Method */
    HDR_REQUEST_HEADERS, /* Access-Control-Request-Headers */
    HDR_PREFER,
    HDR_ULANG,
    HDR_REQUEST_ID,
    HDR_KNOWN_COUNT
};

struct gate_headers {
    const struct gate_limits *limits;
    struct text known[HDR_KNOWN_COUNT];
    unsigned count;
    size_t bytes;
    int status;
    const char *why;
};

void gate_headers_begin(struct gate_headers *g, const struct gate_limits *limits);
/** Look at one header. @return false when the rest need not be looked at. */
bool gate_header(struct gate_headers *g, struct text name, struct text value);

struct gate_body {
    bool is_chunked;
    uint64_t length; /* Content-Length; 0 when there is none */
};
/** Rules over all headers: Host, framing, compression. 400, 415, 417, 431, 501. */
int gate_headers_end(struct gate_headers *g, bool is_http11, struct gate_body *ret,
                     const char **ret_why);
#endif
