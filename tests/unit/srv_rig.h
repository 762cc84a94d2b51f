/* SPDX-License-Identifier: Apache-2.0 */
/** A test server with toy routes on free loopback ports, and a raw-socket client. */
#ifndef SRV_RIG_H
#define SRV_RIG_H
#include "server.h"

#include <stdatomic.h>

struct srv {
    struct server *server;
    uint16_t portal, own, management;
};

/* Toy handlers look at these. */
struct srv_state {
    _Atomic int handled; /* handlers entered */
    _Atomic int holding; /* inside /hold */
    _Atomic int hold_peak;
    _Atomic int before_modest; /* handlers entered before the user "modest" came to its turn */
    _Atomic bool release;      /* lets /hold go */
    _Atomic bool auth_waits;   /* is_ready() says no */
    _Atomic int authenticated, cancels;
    _Atomic bool is_ready;
};
extern struct srv_state srv_state;

/** Options for tests: short deadlines, no access log, free ports. */
void srv_options(struct server_options *o);
/** Start; asserts. */
void srv_start(struct srv *s, const struct server_options *o);
/** Stop; asserts that it went cleanly. */
void srv_stop(struct srv *s);

/* ---- client ---- */

int cli_connect(uint16_t port);
void cli_send(int fd, const char *bytes, size_t len);
/** Send @p text. */
void cli_say(int fd, const char *text);

struct cli_answer {
    int status; /* 0: the connection ended without an answer */
    char *head; /* header block, NUL-terminated */
    char *body;
    size_t body_len;
    bool is_closed; /* the peer closed after it */
    char raw[131072];
    size_t raw_len;
};
/** Read one answer (waits at most @p timeout_ms for each piece). @p is_head: it has no body. */
void cli_read(int fd, struct cli_answer *ret, int timeout_ms, bool is_head);
/** @return true when the peer closes (or resets) within @p timeout_ms, whatever it sends before. */
bool cli_closes(int fd, int timeout_ms);
/** One request on one connection. */
void cli_ask(uint16_t port, const char *request, struct cli_answer *ret);
/** @return the value of header @p name in @p a, in a static buffer, or NULL; @p nth counts from 0.
 */
const char *cli_header(const struct cli_answer *a, const char *name, int nth);

#define GET(path) "GET " path " HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer alice\r\n\r\n"
#endif
