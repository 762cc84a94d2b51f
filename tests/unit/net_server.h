/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A badly behaved HTTP server for the tests of net/: it runs in threads of the test program,
 * listens on a free loopback port, and the path of a request says what goes wrong. Certificates are
 * made at run time.
 */
#ifndef CP_TEST_NET_SERVER_H
#define CP_TEST_NET_SERVER_H
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>

struct identity { /* a certificate and its key */
    X509 *cert;
    EVP_PKEY *key;
};

struct leaf_spec {
    const char *san; /* e.g. "IP:127.0.0.1,DNS:localhost" */
    long starts_in_s, ends_in_s;
};

/** @return a fresh authority called @p name. Aborts when OpenSSL fails; so do the others here. */
struct identity identity_make_ca(const char *name);
/** @return a server certificate; @p ca NULL: self-signed. */
struct identity identity_make_leaf(const struct identity *ca, const struct leaf_spec *spec);
void identity_free(struct identity *id);
/** @return the certificate as PEM, to be freed. */
char *identity_pem(const struct identity *id);
/** Write the hex SHA-256 of the certificate. */
void identity_fingerprint(const struct identity *id, char ret[65]);

struct test_server;

/** @p id NULL: plain HTTP. @p tls_max: 0, or the highest TLS version offered. */
struct test_server *server_start(const struct identity *id, int tls_max);
/** Close everything, join the threads, free. */
void server_stop(struct test_server *s);
const char *server_url(const struct test_server *s);
int server_port(const struct test_server *s);

/* What the server saw. */
int server_connections(struct test_server *s);
int server_requests(struct test_server *s);
int server_posts(struct test_server *s);
/** Connections on which requests with different Authorization lines came. */
int server_mixed_connections(struct test_server *s);
/** Requests being answered at this moment. */
int server_active(struct test_server *s);
/** Wait until server_active() is @p count. @return false after 5 s. */
bool server_wait_active(struct test_server *s, int count);
/** Wait until server_requests() is @p count. @return false after 5 s. */
bool server_wait_requests(struct test_server *s, int count);
#endif
