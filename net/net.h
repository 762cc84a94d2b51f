/* SPDX-License-Identifier: Apache-2.0 */
/**
 * All outbound HTTP. Loop threads run curl's multi interface (curl_multi_socket_action on epoll);
 * callers block on a facade with a deadline and a cancel handle, or receive the bytes in a sink.
 *
 * One pool is one credential towards one origin: connections are never shared between pools
 * (libcurl reuses connections across client credentials, see promises-and-limits finding 8). No
 * redirect, no proxy, no cookie, no netrc, HTTP/1.1, TLS 1.2 or newer, always verified. A request
 * that may not be repeated is on the wire at most once: it never rides on a reused connection
 * (libcurl silently repeats a request on a fresh connection when a reused one turns out dead). An
 * idempotent one may be repeated by libcurl in that case, and by this module once after a refused
 * connect. Connections to link-local, multicast and unspecified addresses are refused, whatever a
 * name resolves to.
 */
#ifndef CP_NET_H
#define CP_NET_H
#include "buf.h"
#include "error.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_FINGERPRINT_BYTES 65 /* SHA-256 in hex and a NUL */

struct net;
struct net_pool;
struct net_cancel;

/** Start @p loop_threads (1-8) loop threads. @return NULL with APP_INTERNAL. Call once, before
 * other threads need it. */
struct net *net_create(int loop_threads, struct app_error *err);
/**
 * End what runs with APP_CANCELLED, join the threads, free. Pools should have been released before;
 * one that is left only answers APP_CANCELLED and must still be released.
 */
void net_destroy(struct net *n);

struct net_pool_config {
    const char *name;         /* for logs; no secret */
    const char *base_url;     /* "https://host[:port]" without path; copied */
    bool allow_loopback_http; /* accept http:// to 127.0.0.0/8, ::1 and localhost, and nothing else
                                 without TLS */
    const char *ca_pem;       /* trust exactly these authorities; NULL: the system's trust store */
    const char *pin_sha256; /* hex SHA-256 of the leaf certificate (DER): accept exactly this leaf,
                               instead of a chain; NULL: none */
    const char
        *bearer; /* sent as "Authorization: Bearer ..."; NULL: none. Copied; wiped on release */
    const char *basic_user, *basic_password; /* or Basic; NULL: none. Copied; wiped on release */
    int connect_timeout_ms;                  /* 0: 3000 */
    int first_byte_timeout_ms;               /* 0: 15000 */
    int max_in_flight;        /* 0: 64; one more waits at most 1 s, then APP_OVERLOADED */
    int connection_max_age_s; /* 0: 300 */
    size_t header_max_bytes;  /* 0: 256 KiB */
};

/**
 * @return a pool with one reference, or NULL with APP_BAD_REQUEST (URL, CA, pin or credential
 * cannot be used; a bearer must have no blank or line end) or APP_INTERNAL. Costs no connection.
 * Threads: any.
 */
struct net_pool *net_pool_create(struct net *n, const struct net_pool_config *config,
                                 struct app_error *err);
struct net_pool *net_pool_ref(struct net_pool *p);
/** Give one reference back; the last one closes the connections and wipes the credential. NULL is
 * allowed. */
void net_pool_unref(struct net_pool *p);

struct net_header {
    const char *name, *value; /* refused (APP_INTERNAL): control characters; headers of framing or
                                 of this module (Host, Content-Length, Connection, Accept, ...);
                                 Authorization beside a pool's own */
};

struct net_request {
    const char *method; /* GET, HEAD, POST, PUT, PATCH, DELETE */
    const char *path; /* begins with '/', escaped by the caller, with query; sent byte for byte, at
                         most 16 KiB */
    const char *accept;       /* NULL: application/json */
    const char *content_type; /* with a body */
    struct text body;
    const struct net_header *headers; /* more headers (impersonation, X-Request-Id) */
    size_t header_count;
    int64_t deadline_us;     /* clock_mono_us() base; 0: 60 s from now */
    size_t answer_max_bytes; /* 0: 8 MiB */
    bool
        is_idempotent; /* may use a kept connection and be repeated once after a failed *connect* */
    struct net_cancel *cancel; /* may be NULL */
};

struct net_response {
    int status; /* 0 when no answer came; may be set after an error in the body */
    char content_type[64];
    int retry_after_s; /* -1: no such header, or a date; at most 86400 */
    struct buf body;   /* owned by the caller: buf_finish(); empty after an error. data is NULL when
                          no byte came */
    uint64_t received_bytes;
};

/**
 * Do one request and collect the answer. Any HTTP status is a success of this call.
 * @return 0, or -1 with APP_UPSTREAM_UNREACHABLE (refused, reset, DNS, TLS not verified),
 * APP_UPSTREAM_TIMEOUT, APP_UPSTREAM_BROKEN (not HTTP, cut short, over a byte limit, redirect is
 * NOT an error: it is returned as status), APP_CANCELLED, APP_OVERLOADED. Threads: any but a loop
 * thread; the caller holds a reference to @p p. Blocks until the answer or the deadline.
 */
int net_call(struct net_pool *p, const struct net_request *req, struct net_response *ret,
             struct app_error *err) __attribute__((warn_unused_result));

/** Receives body bytes of a 2xx answer, on a loop thread: must not block. @return 0, or -1 to stop
 * the transfer. */
typedef int (*net_sink_fn)(void *ctx, const char *bytes, size_t len);

/**
 * As net_call(), but the body of a 2xx answer goes to @p sink piece by piece; other bodies are
 * collected (up to 64 KiB). A sink that returns -1 ends the call with APP_UPSTREAM_BROKEN, unless
 * it filled *err of its own through ctx. answer_max_bytes: 0 means 1 GiB here.
 */
int net_stream(struct net_pool *p, const struct net_request *req, net_sink_fn sink, void *ctx,
               struct net_response *ret, struct app_error *err) __attribute__((warn_unused_result));

/**
 * Connect once without sending any request and without verifying, only to read the peer's leaf
 * certificate. No credential is sent. @return 0 and the SHA-256 of the DER in hex, or -1 as
 * net_call().
 */
int net_peer_fingerprint(struct net *n, const char *base_url, int64_t deadline_us,
                         char ret_sha256[NET_FINGERPRINT_BYTES], struct app_error *err);

/** A handle to cancel a call from another thread. */
struct net_cancel *net_cancel_create(void);
/** End the call that uses @p c now, and any later one at once. Threads: any; never blocks. */
void net_cancel_fire(struct net_cancel *c);
bool net_cancel_fired(const struct net_cancel *c);
void net_cancel_destroy(struct net_cancel *c);
#endif
